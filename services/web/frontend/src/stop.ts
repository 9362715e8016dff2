// Stops a search whose page is still coming: loaded beside such a page alone, and before it has ended. The server is
// told; it ends the page with what was found, so that nothing of the page is missing. Where it does not know the search
// (another replica), its own answer to Stop is the page.
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("[data-stop]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || document.readyState !== "loading") return;
  event.preventDefault();
  const place = link.closest("[data-searching]");
  const go = (): void => location.assign(link.href);
  void fetch(link.href, { method: "HEAD" }).then((answer) => answer.headers.has("postern-stopped") || go(), go);
  if (place) place.textContent = link.dataset.stopped ?? "";
});
