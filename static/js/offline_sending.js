// What waits is sent once there is a network: in order, in small batches, and forgotten only when the server answered for it.
import { deviceKey } from "./device.js";
import { ask, refresh, refused, token, trusted } from "./offline_pack.js";
import { settle, sign, waiting } from "./offline_queue.js";
import { alone } from "./offline_store.js";

const DOOR = "/till/offline", MOST = 50;

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
  const signature = await sign(own, [device, "oldest", oldest]);
  const body = JSON.stringify({ device, oldest, signature, items: some.map(each => each.item) });
  return ask(DOOR, { method: "POST", body, headers: { "Content-Type": "application/json", "X-CSRF-Token": token } });
}
