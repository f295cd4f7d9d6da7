// A card at a till without a network: found by what was typed or scanned, and shown as it was last known.
import { held, reckon } from "./offline_bill.js";
import { clock, form, number, say, symbolOf } from "./offline_list.js";
import { $, amount, codeForm, named, put, saleForm, show, sumOf, till, words, wrong } from "./offline_page.js";
import { offerOf } from "./offline_sums.js";
import { signal } from "./signals.js";
import { kept as keptTyped } from "./typed.js";
import { cleanCode, isAgain, latin } from "./wedge.js";

function find(text) {
  const { code, wrong: problem } = cleanCode(text);
  if (code) return code.slice(0, 16);
  const plain = latin(text.normalize("NFKC")).trim();
  if (problem === "torn" && !/^\+?[78]?\d{10}$/.test(plain.replace(/[\s()-]/g, ""))) return { problem: words.torn };
  return plain.length < 4 ? { problem: words.short } : plain;
}

export function take(text, again = false) {
  const code = find(text);
  if (code.problem) return wrong(codeForm.elements.code, code.problem);
  if (!again && isAgain(code)) return;
  wrong(codeForm.elements.code, "");
  codeForm.reset();
  $("kept").hidden = true;
  signal("accept");
  open(code);
}

export function open(code, { key = "", typed = "" } = {}) {
  close();
  const { cards, desk } = till, card = cards.find(each => each.code === code || each.number === code) ?? null;
  const program = desk?.programs[card?.program ?? Math.max(0, desk.programs.findIndex(each => code.startsWith(each.prefix)))];
  if (!program) return;
  till.shown = { code, card, key, offer: offerOf(program, card) };
  draw();
  $("lost").hidden = !key;
  amount.value = typed || (keptTyped()?.path === `offline ${code}` ? keptTyped().fields.amount : "");
  reckon();
  show("card");
  if (!saleForm.hidden) amount.focus({ preventScroll: true });
}

function draw() {
  const { code, card, offer } = till.shown, ends = !card || ["active", "provisional"].includes(card.status);
  put("name", card?.name || named(code, card));
  put("end", card?.name ? `…${card.number.slice(-4)}` : "");
  put("verdict", !card ? words.unknown : card.status === "blocked" ? words.blocked : !ends ? words.ended
    : card.status === "provisional" ? words.not_spend : `${words.known} ${say(words.as_of, { time: clock(till.desk.fetched + till.desk.ahead) })}`);
  $("verdict").toggleAttribute("data-bad", !ends);
  $("figure").hidden = !card;
  put("balance", card ? offer.unit === "money" ? sumOf(card.balance, offer) : number(card.balance) : "");
  put("unit", card && offer.unit !== "money" ? form(words.points, card.balance) : "");
  put("facts", card ? [card.level, card.stamps && say(words.stamps, { held: card.stamps[0], size: card.stamps[1] }),
    card.visits && `${number(card.visits)}\u202f${form(words.visits, card.visits)}`].filter(Boolean).join(" · ") : words.unknown_hint);
  put("symbol", say(words.symbol, { sign: symbolOf(offer.currency) }));
  saleForm.hidden = !ends || !offer.can_buy;
  $("visit").hidden = !ends || card?.status !== "active" || offer.is_live || card.visits - held("visits") < 1;
}

export function close() {
  till.shown = null;
  wrong(amount, "");
  saleForm.reset();
  show("scan");
  codeForm.elements.code.focus({ preventScroll: true });
}
