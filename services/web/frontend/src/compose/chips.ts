// Recipients as chips. The field with the label stays the one that is typed in; what is sent is in a hidden one beside it,
// chips and unfinished text together, so that nothing typed is lost at any moment.
import { make } from "../words";
import { addressOf, nameOf, pasted, split, valid } from "./addresses";
import { startSuggest } from "./suggest";
import { say } from "./words";

export function startChips(input: HTMLInputElement, changed: () => void): void {
  const hidden = make("input", { type: "hidden", name: input.name });
  const list = make("span", { class: "recipients", role: "list" });
  const label = input.labels?.[0]?.textContent ?? "";
  list.setAttribute("aria-label", say("recipients", { name: label }));
  const wrap = make("span", { class: "recipients-field" });
  input.before(wrap);
  wrap.append(list, input, hidden);
  input.removeAttribute("name");
  input.type = "text";

  const chips = (): HTMLElement[] => [...list.children] as HTMLElement[];
  const store = (): void => {
    const value = [...chips().map((chip) => chip.dataset.value ?? ""), input.value.trim()].filter(Boolean).join(", ");
    hidden.value = value;
    list.hidden = !list.childElementCount;
    if (document.activeElement === input) wrap.scrollTop = wrap.scrollHeight; // of many, the last and the field
  };
  const update = (): void => {
    store();
    changed();
  };

  const remove = (chip: HTMLElement, edit = false): void => {
    const all = chips();
    const next = all[all.indexOf(chip) + 1];
    chip.remove();
    if (edit) {
      commit();
      input.value = chip.dataset.value ?? "";
    }
    update();
    const target = edit ? undefined : next?.querySelector<HTMLElement>("button");
    (target ?? input).focus();
  };

  const add = (entry: string): void => {
    const address = addressOf(entry).toLowerCase();
    if (chips().some((chip) => chip.dataset.address === address)) return;
    const name = nameOf(entry);
    const good = valid(entry);
    const chip = make("span", { class: good ? "chip recipient" : "chip recipient is-invalid", role: "listitem" });
    chip.dataset.value = entry;
    chip.dataset.address = address;
    const text = good ? say("editAddress", { name: entry }) : say("invalid", { name: entry });
    const open = make("button", { type: "button", class: "recipient-name", title: entry, "aria-label": text, tabindex: "-1" });
    open.append(make("bdi", { class: "cut" }, name));
    const off = make("button", { type: "button", class: "recipient-off", "aria-label": say("remove", { name: entry }), tabindex: "-1" }, "×");
    open.addEventListener("click", () => remove(chip, true));
    off.addEventListener("click", () => remove(chip));
    chip.append(open, off);
    list.append(chip);
  };

  /** Text that is in the field, as chips; `all`: also what no comma ended. */
  const commit = (all = true): void => {
    const { entries, rest } = split(input.value);
    entries.forEach(add);
    if (all && rest.trim()) add(rest.trim());
    input.value = all ? "" : rest.trimStart();
    store();
  };

  startSuggest(input, (person) => {
    input.value = "";
    add(person);
    update();
  });

  input.addEventListener("input", () => {
    if (/[,;\n]/.test(input.value)) commit(false);
    store();
  });
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const entries = pasted(text);
    if (entries.length < 2 && !/[,;\n\t]/.test(text.trim())) return;
    event.preventDefault();
    input.value = input.value.slice(0, input.selectionStart ?? 0) + input.value.slice(input.selectionEnd ?? 0);
    commit();
    entries.forEach(add);
    update();
  });
  const backwards = (rtl = document.documentElement.dir === "rtl"): string => (rtl ? "ArrowRight" : "ArrowLeft");
  // In a text of the other direction than the page's, the key moves within the text.
  const towardsChips = (): string => (input.value ? backwards(getComputedStyle(input).direction === "rtl") : backwards());
  input.addEventListener("blur", () => {
    if (!input.value.trim()) return;
    commit();
    changed();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const start = input.selectionStart === 0 && input.selectionEnd === 0;
    const last = chips().at(-1);
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && input.value.trim()) commit(), changed();
    else if (event.key === "Backspace" && start && last) {
      event.preventDefault();
      remove(last, true);
    } else if (event.key === towardsChips() && start && last) last.querySelector("button")?.focus();
  });
  list.addEventListener("keydown", (event) => {
    const chip = (event.target as Element).closest<HTMLElement>(".recipient");
    if (!chip) return;
    const all = chips();
    const at = all.indexOf(chip);
    if (event.key === "Delete" || event.key === "Backspace") remove(chip);
    else if (event.key === backwards()) all[Math.max(0, at - 1)]?.querySelector("button")?.focus();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") (all[at + 1]?.querySelector<HTMLElement>("button") ?? input).focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  wrap.addEventListener("click", (event) => {
    if (event.target === wrap || event.target === list) input.focus();
  });

  commit();
}
