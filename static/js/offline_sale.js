// What is done with the open card: kept on this till, once for each press.
import { connect, tell } from "./offline_band.js";
import { bill, earnsText } from "./offline_bill.js";
import { close } from "./offline_card.js";
import { say } from "./offline_list.js";
import { $, amount, amountOf, named, page, sumOf, till, words, wrong } from "./offline_page.js";
import * as queue from "./offline_queue.js";
import { billOf } from "./offline_sums.js";
import { signal } from "./signals.js";
import { forget } from "./typed.js";

export async function sale(act) {
  const { offer, code, key } = till.shown, { amount: minor, bill: due, earns, spend, rest } = bill();
  if (!minor) return wrong(amount, words.amount);
  const isSpent = act === "redeem" && spend > 0, pays = isSpent ? rest : due;
  const left = isSpent ? billOf({ ...offer, discount_bp: 0 }, rest).earns : earns;
  const brings = [isSpent && say(words.spends, { amount: amountOf(spend, offer) }), earnsText(left, offer)].filter(Boolean).join(" · ");
  await keep({ kind: "sale", card: code, amount: minor, points: isSpent ? spend : 0, to_pay: pays, visits: 0, key }, { sum: sumOf(minor, offer), brings });
}

export async function keep(wanted, its) {
  const { code, card } = till.shown, name = named(code, card);
  const counter = await queue.keep({ ...wanted, shown: { ...its, card: name, number: card?.number ?? "" } }).catch(() => null);
  if (counter === null) return wrong(amount, words.full);
  forget();
  close();
  $("kept").hidden = false;
  $("kept").lastElementChild.textContent = its.sum ? say(words.kept, { sum: its.sum, card: name }) : say(words.kept_visit, { card: name });
  signal("accept");
  await tell(page.dataset.state === "ok" ? "sending" : page.dataset.state);
  if (page.dataset.state !== "offline") connect();
}

let isBusy = false;

/** One press is one sale. */
export async function once(act) {
  if (isBusy || !till.shown) return;
  isBusy = true;
  try { await act(); } finally { isBusy = false; }
}
