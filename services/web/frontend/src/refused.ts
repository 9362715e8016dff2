// A letter that did not go, or not to all, is told wherever one is: who has sent it looks elsewhere by then.
import { make, word } from "./words";

interface Told {
  id: string;
  /** What is wrong, in the page's language; nothing where all is well. */
  wrong?: string;
  open: string;
  href: string;
}

const TOLD = "postern-refused";

export function startRefused(): void {
  document.addEventListener("postern:outbox", (event) => {
    const { id, wrong, open, href } = (event as CustomEvent<Told>).detail;
    const notices = document.getElementById("notices");
    const told = (sessionStorage.getItem(TOLD) ?? "").split(" ");
    if (!wrong || !notices || told.includes(id) || document.querySelector("[data-outbox]")) return;
    sessionStorage.setItem(TOLD, [...told.slice(-50), id].join(" "));
    const close = make("button", { class: "btn", type: "button" }, word("close"));
    const line = make("div", { class: "undo", role: "alert" }, make("span", {}, wrong), make("a", { class: "btn", href }, open), close);
    close.addEventListener("click", () => {
      line.remove();
      document.getElementById("main")?.focus({ preventScroll: true });
    });
    notices.replaceChildren(line);
  });
}
