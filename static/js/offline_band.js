// How things stand at a till without a network: the band above, what waits, and whether this till can work at all.
import { deviceKey } from "./device.js";
import { clock, form, line, number, say } from "./offline_list.js";
import * as pack from "./offline_pack.js";
import { $, named, page, put, show, sumOf, till, views, words } from "./offline_page.js";
import * as queue from "./offline_queue.js";
import { flush } from "./offline_sending.js";
import * as store from "./offline_store.js";

let since = 0;

/** Says this state, one of the page's words, and lists what waits. */
export async function tell(state) {
  page.dataset.state = state;
  till.items = await queue.waiting();
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

export async function list() {
  put("number", till.items.length ? number(till.items.length) : "");
  $("queue").hidden = !till.items.length;
  put("count", number(till.items.length));
  put("waits", form(words.waits, till.items.length));
  $("list").replaceChildren(...till.items.map(({ item, shown: its }) => line(named(item.card, its), its.sum ?? words.visit, [clock(item.at), its.brings].filter(Boolean).join(" · "),
    words.waiting)).reverse());
  const refused = await queue.told();
  $("told").hidden = !refused.length;
  $("told-list").replaceChildren(...refused.map(each => line(each.shown.card, each.shown.sum ?? words.visit, clock(each.at), words.refused)));
}

/** Sends what waits and fetches the pack; tells how that went. */
export async function connect() {
  if ((await queue.waiting()).length && navigator.onLine) await tell("sending");
  let state = await flush();
  // Whether there is a network is asked, never taken from a pack that is young.
  if (state === "ok") state = await pack.refresh({ force: true });
  await look();
  await tell(state);
  start();
}

/** What this till knows, as it lies in its store. */
export async function look() {
  till.desk = await pack.known();
  till.cards = await pack.cards();
}

/** Ready for the next card, or why this till takes none. */
export async function start() {
  const has = Boolean(till.desk);
  for (const each of page.querySelectorAll("[data-spending]")) {
    each.hidden = !has || page.dataset.state === "ok" || (each.dataset.spending === "never") !== !till.desk.redeem_most;
  }
  if (has) {
    const { redeem_most: most, programs, staff, place } = till.desk;
    put("risk", sumOf(most, programs[0] ?? { currency: "RUB", digits: 2 }));
    put("staff", [staff.name, place].filter(Boolean).join(" · "));
    if (!till.shown && views.every(view => view.hidden || view.dataset.view === "none")) show("scan");
  } else if (!till.items.length) {
    const why = !globalThis.isSecureContext || !globalThis.navigator?.locks ? "browser" : await deviceKey() ? "new" : "unpaired";
    for (const each of page.querySelectorAll("[data-why]")) each.hidden = each.dataset.why !== why;
    show("none");
  } else show("scan");
}
