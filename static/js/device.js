// The key of a paired till: made in this browser when a manager pairs it, never exported, kept in IndexedDB "tessera-till", store "keys".
// A page without a secure address has no keys: the till pairs and works all the same, only offline it can sign nothing.
const KEYS = { name: "ECDSA", namedCurve: "P-256" }, HOW = { name: "ECDSA", hash: "SHA-256" };

export const base64url = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

const settled = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function withKeys(mode, act) {
  const opening = indexedDB.open("tessera-till", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
  const database = await settled(opening);
  try { return await settled(act(database.transaction("keys", mode).objectStore("keys"))); } finally { database.close(); }
}

// The device's key: { deviceId, sign(bytes) -> base64url of ECDSA-SHA256's raw r and s }, or null where this browser has none.
export async function deviceKey() {
  if (!globalThis.crypto?.subtle || !globalThis.indexedDB) return null;
  const kept = await withKeys("readonly", keys => keys.get("own")).catch(() => undefined);
  if (!kept?.deviceId) return null;
  return { deviceId: kept.deviceId, sign: async bytes => base64url(await crypto.subtle.sign(HOW, kept.pair.privateKey, bytes)) };
}

// A new pair of keys that waits for its device; gives the public one as the pairing form sends it.
async function newKey() {
  const pair = await crypto.subtle.generateKey(KEYS, false, ["sign", "verify"]);
  const spki = base64url(await crypto.subtle.exportKey("spki", pair.publicKey));
  await withKeys("readwrite", keys => keys.put({ pair, spki }, "waiting"));
  return spki;
}

// The pairing page: the form goes off with a fresh public key in it.
const pairing = document.querySelector("[data-pairing]");
pairing?.addEventListener("submit", async event => {
  if (pairing.elements.public_key.value || !globalThis.crypto?.subtle || !globalThis.indexedDB) return;
  event.preventDefault();
  // A browser that keeps no keys pairs without one.
  pairing.elements.public_key.value = await newKey().catch(() => "");
  pairing.submit();
});

// The device's own start: the key that the server knows becomes the device's, any other is forgotten.
const start = document.querySelector("[data-device]");
if (start && globalThis.crypto?.subtle && globalThis.indexedDB) {
  const { device, deviceKey: spki } = start.dataset;
  const [own, waiting] = await Promise.all(["own", "waiting"].map(name => withKeys("readonly", keys => keys.get(name)))).catch(() => []);
  if (waiting && waiting.spki === spki) {
    await withKeys("readwrite", keys => keys.put({ ...waiting, deviceId: device }, "own"));
    await withKeys("readwrite", keys => keys.delete("waiting"));
  } else if (own && own.spki !== spki) await withKeys("readwrite", keys => keys.delete("own"));
}
