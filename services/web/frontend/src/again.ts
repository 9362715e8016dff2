// What is shown is brought up to date after an act: the window over a mailbox asks for its lines, any other list (a
// search) is read again as a whole, in place, so that the line that says what was done stays.
import htmx from "htmx.org/dist/htmx.esm.js";
import { showFound } from "./searching";
import { keyOf, listWindow } from "./window";

/** The mailbox that an action's address names: what a message is called there, a search says with its mailbox. */
export function mailboxOf(action: string): string {
  const path = /^\/mail\/(.+)\/actions$/.exec(new URL(action, location.href).pathname);
  return path ? decodeURIComponent(path[1]!).replaceAll("~2", ".").replaceAll("~1", "/").replaceAll("~0", "~") : "";
}

/** Lines that go at once, before the server has answered; the line that then stands in the place of the last. */
export function take(keys: Set<string>, mailbox: string): HTMLElement | undefined {
  const list = listWindow();
  if (list) return list.take(keys);
  const names = new Set([...keys, ...[...keys].map((key) => `${key}.${mailbox}`)]);
  let next: Element | undefined;
  for (const row of document.querySelectorAll("[data-rows] > .row")) {
    if (!names.has(keyOf(row))) continue;
    next = [row.nextElementSibling, row.previousElementSibling].find((one) => one?.matches(".row")) ?? undefined;
    row.remove();
  }
  return next as HTMLElement | undefined;
}

/** `opening` is a line whose message is on its way: it stays the line it is, so that the answer finds it. */
export async function readAgain(prepare: (root: ParentNode) => void, opening?: HTMLElement): Promise<void> {
  const list = listWindow();
  if (list) return list.refresh();
  const pane = document.querySelector<HTMLElement>(".list.pane:has([data-rows])");
  // The address may be that of a message by now, of which only the pane beside is the list's.
  const where = pane?.querySelector<HTMLInputElement>('form > input[name="back"]')?.value || location.href;
  const answer = pane && (await fetch(where).catch(() => undefined));
  if (!pane || !answer?.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".list.pane");
  if (!fresh) return location.reload();
  const top = pane.scrollTop;
  const focused = pane.contains(document.activeElement);
  const line = document.activeElement?.closest(".row");
  const open = pane.querySelector<HTMLElement>(".row.is-current");
  pane.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  const sameAs = (row: Element): HTMLElement | undefined =>
    [...pane.querySelectorAll<HTMLElement>("[data-rows] > .row")].find((one) => keyOf(one) === keyOf(row));
  if (opening) sameAs(opening)?.replaceWith(opening);
  const current = open && sameAs(open);
  current?.classList.add("is-current");
  current?.querySelector(".row-link")?.setAttribute("aria-current", "true");
  htmx.process(pane);
  prepare(pane);
  showFound();
  pane.scrollTop = top;
  const same = line && sameAs(line);
  if (focused) (same?.querySelector<HTMLElement>(".row-link") ?? pane).focus({ preventScroll: true });
}
