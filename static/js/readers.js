// What reads a code in a camera's picture: the browser itself where it lists the formats, the extra of `make offline-reader` where the server ships
// it, else the server, which gets small squares of the picture. Whoever has none of them types, or takes a scanner.
const SIDE = 540, QUALITY = .6;             // of a square for the server: 18 kB that read as well as the whole picture does
const GAP = { native: 80, wasm: 80, server: 250 };      // ms between two pictures; a server serves many tills
const STILL = 4, STILL_GAP = 1000;          // a picture in which nothing moves (mean difference of 16 × 16 points) is posted once a second

/** formats: those of BarcodeDetector (qr_code, aztec, pdf417, code_128). post: async blob => the code's text or null; none without network.
    wasm: the address of the extra's module, or "". Gives null where nothing can read here, else {kind, gap: ms between two reads,
    read: async video => text or null, close}. */
export async function openReader({ formats, post = null, wasm = "" }) {
  const listed = await nativeFormats(formats);
  if (listed.length === formats.length) return native(listed);
  const extra = wasm ? await wasmReader(formats, wasm) : null;
  if (extra) return extra;
  if (post) return server(post);
  return listed.length ? native(listed) : null;
}

// The class alone says nothing: some browsers have it and read no format at all.
async function nativeFormats(formats) {
  if (!("BarcodeDetector" in window)) return [];
  const supported = await BarcodeDetector.getSupportedFormats().catch(() => []);
  return formats.filter(format => supported.includes(format));
}

function native(formats) {
  const detector = new BarcodeDetector({ formats });
  const read = async video => (await detector.detect(video).catch(() => []))[0]?.rawValue.trim() || null;
  return { kind: "native", gap: GAP.native, read, close() {} };
}

const EXTRA_NAMES = { qr_code: "QRCode", aztec: "Aztec", pdf417: "PDF417", code_128: "Code128", ean_13: "EAN13" };

async function wasmReader(formats, address) {
  try {
    const extra = await import(address);
    // Without a place of its own the module asks a stranger's server for the program.
    const module = { overrides: { locateFile: name => new URL(`../${name}`, new URL(address, location.href)).href }, fireImmediately: true };
    await extra.prepareZXingModule(module);
    const picture = squares(), wanted = { formats: formats.map(name => EXTRA_NAMES[name]), maxNumberOfSymbols: 1 };
    const read = async video => {
      // As the server does: the small picture forgives dark and blur, bars need the large one.
      for (const side of [SIDE / 2, SIDE * 4 / 3]) {
        const canvas = picture(video, side), seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const [found] = await extra.readBarcodes(seen, wanted);
        if (found?.text.trim()) return found.text.trim();
      }
      return null;
    };
    return { kind: "wasm", gap: GAP.wasm, read, close() {} };
  } catch {
    return null;
  }
}

function server(post) {
  const picture = squares(), differs = moved(), stop = new AbortController();
  let posted = 0;
  const read = async video => {
    const canvas = picture(video, SIDE), now = performance.now();
    if (!differs(canvas) && now - posted < STILL_GAP) return null;
    posted = now;
    const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", QUALITY));
    return blob && !stop.signal.aborted ? post(blob, stop.signal) : null;
  };
  return { kind: "server", gap: GAP.server, read, close: () => stop.abort() };
}

/** (video, most) => a canvas with the largest square in the middle of what is seen of the film, at most `most` pixels a side. */
function squares() {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
  return (video, most) => {
    const { videoWidth: width, videoHeight: height, clientWidth, clientHeight } = video;
    const scale = Math.max(clientWidth / width, clientHeight / height) || 1;
    const side = Math.min(width, height, ...(clientWidth ? [Math.min(clientWidth, clientHeight) / scale] : []));
    canvas.width = canvas.height = Math.round(Math.min(side, most));
    pen.drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
    return canvas;
  };
}

/** canvas => whether the picture is another one than it was when this was last true. */
function moved() {
  const small = document.createElement("canvas");
  small.width = small.height = 16;
  const pen = small.getContext("2d", { willReadFrequently: true });
  let before = null;
  return canvas => {
    pen.drawImage(canvas, 0, 0, 16, 16);
    const points = pen.getImageData(0, 0, 16, 16).data;
    const sum = before ? points.reduce((total, value, place) => total + Math.abs(value - before[place]), 0) : Infinity;
    if (sum / points.length < STILL) return false;
    before = points;
    return true;
  };
}
