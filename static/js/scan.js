// The scan page: the camera, a scanner that types, and the field end in the same place. Without this script the field is there anyway.
import { hold, isOpen, watch } from "./scan_camera.js";
import { signal, stayAwake } from "./signals.js";
import { kept } from "./typed.js";
import { cleanCode, isAgain, listen } from "./wedge.js";

const page = document.querySelector("[data-scan]"), say = page.querySelector("[data-scan-say]"), words = page.dataset;
const form = page.querySelector("[data-find]"), field = form.elements.code;
const SAID_MS = 5000;
let told = null, isSent = false;

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
  if (!answer?.ok) await new Promise(done => setTimeout(done, 1000));
  told = answer?.status === 200 && !answer.redirected ? await answer.json() : null;
  return told?.code ?? null;
}

// Whatever read it.
function take(code) {
  const known = told?.code === code ? told : null;
  say.textContent = known?.says || words.found;
  flash(known?.says ? "refuse" : "accept");
  if (known?.says) return;
  hold();
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
    if (isOpen() && say.textContent === sentence) rest();
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
});
page.querySelector("[data-stop]").addEventListener("click", () => field.focus());

listen(code => {
  isAgain(code);
  if (!isSent) take(code);
}, torn);
stayAwake();
const begun = kept(), back = page.querySelector("[data-begun]");
if (begun?.fields.amount) {
  back.href = begun.path;
  back.querySelector("[data-begun-sum]").textContent = begun.fields.amount;
  back.hidden = false;
}
// A card that still lies before the camera is not scanned anew.
watch({ post, found: code => { if (!isAgain(code)) take(code); }, isDone: () => isSent });
