// A button that may be pressed again only after a while counts down. The server keeps the real gap; without this the button just answers the same page.
for (const form of document.querySelectorAll("[data-wait]")) {
  const button = form.querySelector("button"), left = form.querySelector("[data-wait-left]");
  const end = Date.now() + form.dataset.wait * 1000;
  const tell = () => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    button.disabled = seconds > 0;
    left.hidden = seconds <= 0;
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds > 0) setTimeout(tell, 500);
  };
  if (form.dataset.wait > 0) tell();
}
