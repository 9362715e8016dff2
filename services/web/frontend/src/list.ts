// Selection in the list of messages: ranges with Shift, all on the page, and how many.
import { listWindow } from "./window";
import { make, word } from "./words";

const boxes = (list: ParentNode): HTMLInputElement[] => [
  ...list.querySelectorAll<HTMLInputElement>(".row-check input"),
];

/** The list on the page, if it has one. */
export const rows = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-rows]");

export function startList(root: ParentNode): void {
  for (const list of root.querySelectorAll<HTMLElement>("[data-rows]:not([data-ready])")) {
    list.dataset.ready = "";
    watch(list);
  }
}

function watch(list: HTMLElement): void {
  const pane = list.closest(".pane") ?? document;
  const all = pane.querySelector<HTMLInputElement>("[data-select-all]");
  let last: HTMLInputElement | undefined;

  const count = (): void => {
    const every = boxes(list);
    const kept = list.closest("form")?.querySelectorAll("input[data-kept]").length ?? 0;
    const matching = pane.querySelector<HTMLInputElement>("input[name=all]");
    const here = every.filter((box) => box.checked).length;
    if (!here && !kept) matching?.remove();
    const found = pane.querySelector<HTMLElement>(".search-end[data-total]")?.dataset.total;
    const total = Number(listWindow()?.total ?? found ?? 0);
    const checked = matching?.isConnected ? total : here + kept;
    offerAll(pane, list, here > 0 && here === every.length && total > checked ? total : 0);
    const out = pane.querySelector("[data-selected]");
    if (out) out.textContent = checked ? word("selected", { n: checked }) : "";
    if (all) {
      all.checked = here > 0 && here === every.length;
      all.indeterminate = checked > 0 && here < every.length;
    }
  };

  const range = (box: HTMLInputElement): void => {
    const every = boxes(list);
    const [from, to] = [every.indexOf(last!), every.indexOf(box)].sort((a, b) => a - b) as [number, number];
    for (const between of every.slice(from, to + 1)) between.checked = box.checked;
  };
  list.addEventListener("click", (event) => {
    const box = event.target as HTMLInputElement;
    if (!box.matches?.(".row-check input")) return;
    if (event.shiftKey && last?.isConnected) range(box);
    last = box;
    count();
  });
  // Shift on the line itself: from the line that was selected last, or is open, to this one.
  const onLine = (event: MouseEvent): void => {
    const row = event.shiftKey && (event.target as Element).closest<HTMLElement>(".row:has(> .row-link)");
    const box = row && !(event.target as Element).closest(".row-check, .row-tools") && boxes(row)[0];
    if (!box) return;
    event.preventDefault();
    if (event.type !== "click") return; // no text is marked
    event.stopPropagation();
    if (!last?.isConnected) last = boxes(list).find((one) => one.closest(".row.is-current")) ?? box;
    box.checked = true;
    range(box);
    last = box;
    count();
  };
  list.addEventListener("mousedown", onLine);
  list.addEventListener("click", onLine, { capture: true });
  list.addEventListener("change", count);

  if (all) {
    all.parentElement?.removeAttribute("hidden");
    all.addEventListener("change", () => {
      for (const box of boxes(list)) box.checked = all.checked;
      count();
    });
  }
  count(); // the browser may have brought back the checks of the last visit
}

/** Offers to select what is not on the page either: everything that the list's terms match. */
function offerAll(pane: ParentNode, list: HTMLElement, total: number): void {
  const place = pane.querySelector("[data-selected]");
  pane.querySelector("[data-all]")?.remove();
  if (!total || !place || !("query" in list.dataset)) return;
  const button = make("button", { type: "button", class: "btn btn-quiet", "data-all": "" }, word("selectAll", { n: total }));
  button.addEventListener("click", () => {
    list.closest("form")?.append(make("input", { type: "hidden", name: "all", value: "1" }));
    list.dispatchEvent(new Event("change"));
  });
  place.after(button);
}

/** Moves the focus by rows; opens the message there when one is open beside the list. */
export function moveBy(step: number): void {
  const links = [...(rows()?.querySelectorAll<HTMLAnchorElement>(".row-link") ?? [])];
  if (!links.length) return;
  const here = links.findIndex((link) => link.closest(".row.is-current"));
  const focused = links.indexOf(document.activeElement as HTMLAnchorElement);
  const at = focused >= 0 ? focused : here;
  const next = links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  if (document.querySelector("#reading > [data-open]")) next?.click();
}

/** Checks or unchecks the row that has the focus, else the current one. */
export function toggleRow(): void {
  const row = document.activeElement?.closest(".row") ?? rows()?.querySelector(".row.is-current");
  row?.querySelector<HTMLInputElement>(".row-check input")?.click();
}

/** Nothing is selected any more, what has been scrolled away included; whether something was. */
export function selectNone(): boolean {
  const list = rows();
  const form = list?.closest("form");
  const chosen = form?.querySelectorAll<HTMLInputElement>(".row-check input:checked, input[data-kept], input[name=all]") ?? [];
  for (const one of chosen) {
    if (one.matches(".row-check input")) one.checked = false;
    else one.remove();
  }
  list?.dispatchEvent(new Event("change"));
  return chosen.length > 0;
}
