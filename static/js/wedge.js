// A scanner that types: the keys it pressed under any layout, whole codes alone, and one code held too long as one.
// cards/rules.py: `clean_code` says the same; tests/cards/typed_codes.json holds both to it.
const RU = "йцукенгшщзхъфывапролджэячсмитьбю.ёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,Ё\"№;:?";
const EN = "qwertyuiop[]asdfghjkl;'zxcvbnm,./`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>?~@#$^&";
const LEFT_OUT = /[ \t\r\n\u00a0\u2009\u200e\u200f\u202f-]/g;
const AGAIN_MS = 3000, PAUSE_MS = 500;

/** What a scanner pressed under a Russian layout, as it is under a Latin one; a text without Cyrillic letters stays. */
export const latin = text => /[\u0400-\u04ff]/.test(text) ? [...text].map(sign => { const place = RU.indexOf(sign); return place < 0 ? sign : EN[place]; }).join("") : text;

export function passesLuhn(digits) {
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const value = digit * (place % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** {code}: 16 digits of ours that arrived whole, or 24 of a code that changes; {wrong: "torn"}: a part of them; {wrong: "other"}: something else,
    which the server may know: a phone, an old card, a coupon's address. */
export function cleanCode(text) {
  const code = latin(text.normalize("NFKC")).replace(LEFT_OUT, "");
  if (!/^[0-9]{13,24}$/.test(code)) return { wrong: "other" };
  return [16, 24].includes(code.length) && passesLuhn(code.slice(0, 16)) ? { code } : { wrong: "torn" };
}

/** Whether this code was taken a moment ago already, on this page or the one before; if not, it is taken now. */
export function isAgain(code, now = Date.now()) {
  const last = JSON.parse(sessionStorage.getItem("tessera-scanned") ?? "null");
  if (last?.code === code && now - last.at < AGAIN_MS) return true;
  sessionStorage.setItem("tessera-scanned", JSON.stringify({ code, at: now }));
  return false;
}

/** Hands `take` each whole code that is scanned while no field has the focus; `refuse` gets every other text, and "torn" or "other". */
export function listen(take, refuse = () => {}) {
  let keys = "", last = 0;
  addEventListener("keydown", event => {
    if (event.target.closest?.("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    // Whoever types and whoever scans are not told apart by their speed: a pause only ends what nobody finished.
    if (event.timeStamp - last > PAUSE_MS) keys = "";
    last = event.timeStamp;
    if (event.key.length === 1) {
      keys += event.key;
      // A blank would press the button that has the focus.
      if (keys.length > 1) event.preventDefault();
    } else if (event.key === "Enter" && keys.length > 3) {
      event.preventDefault();
      const { code, wrong } = cleanCode(keys), text = keys;
      keys = "";
      if (code) take(code);
      else refuse(text, wrong);
    }
  }, true);
}
