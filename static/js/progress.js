// A long piece of work tells how far it is, and the page is fetched anew when it is done. Without this a link does that by hand.
for (const place of document.querySelectorAll("[data-progress]")) {
  const bar = place.querySelector("progress"), told = place.querySelector("[data-progress-told]");
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      if (now.state !== place.dataset.state) return location.reload();
      bar.max = now.total || 1;
      bar.value = now.done;
      told.textContent = now.words;
    } catch {
      // The line may be down for a moment; the next look finds out.
    }
    setTimeout(look, document.hidden ? 5000 : 1000);
  };
  setTimeout(look, 1000);
}
