// The tree of mailboxes: a menu for each, renaming and making one in place, dragging one below another. What can be
// done, and in which words, the server says.
import { word } from "./words";

type Prepare = (root: ParentNode) => void;
const NOTICES = { "HX-Request": "true", "HX-Target": "div#notices" };
const tree = (): HTMLElement | null => document.getElementById("tree");
const path = (href: string): string => new URL(href, location.href).pathname;

/** Puts the button beside each line; the tree's lines come anew whenever counts change. */
export function startTree(root: ParentNode): void {
  const lines = root instanceof Element && root.id === "tree" ? root : root.querySelector("#tree");
  for (const link of lines?.querySelectorAll<HTMLAnchorElement>("a.mbox[data-mailbox]:not([data-ready])") ?? []) {
    link.dataset.ready = "";
    if (!link.dataset.use) link.draggable = true;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "btn btn-icon mbox-more";
    more.setAttribute("aria-label", word("boxMenu", { name: link.querySelector(".mbox-name")?.textContent ?? "" }));
    more.setAttribute("aria-haspopup", "true");
    const dots = document.querySelector("details.menu > summary svg")?.cloneNode(true);
    more.append(dots ?? "…");
    link.after(more);
  }
}

export function startTreeActs(prepare: Prepare): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const more = target.closest<HTMLElement>(".mbox-more");
    if (more) void open(more, prepare);
    const fresh = target.closest<HTMLAnchorElement>("[data-new-mailbox]");
    if (fresh && tree() && !event.ctrlKey && !event.metaKey && fresh.checkVisibility()) {
      event.preventDefault();
      make("", null, prepare);
    }
  });
  document.addEventListener("keydown", (event) => {
    const link = (event.target as Element).closest?.<HTMLAnchorElement>("#tree a.mbox[data-mailbox]");
    if (event.key === "F2" && link && link.dataset.use !== "inbox") {
      event.preventDefault();
      // Folded to icons the tree has no room for a name.
      if (link.clientWidth < 80) location.assign(`${path(link.href)}/manage`);
      else rename(link, prepare);
    }
  });
  startMoving(prepare);
}

const csrf = (): string => document.querySelector<HTMLInputElement>("input[name=csrf]")?.value ?? "";

/** The line of that mailbox as it is now: the tree may have been drawn anew since. */
const lineNow = (link: HTMLAnchorElement): HTMLAnchorElement =>
  document.querySelector<HTMLAnchorElement>(`#tree a.mbox[data-mailbox="${CSS.escape(link.dataset.mailbox ?? "")}"]`) ?? link;

