// The card page's worker, served as {page}/sw.js. It keeps this one page and what it is made of, nothing else, and always asks the network first.
const page = new URL(".", location.href).pathname.slice(0, -1), store = `card ${page}`;
// A release changes the digest in an address; the copy kept is the newest under the plain name.
const key = url => url.pathname.startsWith("/static/") ? url.pathname.replace(/^\/static\/\w+/, "/static") : url.pathname;

async function answer(request, url) {
  const kept = await caches.open(store);
  try {
    const fresh = await fetch(request);
    if (fresh.ok) await kept.put(key(url), fresh.clone());
    // A card that is gone is not shown from memory.
    else if (fresh.status === 404 || fresh.status === 410) await kept.delete(key(url));
    return fresh;
  } catch (error) {
    const old = await kept.match(key(url));
    if (old) return old;
    throw error;
  }
}

async function begin() {
  const fresh = await fetch(page, { cache: "reload" });
  if (!fresh.ok) return;
  const kept = await caches.open(store), text = await fresh.clone().text();
  await kept.put(page, fresh);
  await Promise.all([...new Set(text.match(/\/static\/\w+\/[\w./-]+/g))].map(async path => kept.put(key(new URL(path, location.href)), await fetch(path))));
}

addEventListener("install", event => event.waitUntil(begin().then(() => skipWaiting())));
addEventListener("activate", event => event.waitUntil(clients.claim()));
addEventListener("fetch", event => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === page || url.pathname.startsWith("/static/")) event.respondWith(answer(event.request, url));
});
