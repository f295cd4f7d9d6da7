// The camera of a till without a network, where this browser reads codes by itself.
import { take } from "./offline_card.js";
import { $, page, till } from "./offline_page.js";
import { openReader } from "./readers.js";
import { cleanCode } from "./wedge.js";

const film = $("film").querySelector("video");

export async function camera() {
  const reader = await openReader({ formats: ["qr_code", "aztec", "pdf417", "code_128"], wasm: page.dataset.wasm });
  $("camera").hidden = !reader;
  $("no-camera").hidden = Boolean(reader);
  $("camera").addEventListener("click", async () => {
    const stream = await navigator.mediaDevices?.getUserMedia({ video: { facingMode: { ideal: "environment" } }, audio: false }).catch(() => null);
    if (!stream) { $("no-camera").hidden = false; return; }
    film.srcObject = stream;
    $("film").hidden = false;
    $("camera").hidden = true;
    while (!till.shown && !document.hidden) {
      const code = film.readyState >= 2 ? await reader.read(film).catch(() => null) : null;
      if (code && cleanCode(code).code) take(code);
      await new Promise(done => setTimeout(done, reader.gap));
    }
    stream.getTracks().forEach(track => track.stop());
    $("film").hidden = true;
    $("camera").hidden = false;
  });
}
