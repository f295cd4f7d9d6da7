// What was typed at a card outlives a session that ends: it waits in the tab, for the same card alone, and not for long.
const NAME = "tessera-typed", KEPT_MS = 15 * 60 * 1000;

/** fields: texts by name. Nothing typed is nothing kept. */
export function keep(path, fields) {
  if (Object.values(fields).some(Boolean)) sessionStorage.setItem(NAME, JSON.stringify({ path, at: Date.now(), fields }));
  else forget();
}

/** {path, at, fields} as `keep` was told, or null. */
export function kept(now = Date.now()) {
  const found = JSON.parse(sessionStorage.getItem(NAME) ?? "null");
  return found && now - found.at < KEPT_MS ? found : null;
}

export const forget = () => sessionStorage.removeItem(NAME);
