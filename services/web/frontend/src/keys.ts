// Single-key shortcuts. Whatever carries data-key answers to it, so a page says itself what its keys are; `?` lists
// them and turns them off (WCAG 2.2, 2.1.4).
import { moveBy, rows, toggleRow } from "./list";
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
  [...document.querySelectorAll<HTMLElement>(selector)].filter((element) => element.checkVisibility());

const ACTIONS: Record<string, () => void> = {
  "/": () => document.querySelector<HTMLInputElement>("[data-search]")?.select(),
  j: () => moveBy(1),
  k: () => moveBy(-1),
  x: toggleRow,
  z: () => document.querySelector<HTMLFormElement>("form[data-undo]")?.requestSubmit(),
};

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
      } else visible("[data-back]")[0]?.click();
      return;
    }
    if (typing(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      showKeys();
      return;
    }
    if (isOff()) return;
    const action = ACTIONS[event.key];
    const marked = visible(`[data-key="${CSS.escape(event.key)}"]`)[0];
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
  }
  if (document.querySelector("form[data-undo]")) add("z", word("undo"));
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
