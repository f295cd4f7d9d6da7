// The rules in words, while they are typed: the server makes the sentences from the form, as it will when the form is sent.
const form = document.querySelector("[data-rules][data-preview]"), list = document.querySelector("[data-sentences]");
const problem = document.querySelector("[data-sentences-error]");
let wait = 0, latest = 0;

async function ask() {
  const mine = ++latest;
  const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } }).catch(() => null);
  // An older answer that comes late says nothing about what stands in the form now.
  if (!answer || mine !== latest) return;
  const said = await answer.json().catch(() => ({}));
  list.toggleAttribute("data-stale", !answer.ok);
  problem.textContent = answer.ok ? "" : Object.values(said.errors ?? {})[0] ?? "";
  if (answer.ok) list.replaceChildren(...said.sentences.map(sentence => Object.assign(document.createElement("li"), { textContent: sentence })));
}

form?.addEventListener("input", () => {
  clearTimeout(wait);
  wait = setTimeout(ask, 250);
});
