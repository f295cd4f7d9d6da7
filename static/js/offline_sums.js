// What a purchase would be, reckoned at the till as the server reckons it: pure, whole numbers, rounded down. Amounts in minor units.

/** What was typed, as minor units; 0 for what is no amount. */
export function minorOf(typed, digits) {
  const text = typed.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
  return /^\d{1,9}(\.\d*)?$/.test(text) ? Math.round(Number(text) * 10 ** digits) : 0;
}

/** A card, known or not, with what its programme says: what everybody gets where the card was not seen. */
export const offerOf = (program, card) => ({ ...program, share_bp: 0, ...card, is_known: Boolean(card) });

/** {amount, discount, bill: after discount, earns: null where more than the amount decides}. */
export function billOf(offer, amount) {
  const counts = amount >= offer.minimum_minor, discount = counts ? Math.floor(amount * offer.discount_bp / 10000) : 0, bill = amount - discount;
  return { amount, discount, bill, earns: offer.is_plain && offer.can_buy ? earned(offer, bill) : null };
}

/** What is earned for what was paid, where nothing but the amount decides. */
export function earned(offer, paid) {
  if (paid < offer.minimum_minor) return 0;
  return offer.whole_steps ? Math.floor(paid / offer.earn_per_minor) * offer.earn_points : Math.floor(paid * offer.earn_points / offer.earn_per_minor);
}

const isMoney = offer => offer.unit === "money";
export const worth = (offer, points) => isMoney(offer) ? points : Math.floor(points * offer.worth_minor / offer.worth_points);

/** How many points may pay for a part of the bill. held: the balance less what waits; risk: minor units that the business risks, 0 for never. */
export function spendable(offer, bill, held, risk) {
  if (!offer.is_known || offer.status !== "active" || offer.is_live || !offer.is_plain || bill < offer.minimum_minor) return 0;
  const pays = minor => isMoney(offer) ? minor : Math.floor(minor * offer.worth_points / offer.worth_minor);
  const most = Math.min(held, pays(Math.floor(bill * offer.share_bp / 10000)), pays(risk), offer.confirm_over ?? Infinity);
  const points = most - most % offer.step;
  return points > 0 && points >= offer.smallest ? points : 0;
}
