// Opening a message in the reading pane: what waits, what is current, where the focus goes, and when to give up.

import { mailboxOf } from "./again";
import { make, word } from "./words";

interface Context {
  sourceElement?: Element;
  target?: Element;
  response?: { raw: Response };
}

const contextOf = (event: Event): Context => (event as CustomEvent<{ ctx?: Context }>).detail?.ctx ?? {};
const reading = (): HTMLElement | null => document.getElementById("reading");

export function startPanes(): void {
  document.addEventListener("htmx:before:request", (event) => {
    if (contextOf(event).target === reading()) reading()?.classList.add("is-waiting");
  });
  document.addEventListener("htmx:finally:request", () => reading()?.classList.remove("is-waiting"));

  // A fragment that was answered by a redirect is another page: the session ended, or the message moved.
  document.addEventListener("htmx:before:response", (event) => {
    const raw = contextOf(event).response?.raw;
    if (raw?.redirected) {
      event.preventDefault();
      location.assign(raw.url);
    }
  });
  // No answer at all: let the browser try, and say so in its own words.
  document.addEventListener("htmx:error", (event) => {
    const source = contextOf(event).sourceElement;
    if (source instanceof HTMLAnchorElement) location.assign(source.href);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { target, sourceElement } = contextOf(event);
    if (!target || target !== reading()) return;
    const link = sourceElement?.matches(".row-link, .person") ? sourceElement : lineOfOpened();
    if (link) {
      markCurrent(link);
      followList(link);
    }
    // One pane at a time: the reader is now in another place, and must be told. Beside the list the focus stays.
    if (!matchMedia("(width >= 50rem)").matches) reading()?.focus({ preventScroll: true });
  });
}

/** The line of what was opened from within the pane ("Older message"), where the list shows it: in a mailbox by its
    number there, in what a search found by its mailbox too. */
function lineOfOpened(): Element | null {
  const field = reading()?.querySelector<HTMLInputElement>('form input[name="m"]');
  if (!field) return null;
  const names = [field.value, `${field.value}.${mailboxOf(field.form!.action)}`];
  const same = names.map((name) => `[data-rows] > .row > .row-check > input[value="${CSS.escape(name)}"]`).join();
  return document.querySelector(same)?.closest(".row")?.querySelector(".row-link") ?? null;
}

/** "Newer message" and "Older message" lead where the lines beside that of the message do: the order is the list's. */
function followList(link: Element): void {
  const row = link.closest("[data-rows] > .row");
  const sides = [["prev", row?.previousElementSibling], ["next", row?.nextElementSibling]] as const;
  for (const [rel, line] of sides) {
    const near = reading()?.querySelector<HTMLAnchorElement>(`.thread-head > nav > a[rel="${rel}"]`);
    const there = line?.querySelector<HTMLAnchorElement>('.row-link[href^="/mail/"]');
    if (near && there) near.href = there.href;
  }
}

function markCurrent(link: Element): void {
  const item = link.closest(".row") ?? link;
  const list = item.closest(".rows");
  for (const old of list?.querySelectorAll(".is-current") ?? []) old.classList.remove("is-current");
  for (const old of list?.querySelectorAll("[aria-current]") ?? []) old.removeAttribute("aria-current");
  item.classList.add("is-current");
  if (item.classList.contains("is-unread")) document.dispatchEvent(new Event("postern:counts"));
  item.classList.remove("is-unread");
  item.querySelector(".row-dot")?.remove();
  link.setAttribute("aria-current", "true");
}

/** Nothing is open any more: the list is the place again, and has the focus where `next` or what was open stands. */
export function closePane(next?: Element): void {
  const pane = reading();
  const back = pane?.querySelector<HTMLAnchorElement>("[data-back]");
  if (!pane || !back) return;
  const current = document.querySelector(".rows .row.is-current");
  current?.classList.remove("is-current");
  const link = (next ?? current)?.querySelector<HTMLElement>(".row-link");
  current?.querySelector(".row-link")?.removeAttribute("aria-current");
  history.pushState({}, "", back.href);
  pane.replaceChildren(make("div", { class: "empty" }, make("p", {}, word("nothingOpen"))));
  const title = document.querySelector(".list-title h1")?.textContent;
  if (title) document.title = `${title} · Postern`;
  document.dispatchEvent(new Event("postern:counts"));
  (link ?? document.getElementById("main"))?.focus({ preventScroll: !next });
}
