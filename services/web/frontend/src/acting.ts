// What is done to messages happens in place: the lines change at once, the server is told, and its answer is the line
// that says what was done and takes it back. What cannot go so (a question, an error) goes the way without scripts.
import { mailboxOf, readAgain, take } from "./again";
import { closePane } from "./panes";
import { labels, mailboxes, pick } from "./picker";
import { keyOf, listWindow } from "./window";
import { word } from "./words";

const GOES = new Set(["archive", "delete", "delete-forever", "junk", "not-junk", "move"]);
/** What a message that is open shows of itself; an undo has no verb. */
const SHOWN = new Set(["label", "unlabel", "star", "unstar", ""]);
const NOTICES = { "HX-Request": "true", "HX-Target": "div#notices" };
const ours = (form: HTMLFormElement): boolean => /\/(actions|undo|manage)$/.test(new URL(form.action).pathname);

export function startActing(prepare: (root: ParentNode) => void): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || !ours(form) || !document.getElementById("notices")) return;
    if (!document.querySelector("[data-rows]")) return;
    const submitter = event.submitter as HTMLButtonElement | null;
    if (submitter?.hasAttribute("formaction")) return; // a file to download
    event.preventDefault();
    const data = new FormData(form, submitter);
    // The button of one message names it: "star:1234.5".
    const [verb, one] = String(data.get("do") ?? "").split(":");
    if (one) {
      data.set("do", verb!);
      data.set("m", one);
    }
    void choose(form, data).then((go) => {
      if (!go) return;
      void act(form.action, data, prepare, () => natively(form.action, data));
    });
  });
}

/** Asks which mailbox or label, where the act needs one; whether to go on. */
async function choose(form: HTMLFormElement, data: FormData): Promise<boolean> {
  const verb = data.get("do");
  if ((verb !== "move" && verb !== "label") || (!data.has("m") && !data.has("all"))) return true;
  if (verb === "move") {
    const chosen = await pick(word("moveTo"), mailboxes());
    if (chosen) data.set("to", chosen.value);
    return Boolean(chosen);
  }
  const marked = form.querySelector("[data-rows]") ? [...form.querySelectorAll(".row:has(.row-check :checked)")] : [form];
  const chosen = await pick(word("labels"), labels(form, marked), (name) => word("newLabel", { name }));
  if (!chosen) return false;
  if (chosen.on) data.set("do", "unlabel");
  if (chosen.value) data.set("label", chosen.value);
  else {
    data.set("new_label", chosen.text);
    offer(chosen.text);
  }
  return true;
}

/** A new label is offered from now on, here too. */
function offer(name: string): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[action$='/actions']")) {
    const offered = JSON.parse(form.dataset.offered || "[]") as [string, string][];
    if (offered.some(([, text]) => text.toLowerCase() === name.toLowerCase())) continue;
    form.dataset.offered = JSON.stringify([...offered, [name, name]]);
  }
}

/** Sends `data`; `otherwise` is what to do where the page must change after all. */
export async function act(
  action: string,
  data: FormData,
  prepare: (root: ParentNode) => void,
  otherwise: () => void,
): Promise<void> {
  const verb = String(data.get("do") ?? "");
  const named = data.getAll("m").map(String);
  const keys = new Set([...named, ...named.flatMap((one) => one.split(" "))]);
  const all = data.get("all") === "1";
  const pane = document.getElementById("reading");
  let next: HTMLElement | undefined;
  const shown = pane?.querySelector<HTMLInputElement>('form input[name="m"]');
  const open = (shown?.value ?? "").split(" ");
  const place = shown?.form ? mailboxOf(shown.form.action) : "";
  const opened = open.some((key) => key && (keys.has(key) || keys.has(`${key}.${place}`)));
  let wanted = "";
  if (GOES.has(verb) && !all) {
    const list = listWindow();
    const before = list?.rows().length ?? 0;
    next = take(keys, mailboxOf(action));
    const gone = before - (list?.rows().length ?? 0);
    if (gone) wanted = list?.wanted(action, gone) ?? "";
    if (opened) leave(next);
  }
  let told = new Headers();
  let brought: HTMLElement[] = [];
  const notices = document.getElementById("notices")!;
  notices.classList.add("is-waiting");
  try {
    const body = new URLSearchParams([...data].map(([name, value]) => [name, String(value)] as [string, string]));
    if (wanted) body.set("shown", wanted);
    const answer = await fetch(action, { method: "POST", body, headers: NOTICES });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    notices.innerHTML = await answer.text(); // escaped by the server's templates
    told = answer.headers;
    const lines = notices.querySelector<HTMLTemplateElement>("template[data-brought]");
    lines?.remove();
    brought = [...(lines?.content.querySelectorAll<HTMLElement>(".row") ?? [])];
    prepare(notices);
  } catch {
    otherwise();
    return;
  } finally {
    notices.classList.remove("is-waiting");
  }
  for (const box of document.querySelectorAll<HTMLInputElement>(".row-check input:checked")) box.checked = false;
  for (const kept of document.querySelectorAll("input[data-kept], input[name=all]")) kept.remove();
  // Most acts bring what the list then lacks; where something else has happened to it meanwhile, it is read again.
  if (!wanted || !told.has("postern-total") || !listWindow()?.fill(brought, wanted, told)) await readAgain(prepare, opened ? next : undefined);
  if (pane && open[0] && (opened || all || !verb) && SHOWN.has(verb)) await again(pane, prepare);
  document.dispatchEvent(new Event("postern:counts"));
}

/** Draws the open message again where it shows what was changed. */
async function again(pane: HTMLElement, prepare: (root: ParentNode) => void): Promise<void> {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true", "HX-Target": "section#reading" } });
  if (!answer.ok || answer.redirected) return;
  const made = document.createElement("template");
  made.innerHTML = await answer.text(); // escaped by the server's templates
  const [old, fresh] = [pane, made.content].map((one) => one.querySelector(".thread-head h1"));
  if (old && fresh) old.replaceWith(fresh);
  const [bar, next] = [pane, made.content].map((one) => one.querySelector("form[action$='/actions']"));
  if (bar && next && !bar.contains(document.activeElement)) bar.replaceWith(next);
  prepare(pane);
}

/** The message that was open is gone: the next one opens where one was being read beside the list; with one pane at a
 *  time the list comes back, where it was, with the line that says what was done. */
function leave(next: HTMLElement | undefined): void {
  const link = next?.querySelector<HTMLAnchorElement>(".row-link");
  if (link && matchMedia("(width >= 50rem)").matches) {
    if (document.getElementById("reading")?.contains(document.activeElement)) link.focus({ preventScroll: true });
    link.click();
  } else closePane(next);
}

/** An act on single lines, from a drop, a swipe or a button that lies over the line. */
export function actOn(rows: Iterable<Element>, fields: Record<string, string>, prepare: (root: ParentNode) => void): void {
  const form = document.querySelector<HTMLFormElement>(".list form[method=post]");
  if (!form) return;
  const data = new FormData();
  for (const hidden of form.querySelectorAll<HTMLInputElement>("input[type=hidden]:not([data-kept])"))
    data.append(hidden.name, hidden.value);
  for (const row of rows) data.append("m", keyOf(row));
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  void act(form.action, data, prepare, () => natively(form.action, data));
}

/** The same as without scripts, of what was named: its lines may have left the list. */
function natively(action: string, data: FormData): void {
  const sent = document.createElement("form");
  sent.method = "post";
  sent.action = action;
  for (const [name, value] of data) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = String(value);
    sent.append(field);
  }
  document.body.append(sent);
  sent.submit();
}
