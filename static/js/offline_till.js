// The till without a network: takes a code, shows the card as it was last known, keeps what is done, and sends it once there is a network.
import { deviceKey } from "./device.js";
import { clock, form, line, money, number, say, symbolOf } from "./offline_list.js";
import * as queue from "./offline_queue.js";
import * as store from "./offline_store.js";
import { billOf, minorOf, offerOf, spendable, worth } from "./offline_sums.js";
import { openReader } from "./readers.js";
import { signal, stayAwake } from "./signals.js";
import { forget, keep as keepTyped, kept as keptTyped } from "./typed.js";
import { cleanCode, isAgain, latin, listen } from "./wedge.js";

const page = document.querySelector("[data-till-offline]"), words = JSON.parse(page.dataset.words), EVERY_MS = 20000;
const $ = name => page.querySelector(`[data-${name}]`);
const views = [...page.querySelectorAll("[data-view]")], codeForm = $("code"), saleForm = $("sale"), amount = saleForm.elements.amount;
let desk = null, cards = [], items = [], since = 0, shown = null;      // shown: {code, card, offer, key} of the card that is open

const show = name => { for (const view of views) view.hidden = view.dataset.view !== name; };
const put = (name, text) => { $(name).textContent = text; };
const wrong = (field, text) => {
  document.getElementById(`${field.id}-error`).textContent = text;
  field.toggleAttribute("aria-invalid", Boolean(text));
  if (text) { signal("refuse"); field.focus(); }
};
const sumOf = (minor, offer) => money(minor, offer.currency, offer.digits);
const amountOf = (points, offer) => offer.unit === "money" ? sumOf(points, offer) : `${number(points)}\u202f${form(words.points, points)}`;
const named = (code, card) => /^\d{16}/.test(code) ? say(words.card, { end: (card?.number ?? code.slice(0, 16)).slice(-4) })
  : say(words.phone, { end: code.replace(/\D/g, "").slice(-4).replace(/(..)$/, " $1") });

// How things stand.

async function tell(state) {
  page.dataset.state = state;
  items = await queue.waiting();
  if (state === "offline") since ||= await store.get("since") ?? Date.now();
  else since = 0;
  await (since ? store.put("since", since) : store.drop("since"));
  put("title", say(words[state], { time: clock(since) }));
  put("note", words[`${state}_note`]);
  const isGood = state === "ok" || state === "sending";
  $("band").className = `band off__band ${isGood ? "" : state === "offline" || state === "unpaired" ? "band--refuse" : "band--wait"}`;
  for (const sign of page.querySelectorAll("[data-sign]")) sign.hidden = (sign.dataset.sign === "ok") !== isGood;
  $("go").hidden = state === "offline" || state === "busy";
  $("try").hidden = state === "ok";
  if (state === "ok") $("kept").hidden = true;
  list();
}

async function list() {
  put("number", items.length ? number(items.length) : "");
  $("queue").hidden = !items.length;
  put("count", number(items.length));
  put("waits", form(words.waits, items.length));
  $("list").replaceChildren(...items.map(({ item, shown: its }) => line(named(item.card, its), its.sum ?? words.visit, [clock(item.at), its.brings].filter(Boolean).join(" · "),
    words.waiting)).reverse());
  const refused = await queue.told();
  $("told").hidden = !refused.length;
  $("told-list").replaceChildren(...refused.map(each => line(each.shown.card, each.shown.sum ?? words.visit, clock(each.at), words.refused)));
}

/** Sends what waits and fetches the pack; tells how that went. */
async function connect() {
  if ((await queue.waiting()).length && navigator.onLine) await tell("sending");
  let state = await queue.flush();
  if (state === "ok") state = await queue.refresh({ force: !desk });
  desk = await queue.known();
  cards = await queue.cards();
  await tell(state);
  start();
}

