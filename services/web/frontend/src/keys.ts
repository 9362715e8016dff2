// Single-key shortcuts. Whatever carries data-key answers to it, so a page says itself what its keys are; `?` lists
// them and turns them off (WCAG 2.2, 2.1.4).
import { moveBy, rows, selectNone, toggleRow } from "./list";
import { closePane } from "./panes";
import { foldAll, foldHere, stepInThread } from "./thread";
import { make, word } from "./words";

const OFF = "postern-keys-off";
const isOff = (): boolean => "keysOff" in document.body.dataset || localStorage.getItem(OFF) === "1";

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    (target.matches("input, textarea, select") && !target.matches("[type=checkbox], [type=radio]")));

const named = (element: HTMLElement): string =>
  element.getAttribute("aria-label") ?? element.textContent?.trim() ?? "";

const visible = (selector: string): HTMLElement[] =>
  [...document.querySelectorAll<HTMLElement>(selector)].filter((element) =>
    element.checkVisibility({ visibilityProperty: true }),
  );

const ACTIONS: Record<string, () => void> = {
  "/": () => document.querySelector<HTMLInputElement>("[data-search]")?.select(),
  j: () => moveBy(1),
  k: () => moveBy(-1),
  x: toggleRow,
  o: () => openRow(),
  Enter: () => openRow(),
  u: () => closePane(),
  n: () => stepInThread(1),
  p: () => stepInThread(-1),
  ";": () => foldAll(false),
  ":": () => foldAll(true),
  ".": () => openMenu(),
  z: () => document.querySelector<HTMLFormElement>("form[data-undo]")?.requestSubmit(),
};

/** Two keys, one after the other: "g i" goes to the inbox. */
const GOES: Record<string, string> = {
  i: "[data-use=inbox]",
  s: "[data-use=flagged]",
  t: "[data-use=sent]",
  d: "[data-use=drafts]",
  a: "[data-use=archive], [data-use=all]",
  c: 'a[href="/contacts"]',
};
const PATIENCE = 1_500;
let after = "";
let forgets = 0;

function second(key: string): boolean {
  const first = after;
  after = "";
  clearTimeout(forgets);
  if (first === "g" && GOES[key]) visible(GOES[key]).find((one) => one instanceof HTMLAnchorElement)?.click();
  else if (first === "*" && key === "n") selectNone();
  else if (first === "*" && SELECTS[key]) selectOnly(SELECTS[key]);
  else return false;
  return true;
}

/** "* u" and its like select by state. */
const SELECTS: Record<string, string> = {
  a: "*",
  r: ":not(.is-unread)",
  u: ".is-unread",
  s: ":has(.is-starred)",
  t: ":not(:has(.is-starred))",
};

function selectOnly(which: string): void {
  const list = rows();
  for (const box of list?.querySelectorAll<HTMLInputElement>(".row-check input") ?? [])
    box.checked = box.closest(".row")!.matches(which);
  list?.dispatchEvent(new Event("change"));
}

const MENUS = ["#reading .thread > .toolbar summary", ".list-actions summary", ".list-tools summary"];
const menuHere = (): HTMLElement | undefined => MENUS.map((one) => visible(one)[0]).find(Boolean);

function openMenu(): void {
  const menu = menuHere();
  menu?.click();
  menu?.focus();
}

/** Answering from within a conversation: the message that has the focus is meant. */
function onMessage(key: string): HTMLElement | null {
  const name = { r: "reply", a: "reply-all", f: "forward" }[key];
  return name ? (document.activeElement?.closest(".unfolded")?.querySelector<HTMLElement>(`[name="${name}"]`) ?? null) : null;
}

/** Nothing is selected and no message is open: the line that has the focus is meant. */
function onFocused(key: string): HTMLElement | null {
  const box = document.activeElement?.closest(".row")?.querySelector<HTMLInputElement>(".row-check input");
  const button = document.querySelector<HTMLElement>(`.list-actions [data-key="${CSS.escape(key)}"]`);
  if (!box || !button) return null;
  if (!box.checked) box.click();
  return button;
}

function openRow(): void {
  if (foldHere()) return;
  const line = document.activeElement?.closest<HTMLElement>(".fold");
  if (line) return line.click();
  const row = document.activeElement?.closest(".row") ?? rows()?.querySelector(".row.is-current");
  row?.querySelector<HTMLAnchorElement>(".row-link")?.click();
}

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const focused = document.activeElement;
    if (focused?.matches(".row-link") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      moveBy(event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (event.key === "Escape" && !typing(event.target)) {
      const menu = focused?.closest<HTMLDetailsElement>("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      } else if (selectNone()) return;
      else if (rows()) closePane();
      else visible("[data-back]")[0]?.click();
      return;
    }
    if (typing(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys();
      return;
    }
    if (isOff()) return;
    if (after && second(event.key)) {
      event.preventDefault();
      return;
    }
    if ((event.key === "g" || event.key === "*") && document.getElementById("tree")) {
      after = event.key;
      forgets = setTimeout(() => (after = ""), PATIENCE);
      return;
    }
    // A link or button that has the focus keeps its own Enter.
    if (event.key === "Enter" && !focused?.matches(".row-check input, .unfolded")) return;
    const action = ACTIONS[event.key];
    const marked = onMessage(event.key) ?? visible(`[data-key="${CSS.escape(event.key)}"]`)[0] ?? onFocused(event.key);
    if (marked) {
      event.preventDefault();
      marked.click();
    } else if (action) {
      event.preventDefault();
      action();
    }
  });
  // A menu closes when the reader goes on elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]"))
      if (!menu.contains(event.target as Node)) menu.open = false;
  });
}

function showKeys(): void {
  const list = make("dl", { class: "keys" });
  const add = (key: string, text: string): void => {
    if (text) list.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, text));
  };
  const seen = new Set<string>();
  for (const element of visible("[data-key]")) {
    const key = element.dataset.key ?? "";
    if (!seen.has(key)) add(key, named(element));
    seen.add(key);
  }
  add("/", document.querySelector("[data-search]")?.getAttribute("aria-label") ?? "");
  if (rows()) {
    add("j", word("next"));
    add("k", word("previous"));
    add("x", word("select"));
    add("o", word("open"));
    for (const key of Object.keys(SELECTS)) add(`* ${key}`, word(`select ${key}`));
    add("* n", word("none"));
  }
  const back = document.querySelector<HTMLElement>("#reading [data-back]");
  if (back && rows()) add("u", named(back));
  if (document.querySelector(".fold, .unfolded")) for (const key of ["n", "p", ";", ":"]) add(key, word(`thread ${key}`));
  const menu = menuHere();
  if (menu) add(".", named(menu));
  if (document.querySelector("form[data-undo]")) add("z", word("undo"));
  for (const [key, selector] of Object.entries(GOES)) {
    const place = visible(selector)[0];
    if (place) add(`g ${key}`, place.querySelector(".mbox-name")?.textContent ?? "");
  }
  add("?", word("keys"));

  const on = make("input", { type: "checkbox" });
  on.checked = !isOff();
  on.addEventListener("change", () => (on.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  const title = make("h2", { id: "keys-title" }, word("keys"));
  const close = make("button", { class: "btn", type: "submit" }, word("close"));
  const form = make("form", { method: "dialog" }, make("label", { class: "check" }, on, word("keysOn")), close);
  form.className = "cluster dialog-foot";
  const dialog = make("dialog", { "aria-labelledby": title.id }, title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
