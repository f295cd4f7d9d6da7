// The page of the API: a search that hides what does not match, and addresses that open what they name.
const field = document.querySelector("#search");
const calls = [...document.querySelectorAll("[data-call]")];
const told = document.querySelector("[data-found]");
const texts = new Map(calls.map((call) => [call, `${call.id} ${call.querySelector("summary").textContent} ${
  [...call.querySelectorAll("td:first-child code")].map((each) => each.textContent).join(" ")}`.toLowerCase()]));

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const call of calls) {
    const fits = words.every((word) => texts.get(call).includes(word));
    call.hidden = !fits;
    found += fits;
  }
  for (const section of document.querySelectorAll(".docs section")) section.hidden = !section.querySelector("[data-call]:not([hidden])");
  told.textContent = found ? "" : told.dataset.none;
}

function open() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named?.matches("[data-call]")) return;
  field.value = "";
  search();
  named.open = true;
  named.scrollIntoView();
}

field.closest("[hidden]").hidden = false;
field.addEventListener("input", search);
addEventListener("hashchange", open);
open();
