// The undo line leaves after 10 s, but not while somebody is at it.
const STAYS = 10_000;

export function startUndo(root: ParentNode): void {
  for (const line of root.querySelectorAll<HTMLElement>("[data-undo]:not([data-ready])")) {
    line.dataset.ready = "";
    let timer = 0;
    const leave = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => line.remove(), STAYS);
    };
    const stay = (): void => clearTimeout(timer);
    line.addEventListener("pointerenter", stay);
    line.addEventListener("focusin", stay);
    line.addEventListener("pointerleave", leave);
    line.addEventListener("focusout", leave);
    leave();
  }
}
