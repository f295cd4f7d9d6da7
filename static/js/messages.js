// Counts a message while it is typed, by the server's own tables and in its own sentences; the server counts again before it keeps one.
const page = document.querySelector("[data-sms]");
const basic = new Set(page.dataset.basic + "\n\r"), extension = new Set(page.dataset.extension + "\f");
const plain = JSON.parse(page.dataset.plain), words = JSON.parse(page.dataset.words), few = Number(page.dataset.few);
const say = (sentence, values) => sentence.replace(/%\((\w+)\)s/g, (whole, name) => values[name]).replaceAll("%%", "%");

export const tidy = text => [...text].map(letter => plain[letter] ?? letter).join("").normalize("NFC").replace(/\s+/gu, " ").trim();

export function size(text) {
  const letters = [...text], gsm = letters.every(letter => basic.has(letter) || extension.has(letter));
  const [one, part] = gsm ? [160, 153] : [70, 67];
  const widths = letters.map(letter => gsm ? 1 + extension.has(letter) : letter.length), units = widths.reduce((sum, width) => sum + width, 0);
  if (units <= one) return { encoding: gsm ? "GSM-7" : "UCS-2", units, parts: 1, left: one - units };
  let parts = 1, used = 0;
  // A pair is never cut in two, so parts are not simply units divided by the length of one.
  for (const width of widths) {
    if (used + width > part) [parts, used] = [parts + 1, 0];
    used += width;
  }
  return { encoding: gsm ? "GSM-7" : "UCS-2", units, parts, left: part - used };
}

function filled(template, brand, link) {
  const at = template.indexOf("{link}"), head = at < 0 ? template : template.slice(0, at), tail = at < 0 ? "" : template.slice(at + 6);
  return head.replaceAll("{brand}", () => brand) + link + tail;
}

function show(note, sentence, warns) {
  note.hidden = !sentence;
  note.querySelector("span").textContent = sentence;
  if (warns !== undefined) note.classList.toggle("text__note--warn", warns);
}

// A text of one part in place of one that takes more, where there is one.
function offer(form, parts) {
  const own = tidy(form.elements.text.value), said = parts > 1 ? JSON.parse(form.dataset.shorter).filter(template => template !== own)
    .map(template => filled(template, tidy(form.dataset.brand), form.dataset.link)).find(text => size(text).parts === 1) : undefined;
  form.querySelector("[data-offer]").hidden = !said;
  form.querySelector("[data-none]").hidden = parts === 1 || Boolean(said);
  if (said) form.querySelector("[data-offer] span").textContent = said;
}

function count(form) {
  const text = filled(tidy(form.elements.text.value), tidy(form.dataset.brand), form.dataset.link), counted = size(text);
  const parts = words.parts[Math.min(counted.parts, words.parts.length) - 1];
  const strange = [...new Set([...text].filter(letter => !basic.has(letter) && !extension.has(letter)))], stray = strange.length <= few;
  const letters = strange.slice(0, few).map(letter => `“${letter}”`).join(", ");
  form.querySelector("[data-size]").textContent = say(words.size, { ...counted, parts });
  show(form.querySelector("[data-letters]"), strange.length ? say(stray ? words.letter : words.letters, { letters }) : "", stray);
  show(form.querySelector("[data-over]"), counted.parts > 1 ? say(words.over, { parts }) : "");
  form.querySelector("[data-says] bdi").textContent = text;
  offer(form, counted.parts);
}

for (const form of page.querySelectorAll("form")) {
  form.elements.text.addEventListener("input", () => count(form));
  form.querySelector("[data-count]").hidden = true;
}
