// A code that changes: the next one is fetched when its time is over. Without network the card's still code stands in its place, which collects
// and does not spend. A page without scripts reloads itself instead.
const note = document.querySelector("[data-code]"), still = document.querySelector("[data-still-code]");
const on = note.querySelector("[data-code-on]"), off = note.querySelector("[data-code-off]");
const AGAIN = 5;          // seconds until the network is tried once more
let timer = 0;

function put(html, isLive) {
  // Looked for each time: the page's other script draws the card anew when it changed.
  const place = document.querySelector('[data-live="card"] .pass__code');
  if (place) place.innerHTML = html;
  on.hidden = !isLive;
  off.hidden = isLive;
}

async function renew() {
  clearTimeout(timer);
  if (document.hidden) return;
  let seconds = AGAIN;
  try {
    const answer = await fetch(note.dataset.code, { cache: "no-store" });
    // Gone: the programme's codes stand still again, or the card ended; the page says which.
    if (answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const fresh = await answer.json();
    put(`${fresh.svg}<span>${fresh.digits}</span>`, true);
    seconds = fresh.seconds_left;
  } catch {
    put(still.innerHTML, false);
  }
  timer = setTimeout(renew, seconds * 1000);
}

document.addEventListener("visibilitychange", renew);
addEventListener("online", renew);
addEventListener("offline", renew);
renew();
