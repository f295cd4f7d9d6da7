// The till's worker, served as /till/sw.js with the scope /till. It keeps one page and what that is made of; the network is always asked first,
// and where it does not answer, that page stands in. It keeps nothing of anybody.
const PAGE = "/till/offline", STORE = "till " + new URL(location.href).search, PATIENCE_MS = 8000;

// The reader of codes that a server may ship.
const isExtra = address => address.includes("/reader/");

async function begin() {
  const kept = await caches.open(STORE), page = await fetch(PAGE, { cache: "reload", credentials: "same-origin" });
  if (!page.ok) throw new Error(`the page answered ${page.status}`);
  const text = await page.clone().text();
  const parts = [...new Set(text.match(/\/static\/\w+\/[\w./-]+/g))];
  await kept.addAll(parts.filter(part => !isExtra(part)));
  await kept.put(PAGE, page);
  // A megabyte that a bad line may fail to bring: the till works without it, and keeps it at its first use then.
  await kept.addAll(parts.filter(isExtra)).catch(() => {});
}

async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith("till ") && name !== STORE) await caches.delete(name);
  await clients.claim();
}

const standIn = async () => (await (await caches.open(STORE)).match(PAGE)) ?? Response.error();

async function page(request) {
  const form = request.method === "POST" ? request.clone() : null;
  try {
    // A form may be on its way for as long as it takes: whoever gives up on it does not know whether it was done.
    return await fetch(request, form ? {} : { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    if (form) await remember(form).catch(() => {});
    return standIn();
  }
}

/** What a form held when the network went: the page that stands in goes on with it. */
async function remember(request) {
  const fields = Object.fromEntries(new URLSearchParams(await request.text()));
  const { code = "", amount = "", act = "", key = "" } = fields;
  const typed = { path: new URL(request.url).pathname, code, amount, act, key, at: Date.now() };
  const opening = indexedDB.open("tessera-offline", 1);
  const database = await new Promise((resolve, reject) => {
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("items", { keyPath: "counter" });
      opening.result.createObjectStore("state");
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  await new Promise(resolve => {
    const doing = database.transaction("state", "readwrite");
    doing.objectStore("state").put(typed, "lost");
    doing.oncomplete = doing.onabort = resolve;
  });
  database.close();
}

async function asset(request) {
  const kept = await caches.open(STORE), found = await kept.match(request);
  if (found) return found;
  const fresh = await fetch(request);
  if (fresh.ok && isExtra(request.url)) await kept.put(request, fresh.clone());
  return fresh;
}

addEventListener("install", event => event.waitUntil(begin().then(() => skipWaiting())));
addEventListener("activate", event => event.waitUntil(tidy()));
addEventListener("fetch", event => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.mode === "navigate" && url.pathname.startsWith("/till")) event.respondWith(page(event.request));
  else if (event.request.method === "GET" && url.pathname.startsWith("/static/")) event.respondWith(asset(event.request));
});
