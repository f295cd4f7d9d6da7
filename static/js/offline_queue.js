// What this till did without a network: numbered, signed, kept, and sent in order once there is one. Nothing is done before the server said so.
import { base64url, deviceKey } from "./device.js";
import * as store from "./offline_store.js";

const DOOR = "/till/offline", PACK = "/till/offline/pack", TRUST = "/till/offline/trust", MOST = 50, PATIENCE_MS = 15000, FRESH_MS = 2 * 60 * 1000, TOLD_MOST = 50;
const PACK_KEY = "pack key", QUEUE_KEY = "queue key";
const bytes = text => new TextEncoder().encode(text);
const alone = (name, act) => navigator.locks.request(name, act);
let token = "";

/** Whether this browser can work without a network at all: it has the key of a paired till, and a place to keep things. */
export const isPaired = async () => Boolean(globalThis.navigator?.locks && await deviceKey());

// The words that app/offline/rules.py: signed_text puts together likewise.
const textOf = (device, item) => ["tessera-offline-1", device, item.counter, item.key, item.at, item.kind, item.card, item.amount ?? 0, item.points ?? 0,
  item.to_pay ?? "", item.visits ?? 0, item.receipt ?? "", item.staff].join("\n");

/** Keeps an operation: {kind, card, amount, points, to_pay, visits, receipt, shown}, amounts in minor units; shown: what this till's own list
    says of it. key: of a form whose answer was lost, so that it is not done twice. Gives its number; null where nothing can be kept. */
export async function keep({ shown = {}, key = "", ...wanted }) {
  const own = await deviceKey(), desk = await known();
  if (!own || !desk) return null;
  return alone("tessera-offline-number", async () => {
    // What another pairing of this browser left behind has numbers of its own: it goes first.
    if (desk.device !== own.deviceId || await store.get("device") !== own.deviceId) return null;
    const counter = await store.get("next"), at = Date.now() + desk.ahead;
    const item = { counter, key: key || base64url(crypto.getRandomValues(new Uint8Array(16))), at, staff: desk.staff.id, ...wanted };
    item.signature = await own.sign(bytes(textOf(own.deviceId, item)));
    const sealed = await store.seal(QUEUE_KEY, { item, shown, device: own.deviceId });
    // The number and what stands under it reach the disk together, or neither does.
    await store.write(["items", "state"], (items, state) => {
      items.put({ counter, ...sealed });
      state.put(counter + 1, "next");
    });
    return counter;
  });
}

/** What waits, oldest first: {item, shown, device: whose number it is}. */
export async function waiting() {
  const opened = await Promise.all((await store.items()).map(row => store.open(QUEUE_KEY, row)));
  return opened.filter(Boolean);
}

export const count = () => store.count();

/** What the server did not do by itself, newest first: {counter, at, shown, why}; a manager sees the same in the console. */
export const told = async () => await store.open(QUEUE_KEY, await store.get("told")) ?? [];

// The pack.

/** What holds at this till, without cards: staff, place, programmes and limits; null where it was never online, or is not trusted any more. */
export const known = async () => store.open(PACK_KEY, await store.get("desk"));

/** The cards seen lately; none once they are a day old. */
export async function cards() {
  const kept = await store.open(PACK_KEY, await store.get("cards"));
  if (!kept) return [];
  if (kept.until > Date.now() + (kept.ahead ?? 0) && kept.now <= Date.now() + (kept.ahead ?? 0) + FRESH_MS) return kept.cards;
  await store.drop("cards");
  return [];
}

/** Throws away all that this till knows of people; what waits to be sent stays. */
export const wipe = () => store.drop("desk", "cards", PACK_KEY);

/** Fetches the pack anew where it is old, or somebody else is signed in; `ok`, or why not: offline, sign-in, unpaired, training, busy.
    who: the name of whoever is, where the page knows it. */
