// The search box completes what is typed: the keys of the combobox of the ARIA pattern. It stays a search box by its
// role, by which people and their scripts find it; so the list says by itself that it is there (a status). The server
// says how what was typed may go on, in the reader's language; an operator that needs a value keeps the list open.
import { markOption } from "./combo";
import { make, word } from "./words";

interface Option {
  value: string;
  text: string;
  hint: string;
  more: boolean;
}

const STAYS = new Set(["Home", "End", "ArrowLeft", "ArrowRight"]);

export function startBox(input: HTMLInputElement): void {
  const list = make("ul", { class: "combo-list", role: "listbox", id: "search-options", hidden: "" });
  list.setAttribute("aria-label", word("suggestions"));
  const told = make("span", { class: "vh", role: "status" });
  input.setAttribute("aria-haspopup", "listbox");
  input.setAttribute("aria-controls", list.id);
  input.parentElement?.append(list, told);

  let options: Option[] = [];
  let at = -1;
  let timer = 0;
  let abort: AbortController | undefined;

  const mark = (next: number): void => {
    at = next;
    markOption(input, list, at);
  };
  const close = (): void => {
    abort?.abort();
    clearTimeout(timer);
    list.hidden = true;
    told.textContent = "";
    mark(-1);
  };
  const choose = (option: Option): void => {
    const rest = input.value.slice(caret()).trimStart();
    input.value = option.value + rest;
    input.setSelectionRange(option.value.length, option.value.length);
    input.scrollLeft = input.scrollWidth;
    close();
    if (option.more) void ask();
  };
  const caret = (): number => input.selectionStart ?? input.value.length;
  const show = (found: Option[]): void => {
    options = found;
    list.replaceChildren(
      ...found.map((one, n) => {
        const option = make("li", { role: "option", id: `search-option-${n}`, "aria-selected": "false" });
        option.append(make("bdi", { class: "cut" }, one.text));
        if (one.hint) option.append(make("bdi", { class: "cut ink-2" }, one.hint));
        option.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
        option.addEventListener("click", () => choose(one));
        return option;
      }),
    );
    list.hidden = !found.length;
    told.textContent = found.length ? word("found", { n: found.length }) : "";
    mark(-1);
  };
  const ask = async (): Promise<void> => {
    abort?.abort();
    const mine = (abort = new AbortController());
    try {
      const typed = input.value.slice(0, caret());
      const answer = await fetch(`/search/suggest?q=${encodeURIComponent(typed)}`, {
        signal: mine.signal,
        redirect: "error",
      });
      if (answer.ok && document.activeElement === input) show((await answer.json()) as Option[]);
    } catch {
      // One types on without.
    }
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), 80);
  };

  input.addEventListener("input", soon);
  input.addEventListener("click", () => list.hidden && soon());
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const n = options.length;
    if (list.hidden) {
      if (event.key !== "ArrowDown") return;
      void ask();
    } else if (event.altKey && event.key === "ArrowUp") close();
    else if (STAYS.has(event.key)) {
      mark(-1); // these move in the text: one is there again, and the list stays for the next arrow
      return;
    } else if (event.key === "ArrowDown") mark((at + 2) % (n + 1) - 1);
    else if (event.key === "ArrowUp") mark((at + n + 1) % (n + 1) - 1);
    else if (event.key === "Escape") close();
    // Enter searches, unless an option was gone to; Tab takes the first, and leaves the box where nothing is offered.
    else if ((event.key === "Enter" && at >= 0) || (event.key === "Tab" && at >= 0)) {
      const option = options[at];
      if (event.shiftKey || !option) return;
      choose(option);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  input.addEventListener("blur", close);
  if (!document.querySelector(".search-help")) soon(); // there the page says the same
}
