// What is shown is brought up to date after an act: the window over a mailbox asks for its lines, any other list (a
// search) is read again as a whole, in place, so that the line that says what was done stays.
import htmx from "htmx.org/dist/htmx.esm.js";
import { showFound } from "./searching";
import { keyOf, listWindow } from "./window";

/** Lines that go at once, before the server has answered; the line that then stands in the place of the last. */
export function take(keys: Set<string>): HTMLElement | undefined {
  const list = listWindow();
  if (list) return list.take(keys);
  for (const row of document.querySelectorAll("[data-rows] > .row")) if (keys.has(keyOf(row))) row.remove();
  return undefined;
}

export async function readAgain(prepare: (root: ParentNode) => void): Promise<void> {
  const list = listWindow();
  if (list) return list.refresh();
  const pane = document.querySelector<HTMLElement>(".list.pane:has([data-rows])");
  const answer = pane && (await fetch(location.href).catch(() => undefined));
  if (!pane || !answer?.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".list.pane");
  if (!fresh) return location.reload();
  const top = pane.scrollTop;
  const focused = pane.contains(document.activeElement);
  const line = document.activeElement?.closest(".row");
  pane.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  htmx.process(pane);
  prepare(pane);
  showFound();
  pane.scrollTop = top;
  const same = line && [...pane.querySelectorAll(".row")].find((row) => keyOf(row) === keyOf(line));
  if (focused) (same?.querySelector<HTMLElement>(".row-link") ?? pane).focus({ preventScroll: true });
}
