// The camera of the scan page. Only where the browser itself reads QR codes; everywhere else the field, the reader and typing are there anyway.
const scan = document.querySelector("[data-scan]"), start = scan.querySelector("[data-camera]"), film = scan.querySelector("video");
const say = scan.querySelector("[data-scan-say]"), field = scan.querySelector("[name=code]"), form = field.form;
const words = say.textContent;
// What cards can show their code as.
const SHOWN = ["qr_code", "aztec", "pdf417", "code_128"];
let stream = null, readable = [];

async function reads() {
  // The class alone says nothing: some browsers have it and read no format at all.
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return false;
  try { readable = (await BarcodeDetector.getSupportedFormats()).filter(format => SHOWN.includes(format)); } catch { return false; }
  return readable.includes("qr_code");
}

function stop() {
  stream?.getTracks().forEach(track => track.stop());
  stream = null;
  film.hidden = true;
  start.hidden = false;
  say.textContent = words;
}

function take(code) {
  stop();
  navigator.vibrate?.(60);
  field.value = code;
  form.requestSubmit();
}

async function look(detector) {
  if (!stream) return;
  const found = film.readyState >= 2 ? await detector.detect(film).catch(() => []) : [];
  const code = found.map(one => one.rawValue.trim()).find(text => /^\d{16}(\d{8})?$/.test(text));
  if (code && stream) take(code);
  else requestAnimationFrame(() => look(detector));
}

async function open() {
  start.hidden = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } }, audio: false });
  } catch {
    stop();
    say.textContent = scan.dataset.refusedSays;
    return;
  }
  film.srcObject = stream;
  film.hidden = false;
  say.textContent = scan.dataset.cameraSays;
  look(new BarcodeDetector({ formats: readable }));
}

if (await reads()) {
  start.hidden = false;
  start.addEventListener("click", open);
  document.addEventListener("visibilitychange", () => { if (document.hidden && stream) stop(); });
}

// A reader types into whatever has the focus; when nothing has, its digits belong in the field.
document.addEventListener("keydown", event => {
  if (event.target === document.body && /^\d$/.test(event.key)) field.focus();
});
// A reader that sends Enter twice, or a card held too long, is one search.
let sent = 0;
form.addEventListener("submit", event => {
  if (Date.now() - sent < 2500) event.preventDefault();
  else sent = Date.now();
});
addEventListener("pageshow", () => { sent = 0; field.select(); });
