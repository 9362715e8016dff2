// Two copies of what is typed: within a second in this browser, and after a pause in Drafts. One save at a time; a draft
// that was changed elsewhere is never written over, both texts are shown.
import { make } from "../words";
import * as local from "./local";
import { mend } from "../session";
import { pause } from "./pause";
import { say } from "./words";

const KEEP = 300;
const KEEP_MOST = 1000;
const PAUSE = 1500;
const MOST = 8000;
const RETRY = 5000;

export interface Saver {
  /** Something was typed or changed. */
  touch(): void;
  /** Saves what is not saved yet; resolves when nothing is under way. */
  flush(): Promise<void>;
  /** Stops; a promise while one save is still under way. */
  settle(): Promise<void> | undefined;
  /** Goes on after settle. */
  resume(): void;
  /** Whether all of it is in Drafts. */
  saved(): boolean;
  /** Whether anything was typed or changed since it was opened. */
  touched(): boolean;
  /** The letter is sent, closed or discarded. */
  done(): void;
}

interface Answer {
  draft?: string;
  saved?: string;
  newer?: string;
  text?: string;
  subject?: string;
  to?: string;
}

const dense = (text: string): string => text.replace(/\s+/g, "");

export function fieldsOf(form: HTMLFormElement): local.Fields {
  const fields: local.Fields = [];
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && name !== "csrf") fields.push([name, value]);
  return fields;
}

const get = (fields: local.Fields, name: string): string => fields.find(([key]) => key === name)?.[1] ?? "";

/** `ready`: makes the form's long fields, before they are asked for. */
export function startSaving(form: HTMLFormElement, ready: () => Promise<void>): Saver {
  const url = form.dataset.autosaveUrl ?? "/compose/autosave";
  const state = form.querySelector<HTMLElement>("[data-state]");
  const draft = form.querySelector<HTMLInputElement>('input[name="draft"]');
  const account = form.dataset.account ?? "";
  let first = 0; // when the oldest change was made that is not in Drafts
  let kept = 0; // the same for this browser's copy
  let timer = 0;
  let keeper = 0;
  let running: Promise<void> | undefined;
  let stopped = !url; // a template being changed is no draft: this browser's copy alone
  let over = false;
  let touched = false;
  const claimed = local.claim(draft?.value.split(" ")[0] || crypto.randomUUID());

  const tell = (text: string): void => {
    if (state && state.textContent !== text) state.textContent = text;
  };

  /** `after` a save, which is then no longer under way. */
  const keep = async (after = false): Promise<void> => {
    clearTimeout(keeper);
    if (!kept || over) return;
    kept = 0;
    try {
      const { id } = await claimed;
      await ready();
      const saved = !first && (after || !running);
      const fields = fieldsOf(form);
      await pause(); // sealing a long letter takes as long as reading it out
      await local.keep(id, fields, saved);
      if (over) await local.forget(id);
    } catch {
      // Storage is full or switched off; Drafts remain.
    }
  };

  const save = async (): Promise<void> => {
    const since = first;
    first = 0;
    await ready();
    const fields = fieldsOf(form);
    const body = new FormData();
    for (const [name, value] of fields) body.append(name, value);
    body.append("csrf", form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "");
    try {
      const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
      if (response.status === 401 || response.status === 403) {
        first ||= since;
        if (await mend(account)) return;
        throw new Error("signed out");
      }
      const answer = (await response.json()) as Answer;
      if (response.status === 409) {
        first ||= since;
        if (answer.newer && dense(answer.text ?? "") === dense(get(fields, "body")) && answer.subject === get(fields, "subject").trim()) {
          adopt(answer.newer); // our own text: the answer to that save was lost
          return;
        }
        conflict(answer);
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      if (draft && answer.draft) draft.value = answer.draft;
      if (answer.saved) tell(say("saved", { time: answer.saved }));
      kept ||= Date.now();
      await keep(true);
    } catch {
      first ||= since;
      tell(say("notSaved"));
      if (!stopped) timer = setTimeout(start, RETRY);
    }
  };

  const adopt = (newer: string): void => {
    if (draft) draft.value = `${draft.value.split(" ")[0]} ${newer}`;
  };

  const conflict = (answer: Answer): void => {
    stopped = true;
    form.querySelector(".conflict")?.remove();
    const button = (value: string, text: string): HTMLElement => make("button", { type: "submit", class: "btn", name: "do", value }, text);
    const box = make("div", { class: "notice notice-warning conflict", role: "alert" });
    const inner = make("div", { class: "stack" }, make("p", {}, say(answer.newer ? "conflict" : "gone")));
    if (answer.newer) {
      inner.append(make("input", { type: "hidden", name: "newer", value: answer.newer }));
      const head = make("p", { class: "ink-2" }, [answer.to, answer.subject].filter(Boolean).join(" · "));
      const text = make("pre", { class: "conflict-text", dir: "auto", tabindex: "0" }, answer.text ?? "");
      inner.append(make("details", { open: "" }, make("summary", {}, say("otherText")), head, text));
    }
    const row = make("div", { class: "cluster" }, button("mine", say(answer.newer ? "keepMine" : "saveAgain")));
    if (answer.newer) row.append(button("other", say("takeOther")), button("both", say("keepBoth")));
    inner.append(row);
    box.append(inner);
    form.querySelector("[data-notices]")?.append(box);
    tell(say("kept"));
  };

  const start = (): void => {
    clearTimeout(timer);
    timer = 0;
    if (running || !first || stopped) return;
    running = save().finally(() => {
      running = undefined;
      if (first && !stopped && !timer) schedule();
    });
  };

  const schedule = (): void => {
    clearTimeout(timer);
    timer = setTimeout(start, Math.max(0, Math.min(PAUSE, first + MOST - Date.now())));
  };

  const touch = (): void => {
    if (over) return;
    touched = true;
    const now = Date.now();
    first ||= now;
    kept ||= now;
    clearTimeout(keeper);
    keeper = setTimeout(() => void keep(), Math.max(0, Math.min(KEEP, kept + KEEP_MOST - now)));
    if (!stopped) schedule();
  };

  form.addEventListener("input", (event) => {
    if ((event.target as HTMLInputElement).type !== "file") touch();
  });
  // The tab goes: a last try that outlives the page (the browser takes up to 64 KiB so).
  addEventListener("pagehide", () => {
    if (over || !form.isConnected) return;
    if (first && !running && !stopped) {
      const body = new FormData();
      for (const [name, value] of fieldsOf(form)) body.append(name, value);
      body.append("csrf", form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "");
      navigator.sendBeacon(url, body);
    }
    void claimed.then(({ id }) => id);
    if (held) localStorage.setItem(`postern-closed-${held}`, "1");
  });
  let held = "";
  void claimed.then(({ id }) => {
    held = id;
    form.dataset.kept = id;
  });
  void local.ready().catch(() => undefined);

  return {
    touch,
    async flush() {
      if (running) await running;
      if (first && !stopped) {
        start();
        if (running) await running;
      }
    },
    saved: () => !first,
    touched: () => touched,
    settle() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
    resume() {
      stopped = !url;
      if (first) schedule();
    },
    done() {
      over = stopped = true;
      clearTimeout(timer);
      clearTimeout(keeper);
      void claimed.then(async ({ id, release }) => {
        await local.forget(id).catch(() => undefined);
        release();
      });
    },
  };
}
