// What this till keeps for the time without a network, in IndexedDB "tessera-offline": operations that wait ("items") and whatever it knows
// ("state"). Both lie there encrypted (AES-GCM) under keys that this browser made and gives to nobody, not even to this script.
const HOW = { name: "AES-GCM", length: 256 };

/** Runs `act` while no other tab of this till runs one under this name. */
export const alone = (name, act) => navigator.locks.request(name, act);

const settled = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opened = null;

function database() {
  opened ??= (async () => {
    const opening = indexedDB.open("tessera-offline", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("items", { keyPath: "counter" });
      opening.result.createObjectStore("state");
    };
    const database = await settled(opening);
    // Another tab of a newer release must be able to change it.
    database.onversionchange = () => { database.close(); opened = null; };
    return database;
  })().catch(failure => { opened = null; throw failure; });
  return opened;
}

/** Runs `act` on the named stores in one transaction; resolves once it is on the disk. */
export async function write(names, act) {
  const doing = (await database()).transaction(names, "readwrite", { durability: "strict" });
  const done = new Promise((resolve, reject) => {
    doing.oncomplete = resolve;
    doing.onabort = doing.onerror = () => reject(doing.error);
  });
  act(...names.map(name => doing.objectStore(name)));
  await done;
}

export const get = async name => settled((await database()).transaction("state").objectStore("state").get(name));
export const put = (name, value) => write(["state"], state => { state.put(value, name); });
export const drop = (...names) => write(["state"], state => { for (const name of names) state.delete(name); });
export const items = async () => settled((await database()).transaction("items").objectStore("items").getAll());
export const count = async () => settled((await database()).transaction("items").objectStore("items").count());

/** The key named so, made at its first use. Nothing can be read any more once it is dropped. */
async function keyOf(name) {
  const kept = await get(name);
  if (kept) return kept;
  const made = await crypto.subtle.generateKey(HOW, false, ["encrypt", "decrypt"]);
  await put(name, made);
  return made;
}

export async function seal(name, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12)), data = new TextEncoder().encode(JSON.stringify(value));
  return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyOf(name), data) };
}

/** What was sealed; null where its key is gone. */
export async function open(name, sealed) {
  const key = sealed && await get(name);
  if (!key) return null;
  try {
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, key, sealed.data)));
  } catch {
    return null;
  }
}