async function start() {
  const has = Boolean(desk);
  for (const each of page.querySelectorAll("[data-spending]")) {
    each.hidden = !has || page.dataset.state === "ok" || (each.dataset.spending === "never") !== !desk.redeem_most;
  }
  if (has) {
    put("risk", sumOf(desk.redeem_most, desk.programs[0] ?? { currency: "RUB", digits: 2 }));
    put("staff", [desk.staff.name, desk.place].filter(Boolean).join(" · "));
    if (!shown && views.every(view => view.hidden || view.dataset.view === "none")) show("scan");
  } else if (!items.length) {
    const why = !globalThis.isSecureContext || !globalThis.navigator?.locks ? "browser" : await deviceKey() ? "new" : "unpaired";
    for (const each of page.querySelectorAll("[data-why]")) each.hidden = each.dataset.why !== why;
    show("none");
  } else show("scan");
}

// A card.

function find(text) {
  const { code, wrong: problem } = cleanCode(text);
  if (code) return code.slice(0, 16);
  const plain = latin(text.normalize("NFKC")).trim();
  if (problem === "torn" && !/^\+?[78]?\d{10}$/.test(plain.replace(/[\s()-]/g, ""))) return { problem: words.torn };
  return plain.length < 4 ? { problem: words.short } : plain;
}

function take(text, again = false) {
  const code = find(text);
  if (code.problem) return wrong(codeForm.elements.code, code.problem);
  if (!again && isAgain(code)) return;
  wrong(codeForm.elements.code, "");
  codeForm.reset();
  $("kept").hidden = true;
  signal("accept");
  open(code);
}

function open(code, { key = "", typed = "" } = {}) {
  close();
  const card = cards.find(each => each.code === code || each.number === code) ?? null;
  const program = desk?.programs[card?.program ?? Math.max(0, desk.programs.findIndex(each => code.startsWith(each.prefix)))];
  if (!program) return;
  shown = { code, card, key, offer: offerOf(program, card) };
  draw();
  $("lost").hidden = !key;
  amount.value = typed || (keptTyped()?.path === `offline ${code}` ? keptTyped().fields.amount : "");
  reckon();
  show("card");
  if (!saleForm.hidden) amount.focus({ preventScroll: true });
}

