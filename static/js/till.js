// The amount at the till: the keypad types into the field, the two buttons say beforehand what they will do. The server decides.
import { signal, stayAwake } from "./signals.js";
import { sumsOf } from "./till_sums.js";
import { forget, keep, kept } from "./typed.js";
import { cleanCode, isAgain, listen } from "./wedge.js";

const form = document.querySelector("[data-pay]");
stayAwake();

// A card that is scanned here is the next customer's, or the proof that this one is at hand: it goes where the page wants it.
const scanned = document.querySelector("[data-scanned]");
const follow = code => {
  if (isAgain(code)) return;
  signal("accept");
  scanned.value = code;
  scanned.form.requestSubmit(scanned.form.querySelector("button") ?? undefined);
};
if (scanned) listen(follow, () => signal("refuse"));

if (form) {
  const field = form.elements.amount, keypad = form.querySelector(".keypad"), fewer = form.elements.points;
  const rules = JSON.parse(form.dataset.rules), sums = sumsOf(rules, Number(form.dataset.balance), Number(form.dataset.digits));
  // What the buttons said that there is to pay: the server asks again where that is not so.
  let bills = {};
  const put = (name, text) => { const place = form.querySelector(`[data-${name}]`); if (place) place.textContent = text; };
  // Rules that ask for more than the amount are the server's alone, and so are gifts and codes: no number is better than a wrong one.
  const isPlain = () => rules.is_simple && !form.querySelector("[name=use]:checked") && !form.elements.promo?.value && !form.querySelector("[name=tender]:checked")?.value;
  const tell = () => {
    const typed = isPlain() ? sums.minorOf(field.value) : 0, bill = typed - sums.off(typed), spend = sums.spendable(bill, fewer?.value ?? "");
    const rest = bill - sums.worth(spend);
    put("earn", bill && rules.earn_points ? `+${sums.count(sums.earned(bill))}` : "");
    put("full-sum", sums.sum(bill));
    put("spend", bill ? sums.count(spend) : "");
    put("rest-sum", sums.sum(rest));
    bills = { earn: bill || undefined, redeem: bill ? rest : undefined };
    for (const name of ["full", "rest"]) { const line = form.querySelector(`[data-${name}]`); if (line) line.hidden = !bill; }
  };

  const texts = ["amount", "points", "price", "promo", "receipt"].map(name => form.elements[name]).filter(Boolean);
  const changed = () => {
    tell();
    keep(location.pathname, Object.fromEntries(texts.map(text => [text.name, text.value])));
  };
  const before = kept();
  if (document.querySelector("[data-done]")) forget();
  else if (before?.path === location.pathname && !field.value) for (const text of texts) text.value = before.fields[text.name] ?? "";

  keypad.hidden = false;
  // With keys of our own the phone's keyboard stays down; a real keyboard types as ever.
  field.inputMode = "none";
  keypad.addEventListener("click", event => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    field.value = key === "back" ? field.value.slice(0, -1) : (field.value + key).slice(0, 12);
    changed();
  });
  form.addEventListener("input", changed);
  // A card scanned into the amount is the next customer, not sixteen digits of money.
  form.addEventListener("submit", event => {
    const wanted = isPlain() ? bills[event.submitter?.value] : undefined;
    form.elements.expect.value = wanted ?? "";
    const { code } = cleanCode(field.value);
    if (code) {
      event.preventDefault();
      field.value = "";
      changed();
      follow(code);
    } else {
      // One press is one sale: the second press of a double click finds the buttons at rest. The pressed one is sent first.
      setTimeout(() => form.querySelectorAll("[name=act]").forEach(button => { button.disabled = true; }));
    }
  });
  addEventListener("pageshow", () => form.querySelectorAll("[name=act]").forEach(button => { button.disabled = false; }));
  tell();
}

// One press is one act here too.
for (const once of document.querySelectorAll("[data-once]")) {
  once.addEventListener("submit", () => setTimeout(() => once.querySelectorAll("button").forEach(button => { button.disabled = true; })));
  addEventListener("pageshow", () => once.querySelectorAll("button").forEach(button => { button.disabled = false; }));
}

const undo = document.querySelector("[data-undo]");
if (undo) {
  const left = undo.querySelector("[data-undo-left]"), end = Date.now() + undo.dataset.undo * 1000;
  const count = () => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    undo.hidden = seconds <= 0;
    left.textContent = String(Math.max(seconds, 0));
    if (seconds > 0) setTimeout(count, 250);
  };
  count();
}
