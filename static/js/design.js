// Every edit shows on the card at once, never in a colour that cannot be read; the server makes the real pass from the same fields.
const form = document.querySelector("[data-design]"), show = document.querySelector("[data-show]");
const judged = kind => form.querySelector(`[data-judged="${kind}"]`);
const linear = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
const light = hex => { const [r, g, b] = linear(hex); return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (one, other) => { const [high, low] = [light(one), light(other)].sort((a, b) => b - a); return (high + .05) / (low + .05); };
const hex = text => /^#[0-9a-f]{6}$/i.test(text) ? text.toLowerCase() : null;
const colour = name => hex(form.querySelector(`[data-colour="${name}"]`).value.trim());
const words = card => ["#ffffff", "#1b1b19", "#000000"].find(ink => contrast(ink, card) >= 4.5);

function readable(label, card) {
  // The nearest shade that reads: in steps towards black on a light card, towards white on a dark one.
  const towards = light(card) > .18 ? 0 : 255;
  let shade = label;
  for (let step = 0; contrast(shade, card) < 4.5 && step < 60; step++) {
    shade = "#" + [1, 3, 5].map(at => parseInt(shade.slice(at, at + 2), 16)).map(v => (towards ? Math.ceil(v + (towards - v) * .06) : Math.floor(v * .94)).toString(16).padStart(2, "0")).join("");
  }
  return shade;
}

function judge(card, text, label) {
  const said = [["text", text], ["label", label]].filter(([, ink]) => ink && contrast(ink, card) < 4.5)
    .map(([what, ink]) => form.querySelector(`[data-says="${what}"]`).innerHTML.replace("{ratio}", (Math.floor(contrast(ink, card) * 100) / 100).toFixed(2)));
  judged("bad").hidden = !said.length;
  judged("good").hidden = said.length > 0;
  judged("bad").querySelector("[data-judged-words]").textContent = said.join(" ");
}

function paint() {
  const card = colour("background"), label = colour("label"), text = colour("text");
  if (!card || !label) return;
  const safe = readable(label, card), set = (name, value) => show.style.setProperty(name, value);
  show.dataset.changed = "";
  set("--brand", card);
  set("--on-brand", text && contrast(text, card) >= 4.5 ? text : words(card));
  set("--brand-label", safe);
  set("--a2", colour("accent") ?? safe);
  judge(card, text, label);
}

function write(language, field, value) {
  const card = show.querySelector(`[data-card="${language}"]`), at = name => form.elements[`${language}.${name}`].value.trim();
  if (field === "points") for (const one of card.querySelectorAll(".pass__head .pass__label")) one.textContent = value;
  else card.querySelector(".pass__name").textContent = at("logo_text") || at("name");
}

function code(kind) {
  // The same code in another symbology: the server drew all of them.
  for (const at of show.querySelectorAll(".pass__code")) {
    at.querySelector("svg").replaceWith(document.querySelector(`[data-code="${kind}"]`).content.cloneNode(true));
    at.classList.toggle("pass__code--wide", ["pdf417", "code128"].includes(kind));
  }
}

form.addEventListener("input", ({ target }) => {
  if (target.name === "wallet.barcode") code(target.value);
  else if (target.dataset.pick) {
    form.querySelector(`[data-colour="${target.dataset.pick}"]`).value = target.value;
    paint();
  } else if (target.dataset.colour) {
    const picker = form.querySelector(`[data-pick="${target.dataset.colour}"]`), value = hex(target.value.trim());
    if (value) picker.value = value;
    paint();
  } else if (target.dataset.into) {
    write(...target.dataset.into.split(" "), target.value);
    show.querySelector(`[name=shown][value=${target.dataset.into.slice(0, 2)}]`).checked = true;
  }
});

// A form that came back with a mistake has another choice than the card beside it.
code(form.elements["wallet.barcode"].value);
