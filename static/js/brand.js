// A chosen or dropped picture is sent at once; the page comes back with the card as it would look.
for (const form of document.querySelectorAll("[data-kit]")) {
  const file = form.querySelector("input[type=file]"), button = form.querySelector("[data-kit-send]");
  button.hidden = true;
  file.addEventListener("change", () => {
    if (!file.files.length) return;
    form.setAttribute("aria-busy", "true");
    form.requestSubmit();
  });
  // The whole form takes what is dropped, not the field alone: who misses it by a hair would leave the page for the picture.
  form.addEventListener("dragover", event => { event.preventDefault(); form.dataset.over = ""; });
  form.addEventListener("dragleave", () => delete form.dataset.over);
  form.addEventListener("drop", event => {
    event.preventDefault();
    delete form.dataset.over;
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    file.dispatchEvent(new Event("change"));
  });
}
