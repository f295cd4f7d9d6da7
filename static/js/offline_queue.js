// What this till did without a network: numbered, signed and kept until the server said that it was done (offline_sending.js).
import { base64url, deviceKey } from "./device.js";
import { known } from "./offline_pack.js";
import * as store from "./offline_store.js";

const QUEUE_KEY = "queue key", TOLD_MOST = 50;

/** Whether this browser can work without a network at all: it has the key of a paired till, and a place to keep things. */
export const isPaired = async () => Boolean(globalThis.navigator?.locks && await deviceKey());

/** Signs these lines with this till's own key: app/offline/rules.py puts them together likewise. */
export const sign = (own, lines) => own.sign(new TextEncoder().encode(["tessera-offline-1", ...lines].join("\n")));

// rules.py: signed_text.
const linesOf = (device, item) => [device, item.counter, item.key, item.at, item.kind, item.card, item.amount ?? 0, item.points ?? 0,
  item.to_pay ?? "", item.visits ?? 0, item.receipt ?? "", item.staff];

/** Keeps an operation: {kind, card, amount, points, to_pay, visits, receipt, shown}, amounts in minor units; shown: what this till's own list
    says of it. key: of a form whose answer was lost, so that it is not done twice. Gives its number; null where nothing can be kept. */
export async function keep({ shown = {}, key = "", ...wanted }) {
  const own = await deviceKey(), desk = await known();
  if (!own || !desk) return null;
  return store.alone("tessera-offline-number", async () => {
    // What another pairing of this browser left behind has numbers of its own: it goes first.
    if (desk.device !== own.deviceId || await store.get("device") !== own.deviceId) return null;
    const counter = await store.get("next"), at = Date.now() + desk.ahead;
    const item = { counter, key: key || base64url(crypto.getRandomValues(new Uint8Array(16))), at, staff: desk.staff.id, ...wanted };
    item.signature = await sign(own, linesOf(own.deviceId, item));
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

/** Forgets what the server answered for. What a manager has to decide is remembered for this till's own list. */
export async function settle(left, states) {
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
