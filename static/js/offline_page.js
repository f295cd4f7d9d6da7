// The page of the till without a network: its places, what it knows at this moment, and how it says sums and cards.
import { form, money, number, say } from "./offline_list.js";
import { signal } from "./signals.js";

export const page = document.querySelector("[data-till-offline]"), words = JSON.parse(page.dataset.words);
export const $ = name => page.querySelector(`[data-${name}]`);
export const views = [...page.querySelectorAll("[data-view]")], codeForm = $("code"), saleForm = $("sale"), amount = saleForm.elements.amount;

/** desk and cards: of the pack; items: what waits; shown: {code, card, offer, key} of the card that is open. */
export const till = { desk: null, cards: [], items: [], shown: null };

export const show = name => { for (const view of views) view.hidden = view.dataset.view !== name; };
export const put = (name, text) => { $(name).textContent = text; };
export const wrong = (field, text) => {
  document.getElementById(`${field.id}-error`).textContent = text;
  field.toggleAttribute("aria-invalid", Boolean(text));
  if (text) { signal("refuse"); field.focus(); }
};
export const sumOf = (minor, offer) => money(minor, offer.currency, offer.digits);
export const amountOf = (points, offer) => offer.unit === "money" ? sumOf(points, offer) : `${number(points)}\u202f${form(words.points, points)}`;
export const named = (code, card) => /^\d{16}/.test(code) ? say(words.card, { end: (card?.number ?? code.slice(0, 16)).slice(-4) })
  : say(words.phone, { end: code.replace(/\D/g, "").slice(-4).replace(/(..)$/, " $1") });
