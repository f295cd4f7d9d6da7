// A shared tablet that nobody touches goes to the page of PINs by itself; the server locks it in any case. What was typed waits in this tab for
// the same page after the next PIN, whoever's it is, and for nothing else.
const KEPT = "tessera-lock", idle = document.querySelector("[data-idle]"), start = document.querySelector("[data-start]");
const fields = () => [...document.querySelectorAll("input, select, textarea")].filter(each => each.name && !["hidden", "password", "file"].includes(each.type));
const read = () => { try { return JSON.parse(sessionStorage.getItem(KEPT)); } catch { return null; } };

if (start) {
  // Whoever comes here was locked out or let the next one in: what the page before kept may come back.
  const kept = read();
  if (kept) sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, locked: true }));
} else if (idle) {
  const kept = read();
  sessionStorage.removeItem(KEPT);
  if (kept?.locked && kept.path === location.pathname) {
    for (const each of fields()) {
      const was = kept.typed.find(([name, value]) => name === each.name && (each.type !== "radio" && each.type !== "checkbox" || value === each.value));
      if (!was) continue;
      if (each.type === "radio" || each.type === "checkbox") each.checked = was[2];
      else each.value = was[1];
      each.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  addEventListener("pagehide", () => {
    const typed = fields().filter(each => each.value !== each.defaultValue || each.checked !== each.defaultChecked).map(each => [each.name, each.value, each.checked]);
    if (typed.length) sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, typed, locked: false }));
  });
  let touched = Date.now();
  for (const kind of ["pointerdown", "keydown", "input"]) addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  const look = () => {
    const left = touched + idle.dataset.idle * 60000 - Date.now();
    if (left <= 0) location.href = `${idle.dataset.lock}?next=${encodeURIComponent(location.pathname)}`;
    else setTimeout(look, left);
  };
  look();
  addEventListener("pageshow", look);
}
