// Ways to act on a line without selecting it: buttons that lie over it under the pointer or the focus, a swipe on touch,
// and dragging lines to a mailbox of the tree.
import { actOn } from "./acting";
import { listWindow } from "./window";
import { make, word } from "./words";

const SWIPE = 88;
type Prepare = (root: ParentNode) => void;

export function startTouching(prepare: Prepare): void {
  startTools(prepare);
  startSwipe(prepare);
  startDrag(prepare);
}

const rowAt = (target: EventTarget | null): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>("[data-rows] > .row") : null;
/** The bar over the list knows what can be done here: the buttons over a line are some of its own. */
const button = (verb: string): HTMLButtonElement | null =>
  document.querySelector<HTMLButtonElement>(`.list-actions button[name=do][value="${verb}"]`);

function startTools(prepare: Prepare): void {
  const bar = make("span", { class: "row-tools" });
  const show = (row: HTMLElement | null): void => {
    if (!row || bar.parentElement === row || !listWindow()) return;
    const unread = row.classList.contains("is-unread");
    const verbs = ["archive", button("delete") ? "delete" : "delete-forever", unread ? "read" : "unread"];
    bar.replaceChildren();
    for (const verb of verbs) {
      const like = button(verb);
      if (!like) continue;
      const one = make("button", { type: "button", class: "btn btn-icon", tabindex: "-1", title: like.title });
      one.setAttribute("aria-label", word("rowAction", { action: like.getAttribute("aria-label") ?? "" }));
      const drawing = like.querySelector("svg")?.cloneNode(true);
      if (drawing) one.append(drawing);
      one.addEventListener("click", () => actOn([row], { do: verb }, prepare));
      bar.append(one);
    }
    row.append(bar);
  };
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse") show(rowAt(event.target));
  });
}

function startSwipe(prepare: Prepare): void {
  let row: HTMLElement | null = null;
  let link: HTMLElement | null = null;
  let [x, y, moved] = [0, 0, 0];
  const rest = (): void => {
    if (link) link.style.translate = "";
    row?.removeAttribute("data-swipe");
    row = link = null;
    moved = 0;
  };
  document.addEventListener(
    "touchstart",
    (event) => {
      rest();
      row = event.touches.length === 1 ? rowAt(event.target) : null;
      link = row?.querySelector<HTMLElement>(".row-link") ?? null;
      [x, y] = [event.touches[0]!.clientX, event.touches[0]!.clientY];
    },
    { passive: true },
  );
  document.addEventListener(
    "touchmove",
    (event) => {
      if (!row || !link) return;
      const [dx, dy] = [event.touches[0]!.clientX - x, event.touches[0]!.clientY - y];
      if (!moved && Math.abs(dy) > Math.abs(dx)) return rest(); // the list is being scrolled
      moved = dx;
      link.style.translate = `${Math.max(-160, Math.min(160, dx))}px`;
      row.dataset.swipe = Math.abs(dx) < SWIPE ? "" : dx > 0 === (document.documentElement.dir !== "rtl") ? "archive" : "delete";
    },
    { passive: true },
  );
  document.addEventListener("touchend", () => {
    const verb = row?.dataset.swipe;
    const done = row;
    const far = Math.abs(moved) > 10;
    rest();
    if (far) addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
    if (verb && done && button(verb)) actOn([done], { do: verb }, prepare);
  });
  document.addEventListener("touchcancel", rest);
}

function startDrag(prepare: Prepare): void {
  let dragged: HTMLElement[] = [];
  const target = (event: DragEvent): HTMLElement | null =>
    dragged.length && event.target instanceof Element ? event.target.closest<HTMLElement>("a.mbox[data-mailbox]:not([data-full])") : null;
  document.addEventListener("dragstart", (event) => {
    const row = rowAt(event.target);
    if (!row || !listWindow()) return;
    const checked = [...document.querySelectorAll<HTMLElement>("[data-rows] > .row:has(.row-check :checked)")];
    dragged = checked.includes(row) ? checked : [row];
    event.dataTransfer?.setData("text/plain", word("selected", { n: dragged.length }));
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
  });
  document.addEventListener("dragover", (event) => {
    const over = target(event);
    for (const old of document.querySelectorAll(".mbox.is-over")) if (old !== over) old.classList.remove("is-over");
    if (!over) return;
    event.preventDefault();
    over.classList.add("is-over");
  });
  document.addEventListener("drop", (event) => {
    const over = target(event);
    over?.classList.remove("is-over");
    if (!over) return;
    event.preventDefault();
    actOn(dragged, { do: "move", to: over.dataset.mailbox ?? "" }, prepare);
    dragged = [];
  });
  document.addEventListener("dragend", () => (dragged = []));
}
