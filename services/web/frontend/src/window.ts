// The list as a window over the whole mailbox: lines come as they are scrolled to, those far away leave, and what stands
// for them is empty room, so that the scroll bar tells the truth about 100,000 messages.

import htmx from "htmx.org/dist/htmx.esm.js";

const MOST = 6; // pages in the document at once

export const ROWS = { "HX-Request": "true", "HX-Target": "ol#rows" };

const lineOf = (row: Element): HTMLInputElement | null => row.querySelector(".row-check input");
/** What the line's checkbox sends: the message's name, or those of a conversation. */
export const keyOf = (row: Element): string => lineOf(row)?.value ?? "";

export class ListWindow {
  total: number;
  private start: number;
  private readonly size: number;
  private readonly pane: HTMLElement;
  private readonly above = gap();
  private readonly below = gap();
  private loading?: AbortController;
  private waiting = 0;

  constructor(readonly list: HTMLElement) {
    this.total = Number(list.dataset.total);
    this.start = Number(list.dataset.position);
    this.size = Number(list.dataset.size);
    this.pane = list.closest<HTMLElement>(".pane") ?? document.documentElement;
    list.parentElement?.querySelector(":scope > .pager")?.remove();
    list.prepend(this.above);
    list.append(this.below);
    this.measure();
    this.pane.addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon());
    if (this.start > 0) this.pane.scrollTop = this.offset() + this.start * this.height();
    this.comeBack();
    this.soon();
  }

  rows(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(":scope > .row")];
  }

  url(at: number): string {
    const url = this.address(at);
    return url.pathname + url.search;
  }

  private address(at: number): URL {
    const url = new URL(this.list.dataset.url ?? "", location.href);
    if (at) url.searchParams.set("at", String(at));
    return url;
  }

  /** What an act's form says for its answer to bring the lines that fill the room of `gone` lines, which have been taken
   * out; "" where it is not done to this list's mailbox. */
  wanted(action: string, gone: number): string {
    const url = this.address(this.start + this.rows().length);
    if (new URL(action, location.href).pathname !== `${url.pathname}/actions`) return "";
    url.searchParams.set("rows", String(gone));
    return url.search.slice(1);
  }

  /** Puts in what an act's answer brought, where the list is otherwise as it was. False where more has happened to it
   * meanwhile, so that it is to be read again. */
  fill(brought: HTMLElement[], wanted: string, told: Headers): boolean {
    // An answer that is on its way may be older than the act.
    if (this.loading) return false;
    const [at, rows] = ["at", "rows"].map((name) => Number(new URLSearchParams(wanted).get(name) ?? 0)) as [number, number];
    const total = Number(told.get("postern-total") ?? NaN);
    const shown = this.rows();
    const known = new Set(shown.map(keyOf));
    // The lines may have come meanwhile, as the list was scrolled; then they stand where they belong.
    const right = brought.every((row, n) => {
      const there = shown[at + n - this.start];
      return there ? keyOf(there) === keyOf(row) : !known.has(keyOf(row));
    });
    const fresh = brought.slice(Math.max(0, this.start + shown.length - at));
    const whole = brought.length >= Math.min(rows, total - at);
    if (total !== this.total || at < this.start || at > this.start + shown.length || !right || !whole) return false;
    this.below.before(...fresh);
    this.count(told);
    this.measure();
    this.changed();
    return true;
  }

  private count(told: Headers): void {
    const count = this.pane.querySelector(".list-count");
    if (count) count.textContent = decodeURIComponent(told.get("postern-count") ?? "");
  }

  private offset(): number {
    return this.list.offsetTop;
  }

  private height(): number {
    const row = this.list.querySelector<HTMLElement>(":scope > .row");
    return row?.offsetHeight || 56;
  }

  private measure(): void {
    const rows = this.rows();
    const height = this.height();
    this.above.style.blockSize = `${this.start * height}px`;
    this.below.style.blockSize = `${Math.max(0, this.total - this.start - rows.length) * height}px`;
    rows.forEach((row, n) => {
      row.setAttribute("aria-posinset", String(this.start + n + 1));
      row.setAttribute("aria-setsize", String(this.total));
    });
  }

  private soon(): void {
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      void this.look();
    }, 60);
  }

  /** Loads what is in sight or nearly so. */
  private async look(): Promise<void> {
    const height = this.height();
    const top = Math.max(0, Math.floor((this.pane.scrollTop - this.offset()) / height));
    const bottom = top + Math.ceil(this.pane.clientHeight / height);
    const end = this.start + this.rows().length;
    const near = this.size / 2;
    if (bottom < this.start - this.size || top > end + this.size) {
      await this.load(Math.max(0, Math.floor(top / this.size) * this.size), "instead");
    } else if (bottom + near > end && end < this.total) await this.load(end, "after");
    else if (top - near < this.start && this.start > 0) await this.load(Math.max(0, this.start - this.size), "before");
    else return;
    this.soon();
  }

  private async fetch(at: number): Promise<HTMLElement[] | undefined> {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    try {
      const answer = await fetch(this.url(at), { headers: ROWS, signal: loading.signal });
      if (!answer.ok || answer.redirected) return undefined;
      const made = document.createElement("template");
      made.innerHTML = await answer.text(); // escaped by the server's templates
      this.total = Number(answer.headers.get("postern-total") ?? this.total);
      this.count(answer.headers);
      return [...made.content.querySelectorAll<HTMLElement>(".row")];
    } catch {
      return undefined; // the line is gone or the wish has changed; the next scroll asks again
    } finally {
      if (this.loading === loading) this.loading = undefined;
    }
  }

  private async load(at: number, where: "before" | "after" | "instead"): Promise<void> {
    this.list.setAttribute("aria-busy", "true");
    const fresh = await this.fetch(at);
    this.list.removeAttribute("aria-busy");
    if (!fresh) return;
    if (where === "instead") {
      this.drop(this.rows());
      this.start = at;
      this.above.after(...fresh);
    } else {
      const known = new Set(this.rows().map(keyOf));
      const added = fresh.filter((row) => !known.has(keyOf(row)));
      if (where === "after") {
        this.below.before(...added);
        if (!added.length) this.total = this.start + this.rows().length;
      } else {
        this.above.after(...added);
        this.start = at;
      }
      const rows = this.rows();
      const over = rows.length - MOST * this.size;
      if (over > 0) {
        if (where === "after") {
          this.drop(rows.slice(0, over));
          this.start += over;
        } else this.drop(rows.slice(-over));
      }
    }
    this.restore();
    this.measure();
    this.changed();
  }

  /** Takes rows out; the names of checked ones stay in the form. */
  private drop(rows: HTMLElement[]): void {
    for (const row of rows) {
      if (row.contains(document.activeElement)) this.pane.focus({ preventScroll: true });
      const box = lineOf(row);
      if (box?.checked) {
        const kept = document.createElement("input");
        kept.type = "hidden";
        kept.name = box.name;
        kept.value = box.value;
        kept.dataset.kept = "";
        this.list.closest("form")?.append(kept);
      }
      row.remove();
    }
  }

  private restore(): void {
    for (const kept of this.list.closest("form")?.querySelectorAll<HTMLInputElement>("input[data-kept]") ?? []) {
      const box = this.list.querySelector<HTMLInputElement>(`.row-check input[value="${CSS.escape(kept.value)}"]`);
      if (!box) continue;
      box.checked = true;
      kept.remove();
    }
  }

  private changed(): void {
    htmx.process(this.list); // links of new lines open in the reading pane, too
    this.list.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** Brings what is shown up to date in place: nothing that is being read moves. */
  async refresh(): Promise<void> {
    const fresh = await this.fetch(this.start);
    if (!fresh) return;
    const old = this.rows();
    const seen = old.find((row) => row.offsetTop + row.offsetHeight > this.pane.scrollTop);
    const was = this.pane.scrollTop > this.offset() ? seen?.offsetTop : undefined;
    const byKey = new Map(old.map((row) => [keyOf(row), row]));
    const names = new Set(fresh.map(keyOf));
    let last = -1;
    old.forEach((row, n) => (last = names.has(keyOf(row)) ? n : last));
    // What follows the last line that both have is further down and has not moved.
    const rest = fresh.length < this.size || last < 0 ? [] : old.slice(last + 1);
    const lines = [...fresh.map((row) => same(byKey.get(keyOf(row)), row)), ...rest].slice(0, MOST * this.size);
    const stay = new Set(lines);
    const focused = old.find((row) => row.contains(document.activeElement));
    this.drop(old.filter((row) => !stay.has(row)));
    let place: Element = this.above;
    for (const line of lines) {
      if (place.nextElementSibling !== line) place.after(line);
      place = line;
    }
    // A line that was drawn anew is the same line to whoever stands on it.
    if (focused && !stay.has(focused))
      lines.find((line) => keyOf(line) === keyOf(focused))?.querySelector<HTMLElement>(".row-link")?.focus({ preventScroll: true });
    this.restore();
    this.measure();
    if (was !== undefined && seen?.isConnected) this.pane.scrollTop += seen.offsetTop - was;
    this.changed();
    this.soon();
  }

  /** Takes lines out at once, before the server has answered. */
  take(keys: Set<string>): HTMLElement | undefined {
    let next: HTMLElement | undefined;
    for (const row of this.rows()) {
      if (!keyOf(row).split(" ").some((key) => keys.has(key))) continue;
      const beside = (row.nextElementSibling ?? row.previousElementSibling) as HTMLElement | null;
      next = beside?.matches(".row") ? beside : (row.previousElementSibling as HTMLElement | null) ?? undefined;
      const focused = row.contains(document.activeElement);
      row.remove();
      if (focused) next?.querySelector<HTMLElement>(".row-link")?.focus();
      this.total -= 1;
    }
    this.measure();
    this.changed();
    this.soon();
    return next?.matches(".row") ? next : undefined;
  }

  /** On a phone the list leaves the screen while a message is read: it comes back where it was. */
  private comeBack(): void {
    const name = `postern-at ${this.list.dataset.url}`;
    this.list.addEventListener("click", (event) => {
      if ((event.target as Element).closest(".row-link")) sessionStorage.setItem(name, String(this.pane.scrollTop));
    });
    const at = sessionStorage.getItem(name);
    if (at && !document.querySelector("#reading > [data-open]")) {
      sessionStorage.removeItem(name);
      if (this.start === 0) this.pane.scrollTop = Number(at);
    }
  }
}

