// What lies under a finger or a pointer that is down, or is being dragged, is not replaced by news: a click or a drag
// that has begun on it would come to nothing.

let pressed = false;
let dragging = false;
const waiting: (() => void)[] = [];

/** At once, or when what is held is let go. */
export const letGo = (): Promise<void> => (pressed || dragging ? new Promise((go) => waiting.push(go)) : Promise.resolve());

function release(): void {
  // After the click or the drop that comes of it.
  setTimeout(() => {
    if (!pressed && !dragging) for (const go of waiting.splice(0)) go();
  }, 0);
}

function set(press: boolean, drag: boolean): void {
  if (pressed === press && dragging === drag) return;
  [pressed, dragging] = [press, drag];
  release();
}

addEventListener("pointerdown", () => set(true, false), true);
addEventListener("pointerup", () => set(false, false), true);
// So ends a press that becomes a scrolling or a drag.
addEventListener("pointercancel", () => set(false, dragging), true);
addEventListener("dragstart", () => set(pressed, true), true);
addEventListener("dragend", () => set(false, false), true);
// What was dragged may be gone from the page, and its end is then not told; no pointer moves while something is dragged.
addEventListener("pointermove", (event) => event.buttons === 0 && set(false, false), { capture: true, passive: true });
