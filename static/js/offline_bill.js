// What the open card's purchase would be, and how the page says it while the amount is typed.
import { say } from "./offline_list.js";
import { amount, amountOf, put, saleForm, sumOf, till, words } from "./offline_page.js";
import { billOf, minorOf, spendable, worth } from "./offline_sums.js";
import { keep as keepTyped } from "./typed.js";

/** What waits already of this card's points or visits. */
export const held = what => till.items.filter(({ item }) => [till.shown.code, till.shown.card?.code, till.shown.card?.number].includes(item.card))
  .reduce((total, { item }) => total + (item[what] ?? 0), 0);

export function bill() {
  const { offer, card } = till.shown, found = billOf(offer, minorOf(amount.value, offer.digits));
  const spend = spendable(offer, found.bill, (card?.balance ?? 0) - held("points"), till.desk.redeem_most);
  return { ...found, spend, rest: found.bill - worth(offer, spend) };
}

export function reckon() {
  const { offer, code } = till.shown, { amount: minor, bill: due, earns, spend, rest } = bill(), redeem = saleForm.querySelector("[value=redeem]");
  put("earn", minor ? [due === minor ? "" : say(words.to_pay, { sum: sumOf(due, offer) }), earnsText(earns, offer)].filter(Boolean).join(" · ") : "");
  redeem.hidden = !spend;
  put("spend", say(words.spend, { amount: amountOf(spend, offer) }));
  put("rest", say(words.to_pay, { sum: sumOf(rest, offer) }));
  keepTyped(`offline ${code}`, { amount: amount.value });
}

export const earnsText = (earns, offer) => earns === null ? words.earns_some : earns ? say(words.earns, { amount: amountOf(earns, offer) }) : "";
