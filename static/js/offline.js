// On the till's other pages, where this till is paired: keeps the page for the time without a network and the cards that it will show, says how
// many sales wait, and sends them.
import { refresh } from "./offline_pack.js";
import * as queue from "./offline_queue.js";
import { flush } from "./offline_sending.js";
import * as store from "./offline_store.js";

const place = document.querySelector("[data-offline]"), EVERY_MS = 20000;

function bar(state, waiting) {
  const isOffline = state === "offline";
  place.replaceChildren();
  if (!waiting && !isOffline) return;
  const band = Object.assign(document.createElement("p"), { className: `band offbar ${isOffline ? "band--refuse" : "band--wait"}` });
  band.setAttribute("role", "status");
  const text = isOffline ? place.dataset.gone : place.dataset[state === "ok" ? "sending" : "stays"];
  const link = Object.assign(document.createElement("a"), { href: "/till/offline", textContent: place.dataset.open });
  band.append(Object.assign(document.createElement("span"), { textContent: waiting ? `${text} ${place.dataset.waiting.replace("{count}", waiting)}` : text }), link);
  place.append(band);
}

async function connect() {
  const before = await queue.count();
  if (before) bar(navigator.onLine ? "ok" : "offline", before);
  let state = navigator.onLine ? await flush() : "offline";
  if (state === "ok") state = await refresh({ who: place.dataset.who });
  bar(state, await queue.count());
}

if (place && await queue.isPaired()) {
  // Another release or another language is another worker, which keeps its own page.
  const release = new URL(import.meta.url).pathname.split("/")[2];
  navigator.serviceWorker?.register(`/till/sw.js?${release}-${document.documentElement.lang}`, { scope: "/till" }).catch(() => {});
  navigator.storage?.persist?.().catch(() => {});
  await connect();
  addEventListener("online", connect);
  addEventListener("offline", async () => bar("offline", await queue.count()));
  setInterval(async () => { if (await store.count()) connect(); }, EVERY_MS);
}
