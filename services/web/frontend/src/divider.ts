// The line between list and reading can be moved, with the pointer or the arrow keys; its place is remembered.
import { make, word } from "./words";

const KEY = "postern-list-width";
const MIN = 320;

export function startDivider(): void {
  const app = document.querySelector<HTMLElement>(".app:not(.app-wide)");
  const list = app?.querySelector<HTMLElement>(".list");
  if (!app || !list) return;
  const max = (): number => Math.max(MIN, Math.min(720, innerWidth * 0.55));
  const bar = make("div", { class: "divider", role: "separator", tabindex: "0", "aria-orientation": "vertical" });
  bar.setAttribute("aria-label", word("listWidth"));
  bar.setAttribute("aria-valuemin", String(MIN));

  const set = (width: number, keep = true): void => {
    const clamped = Math.round(Math.min(max(), Math.max(MIN, width)));
    app.style.setProperty("--list-width", `${clamped / 16}rem`);
    bar.setAttribute("aria-valuenow", String(clamped));
    bar.setAttribute("aria-valuemax", String(Math.round(max())));
    if (keep) localStorage.setItem(KEY, String(clamped));
  };
  const kept = Number(localStorage.getItem(KEY));
  set(kept >= MIN ? kept : list.getBoundingClientRect().width, false);

  const outward = (): number => (getComputedStyle(app).direction === "rtl" ? -1 : 1);
  bar.addEventListener("pointerdown", (event) => {
    const start = event.clientX;
    const from = list.getBoundingClientRect().width;
    bar.setPointerCapture(event.pointerId);
    const move = (e: PointerEvent): void => set(from + (e.clientX - start) * outward());
    bar.addEventListener("pointermove", move);
    bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", move), { once: true });
  });
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
    if (!step) return;
    event.preventDefault();
    set(list.getBoundingClientRect().width + step * outward());
  });
  list.after(bar);
}
