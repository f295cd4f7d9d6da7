// The scan page's camera: opened where it is wanted, closed while the page is hidden; says what to do about one that is not there.
import { openReader } from "./readers.js";

const page = document.querySelector("[data-scan]"), film = page.querySelector("video"), say = page.querySelector("[data-scan-say]");
const start = page.querySelector("[data-start]"), stop = page.querySelector("[data-stop]"), torch = page.querySelector("[data-torch]");
const words = { hold: page.dataset.hold, idle: say.textContent };
const CAMERA = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } }, audio: false };
const HELP = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", OverconstrainedError: "missing" };
const pause = ms => new Promise(done => setTimeout(done, ms));
let stream = null, reader = null, isWanted = page.dataset.opens === "camera";
let hands = null;           // {post: as readers.js asks for it, found: gets each code that is seen, isDone: whether the page has one already}

/** From now on codes that the camera sees go to these hands; the camera opens where the page opens on it. */
export function watch(given) {
  hands = given;
  start.hidden = false;
  if (isWanted) open();
}

/** Whether the camera looks at this moment. */
export const isOpen = () => Boolean(stream);

/** The picture stands still: what was in it is enough. */
export const hold = () => film.pause();

async function open() {
  isWanted = true;
  help("");
  start.hidden = true;
  // A browser that gives no camera to this page has no such object at all.
  if (!navigator.mediaDevices?.getUserMedia) return help("absent");
  try {
    stream = await navigator.mediaDevices.getUserMedia(CAMERA);
    reader ??= await openReader({ formats: page.dataset.formats.split(","), wasm: page.dataset.wasm, post: hands.post });
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
    const code = film.readyState >= 2 && !hands.isDone() ? await reader.read(film).catch(() => null) : null;
    if (code && stream === mine && !hands.isDone()) hands.found(code);
    await pause(Math.max(20, reader.gap - (performance.now() - began)));
  }
}

addEventListener("pageshow", () => { if (stream) film.play().catch(() => {}); });
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isWanted && !stream) open();
  else if (document.hidden && stream) close();
});
for (const again of page.querySelectorAll("[data-start], [data-again]")) again.addEventListener("click", open);
stop.addEventListener("click", () => { isWanted = false; close(); });
torch.addEventListener("click", () => {
  const isOn = torch.getAttribute("aria-pressed") !== "true";
  torch.setAttribute("aria-pressed", String(isOn));
  stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: isOn }] }).catch(() => {});
});
