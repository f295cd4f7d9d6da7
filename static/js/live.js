// Keeps the pieces marked data-live true: when the server says that something changed, the page is fetched again and those pieces are put in.
// The server draws every piece, so what a script shows and what a reload shows are the same. Without event streams the reload link stays.
// The demo's pages, which have no stream, are asked every data-poll seconds while they are looked at.
const place = document.querySelector("[data-events], [data-poll]");
const reload = document.querySelector("[data-reload]"), sign = document.querySelector("[data-live-state]");
let asked = false, again = false;

function tell(isLive) {
  if (sign) sign.hidden = !isLive;
  if (reload) reload.hidden = isLive;
}

export async function refresh() {
  // One request at a time; a change during it asks for one more.
  if (asked) { again = true; return; }
  asked = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.ok) {
      // Its style element carries another answer's nonce, and the browser would report it although nothing of it is put in.
      const text = (await answer.text()).replace(/<style[^]*?<\/style>/g, "");
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const next = fresh.querySelector(`[data-live="${old.dataset.live}"]`);
        if (next && next.innerHTML !== old.innerHTML) old.innerHTML = next.innerHTML;
      }
    }
  } catch {
    tell(false);
  }
  asked = false;
  if (again) { again = false; refresh(); }
}

if (place?.dataset.poll) {
  setInterval(() => { if (!document.hidden) refresh(); }, place.dataset.poll * 1000);
  tell(true);
} else if (place?.dataset.events && window.EventSource) {
  const source = new EventSource(place.dataset.events);
  let opened = false;
  // A stream that was cut may have missed a change, so every further opening asks once.
  source.onopen = () => { tell(true); if (opened) refresh(); opened = true; };
  source.onerror = () => tell(false);
  for (const kind of ["message", "changed"]) source.addEventListener(kind, refresh);
}
