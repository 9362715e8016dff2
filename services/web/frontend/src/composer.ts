// The way to the composer: its scripts are fetched when somebody writes, so that the first page stays small. On wide
// screens a letter opens in a window over the page.

/** Set in localStorage while this browser keeps a letter that may not be saved. */
export const KEPT = "postern-kept";
/** In sessionStorage: letters that were open in this tab, to open again on its next page. */
export const OPEN = "postern-open";

const load = (): Promise<typeof import("./compose/index")> => import("./compose/index");
const wide = (): boolean => matchMedia("(width >= 50rem)").matches;

export function startComposers(root: ParentNode): void {
  const forms = [...root.querySelectorAll<HTMLFormElement>("form[data-composer]:not([data-ready])")];
  if (forms.length) void load().then((composer) => forms.forEach((form) => composer.prepare(form)));
}

export function startDock(): void {
  const here = (): boolean => Boolean(document.querySelector(".app")) && wide();
  const open = (url: string, link: Element): void => {
    // Where somebody was, whatever pressed the link: a key does, and leaves the focus on a message.
    const from = document.activeElement === document.body ? link : (document.activeElement ?? link);
    load()
      .then((composer) => composer.open(url, from))
      .catch(() => location.assign(url));
  };
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[href^="/compose"]');
    if (!link || link.target || !here()) return;
    event.preventDefault();
    event.stopPropagation();
    open(link.getAttribute("href") ?? "/compose", link);
  }, { capture: true });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const action = form.getAttribute("action") ?? "";
    const restoring = action === "/compose/restore"; // what was discarded
    const taking = restoring || action.startsWith("/outbox/");
    if (event.defaultPrevented || "native" in form.dataset || !here() || !(taking || (action === "/compose" && form.method === "get"))) return;
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form, event.submitter)) query.append(name, String(value));
    if (taking) {
      if (!restoring && query.get("do") !== "cancel") return;
      event.preventDefault();
      load()
        .then((composer) => composer.open(action, undefined, query))
        .then(() => form.matches("[data-undo]") && form.remove())
        .catch(() => {
          form.dataset.native = ""; // the page says what is wrong
          form.requestSubmit(event.submitter);
        });
      return;
    }
    event.preventDefault();
    open(`/compose?${query.toString()}`, event.submitter ?? form);
  });
  if (document.querySelector(".app") && (localStorage.getItem(KEPT) || sessionStorage.getItem(OPEN)))
    void load().then((composer) => composer.recover());
  document.querySelector("[data-register=mailto]")?.addEventListener("click", () => {
    navigator.registerProtocolHandler("mailto", `${location.origin}/compose?mailto=%s`);
  });
  // What this browser keeps of letters goes with the session.
  document.addEventListener("click", (event) => {
    if (!(event.target as Element).closest('a[href^="/sign-out"]')) return;
    localStorage.removeItem(KEPT);
    sessionStorage.removeItem(OPEN);
    indexedDB.deleteDatabase("postern");
  });
}
