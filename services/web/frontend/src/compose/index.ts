// A letter being written: fields, files, formatted text, copies, sending. The form alone would do; this makes it quick.
import { OPEN } from "../composer";
import { check, mend } from "../session";
import { startChips } from "./chips";
import { type Frame, dress, own, parse, show } from "./dock";
import { startFiles } from "./files";
import { focusFirst, startIdentity, startKeys, startReveal, startTitle } from "./form";
import { close, FRAGMENT, full, type Letter, letters } from "./letters";
import * as recovering from "./recover";
import { startSaving } from "./save";
import { submit } from "./sending";
import { startText } from "./text";
import { learn } from "./words";

export function prepare(form: HTMLFormElement, frame?: Frame, focus = true, from?: Element): Letter {
  form.dataset.ready = "";
  learn(form);
  own(form);
  const saver = startSaving(form, () => text.ready());
  const text = startText(form, saver.touch);
  const files = startFiles(form, saver.touch, (file, failed) => text.picture(file, (picture) => files.picture(picture), failed), text.link);
  const letter: Letter = { form, saver, files, ...(frame && { frame }), ...(from && { from }) };
  letters.add(letter);
  for (const input of form.querySelectorAll<HTMLInputElement>("[data-suggest]")) startChips(input, saver.touch);
  startReveal(form);
  startIdentity(form, text.signature);
  startTitle(form);
  startKeys(form, frame && (() => void close(letter)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(letter, event.submitter, (next) => swap(letter, next));
  });
  if (focus) focusFirst(form);
  return letter;
}

/** Opens the page's composer in a window; `body`: what is posted for it, to take a message back. */
export async function open(url: string, from?: Element, body?: URLSearchParams): Promise<void> {
  const response = await fetch(url, body ? { method: "POST", body, headers: FRAGMENT } : { headers: FRAGMENT });
  if (response.status === 401 && (await mend(document.querySelector(".top-account")?.textContent ?? ""))) return open(url, from, body);
  const form = parse(await response.text());
  if (!form) throw new Error(String(response.status));
  const draft = form.querySelector<HTMLInputElement>('input[name="draft"]')?.value;
  const already = [...letters].find((letter) => letter.frame && draft?.includes(" ") && letter.form.querySelector<HTMLInputElement>('input[name="draft"]')?.value.split(" ")[0] === draft.split(" ")[0]);
  if (already?.frame) {
    already.frame.box.classList.remove("is-small");
    focusFirst(already.form);
    return;
  }
  place(form, from);
}

function place(form: HTMLFormElement, from?: Element, focus = true): Letter {
  learn(form);
  let letter: Letter | undefined;
  const actions = {
    close: () => void (letter && close(letter)),
    full: () => void (letter && full(letter)),
  };
  const frame = show(form, actions);
  letter = prepare(form, frame, focus, from);
  return letter;
}

/** What the server answers instead of the form that was there. */
function swap(letter: Letter, next: HTMLFormElement): void {
  letter.saver.done();
  letters.delete(letter);
  letter.form.replaceWith(next);
  const { frame } = letter;
  let fresh: Letter | undefined;
  if (frame) {
    frame.form = next;
    dress(frame, { close: () => void (fresh && close(fresh)), full: () => void (fresh && full(fresh)) });
  }
  fresh = prepare(next, frame, false, letter.from);
  fresh.saver.touch();
  const notice = next.querySelector<HTMLElement>("[data-notices] .notice");
  const invalid = next.querySelector<HTMLElement>("[aria-invalid=true]");
  if (invalid) invalid.focus();
  else if (notice) {
    notice.tabIndex = -1;
    notice.focus();
  } else focusFirst(next);
}

/** Letters that this browser kept: those of this tab open again by themselves, others are offered. */
export const recover = (): Promise<void> => recovering.recover(place);

// Letters in windows open again on the next page of this tab.
addEventListener("pagehide", () => {
  const ids = [...letters].filter((letter) => letter.frame).map((letter) => letter.form.dataset.kept ?? "");
  if (ids.length) sessionStorage.setItem(OPEN, JSON.stringify(ids.filter(Boolean)));
});
// A file that is dropped beside the letter would be opened in the place of the page.
for (const name of ["dragover", "drop"] as const)
  addEventListener(name, (event) => {
    if (event.defaultPrevented || !letters.size || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  });
// Somebody comes back to a page that was left open: the session may have ended meanwhile.
let looked = Date.now();
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || Date.now() - looked < 30_000 || !letters.size) return;
  looked = Date.now();
  const [first] = letters;
  void check(first?.form.dataset.account ?? "");
});
