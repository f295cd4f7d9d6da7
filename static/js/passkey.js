// Passkeys: asks the server for a challenge, the device for an answer, and hands it in. Without them in the browser, forms stay hidden.
const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const named = list => (list ?? []).map(one => ({ ...one, id: bytes(one.id) }));

async function post(address, fields) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields) });
  if (!answer.headers.get("content-type")?.includes("json")) throw new Error(String(answer.status));
  return answer.json();
}

async function get(options) {
  const found = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) } });
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  return { id: found.id, rawId: text(found.rawId), type: found.type, response: {
    clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
    userHandle: userHandle ? text(userHandle) : undefined } };
}

async function make(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  const made = await navigator.credentials.create({ publicKey: { ...options, user, challenge: bytes(options.challenge), excludeCredentials: named(options.excludeCredentials) } });
  const { clientDataJSON, attestationObject } = made.response;
  return { id: made.id, rawId: text(made.rawId), type: made.type, response: {
    clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject), transports: made.response.getTransports?.() ?? [] } };
}

// Recovery codes are shown once: the way on is a link that the person takes when they are kept.
function show(form, told) {
  const place = form.querySelector(".passkey__codes"), list = place.querySelector("ul"), onward = document.createElement("a");
  for (const code of told.codes) list.append(Object.assign(document.createElement("li"), { className: "code", textContent: code }));
  Object.assign(onward, { className: "button button--primary", href: told.to, textContent: form.dataset.kept });
  place.append(onward);
  place.hidden = false;
  form.querySelector("button").hidden = true;
}

function bind(form, act) {
  const said = form.querySelector("[role=alert]"), button = form.querySelector("button");
  form.hidden = false;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    said.textContent = "";
    button.disabled = true;
    try {
      const asked = await post(form.dataset.ask, new FormData(form));
      if (asked.to) return location.assign(asked.to);
      const fields = new FormData(form);
      fields.set("ticket", asked.ticket);
      fields.set("credential", JSON.stringify(await act(asked.options)));
      const told = await post(form.dataset.send, fields);
      if (told.codes?.length) show(form, told);
      else if (told.to) location.assign(told.to);
      else said.textContent = told.error;
    } catch {
      said.textContent = form.dataset.failed;
    } finally {
      button.disabled = false;
    }
  });
}

// A passkey belongs to a name: on a bare number of a machine no browser makes one.
if (globalThis.PublicKeyCredential && !/^[\d.]+$|:/.test(location.hostname)) {
  for (const form of document.querySelectorAll("[data-passkey]")) bind(form, get);
  for (const form of document.querySelectorAll("[data-new-passkey]")) bind(form, make);
}
