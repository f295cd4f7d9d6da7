// A button that copies the field it names. Where the browser does not let it, the button stays away; the field can be selected as ever.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const [ask, done] = button.querySelectorAll("span");
  button.addEventListener("click", async () => {
    const named = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(named.value ?? named.textContent);
    ask.hidden = true;
    done.hidden = false;
    setTimeout(() => { ask.hidden = false; done.hidden = true; }, 2500);
  });
}
