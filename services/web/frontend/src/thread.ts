// A conversation: its messages unfold where their lines are, several at a time, and fold up again; those that are unread
// unfold by themselves. Without scripts a line leads to its message.
import htmx from "htmx.org/dist/htmx.esm.js";

const MOST = 8; // unread ones that unfold by themselves
const ALONE = { "HX-Request": "true", "HX-Target": "section#message" };

const lines = new WeakMap<Element, HTMLAnchorElement>();
const pane = (): HTMLElement | null => document.getElementById("reading");
const parts = (): HTMLElement[] =>
  [...(pane()?.querySelectorAll<HTMLElement>(".fold, section.message, .folds-far > summary") ?? [])].filter((one) =>
    one.checkVisibility(),
  );

async function load(href: string): Promise<HTMLElement | null> {
  const answer = await fetch(href, { headers: ALONE }).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return null;
  const made = document.createElement("template");
  made.innerHTML = await answer.text(); // escaped by the server's templates
  return made.content.querySelector<HTMLElement>("section.message");
}

async function unfold(line: HTMLAnchorElement, focus: boolean): Promise<void> {
  if (line.ariaBusy === "true") return;
  line.ariaBusy = "true";
  const message = await load(line.href);
  line.ariaBusy = null;
  if (!line.isConnected) return;
  if (!message) {
    if (focus) location.assign(line.href);
    return;
  }
  line.classList.remove("is-unread");
  line.querySelector(".row-dot")?.remove();
  show(message, line, line);
  if (focus) message.focus({ preventScroll: true });
  document.dispatchEvent(new Event("postern:counts"));
}

/** Puts `message` where `old` is; it folds up into `line`. */
function show(message: HTMLElement, old: Element, line: HTMLAnchorElement): void {
  message.classList.add("unfolded");
  lines.set(message, line);
  old.replaceWith(message);
  htmx.process(message);
}

function fold(message: Element, focus: boolean): void {
  const line = lines.get(message);
  if (!line) return;
  message.replaceWith(line);
  if (focus) line.focus();
}

/** Unread messages of the conversation that has just been opened. */
export function startThread(): void {
  const thread = pane()?.querySelector<HTMLElement>(".thread:not([data-ready])");
  if (!thread) return;
  thread.dataset.ready = "";
  for (const line of [...thread.querySelectorAll<HTMLAnchorElement>(".fold.is-unread")].slice(-MOST)) void unfold(line, false);
}

export function startThreads(): void {
  document.addEventListener(
    "click",
    (event) => {
      const at = event.target as Element;
      if (!at.closest?.("#reading") || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const line = at.closest<HTMLAnchorElement>("a.fold");
      const message = at.closest<HTMLElement>(".unfolded");
      const again = message && at.closest<HTMLAnchorElement>("a[data-again]");
      if (line) void unfold(line, true);
      else if (again) {
        void load(again.href).then((fresh) => {
          if (fresh) show(fresh, message, lines.get(message)!);
          else location.assign(again.href);
        });
      } else if (message && at.closest(".message-head") && !at.closest("a, button, summary, .headers") && !getSelection()?.toString())
        fold(message, true);
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );
}

/** To the next message of the conversation, or the one before. */
export function stepInThread(step: number): void {
  const all = parts();
  const focused = all.findIndex((one) => one.contains(document.activeElement));
  const open = all.findIndex((one) => one.matches(".thread > section.message"));
  const next = all[Math.min(all.length - 1, Math.max(0, (focused < 0 ? open : focused) + step))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

/** The message of the conversation that has the focus folds up, where it does. */
export function foldHere(): boolean {
  const message = document.activeElement?.closest(".unfolded");
  if (message) fold(message, true);
  return Boolean(message);
}

export function foldAll(on: boolean): void {
  const thread = pane();
  if (on) for (const message of thread?.querySelectorAll(".unfolded") ?? []) fold(message, false);
  else {
    for (const far of thread?.querySelectorAll<HTMLDetailsElement>(".folds-far") ?? []) far.open = true;
    for (const line of [...(thread?.querySelectorAll<HTMLAnchorElement>(".fold") ?? [])].slice(-50)) void unfold(line, false);
  }
}
