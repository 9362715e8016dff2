// Which mailbox, which label: a dialog with one field; what is typed narrows the choice, Enter takes it.
import { make, word } from "./words";

export interface Choice {
  value: string;
  text: string;
  /** Already so for all that is selected: choosing it takes it away. */
  on?: boolean;
}

/** Resolves with the chosen one, or with undefined where the reader left. `fresh`: what is typed may be new. */
export function pick(title: string, choices: Choice[], fresh?: (typed: string) => string): Promise<Choice | undefined> {
  const list = make("ul", { role: "listbox", id: "pick-list", class: "pick-list", "aria-label": title });
  const field = make("input", {
    class: "input", id: "pick-field", role: "combobox", "aria-expanded": "true", "aria-controls": list.id,
    "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", dir: "auto", maxlength: "100",
    "aria-label": word("typeToFind"), placeholder: word("typeToFind"),
  });
  const head = make("h2", { id: "pick-title" }, title);
  const close = make("button", { class: "btn", type: "button" }, word("close"));
  const foot = make("div", { class: "cluster dialog-foot" }, close);
  const dialog = make("dialog", { "aria-labelledby": head.id, class: "pick" }, head, field, list, foot);
  let shown: Choice[] = [];
  let at = 0;

  return new Promise((resolve) => {
    let chosen: Choice | undefined;
    const take = (choice: Choice | undefined): void => {
      if (!choice) return;
      chosen = choice;
      dialog.close();
    };
    const mark = (): void => {
      [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
      const item = list.children[at];
      field.setAttribute("aria-activedescendant", item?.id ?? "");
      item?.scrollIntoView({ block: "nearest" });
    };
    const narrow = (): void => {
      const typed = field.value.trim();
      const words = fold(typed).split(/\s+/);
      shown = choices.filter((one) => words.every((each) => fold(one.text).includes(each)));
      // What begins so comes first.
      shown.sort((a, b) => Number(fold(b.text.trim()).startsWith(words[0]!)) - Number(fold(a.text.trim()).startsWith(words[0]!)));
      if (typed && fresh && !choices.some((one) => fold(one.text) === fold(typed)))
        shown.push({ value: "", text: fresh(typed) });
      at = 0;
      list.replaceChildren(
        ...shown.map((one, n) => {
          const item = make("li", { role: "option", id: `pick-${n}` }, make("bdi", {}, one.text));
          if (one.on) item.append(make("span", { class: "pick-on" }, word("on")));
          item.addEventListener("click", () => take(one));
          return item;
        }),
      );
      if (shown.length) mark();
      else if (typed || !fresh) list.append(make("li", { class: "ink-2" }, word("noMatch")));
    };
    field.addEventListener("input", narrow);
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && shown.length) at = (at + step + shown.length) % shown.length;
      else if (event.key === "Enter") take(shown[at]);
      else return;
      event.preventDefault();
      mark();
    });
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      const typed = field.value.trim();
      dialog.remove();
      resolve(chosen && !chosen.value ? { ...chosen, text: typed } : chosen);
    });
    document.body.append(dialog);
    narrow();
    dialog.showModal();
    field.focus();
  });
}

/** Without case and accents. */
const fold = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** The mailboxes of the tree that messages can be put in, but the one that is open. */
export function mailboxes(): Choice[] {
  return [...document.querySelectorAll<HTMLElement>("#tree a.mbox[data-mailbox]:not(.is-current, [data-full])")].map((one) => ({
    value: one.dataset.mailbox ?? "",
    text: one.dataset.path ?? one.querySelector(".mbox-name")?.textContent ?? "",
  }));
}

/** The labels that are offered, and those of what is selected. */
export function labels(form: HTMLFormElement, marked: Element[]): Choice[] {
  const found = new Map<string, Choice>();
  const offered = JSON.parse(form.dataset.offered || "[]") as [string, string][];
  for (const [value, text] of offered) found.set(value.toLowerCase(), { value, text });
  const sets = marked.map((one) => ((one as HTMLElement).dataset.labels ?? "").split("\n").filter(Boolean));
  for (const value of sets.flat())
    if (!found.has(value.toLowerCase())) found.set(value.toLowerCase(), { value, text: value });
  for (const one of found.values())
    one.on = sets.length > 0 && sets.every((set) => set.some((each) => each.toLowerCase() === one.value.toLowerCase()));
  return [...found.values()];
}
