// Saves the draft soon after a pause, and at least every MOST ms while somebody types on. One save at a time.
import { word } from "./words";

const PAUSE = 1000;
const MOST = 2500;
const RETRY = 5000;

export interface Saver {
  /** Stops saving; a promise while one save is still under way. */
  settle(): Promise<void> | undefined;
}

export function startAutosave(form: HTMLFormElement): Saver {
  const url = form.dataset.autosaveUrl;
  const state = form.querySelector<HTMLElement>("[data-state]");
  if (!url) return { settle: () => undefined };
  let timer = 0;
  let first = 0; // when the oldest unsaved change was made
  let running: Promise<void> | undefined;
  let stopped = false;

  const content = (): FormData => {
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    return data;
  };

  const save = async (): Promise<void> => {
    const since = first;
    first = 0;
    try {
      const response = await fetch(url, {
        method: "POST",
        body: content(),
        headers: { Accept: "application/json" },
        redirect: "error", // a redirect is the sign-in page: the session has ended
      });
      if (!response.ok) throw new Error(String(response.status));
      const answer = (await response.json()) as { draft?: string; saved?: string };
      const draft = form.querySelector<HTMLInputElement>('input[name="draft"]');
      if (draft && answer.draft) draft.value = answer.draft;
      if (state && answer.saved) state.textContent = word("saved", { time: answer.saved });
    } catch {
      first ||= since;
      if (state) state.textContent = word("notSaved");
      if (!stopped) timer = setTimeout(start, RETRY);
    }
  };

  const start = (): void => {
    clearTimeout(timer);
    if (running || !first || stopped) return;
    running = save().finally(() => {
      running = undefined;
      if (first && !stopped && !timer) schedule();
    });
    timer = 0;
  };

  const schedule = (): void => {
    clearTimeout(timer);
    timer = setTimeout(start, Math.max(0, Math.min(PAUSE, first + MOST - Date.now())));
  };

  form.addEventListener("input", (event) => {
    if ((event.target as HTMLInputElement).type === "file") return;
    first ||= Date.now();
    schedule();
  });
  // The tab goes: a last try that outlives the page (the browser takes up to 64 KiB so).
  addEventListener("pagehide", () => {
    if (first && !stopped && form.isConnected) navigator.sendBeacon(url, content());
  });

  return {
    settle() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}
