// How this till tells of sums, moments and what waits, in the page's language.
const language = document.documentElement.lang, BEFORE = ["$", "€", "£", "¥"];
const plural = new Intl.PluralRules(language), FORM = { one: 0, few: 1, many: 2, two: 1, zero: 2, other: language === "ru" ? 2 : 1 };

export const say = (text, values = {}) => Object.entries(values).reduce((said, [name, value]) => said.replace(`{${name}}`, value), text);
export const form = (forms, count) => forms[FORM[plural.select(count)]];
export const number = count => count.toLocaleString(language);
export const clock = moment => new Date(moment).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Minor units as money, as the server's pages write it (web/formats.py: money); whole amounts without their zeros. */
export function money(minor, currency, digits) {
  const zeros = minor % 10 ** digits ? digits : 0, symbol = symbolOf(currency);
  const sum = (minor / 10 ** digits).toLocaleString(language, { minimumFractionDigits: zeros, maximumFractionDigits: digits });
  return language === "en" && BEFORE.includes(symbol) ? symbol + sum : `${sum}\u00a0${symbol}`;
}

export const symbolOf = currency => new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay: "narrowSymbol" })
  .formatToParts(0).find(part => part.type === "currency").value;

/** One line of a list: the looks of till/offline.html's templates, built without HTML from anybody. */
export function line(what, sum, note, end) {
  const item = Object.assign(document.createElement("li"), { className: "list__item" });
  for (const [name, text] of [["", what], ["list__value", sum], ["list__note", note], ["list__note list__note--end", end]]) {
    item.append(Object.assign(document.createElement("span"), { className: name, textContent: text }));
  }
  return item;
}
