// A letter being written: fields, files, formatted text, copies, sending. The form alone would do; this makes it quick.
import { OPEN } from "../composer";
import { startUndo } from "../undo";
import { make } from "../words";
import { check, mend } from "../session";
import { startChips } from "./chips";
import { type Frame, dress, own, parse, show } from "./dock";
import { startFiles } from "./files";
import * as local from "./local";
import { fieldsOf, startSaving, type Saver } from "./save";
import { startText } from "./text";
import { icon, learn, say } from "./words";

interface Letter {
  form: HTMLFormElement;
  saver: Saver;
  frame?: Frame;
}

const letters = new Set<Letter>();
const FRAGMENT = { "Postern-Fragment": "composer" };

export function prepare(form: HTMLFormElement, frame?: Frame, focus = true): Letter {
  form.dataset.ready = "";
  learn(form);
  own(form);
  const saver = startSaving(form);
  const letter: Letter = { form, saver, ...(frame ? { frame } : {}) };
  letters.add(letter);
  const text = startText(form, saver.touch);
  const files = startFiles(form, saver.touch, (file) => text.picture(file, (picture) => files.picture(picture)));
  for (const input of form.querySelectorAll<HTMLInputElement>("[data-suggest]")) startChips(input, saver.touch);
  startReveal(form);
  startIdentity(form, text.signature);
  const subject = form.querySelector<HTMLInputElement>('input[name="subject"]');
  const title = form.querySelector<HTMLElement>("[data-title]");
  subject?.addEventListener("input", () => {
    if (title) title.textContent = subject.value || (form.getAttribute("aria-label") ?? "");
  });

  form.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector<HTMLButtonElement>("button[aria-keyshortcuts='Control+Enter']"));
    } else if (event.key === "Enter" && (event.target as Element).matches("input:not([type=file], [type=checkbox])")) {
      event.preventDefault(); // Enter in "To" must not send a half-written message
    } else if (event.key === "Escape") {
      const menu = (event.target as Element).closest<HTMLDetailsElement>("details[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      } else if (letter.frame) void close(letter);
      else return;
      event.stopPropagation();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(letter, event.submitter, files.settled);
  });
  if (focus) focusFirst(form);
  return letter;
}

/** Opens the page's composer in a window. */
export async function open(url: string, from?: Element): Promise<void> {
  const response = await fetch(url, { headers: FRAGMENT });
  if (response.status === 401 && (await mend(document.querySelector(".top-account")?.textContent ?? ""))) return open(url, from);
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
    close: () => void (letter && close(letter, from)),
    full: () => void (letter && full(letter)),
  };
  const frame = show(form, actions);
  letter = prepare(form, frame, focus);
  return letter;
}

async function close(letter: Letter, from?: Element): Promise<void> {
  await letter.saver.flush();
  if (letter.form.querySelector(".conflict")) return;
  away(letter);
  if (from instanceof HTMLElement && from.isConnected) from.focus();
  else document.querySelector<HTMLElement>("#main, #reading")?.focus({ preventScroll: true });
}

function away(letter: Letter): void {
  letter.saver.done();
  letters.delete(letter);
  letter.frame?.box.remove();
}

/** The same letter on a page of its own, with all that is in it. */
function full(letter: Letter): void {
  void letter.saver.settle();
  post([...fieldsOf(letter.form), ["do", "again"]], letter.form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "");
}

