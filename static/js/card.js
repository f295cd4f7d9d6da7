// The card page in the pocket: keeps itself for the moment without network, says so when that moment is there, offers the home screen.
const card = document.querySelector("[data-card]"), offline = document.querySelector("[data-offline]"), install = document.querySelector("[data-install]");

const told = () => { offline.hidden = navigator.onLine; };
addEventListener("online", told);
addEventListener("offline", told);
told();

if ("serviceWorker" in navigator && card.dataset.worker) {
  // The page has no slash at its end, so its worker asks for a scope one step above its own folder; the server allows exactly that.
  navigator.serviceWorker.register(card.dataset.worker, { scope: card.dataset.page });
}

addEventListener("beforeinstallprompt", event => {
  event.preventDefault();
  install.hidden = false;
  install.onclick = async () => { install.hidden = true; await event.prompt(); };
});