function gap(): HTMLElement {
  const made = document.createElement("li");
  made.className = "row-gap";
  made.setAttribute("aria-hidden", "true");
  return made;
}

/** The line that is there, if the new one says the same; the new one otherwise, checked and current as the old was. */
function same(old: HTMLElement | undefined, fresh: HTMLElement): HTMLElement {
  if (!old) return fresh;
  const current = old.classList.contains("is-current");
  fresh.classList.toggle("is-current", current);
  if (current) fresh.querySelector(".row-link")?.setAttribute("aria-current", "true");
  if (old.className === fresh.className && inner(old) === inner(fresh)) return old;
  const box = lineOf(fresh);
  if (box) box.checked = lineOf(old)?.checked ?? false;
  return fresh;
}

function inner(row: HTMLElement): string {
  return (row.querySelector(".row-link")?.innerHTML ?? "") + (row.querySelector(".row-link")?.getAttribute("href") ?? "");
}

let shown: ListWindow | undefined;

/** The window over the list of the page, if it has one. */
export const listWindow = (): ListWindow | undefined => (shown?.list.isConnected ? shown : undefined);

export function startWindow(root: ParentNode): void {
  for (const list of root.querySelectorAll<HTMLElement>("[data-rows][data-total]:not([data-window])")) {
    list.dataset.window = "";
    shown = new ListWindow(list);
  }
}
