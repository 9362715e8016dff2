// The search box completes itself, a search says how it ended, and saved searches have their numbers. What completes is
// fetched when somebody goes to the box, so that the first page stays small.

import { make } from "./words";

export function startSearching(): void {
  document.addEventListener("focusin", (event) => {
    const input = event.target as HTMLInputElement;
    if (!input.matches?.("[data-search]:not([aria-autocomplete])")) return;
    input.setAttribute("aria-autocomplete", "list");
    void import("./searchbox").then(({ startBox }) => startBox(input));
  });
  showFound();
  startCounts();
  const box = document.querySelector<HTMLInputElement>("[data-search]");
  if (box && !box.value && location.pathname === "/search") box.focus();
}

/** A search that came in pieces knows its number at its end alone; it belongs beside the heading. */
export function showFound(): void {
  const end = document.querySelector<HTMLElement>("[data-found]");
  const count = document.querySelector(".list-count");
  if (end && count && !count.textContent) {
    count.textContent = end.dataset.found ?? "";
    document.querySelector(".search-count")?.remove();
  }
}

const REST = 60_000;
const KEPT = "postern-search-counts"; // in sessionStorage: a page is not the time to count all of them anew
let asking = false;

/** Numbers of the saved searches: soon after the page, and when mail has changed, at most once a minute. */
function startCounts(): void {
  if (!document.getElementById("searches")) return;
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") as {
    at?: number;
    of?: string;
    counts?: Record<string, number>;
  };
  const at = kept.at ?? 0;
  const fresh = kept.of === which() && at > Date.now() - REST && at <= Date.now();
  if (fresh && kept.counts) show(kept.counts);
  last = fresh ? at : 0;
  const later = window.requestIdleCallback ?? ((go: () => void) => setTimeout(go, 500));
  later(() => void count());
  document.addEventListener("postern:counts", () => void count());
}

let last = 0;
const shown = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("#searches [data-search-id]")];
/** Which searches there are: another one is not counted yet. */
const which = (): string => shown().map((link) => link.getAttribute("href")).join(" ");

async function count(): Promise<void> {
  if (asking || document.hidden || Date.now() - last < REST) return;
  asking = true;
  last = Date.now();
  try {
    const answer = await fetch("/search/saved/counts", { redirect: "error" });
    if (!answer.ok) return;
    const counts = (await answer.json()) as Record<string, number>;
    sessionStorage.setItem(KEPT, JSON.stringify({ at: last, of: which(), counts }));
    show(counts);
  } catch {
    // Without numbers the searches are still there.
  } finally {
    asking = false;
  }
}

function show(counts: Record<string, number>): void {
  for (const link of shown()) {
    const n = counts[link.dataset.searchId ?? ""];
    link.querySelector(".mbox-count")?.remove();
    if (n === undefined) continue;
    const number = new Intl.NumberFormat(document.documentElement.lang || undefined).format(n);
    link.append(make("span", { class: "mbox-count mbox-found" }, number));
  }
}