async function open(more: HTMLElement, prepare: Prepare): Promise<void> {
  const old = document.querySelector(".mbox-menu");
  old?.dispatchEvent(new Event("leave"));
  if (old && more.getAttribute("aria-expanded") === "true") return;
  const link = more.previousElementSibling as HTMLAnchorElement;
  more.setAttribute("aria-expanded", "true"); // from now on the tree stays as it is
  const back = encodeURIComponent(location.pathname + location.search);
  const answer = await fetch(`${path(link.href)}/menu?back=${back}`).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return location.assign(`${path(link.href)}/manage`);
  const menu = document.createElement("div");
  menu.className = "menu-list mbox-menu";
  menu.setAttribute("role", "group");
  menu.setAttribute("aria-label", more.getAttribute("aria-label") ?? "");
  menu.innerHTML = await answer.text(); // escaped by the server's templates
  const leave = (): void => {
    menu.remove();
    more.removeAttribute("aria-expanded");
    document.removeEventListener("pointerdown", away);
  };
  const away = (event: Event): void => {
    if (!menu.contains(event.target as Node) && event.target !== more && !more.contains(event.target as Node)) leave();
  };
  document.addEventListener("pointerdown", away);
  menu.addEventListener("leave", leave);
  menu.addEventListener("keydown", (event) => {
    const items = [...menu.querySelectorAll<HTMLElement>("a, button:not(:disabled)")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(items.indexOf(document.activeElement as HTMLElement) + step + items.length) % items.length]?.focus();
    else if (event.key === "Escape") {
      leave();
      more.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) leave();
  });
  const form = menu.querySelector("form")!;
  menu.querySelector("[data-rename]")?.addEventListener("click", () => {
    leave();
    rename(lineNow(link), prepare);
  });
  menu.querySelector("[data-new-in]")?.addEventListener("click", () => {
    leave();
    make(link.dataset.mailbox ?? "", lineNow(link).closest("li"), prepare);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const by = event.submitter as HTMLButtonElement;
    const data = new FormData(form, by);
    leave();
    more.focus();
    void send(by.hasAttribute("formaction") ? by.formAction : form.action, data, prepare).then((at) => {
      // What was open is not there any more.
      if (at && data.get("do") === "trash" && link.classList.contains("is-current")) location.assign(at);
    });
  });
  const box = more.getBoundingClientRect();
  (document.getElementById("mailboxes") ?? document.body).append(menu); // in the landmark that it is about
  // Below the button, and within the window.
  const { offsetWidth: width, offsetHeight: height } = menu;
  menu.style.insetBlockStart = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - height - 8))}px`;
  menu.style.left = `${Math.max(8, Math.min(document.dir === "rtl" ? box.right - width : box.left, innerWidth - width - 8))}px`;
  menu.querySelector<HTMLElement>("a, button:not(:disabled)")?.focus();
}

/** Does it, says so at the foot of the page, and gives where the mailbox is now; undefined where it was refused. */
async function send(action: string, data: FormData, prepare: Prepare): Promise<string | undefined> {
  const body = new URLSearchParams([...data].map(([name, value]) => [name, String(value)] as [string, string]));
  const answer = await fetch(action, { method: "POST", body, headers: NOTICES }).catch(() => undefined);
  const notices = document.getElementById("notices");
  if (!answer || answer.redirected || !notices || !answer.headers.get("content-type")?.startsWith("text/html")) {
    location.reload();
    return undefined;
  }
  notices.innerHTML = await answer.text(); // escaped by the server's templates
  prepare(notices);
  document.dispatchEvent(new Event("postern:counts"));
  return answer.ok ? (answer.headers.get("postern-at") ?? "") : undefined;
}

/** A field in the place of a line, until Enter, Escape, or the focus goes elsewhere; then that is `before`, or the line. */
function edit(place: Element, text: string, label: string, done: (name: string) => Promise<boolean>, before?: Element | null): void {
  const field = document.createElement("input");
  field.className = "input mbox-edit";
  field.value = text;
  field.maxLength = 200;
  field.dir = "auto";
  field.setAttribute("aria-label", label);
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    field.remove();
    place.classList.remove("is-edited");
    if (!place.querySelector("a")) place.remove();
  };
  const back = (): void => (before?.isConnected ? (before as HTMLElement) : place.querySelector("a"))?.focus();
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") {
      end();
      back();
    } else if (event.key === "Enter" && !event.isComposing && field.value.trim()) {
      event.preventDefault();
      field.disabled = true;
      void done(field.value.trim()).then((good) => {
        if (good) {
          end();
          return back();
        }
        field.disabled = false;
        field.setAttribute("aria-invalid", "true");
        field.focus();
      });
    }
  });
  field.addEventListener("blur", () => !field.disabled && end());
  place.classList.add("is-edited");
  place.append(field);
  field.focus();
  field.select();
}

function rename(link: HTMLAnchorElement, prepare: Prepare): void {
  const name = link.querySelector(".mbox-name")?.textContent ?? "";
  edit(link.closest("li")!, name, word("boxName"), async (typed) => {
    const data = new FormData();
    for (const [key, value] of [["csrf", csrf()], ["request_id", crypto.randomUUID?.() ?? String(Math.random())], ["do", "rename"], ["name", typed]])
      data.set(key!, value!);
    const at = await send(`${path(link.href)}/manage`, data, prepare);
    if (at && link.classList.contains("is-current")) location.assign(at);
    if (at) link.href = at; // by which the line is known when the tree is drawn anew
    return at !== undefined;
  });
}

function make(parent: string, after: Element | null, prepare: Prepare): void {
  const line = document.createElement("li");
  const depth = /depth-(\d)/.exec(after?.className ?? "")?.[1] ?? "0";
  if (after) {
    line.className = `depth-${Math.min(4, Number(depth) + 1)}`;
    after.after(line);
  } else {
    tree()!.append(line);
  }
  edit(line, "", word("boxName"), async (typed) => {
    const data = new FormData();
    for (const [key, value] of [["csrf", csrf()], ["request_id", crypto.randomUUID?.() ?? String(Math.random())], ["name", typed], ["parent", parent]])
      data.set(key!, value!);
    return (await send("/mailboxes", data, prepare)) !== undefined;
  }, after?.querySelector("a") ?? document.querySelector("[data-new-mailbox]"));
}

/** A mailbox of one's own, dragged onto another, goes below it. */
function startMoving(prepare: Prepare): void {
  let dragged: HTMLAnchorElement | null = null;
  const target = (event: DragEvent): HTMLAnchorElement | null => {
    const over = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("#tree a.mbox[data-mailbox]") : null;
    return dragged && over && over !== dragged ? over : null;
  };
  document.addEventListener("dragstart", (event) => {
    dragged = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("#tree a.mbox[data-mailbox]") : null;
    if (dragged?.dataset.use) dragged = null;
  });
  document.addEventListener("dragover", (event) => {
    const over = target(event);
    if (!over) return;
    event.preventDefault();
    over.classList.add("is-over");
  });
  document.addEventListener("drop", (event) => {
    const over = target(event);
    if (!over || !dragged) return;
    event.preventDefault();
    over.classList.remove("is-over");
    const data = new FormData();
    for (const [key, value] of [["csrf", csrf()], ["request_id", crypto.randomUUID?.() ?? String(Math.random())], ["do", "rename"], ["parent", over.dataset.mailbox ?? ""]])
      data.set(key!, value!);
    const moved = dragged;
    void send(`${path(moved.href)}/manage`, data, prepare).then((at) => {
      if (at && moved.classList.contains("is-current")) location.assign(at);
    });
  });
  document.addEventListener("dragend", () => (dragged = null));
}
