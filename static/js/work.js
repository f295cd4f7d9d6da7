// Forms that ask for work: the answer to the page's puzzle is looked for as soon as the page is there, some hundred hashes at a time, and goes
// with whichever form is sent.
const forms = document.querySelectorAll("[data-work]");
const BATCH = 512;

function zeroBits(digest) {
  let bits = 0;
  for (const byte of new Uint8Array(digest)) {
    bits += Math.clz32(byte) - 24;
    if (byte) break;
  }
  return bits;
}

async function solve(challenge, wanted) {
  const text = new TextEncoder();
  for (let from = 0; ; from += BATCH) {
    const digests = await Promise.all(Array.from({ length: BATCH }, (_, at) => crypto.subtle.digest("SHA-256", text.encode(`${challenge}.${from + at}`))));
    const found = digests.findIndex(digest => zeroBits(digest) >= wanted);
    if (found >= 0) return from + found;
  }
}

if (forms.length && window.crypto?.subtle) {
  const challenge = forms[0].dataset.work, answer = solve(challenge, Number(challenge.split("-")[1]));
  for (const form of forms) form.addEventListener("submit", async event => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const pressed = event.submitter;
    form.elements.answer.value = await answer;
    // A form that is being submitted does not begin again: only once this event is over.
    setTimeout(() => form.requestSubmit(pressed));
  });
}
