// One stream of changes for the whole browser: the tab that holds the lock reads it and tells the others.
import { letGo } from "./holding";
import { listWindow } from "./window";
import { make, word } from "./words";

interface Added {
  href: string;
  who: string;
  subject: string;
  unread: boolean;
}
interface Told {
  kind: "mailbox" | "tree" | "restarted" | "server" | "outbox" | "ended" | "ready" | "hello" | "at";
  data: { mailbox?: string; use?: string; unread?: number; lost?: boolean; added?: Added[]; state?: string; at?: string };
}

const FIRST_WAIT = 2_000;
const MOST_WAIT = 60_000;
const GAP = 1_500;
const KINDS: Told["kind"][] = ["mailbox", "tree", "restarted", "server", "outbox", "ended", "ready"];

export function startPush(prepare: (root: ParentNode) => void): void {
  drawn = prepare;
  const tree = document.getElementById("tree");
  if (!tree || !("EventSource" in window)) return;
  const others = "BroadcastChannel" in window ? new BroadcastChannel("postern") : undefined;
  // A tab beside the one that reads: what it has not heard between its page and now, it looks for.
  let since: string | undefined = tree.dataset.since ?? "";
  others?.addEventListener("message", (event) => {
    const told = event.data as Told;
    if (told.kind === "hello" && position) others.postMessage({ kind: "at", data: { at: position() } });
    else if (told.kind === "at" && since !== undefined) {
      if (told.data.at !== since) hear({ kind: "restarted", data: {} });
      since = undefined;
    } else hear(told);
  });
  others?.postMessage({ kind: "hello", data: {} });
  const lead = (): Promise<void> =>
    new Promise(() => {
      since = undefined;
      position = listen(tree.dataset.since ?? "", (told) => {
        others?.postMessage(told);
        hear(told);
        notify(told);
      });
    });
  // The lock is held as long as the tab lives; the next in line then leads.
  if (others && navigator.locks) void navigator.locks.request("postern-push", lead);
  else void lead();
  document.addEventListener("postern:counts", () => counts());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && stale) catchUp();
  });
  askToNotify();
  beside();
}

/** In the tab that reads: where it is. */
let position: (() => string) | undefined;

/** Reads on from where the page was drawn, `last`. */
function listen(last: string, tell: (told: Told) => void): () => string {
  let wait = FIRST_WAIT;
  let over = false;
  const open = (): void => {
    const source = new EventSource(last ? `/events?after=${encodeURIComponent(last)}` : "/events");
    source.addEventListener("open", () => {
      wait = FIRST_WAIT;
      // Sender does not say from when on it tells of everything: about now.
      if (!last.trim().includes(" ")) setTimeout(() => document.dispatchEvent(new Event("postern:stream")), GAP);
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        const known = last;
        last = event.lastEventId || last;
        if (kind === "ready") {
          // Without a place to go on from: what happened since the pages were drawn is for them to look at.
          if (!known) tell({ kind: "restarted", data: {} });
          return;
        }
        tell({ kind, data: JSON.parse(event.data) as Told["data"] });
        if (kind === "ended") {
          over = true;
          source.close();
        }
      });
    }
    // By itself a browser comes again at once and for ever, or not at all: here it waits longer each time.
    source.addEventListener("error", () => {
      source.close();
      if (over) return;
      setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(MOST_WAIT, wait * 2);
    });
  };
  open();
  addEventListener("online", () => (wait = FIRST_WAIT));
  return () => last;
}

/** What the first page had no time to ask for: how full the mailbox is. Once in a while is enough. */
function beside(): void {
  const name = "postern-beside";
  if (Date.now() - Number(sessionStorage.getItem(name) ?? 0) < 120_000 || document.querySelector(".quota")) return;
  sessionStorage.setItem(name, String(Date.now()));
  setTimeout(counts, 1_000);
}

let stale = false;
let timer = 0;

function hear(told: Told): void {
  switch (told.kind) {
    case "mailbox":
      if (told.data.use === "inbox") badge(told.data.unread ?? 0);
      stale = true;
      break;
    case "outbox":
      document.dispatchEvent(new CustomEvent("postern:outbox", { detail: told.data }));
      stale = true;
      break;
    case "tree":
    case "restarted":
      stale = true;
      break;
    case "server":
      document.body.toggleAttribute("data-server-lost", told.data.lost);
      return;
    case "ended":
      document.dispatchEvent(new Event("postern:session-ended"));
      return;
  }
  if (!document.hidden && !timer) timer = setTimeout(catchUp, 250);
}

/** Reads again what this tab shows; a tab in the background does so when it is looked at. */
function catchUp(): void {
  clearTimeout(timer);
  timer = 0;
  stale = false;
  counts();
  void listWindow()?.refresh();
}

let asked = 0;
let known = "";
let drawn: (root: ParentNode) => void = () => undefined;

function counts(): void {
  clearTimeout(asked);
  asked = setTimeout(async () => {
    const tree = document.getElementById("tree");
    if (!tree) return;
    try {
      const answer = await fetch(`/mailboxes/tree?at=${encodeURIComponent(tree.dataset.at ?? "")}`);
      if (!answer.ok || answer.redirected) return;
      const text = await answer.text();
      await letGo();
      // A name that is being typed there, or a menu that is open, is not taken away.
      if (text === known || tree.querySelector(".mbox-edit, [aria-expanded]")) return;
      known = text;
      const focused = tree.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
      const menu = tree.contains(document.activeElement) && document.activeElement?.matches(".mbox-more");
      const beside = menu ? document.activeElement?.previousElementSibling?.getAttribute("href") : null;
      tree.innerHTML = text; // escaped by the server's templates
      document.getElementById("quota")?.replaceChildren(...tree.querySelectorAll(".quota"));
      drawn(tree);
      if (beside) (tree.querySelector(`[href="${CSS.escape(beside)}"]`)?.nextElementSibling as HTMLElement | null)?.focus();
      if (focused) tree.querySelector<HTMLElement>(`[href="${CSS.escape(focused)}"]`)?.focus();
      badge(Number(tree.querySelector<HTMLElement>("[data-use=inbox]")?.dataset.unread ?? 0));
    } catch {
      stale = true;
    }
  }, 50);
}

function badge(unread: number): void {
  document.title = (unread ? `(${unread}) ` : "") + document.title.replace(/^\(\d+\) /, "");
}

const mayNotify = (): boolean => "Notification" in window && Notification.permission === "granted";

function notify(told: Told): void {
  if (told.kind !== "mailbox" || told.data.use !== "inbox" || !mayNotify() || document.hasFocus()) return;
  for (const added of (told.data.added ?? []).filter((one) => one.unread).slice(0, 3)) {
    const shown = new Notification(added.who, { body: added.subject, tag: added.href });
    shown.addEventListener("click", () => {
      window.focus();
      location.assign(added.href);
    });
  }
}

/** A button, once, where the browser would ask; nothing asks by itself. */
function askToNotify(): void {
  const place = document.querySelector("[data-notify]");
  if (!place || !("Notification" in window) || Notification.permission !== "default") return;
  const button = make("button", { type: "button", class: "btn btn-quiet" }, word("notify"));
  button.addEventListener("click", () => void Notification.requestPermission().then(() => button.remove()));
  place.append(button);
}
