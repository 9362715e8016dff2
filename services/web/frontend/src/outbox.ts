// The outbox page follows what becomes of each message: the stream says which one changed, the list is read again and
// only what is new in it is put in place, so that nobody loses the button or field that they are at.
const SOON = 200;
const STAYS = 8_000;

interface Told {
  id?: string;
  words?: string;
  subject?: string;
}

export function startOutbox(): void {
  const list = document.querySelector<HTMLElement>("[data-outbox]");
  if (!list) return;
  const said = document.querySelector<HTMLElement>("[data-outbox-said]");
  const words = new Map<string, string>();
  let timer = 0;

  const read = async (): Promise<void> => {
    timer = 0;
    try {
      const answer = await fetch(list.dataset.outbox || location.href, { headers: { "Postern-Fragment": "outbox" } });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      put(list, fresh, words, soon);
    } catch {
      // The next change, or coming back to the page, reads it again.
    }
  };
  const soon = (): void => {
    timer ||= setTimeout(() => void read(), SOON);
  };
  document.addEventListener("postern:outbox", (event) => {
    const { id = "", words: text = "", subject = "" } = (event as CustomEvent<Told>).detail ?? {};
    words.set(id, text);
    const state = section(list, id)?.querySelector<HTMLElement>(".sending-state");
    if (state) state.textContent = text;
    if (said) said.textContent = `${subject}: ${text}`;
    soon();
  });
  document.addEventListener("postern:stream", soon);
  document.addEventListener("visibilitychange", () => document.hidden || soon());
}

const section = (list: ParentNode, id: string): HTMLElement | null =>
  list.querySelector<HTMLElement>(`[data-submission="${CSS.escape(id)}"]`);

function put(list: HTMLElement, fresh: HTMLElement, words: Map<string, string>, again: () => void): void {
  for (const old of list.querySelectorAll<HTMLElement>("[data-submission]:not(.is-done)")) {
    const id = old.dataset.submission ?? "";
    if (!section(fresh, id)) leave(list, old, words.get(id), again);
  }
  list.querySelector(".empty")?.remove();
  let before: Element | null = null;
  for (const next of [...fresh.children].filter((one): one is HTMLElement => one instanceof HTMLElement)) {
    const old = section(list, next.dataset.submission ?? "");
    let shown = old;
    if (!old) {
      if (next.matches(".empty") && list.querySelector(".sending")) continue;
      shown = document.importNode(next, true);
      if (before) before.after(shown);
      else list.prepend(shown);
    } else if (old.dataset.version !== next.dataset.version) {
      shown = document.importNode(next, true);
      keep(old, shown);
    }
    before = shown;
  }
}

/** The new in the place of the old: what is open stays open, what was typed stays, the focus stays where it was. */
function keep(old: HTMLElement, next: HTMLElement): void {
  const focused = old.contains(document.activeElement) ? (document.activeElement as HTMLElement) : undefined;
  const open = old.querySelector<HTMLDetailsElement>("details");
  const details = next.querySelector<HTMLDetailsElement>("details");
  if (open?.open && details) {
    details.open = true;
    const typed = open.querySelector<HTMLInputElement>("input[name=send_at]");
    const field = details.querySelector<HTMLInputElement>("input[name=send_at]");
    if (typed && field) field.value = typed.value;
  }
  old.replaceWith(next);
  if (!focused) return;
  const name = focused.getAttribute("name");
  const value = focused.getAttribute("value");
  const same =
    focused.tagName === "SUMMARY" ? next.querySelector<HTMLElement>("summary")
    : focused instanceof HTMLButtonElement ? next.querySelector<HTMLElement>(`button[value="${CSS.escape(value ?? "")}"]`)
    : name ? next.querySelector<HTMLElement>(`[name="${CSS.escape(name)}"]`)
    : null;
  (same ?? next).focus({ preventScroll: true });
}

/** What is done says so for a moment. */
function leave(list: HTMLElement, old: HTMLElement, words = "", again: () => void): void {
  old.classList.add("is-done");
  const state = old.querySelector(".sending-state");
  if (state && words) state.textContent = words;
  if (old.contains(document.activeElement)) old.focus({ preventScroll: true });
  for (const part of old.querySelectorAll("form, details, progress")) part.remove();
  setTimeout(() => {
    const focused = document.activeElement === old;
    old.remove();
    if (focused) document.querySelector<HTMLElement>("#main")?.focus({ preventScroll: true });
    if (!list.childElementCount) again();
  }, STAYS);
}
