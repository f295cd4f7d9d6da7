// Forms that grow: a part is added or taken away in place. The server draws the form again, this swaps it in; without a script the page does the same.
let busy = false;

async function step(form, button) {
  if (busy) return;
  busy = true;
  const sent = new FormData(form);
  sent.set(button.name, button.value);
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(sent) }).catch(() => null);
  busy = false;
  if (!answer || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-steps]");
  if (!fresh) return;
  const here = document.activeElement?.id;
  form.replaceChildren(...fresh.childNodes);
  quieten(form);
  (form.querySelector("[data-fresh] :is(input, select):not([type=hidden])") ?? document.getElementById(here))?.focus();
  form.dispatchEvent(new Event("input"));
}

// Buttons that only say "show what I chose" are not needed where choosing is enough.
const quieten = form => form.querySelectorAll("[data-quiet]").forEach(button => { button.hidden = true; });

for (const form of document.querySelectorAll("[data-steps]")) {
  quieten(form);
  form.addEventListener("submit", event => {
    if (event.submitter?.name !== "step") return;
    event.preventDefault();
    step(form, event.submitter);
  });
  form.addEventListener("change", event => {
    const value = event.target.dataset.change;
    if (value) step(form, { name: "step", value });
  });
}
