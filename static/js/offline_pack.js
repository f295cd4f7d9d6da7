// What a till may show and reckon with while there is no network: the pack, fetched while there is one, and the server's word about it.
import { deviceKey } from "./device.js";
import * as store from "./offline_store.js";

const PACK = "/till/offline/pack", TRUST = "/till/offline/trust", PACK_KEY = "pack key", PATIENCE_MS = 15000, FRESH_MS = 2 * 60 * 1000;

/** What forms of this session carry; "" where the pack has to be asked for it. */
export let token = "";

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
  await store.alone("tessera-offline-number", async () => {
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
export async function trusted() {
  const answer = await ask(TRUST), { trusted: isTrusted = true } = answer.ok ? await answer.json() : {};
  if (isTrusted) return "sign-in";
  await wipe();
  return "unpaired";
}

/** What the server's refusal means for this till. */
export async function refused(answer) {
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

/** The server's answer, or `offline`; `sign-in` where the session is over or waits for a PIN. */
export async function ask(address, options = {}) {
  if (await store.get("pretend")) return "offline";
  try {
    const answer = await fetch(address, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
    return answer.type === "opaqueredirect" ? "sign-in" : answer;
  } catch {
    return "offline";
  }
}
