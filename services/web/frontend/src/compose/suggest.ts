// People while one types: a combobox after the ARIA pattern.
import { markOption } from "../combo";
import { make } from "../words";
import { type Person, written } from "./addresses";
import { say } from "./words";

let serial = 0;

export function startSuggest(input: HTMLInputElement, chosen: (entry: string) => void): void {
  const url = input.dataset.suggest || "/contacts/suggest";
  const list = make("ul", { class: "combo-list", role: "listbox", id: `people-${++serial}`, hidden: "" });
  list.setAttribute("aria-label", say("suggestions"));
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  }))
    input.setAttribute(name, value);
  (input.closest(".combo") ?? input.parentElement)?.append(list);

  let people: Person[] = [];
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
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  };
  const choose = (person: Person): void => {
    close();
    chosen(written(person));
  };
  const show = (found: Person[]): void => {
    people = found.slice(0, 8);
    list.replaceChildren(
      ...people.map((person, n) => {
        const option = make("li", { role: "option", id: `${list.id}-${n}`, "aria-selected": "false" });
        option.append(make("bdi", { class: "cut" }, person.name || person.address));
        if (person.name) option.append(make("bdi", { class: "cut ink-2" }, person.address || (person.members ?? []).join(", ")));
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault(); // keeps the focus in the field
          choose(person);
        });
        return option;
      }),
    );
    list.hidden = !people.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(-1);
  };
  const ask = async (): Promise<void> => {
    const typed = input.value.trim();
    if (!typed) return close();
    abort?.abort();
    abort = new AbortController();
    try {
      const response = await fetch(`${url}?q=${encodeURIComponent(typed)}`, {
        headers: { Accept: "application/json" },
        signal: abort.signal,
        redirect: "error",
      });
      if (response.ok) show((await response.json()) as Person[]);
    } catch {
      // Without suggestions one types on; the field itself is what counts.
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), 120);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const n = people.length;
    if (event.key === "ArrowDown") mark((at + 1) % n);
    else if (event.key === "ArrowUp") mark((at + n - (at < 0 ? 0 : 1)) % n);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" || (event.key === "Tab" && at >= 0)) {
      const person = people[at < 0 ? 0 : at];
      if (event.ctrlKey || event.metaKey || !person) return;
      choose(person);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  input.addEventListener("blur", close);
}
