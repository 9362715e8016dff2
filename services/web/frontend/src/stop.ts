// Stops a search whose page is still coming: loaded beside such a page alone, and before it has ended. What was found
// stays; the other scripts, which wait for the end of a page, start then.
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLElement>("[data-stop]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || document.readyState !== "loading") return;
  event.preventDefault();
  window.stop();
  const place = link.closest("[data-searching]");
  if (place) {
    place.classList.add("is-stopped");
    place.textContent = link.dataset.stopped ?? "";
  }
  const app = document.querySelector<HTMLScriptElement>('head script[src*="/app-"]');
  if (app) void import(app.src);
});
