// The keypad of a PIN: types into the field, so that a real keyboard and a reader of screens do the same.
const form = document.querySelector("[data-pin]");

if (form) {
  const field = form.elements.pin, keypad = form.querySelector(".keypad");
  keypad.hidden = false;
  // With keys of our own the tablet's keyboard stays down.
  field.inputMode = "none";
  keypad.addEventListener("click", event => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    field.value = key === "back" ? field.value.slice(0, -1) : (field.value + key).slice(0, 6);
  });
  // One press is one try: a second would be counted against the person.
  form.addEventListener("submit", () => setTimeout(() => form.querySelectorAll("button").forEach(button => { button.disabled = true; })));
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach(button => { button.disabled = false; }));
}
