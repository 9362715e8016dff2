// The letters that are open on this page, and how one is left.
import { keyOf } from "../window";
import { make } from "../words";
import { type Frame, minimise } from "./dock";
import type { Files } from "./files";
import type { Fields } from "./local";
import { fieldsOf, type Saver } from "./save";
import { icon, say } from "./words";

export interface Letter {
  form: HTMLFormElement;
  saver: Saver;
  files: Files;
  frame?: Frame;
  /** What had the focus when it was opened. */
  from?: Element;
}

export const letters = new Set<Letter>();
/** Asks the server for the composer alone. */
export const FRAGMENT = { "Postern-Fragment": "composer" };

/** Closed once all of it is in Drafts: small while files are on their way, open where it could not be saved. */
export async function close(letter: Letter): Promise<void> {
  const { form, saver, files, frame } = letter;
  const box = frame?.box;
  if (files.busy() && box) minimise(box, true);
  const whole = await files.settled();
  await saver.flush();
  if (!letters.has(letter)) return; // sent or discarded meanwhile
  if (!whole || !saver.saved() || form.querySelector(".conflict")) {
    if (box) minimise(box, false);
    if (!saver.saved() && !form.querySelector(".conflict")) alert(form, form.dataset.autosaveUrl ? say("notSaved") : say("saveFirst"));
    return;
  }
  away(letter);
  back(letter);
}

/** The focus goes where it was before the letter; where that is gone, to the same line of the list, or to the list. */
export function back({ from }: Letter): void {
  const line = from?.closest(".row");
  const same = line && [...document.querySelectorAll(".row")].find((row) => keyOf(row) === keyOf(line))?.querySelector(".row-link");
  const there = from?.isConnected ? from : (same ?? document.querySelector(".row.is-current > .row-link, #main, #reading"));
  if (there instanceof HTMLElement) there.focus({ preventScroll: !from?.isConnected });
}

/** One line above the letter, in the place of the last one. */
export function alert(form: HTMLFormElement, text: string): void {
  const line = make("div", { class: "notice notice-warning", role: "alert", "data-alert": "" }, icon("triangle-alert"), make("div", {}, text));
  form.querySelector("[data-alert]")?.remove();
  form.querySelector("[data-notices]")?.append(line);
}

export function away(letter: Letter): void {
  letter.saver.done();
  letters.delete(letter);
  letter.frame?.box.remove();
}

/** The same letter on a page of its own, with all that is in it. */
export function full(letter: Letter): void {
  void letter.saver.settle();
  post([...fieldsOf(letter.form), ["do", "again"]], letter.form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "");
}

export function post(fields: Fields, csrf: string): void {
  const form = make("form", { method: "post", action: "/compose", hidden: "" });
  for (const [name, value] of [...fields, ["csrf", csrf]]) {
    const field = make("textarea", { name: name ?? "" });
    field.value = value ?? "";
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}
