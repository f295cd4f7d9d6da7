// The scan page: the camera, a scanner that types, and the field end in the same place. Without this script the field is there anyway.
import { openReader } from "./readers.js";
import { signal, stayAwake } from "./signals.js";
import { kept } from "./typed.js";
import { cleanCode, isAgain, listen } from "./wedge.js";

const page = document.querySelector("[data-scan]"), film = page.querySelector("video"), say = page.querySelector("[data-scan-say]");
const start = page.querySelector("[data-start]"), stop = page.querySelector("[data-stop]"), torch = page.querySelector("[data-torch]");
const form = page.querySelector("[data-find]"), field = form.elements.code, words = { ...page.dataset, idle: say.textContent };
const CAMERA = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } }, audio: false };
const HELP = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", OverconstrainedError: "missing" };
const pause = ms => new Promise(done => setTimeout(done, ms));
const SAID_MS = 5000;
let stream = null, reader = null, told = null, isSent = false, isWanted = page.dataset.opens === "camera";

// The camera.
async function open() {
  isWanted = true;
  help("");
  start.hidden = true;
  // A browser that gives no camera to this page has no such object at all.
  if (!navigator.mediaDevices?.getUserMedia) return help("absent");
  try {
    stream = await navigator.mediaDevices.getUserMedia(CAMERA);
    reader ??= await openReader({ formats: page.dataset.formats.split(","), wasm: page.dataset.wasm, post });
  } catch (failure) {
    return help(HELP[failure.name] ?? "busy");
  }
  film.srcObject = stream;
  film.hidden = stop.hidden = false;
  page.dataset.camera = reader.kind;
  say.textContent = words.hold;
  const [track] = stream.getVideoTracks();
  torch.hidden = !track.getCapabilities?.().torch;
  track.addEventListener("ended", () => { if (stream?.getVideoTracks()[0] === track) { close(); help("busy"); } });
  await film.play().catch(() => {});
  look(stream);
}

function close() {
  stream?.getTracks().forEach(track => track.stop());
  stream = null;
  film.hidden = stop.hidden = torch.hidden = true;
  start.hidden = false;
  torch.setAttribute("aria-pressed", "false");
  delete page.dataset.camera;
  say.textContent = words.idle;
}

/** Shows what to do about a camera that is refused, missing, absent or busy; "" for none of them. */
function help(state) {
  for (const each of page.querySelectorAll("[data-help]")) each.hidden = each.dataset.help !== state;
  page.toggleAttribute("data-helpless", Boolean(state));
  if (state) close();
  start.hidden = Boolean(state) || Boolean(stream);
}

async function look(mine) {
  while (stream === mine) {
    const began = performance.now();
    const code = film.readyState >= 2 && !isSent ? await reader.read(film).catch(() => null) : null;
    // A card that still lies before the camera is not scanned anew.
    if (code && stream === mine && !isSent && !isAgain(code)) take(code);
    await pause(Math.max(20, reader.gap - (performance.now() - began)));
  }
}

/** A square of the picture to the server: the code's text, or null. */
async function post(blob, signal) {
  let answer = null;
  try {
    answer = await fetch(page.dataset.frame, {
      method: "POST", body: blob, signal, headers: { "Content-Type": "image/jpeg", "X-CSRF-Token": form.elements.csrf.value } });
  } catch {
    say.textContent = words.lost;
  }
  // Another page instead of an answer: the session has ended, or waits for its PIN.
  if (answer?.redirected) location.reload();
  if (!answer?.ok) await pause(1000);
  told = answer?.status === 200 && !answer.redirected ? await answer.json() : null;
  return told?.code ?? null;
}

// Whatever read it.
function take(code) {
  const known = told?.code === code ? told : null;
  say.textContent = known?.says || words.found;
  flash(known?.says ? "refuse" : "accept");
  if (known?.says) return;
  film.pause();
  isSent = true;
  if (known?.url) return location.assign(known.url);
  field.value = code;
  form.requestSubmit();
}

function flash(kind) {
  signal(kind);
  delete page.dataset.hit;
  void page.offsetWidth;          // begins anew, however soon after the last
  page.dataset.hit = kind;
  const sentence = say.textContent;
  setTimeout(() => {
    if (stream && say.textContent === sentence) rest();
  }, SAID_MS);
}

/** Ready for the next code. */
function rest() {
  delete page.dataset.hit;
  say.textContent = words.hold;
}

function torn(keys, wrong) {
  // What was typed beside the field is not lost; what a scanner tore is nothing.
  if (wrong === "torn") {
    say.textContent = words.torn;
    flash("refuse");
  } else {
    field.value = keys;
    field.focus();
  }
}

form.addEventListener("submit", event => {
  // A reader that sends Enter twice is one search; what it sends twice, the page of the card knows.
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  const { code } = cleanCode(field.value);
  if (code) isAgain(code);
});
addEventListener("pageshow", () => {
  delete form.dataset.sent;
  delete page.dataset.hit;
  isSent = false;
  field.select();
  if (stream) film.play().catch(() => {});
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isWanted && !stream) open();
  else if (document.hidden && stream) close();
});
for (const again of page.querySelectorAll("[data-start], [data-again]")) again.addEventListener("click", open);
stop.addEventListener("click", () => { isWanted = false; close(); field.focus(); });
torch.addEventListener("click", () => {
  const isOn = torch.getAttribute("aria-pressed") !== "true";
  torch.setAttribute("aria-pressed", String(isOn));
  stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: isOn }] }).catch(() => {});
});

listen(code => {
  isAgain(code);
  if (!isSent) take(code);
}, torn);
stayAwake();
start.hidden = false;
const begun = kept(), back = page.querySelector("[data-begun]");
if (begun?.fields.amount) {
  back.href = begun.path;
  back.querySelector("[data-begun-sum]").textContent = begun.fields.amount;
  back.hidden = false;
}
if (isWanted) open();
