// The till without a network: takes a code, shows the card as it was last known, keeps what is done, and sends it once there is a network.
import { connect, list, look, start, tell } from "./offline_band.js";
import { reckon } from "./offline_bill.js";
import { camera } from "./offline_camera.js";
import { close, open, take } from "./offline_card.js";
import { $, amount, codeForm, page, put, saleForm, till, words, wrong } from "./offline_page.js";
import * as queue from "./offline_queue.js";
import { keep, once, sale } from "./offline_sale.js";
import * as store from "./offline_store.js";
import { stayAwake } from "./signals.js";
import { forget } from "./typed.js";
import { cleanCode, listen } from "./wedge.js";

const EVERY_MS = 20000;

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
$("visit").addEventListener("click", () => once(() => keep({ kind: "visit", card: till.shown.code, amount: 0, points: 0, visits: 1, key: "" }, {})));
$("back").addEventListener("click", () => { forget(); close(); });
$("try").addEventListener("click", connect);
$("forget").addEventListener("click", async () => { await queue.forgetTold(); list(); });
$("pretend")?.addEventListener("change", async event => { await store.put("pretend", event.target.checked); connect(); });
listen(code => take(code), () => wrong(codeForm.elements.code, words.torn));

// The beginning: what a form held when the network went is gone on with.
async function goOn() {
  const lost = await store.get("lost");
  if (!lost) return;
  await store.drop("lost");
  const card = till.cards.find(each => lost.path.endsWith(`/${each.id}`));
  if (lost.path === "/till" && lost.code) take(lost.code, true);
  else if (card) open(card.code, { key: lost.act === "earn" || lost.act === "redeem" ? lost.key : "", typed: lost.amount });
}

if (await queue.isPaired()) {
  stayAwake();
  camera();
  if ($("pretend")) $("pretend").checked = Boolean(await store.get("pretend"));
  await look();
  await tell("offline");
  await start();
  if (till.desk) await goOn();
  await connect();
  addEventListener("online", connect);
  addEventListener("offline", () => tell("offline"));
  setInterval(() => { if (!till.shown && (till.items.length || page.dataset.state !== "ok")) connect(); }, EVERY_MS);
} else {
  put("title", page.querySelector("[data-view=none] h1").textContent);
  put("note", "");
  await start();
}
