// The letters that are open on this page, and how one is left.
import { make } from "../words";
import type { Frame } from "./dock";
import type { Fields } from "./local";
import { fieldsOf, type Saver } from "./save";

export interface Letter {
  form: HTMLFormElement;
  saver: Saver;
  frame?: Frame;
}

export const letters = new Set<Letter>();
/** Asks the server for the composer alone. */
export const FRAGMENT = { "Postern-Fragment": "composer" };

export async function close(letter: Letter, from?: Element): Promise<void> {
  await letter.saver.flush();
  if (letter.form.querySelector(".conflict")) return;
  away(letter);
  if (from instanceof HTMLElement && from.isConnected) from.focus();
  else document.querySelector<HTMLElement>("#main, #reading")?.focus({ preventScroll: true });
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
