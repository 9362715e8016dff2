// Windows at the lower end of a wide screen: several letters beside one another, each of them smaller or larger at will.
import { make } from "../words";
import { icon, say } from "./words";

export interface Frame {
  box: HTMLElement;
  form: HTMLFormElement;
}

let serial = 0;

function dock(): HTMLElement {
  const there = document.getElementById("dock");
  if (there) return there;
  const made = make("div", { class: "dock", id: "dock" });
  document.body.append(made);
  return made;
}

/** Names of elements are the form's own, so that several forms on a page do not mix up their labels. */
export function own(form: HTMLFormElement): void {
  const end = `-w${++serial}`;
  const renamed = new Map<string, string>();
  for (const element of form.querySelectorAll<HTMLElement>("[id]")) {
    renamed.set(element.id, element.id + end);
    element.id += end;
  }
  for (const name of ["for", "aria-describedby", "aria-labelledby", "aria-controls"])
    for (const element of form.querySelectorAll(`[${name}]`)) {
      const words = (element.getAttribute(name) ?? "").split(" ").map((id) => renamed.get(id) ?? id);
      element.setAttribute(name, words.join(" "));
    }
}

export function parse(html: string): HTMLFormElement | null {
  const parsed = new DOMParser().parseFromString(html, "text/html").querySelector<HTMLFormElement>("form.composer");
  return parsed ? document.importNode(parsed, true) : null;
}

/** A window with the form in it; the newest is at the end, older ones become small where there is no room. */
export function show(form: HTMLFormElement, actions: { close: () => void; full: () => void }): Frame {
  const box = make("section", { class: "dock-window", role: "dialog", "aria-label": form.getAttribute("aria-label") ?? "" });
  box.append(form);
  dock().append(box);
  dress({ box, form }, actions);
  fit(box);
  return { box, form };
}

export function dress({ box, form }: Frame, actions: { close: () => void; full: () => void }): void {
  form.removeAttribute("data-open");
  const head = form.querySelector<HTMLElement>("[data-head]");
  head?.querySelector(".phone")?.remove();
  const button = (name: string, label: string, act: () => void): HTMLButtonElement => {
    const made = make("button", { type: "button", class: "btn btn-icon btn-quiet", "aria-label": label, title: label });
    made.append(icon(name));
    made.addEventListener("click", act);
    return made;
  };
  const smaller = button("minus", say("minimise"), () => minimise(box, !box.classList.contains("is-small")));
  smaller.dataset.small = "";
  const tools = make("span", { class: "toolbar push" });
  tools.append(smaller, button("maximize-2", say("full"), actions.full), button("x", say("close"), actions.close));
  head?.append(tools);
  head?.addEventListener("click", (event) => {
    if (!(event.target as Element).closest("button") && box.classList.contains("is-small")) minimise(box, false);
  });
}

export function minimise(box: HTMLElement, small: boolean): void {
  box.classList.toggle("is-small", small);
  const button = box.querySelector<HTMLButtonElement>("[data-small]");
  const label = say(small ? "restore" : "minimise");
  button?.setAttribute("aria-label", label);
  button?.setAttribute("title", label);
  button?.setAttribute("aria-expanded", String(!small));
  if (!small) fit(box);
}

function fit(box: HTMLElement): void {
  const room = Math.max(1, Math.floor((innerWidth - 24) / 560));
  const large = [...dock().children].filter((other) => other !== box && !other.classList.contains("is-small")) as HTMLElement[];
  while (large.length >= room) {
    const oldest = large.shift();
    if (oldest) minimise(oldest, true);
  }
}
