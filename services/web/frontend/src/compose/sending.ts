// What the form's buttons do without another page: the letter goes, or its form comes back with what the server says.
import { mend } from "../session";
import { startUndo } from "../undo";
import { make } from "../words";
import { parse } from "./dock";
import { alert, away, back, FRAGMENT, type Letter } from "./letters";
import { icon, say } from "./words";

export async function submit(letter: Letter, submitter: HTMLElement | null, again: (form: HTMLFormElement) => void): Promise<void> {
  const { form, saver, files } = letter;
  if (form.dataset.busy !== undefined) return;
  form.dataset.busy = "";
  const state = form.querySelector("[data-state]");
  const notices = form.querySelector("[data-notices]");
  try {
    const discards = (submitter as HTMLButtonElement | null)?.value === "discard";
    if (discards && !saver.touched() && !form.querySelector<HTMLInputElement>('input[name="draft"]')?.value.includes(" ")) {
      // Opened and put away: nobody has written anything that could be missed.
      const back = form.querySelector<HTMLAnchorElement>("a[data-back]")?.href;
      away(letter);
      if (!letter.frame && back) location.assign(back);
      return;
    }
    if (!discards) {
      const waiting = files.settled();
      const timer = setTimeout(() => state && (state.textContent = say("waitFiles")), 150);
      const whole = await waiting;
      clearTimeout(timer);
      if (!whole) return alert(form, say("fileMissing"));
    }
    // A save under way may be making the draft: its name must go along, or the draft would stay behind.
    await saver.settle();
    const body = new FormData(form, submitter);
    const headers = letter.frame ? FRAGMENT : { ...FRAGMENT, "Postern-Page": "1" };
    const response = await fetch("/compose", { method: "POST", body, headers });
    if (response.status === 401) {
      if (await mend(form.dataset.account ?? "")) {
        delete form.dataset.busy;
        return await submit(letter, submitter, again);
      }
      saver.resume();
      return;
    }
    const html = await response.text();
    if (response.headers.get("postern-done")) {
      const go = response.headers.get("postern-go");
      away(letter);
      if (go) location.assign(go);
      else {
        document.querySelector(".undo")?.remove();
        const line = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
        // Where the page's own word stands, so that the next one takes its place.
        const notices = document.getElementById("notices");
        // That it is on its way is no news where it was refused meanwhile.
        if (line && (line.matches("form") || !notices?.querySelector("[role=alert]"))) notices?.replaceChildren(document.importNode(line, true));
        startUndo(document);
        back(letter);
      }
      return;
    }
    const next = parse(html);
    if (!next) throw new Error(String(response.status));
    again(next);
  } catch {
    saver.resume();
    notices?.replaceChildren(make("div", { class: "notice notice-error", role: "alert" }, icon("circle-alert"), make("div", {}, say("couldNot"))));
  } finally {
    delete form.dataset.busy;
  }
}