export async function refresh({ force = false, who = "" } = {}) {
  const desk = await known(), own = await deviceKey();
  if (!own) return "unpaired";
  if (!force && desk?.fetched > Date.now() - FRESH_MS && (!who || desk.staff.name === who)) return "ok";
  const answer = await ask(PACK);
  if (typeof answer === "string") return answer === "sign-in" ? trusted() : answer;
  if (!answer.ok) return refused(answer);
  const { cards: found, csrf, until, now, ...rest } = await answer.json();
  token = csrf;
  if (rest.device !== own.deviceId) {
    await wipe();
    return "unpaired";
  }
  const ahead = now - Date.now();
  await alone("tessera-offline-number", async () => {
    const isSame = await store.get("device") === rest.device, isFree = isSame || await store.count() === 0;
    const next = isSame ? Math.max(await store.get("next"), rest.next) : rest.next;
    const sealed = [await store.seal(PACK_KEY, { ...rest, ahead, fetched: Date.now() }), await store.seal(PACK_KEY, { until, now, ahead, cards: found })];
    await store.write(["state"], state => {
      if (isFree) {
        state.put(next, "next");
        state.put(rest.device, "device");
      }
      state.put(sealed[0], "desk");
      state.put(sealed[1], "cards");
    });
  });
  return "ok";
}

/** `sign-in`; `unpaired` where this tablet was put out in the console, which it may hear with nobody signed in. */
async function trusted() {
  const answer = await ask(TRUST), { trusted: isTrusted = true } = answer.ok ? await answer.json() : {};
  if (isTrusted) return "sign-in";
  await wipe();
  return "unpaired";
}

async function refused(answer) {
  const { code } = await answer.json().catch(() => ({}));
  if (answer.status === 409 && code === "in_training") return "training";
  if (answer.status === 409 || answer.status === 404) {
    await wipe();
    return "unpaired";
  }
  if (answer.status === 403 || answer.status === 401) {
    token = "";
    return "sign-in";
  }
  return "busy";
}

/** The answer, or `offline`; `sign-in` where the session is over or waits for a PIN. */
async function ask(address, options = {}) {
  if (await store.get("pretend")) return "offline";
  try {
    const answer = await fetch(address, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
    return answer.type === "opaqueredirect" ? "sign-in" : answer;
  } catch {
    return "offline";
  }
}

// Sending.

/** Sends what waits, in order and in small batches, from one tab at a time. Gives `ok` once nothing waits, else why it stopped, as `refresh`. */
export const flush = () => alone("tessera-offline-send", async () => {
  let before = Infinity;
  while (true) {
    const left = await waiting();
    if (!left.length) return "ok";
    // A server that does not go on is left in peace until the next time.
    if (left.length >= before) return "busy";
    before = left.length;
    const state = token ? "ok" : await refresh({ force: true });
    if (state !== "ok") return state;
    const answer = await send(left.slice(0, MOST), left[0].item.counter);
    if (typeof answer === "string") return answer === "sign-in" ? trusted() : answer;
    if (!answer.ok) return refused(answer);
    await settle(left, (await answer.json()).items);
  }
});

/** Posts these; oldest: nothing below it is here any more. */
export async function send(some, oldest) {
  const own = await deviceKey(), device = some[0]?.device ?? own.deviceId;
  const signature = await own.sign(bytes(["tessera-offline-1", device, "oldest", oldest].join("\n")));
  const body = JSON.stringify({ device, oldest, signature, items: some.map(each => each.item) });
  return ask(DOOR, { method: "POST", body, headers: { "Content-Type": "application/json", "X-CSRF-Token": token } });
}

/** Forgets what the server answered for. What a manager has to decide is remembered for this till's own list. */
async function settle(left, states) {
  const shown = new Map(left.map(each => [each.item.counter, each]));
  const done = states.filter(each => each.state !== "waiting" && shown.has(each.counter));
  const refused = done.filter(each => each.state === "conflict").map(each => ({
    counter: each.counter, why: each.why, at: shown.get(each.counter).item.at, shown: shown.get(each.counter).shown }));
  const list = refused.length ? await store.seal(QUEUE_KEY, [...refused.reverse(), ...await told()].slice(0, TOLD_MOST)) : null;
  await store.write(["items", "state"], (items, state) => {
    for (const each of done) items.delete(each.counter);
    if (list) state.put(list, "told");
  });
}

export const forgetTold = () => store.drop("told");
