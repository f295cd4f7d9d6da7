// What the buttons of a sale may say beforehand: pure, whole numbers, rounded down. The server decides. Amounts in minor units.
import { earned, minorOf } from "./offline_sums.js";

const group = text => text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

/** rules: those of the card's programme; balance: its points; digits: of the currency. */
export function sumsOf(rules, balance, digits) {
  const sum = minor => {
    const [whole, part] = (minor / 10 ** digits).toFixed(digits).split(".");
    return group(whole) + (Number(part) ? (document.documentElement.lang === "ru" ? "," : ".") + part : "");
  };
  const count = amount => rules.is_money ? sum(amount) : group(String(amount));
  const off = bill => bill < rules.minimum_minor ? 0 : Math.floor(bill * rules.discount_bp / 10000);
  const worth = points => Math.floor(points * rules.worth_minor / rules.worth_points);

  /** some: how many points were asked for, as typed; "" for as many as may be. */
  function spendable(bill, some) {
    if (bill < rules.minimum_minor) return 0;
    const most = Math.floor(bill * rules.share_bp / 10000);
    const wish = rules.is_money ? minorOf(some, digits) || Infinity : /^\d+$/.test(some) ? Number(some) : Infinity;
    const spend = Math.max(0, Math.min(balance, wish, Math.floor(most * rules.worth_points / rules.worth_minor)));
    return spend < rules.smallest ? 0 : spend - spend % rules.step;
  }
  return { sum, count, off, worth, spendable, minorOf: typed => minorOf(typed, digits), earned: paid => earned(rules, paid) };
}