function post(fields: local.Fields, csrf: string): void {
  const form = make("form", { method: "post", action: "/compose", hidden: "" });
  for (const [name, value] of [...fields, ["csrf", csrf]]) {
    const field = make("textarea", { name: name ?? "" });
    field.value = value ?? "";
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}

async function submit(letter: Letter, submitter: HTMLElement | null, settled: () => Promise<boolean>): Promise<void> {
  const { form, saver } = letter;
  if (form.dataset.busy !== undefined) return;
  form.dataset.busy = "";
  const state = form.querySelector("[data-state]");
  const notices = form.querySelector("[data-notices]");
  try {
    const waiting = settled();
    const timer = setTimeout(() => state && (state.textContent = say("waitFiles")), 150);
    const whole = await waiting;
    clearTimeout(timer);
    if (!whole) return;
    // A save under way may be making the draft: its name must go along, or the draft would stay behind.
    await saver.settle();
    const body = new FormData(form, submitter);
    const headers = letter.frame ? FRAGMENT : { ...FRAGMENT, "Postern-Page": "1" };
    const response = await fetch("/compose", { method: "POST", body, headers });
    if (response.status === 401) {
      if (await mend(form.dataset.account ?? "")) {
        delete form.dataset.busy;
        return await submit(letter, submitter, settled);
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
        if (line) document.body.append(document.importNode(line, true));
        startUndo(document);
        document.querySelector<HTMLElement>("#main, #reading")?.focus({ preventScroll: true });
      }
      return;
    }
    const next = parse(html);
    if (!next) throw new Error(String(response.status));
    swap(letter, next);
  } catch {
    saver.resume();
    notices?.replaceChildren(make("div", { class: "notice notice-error", role: "alert" }, icon("circle-alert"), make("div", {}, say("couldNot"))));
  } finally {
    delete form.dataset.busy;
  }
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
  fresh = prepare(next, frame, false);
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
export async function recover(): Promise<void> {
  const mine = local.opened();
  const kept = await local.found().catch(() => []);
  sessionStorage.removeItem(OPEN);
  const others: local.Kept[] = [];
  for (const letter of kept) {
    if (mine.includes(letter.id)) await restore(letter, false);
    else others.push(letter);
  }
  if (others.length) offer(others);
}

async function restore(kept: local.Kept, focus = true): Promise<void> {
  const { csrf } = (await (await fetch("/session", { headers: { Accept: "application/json" } })).json()) as { csrf: string };
  if (!matchMedia("(width >= 50rem)").matches) {
    await local.forget(kept.id);
    post([...kept.fields, ["do", "again"]], csrf);
    return;
  }
  const body = new FormData();
  for (const [name, value] of [...kept.fields, ["do", "again"], ["csrf", csrf]]) body.append(name ?? "", value ?? "");
  const response = await fetch("/compose", { method: "POST", body, headers: FRAGMENT });
  const form = parse(await response.text());
  if (!form) return;
  const letter = place(form, undefined, focus);
  letter.saver.touch();
  if (form.dataset.kept !== kept.id) setTimeout(() => form.dataset.kept !== kept.id && void local.forget(kept.id), 2000);
}

function offer(kept: local.Kept[]): void {
  const box = make("div", { class: "kept", role: "status" });
  void words().then(() => {
    const title = kept.length > 1 ? say("unsavedMany", { n: kept.length }) : say("unsaved");
    box.append(make("p", {}, title));
    const list = make("ul", {});
    for (const letter of kept) {
      const name = letter.fields.find(([key]) => key === "subject")?.[1] || say("noSubject");
      const open = make("button", { type: "button", class: "btn btn-primary" }, say("open"));
      open.setAttribute("aria-label", `${say("open")}: ${name}`);
      const drop = make("button", { type: "button", class: "btn btn-quiet" }, say("discard"));
      drop.setAttribute("aria-label", `${say("discard")}: ${name}`);
      const when = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { timeStyle: "short", dateStyle: "short" }).format(letter.at);
      const line = make("li", {}, make("span", { class: "cut" }, make("bdi", {}, name), make("small", { class: "ink-2" }, ` ${when}`)), open, drop);
      const gone = (): void => {
        line.remove();
        if (!list.childElementCount) box.remove();
      };
      open.addEventListener("click", () => {
        gone();
        void restore(letter);
      });
      drop.addEventListener("click", () => {
        gone();
        void local.forget(letter.id);
      });
      list.append(line);
    }
    box.append(list);
    document.body.append(box);
  });
}

/** The composer's words, where the page has no composer. */
async function words(): Promise<void> {
  if (say("open")) return;
  const form = parse(await (await fetch("/compose", { headers: FRAGMENT })).text());
  if (form) learn(form);
}

function startReveal(form: HTMLFormElement): void {
  for (const button of form.querySelectorAll<HTMLButtonElement>("[data-reveal]")) {
    const input = form.querySelector<HTMLInputElement>(`input[name="${button.dataset.reveal}"]`);
    const line = input?.closest("[data-optional]");
    if (!line) {
      button.hidden = true;
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", () => {
      line.removeAttribute("data-optional");
      button.hidden = true;
      line.querySelector<HTMLInputElement>("input[role=combobox]")?.focus();
    });
  }
}

function startIdentity(form: HTMLFormElement, signature: (old: string, next: string) => void): void {
  const select = form.querySelector<HTMLSelectElement>("[data-identity]");
  const signatures = JSON.parse(form.dataset.signatures ?? "{}") as Record<string, string>;
  let before = select?.value ?? "";
  select?.addEventListener("change", () => {
    signature(signatures[before] ?? "", signatures[select.value] ?? "");
    before = select.value;
  });
}

function focusFirst(form: HTMLFormElement): void {
  const invalid = form.querySelector<HTMLElement>("[aria-invalid=true]");
  const to = form.querySelector<HTMLInputElement>("input[role=combobox]");
  const filled = form.querySelector('input[name="to"]')?.getAttribute("value") || form.querySelector<HTMLInputElement>('input[name="to"]')?.value;
  const body = form.querySelector<HTMLElement>("[contenteditable]:not([hidden])") ?? form.querySelector<HTMLTextAreaElement>("[data-body]");
  if (invalid) invalid.focus();
  else if (to && !filled) to.focus();
  else if (body) {
    body.focus();
    if (body instanceof HTMLTextAreaElement) {
      body.setSelectionRange(0, 0); // above the quoted text
      body.scrollTop = 0;
    }
  }
}

// Letters in windows open again on the next page of this tab.
addEventListener("pagehide", () => {
  const ids = [...letters].filter((letter) => letter.frame).map((letter) => letter.form.dataset.kept ?? "");
  if (ids.length) sessionStorage.setItem(OPEN, JSON.stringify(ids.filter(Boolean)));
});
// Somebody comes back to a page that was left open: the session may have ended meanwhile.
let looked = Date.now();
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || Date.now() - looked < 30_000 || !letters.size) return;
  looked = Date.now();
  const [first] = letters;
  void check(first?.form.dataset.account ?? "");
});
