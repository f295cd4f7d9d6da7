// What a cashier hears and feels while looking elsewhere: a tone for a code that was read, a deeper one for one that leads nowhere. And the
// screen that stays on while cards are waited for.
const TONES = { accept: [1320, .09], refuse: [330, .22] };      // hertz, seconds
let sound = null;

// Browsers keep a page silent until it was touched once.
for (const touch of ["pointerdown", "keydown"]) {
  addEventListener(touch, () => {
    sound ??= window.AudioContext ? new AudioContext() : null;
    sound?.resume().catch(() => {});
  }, { capture: true, passive: true });
}

/** kind: a key of TONES. Silent where no sound is allowed yet; shaken as well where a phone can. */
export function signal(kind) {
  navigator.vibrate?.(kind === "accept" ? 60 : [60, 60, 60]);
  if (sound?.state !== "running") return;
  const [hertz, seconds] = TONES[kind], tone = sound.createOscillator(), loudness = sound.createGain(), now = sound.currentTime;
  tone.frequency.value = hertz;
  loudness.gain.setValueAtTime(.25, now);
  loudness.gain.exponentialRampToValueAtTime(.001, now + seconds);
  tone.connect(loudness).connect(sound.destination);
  tone.start(now);
  tone.stop(now + seconds);
}

/** The screen stays on while this page is seen; a browser lets go of it whenever it is not. */
export function stayAwake() {
  const ask = () => { if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {}); };
  document.addEventListener("visibilitychange", ask);
  ask();
}