function draw() {
  const { code, card, offer } = shown, ends = !card || ["active", "provisional"].includes(card.status);
  put("name", card?.name || named(code, card));
  put("end", card?.name ? `…${card.number.slice(-4)}` : "");
  put("verdict", !card ? words.unknown : card.status === "blocked" ? words.blocked : !ends ? words.ended
    : card.status === "provisional" ? words.not_spend : `${words.known} ${say(words.as_of, { time: clock(desk.fetched + desk.ahead) })}`);
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

/** What waits already of this card's points or visits. */
const held = what => items.filter(({ item }) => [shown.code, shown.card?.code, shown.card?.number].includes(item.card))
  .reduce((total, { item }) => total + (item[what] ?? 0), 0);

function bill() {
  const { offer, card } = shown, found = billOf(offer, minorOf(amount.value, offer.digits));
  const spend = spendable(offer, found.bill, (card?.balance ?? 0) - held("points"), desk.redeem_most);
  return { ...found, spend, rest: found.bill - worth(offer, spend) };
}

function reckon() {
  const { offer, code } = shown, { amount: minor, bill: due, earns, spend, rest } = bill(), redeem = saleForm.querySelector("[value=redeem]");
  put("earn", minor ? [due === minor ? "" : say(words.to_pay, { sum: sumOf(due, offer) }), earnsText(earns, offer)].filter(Boolean).join(" · ") : "");
  redeem.hidden = !spend;
  put("spend", say(words.spend, { amount: amountOf(spend, offer) }));
  put("rest", say(words.to_pay, { sum: sumOf(rest, offer) }));
  keepTyped(`offline ${code}`, { amount: amount.value });
}

const earnsText = (earns, offer) => earns === null ? words.earns_some : earns ? say(words.earns, { amount: amountOf(earns, offer) }) : "";

// Keeping.

async function sale(act) {
  const { offer, code, key } = shown, { amount: minor, bill: due, earns, spend, rest } = bill();
  if (!minor) return wrong(amount, words.amount);
  const isSpent = act === "redeem" && spend > 0, pays = isSpent ? rest : due;
  const left = isSpent ? billOf({ ...offer, discount_bp: 0 }, rest).earns : earns;
  const brings = [isSpent && say(words.spends, { amount: amountOf(spend, offer) }), earnsText(left, offer)].filter(Boolean).join(" · ");
  await keep({ kind: "sale", card: code, amount: minor, points: isSpent ? spend : 0, to_pay: pays, visits: 0, key }, { sum: sumOf(minor, offer), brings });
}

async function keep(wanted, its) {
  const { code, card } = shown, name = named(code, card);
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

function close() {
  shown = null;
  wrong(amount, "");
  saleForm.reset();
  show("scan");
  codeForm.elements.code.focus({ preventScroll: true });
}

// What is pressed, typed and scanned.

codeForm.addEventListener("submit", event => { event.preventDefault(); take(codeForm.elements.code.value, true); });
saleForm.addEventListener("submit", event => {
  event.preventDefault();
  // A card scanned into the amount is the next shopper, not sixteen digits of money.
  const { code } = cleanCode(amount.value);
  if (code) { amount.value = ""; take(code, true); } else once(() => sale(event.submitter?.value ?? "earn"));
});
saleForm.addEventListener("input", () => { wrong(amount, ""); reckon(); });
saleForm.querySelector(".keypad").addEventListener("click", event => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (!key) return;
  amount.value = key === "back" ? amount.value.slice(0, -1) : (amount.value + key).slice(0, 12);
  wrong(amount, "");
  reckon();
});
amount.inputMode = "none";
$("visit").addEventListener("click", () => once(() => keep({ kind: "visit", card: shown.code, amount: 0, points: 0, visits: 1, key: "" }, {})));
$("back").addEventListener("click", () => { forget(); close(); });
$("try").addEventListener("click", connect);
$("forget").addEventListener("click", async () => { await queue.forgetTold(); list(); });
$("pretend")?.addEventListener("change", async event => { await store.put("pretend", event.target.checked); connect(); });
listen(code => take(code), () => wrong(codeForm.elements.code, words.torn));

// One press is one sale.
let isBusy = false;
async function once(act) {
  if (isBusy || !shown) return;
  isBusy = true;
  try { await act(); } finally { isBusy = false; }
}

// The camera, where this browser reads codes by itself.
const film = $("film").querySelector("video");

async function camera() {
  const reader = await openReader({ formats: ["qr_code", "aztec", "pdf417", "code_128"], wasm: page.dataset.wasm });
  $("camera").hidden = !reader;
  $("no-camera").hidden = Boolean(reader);
  $("camera").addEventListener("click", async () => {
    const stream = await navigator.mediaDevices?.getUserMedia({ video: { facingMode: { ideal: "environment" } }, audio: false }).catch(() => null);
    if (!stream) { $("no-camera").hidden = false; return; }
    film.srcObject = stream;
    $("film").hidden = false;
    $("camera").hidden = true;
    while (!shown && !document.hidden) {
      const code = film.readyState >= 2 ? await reader.read(film).catch(() => null) : null;
      if (code && cleanCode(code).code) take(code);
      await new Promise(done => setTimeout(done, reader.gap));
    }
    stream.getTracks().forEach(track => track.stop());
    $("film").hidden = true;
    $("camera").hidden = false;
  });
}

// The beginning: what a form held when the network went is gone on with.
async function goOn() {
  const lost = await store.get("lost");
  if (!lost) return;
  await store.drop("lost");
  const card = cards.find(each => lost.path.endsWith(`/${each.id}`));
  if (lost.path === "/till" && lost.code) take(lost.code, true);
  else if (card) open(card.code, { key: lost.act === "earn" || lost.act === "redeem" ? lost.key : "", typed: lost.amount });
}

if (await queue.isPaired()) {
  stayAwake();
  camera();
  if ($("pretend")) $("pretend").checked = Boolean(await store.get("pretend"));
  desk = await queue.known();
  cards = await queue.cards();
  await tell("offline");
  await start();
  if (desk) await goOn();
  await connect();
  addEventListener("online", connect);
  addEventListener("offline", () => tell("offline"));
  setInterval(() => { if (!shown && (items.length || page.dataset.state !== "ok")) connect(); }, EVERY_MS);
} else {
  put("title", page.querySelector("[data-view=none] h1").textContent);
  put("note", "");
  await start();
}
