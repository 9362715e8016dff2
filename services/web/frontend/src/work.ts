// Long work: the line at the foot of the page says how far it is, until the server's answer says what was done.
import { readAgain } from "./again";

const NOTICES = { "HX-Request": "true", "HX-Target": "div#notices" };
const FIRST = 250;
const MOST = 1_000;
type Prepare = (root: ParentNode) => void;

export function startWork(root: ParentNode, prepare: Prepare): void {
  for (const line of root.querySelectorAll<HTMLFormElement>("form[data-work]:not([data-ready])")) {
    line.dataset.ready = "";
    line.addEventListener("submit", (event) => {
      event.preventDefault();
      line.querySelector<HTMLButtonElement>("button")!.disabled = true;
      const body = new URLSearchParams([...new FormData(line)].map(([name, value]) => [name, String(value)] as [string, string]));
      void fetch(line.action, { method: "POST", body, headers: NOTICES }).then(() =>
        document.dispatchEvent(new CustomEvent("postern:stopped", { detail: line.dataset.work })),
      );
    });
    void follow(line, prepare);
  }
}

/** A form that sends or fetches a file: its work shows itself at the foot of the page meanwhile. */
export function startTransfers(root: ParentNode, prepare: Prepare): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-transfer]:not([data-ready])")) {
    form.dataset.ready = "";
    form.addEventListener("submit", (event) => {
      const button = form.querySelector<HTMLButtonElement>("button.btn-primary")!;
      if (form.enctype !== "multipart/form-data") {
        void watch(form.dataset.transfer!, prepare);
        // The same page may be used again: for another work.
        setTimeout(() => {
          const id = crypto.randomUUID?.();
          if (id) form.dataset.transfer = form.querySelector<HTMLInputElement>("[name=work]")!.value = id;
        }, 0);
        return;
      }
      event.preventDefault();
      button.disabled = true;
      send(form, prepare);
    });
  }
}

/** The browser tells how much has gone; what was made of it, the work tells. */
function send(form: HTMLFormElement, prepare: Prepare): void {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  const where = `/works/${form.dataset.transfer}`;
  request.addEventListener("load", () => location.assign(request.responseURL || where));
  request.addEventListener("error", () => location.assign(where));
  request.send(new FormData(form));
  document.addEventListener("postern:stopped", (event) => (event as CustomEvent<string>).detail === where && request.abort());
  void watch(form.dataset.transfer!, prepare);
}

/** Waits until the work is known, and shows its line. */
async function watch(id: string, prepare: Prepare): Promise<void> {
  const notices = document.getElementById("notices");
  for (let tries = 0; notices && tries < 60; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, FIRST));
    const answer = await fetch(`/works/${id}`, { headers: NOTICES }).catch(() => undefined);
    if (!answer?.ok || answer.redirected) continue;
    notices.innerHTML = await answer.text(); // escaped by the server's templates
    prepare(notices);
    return;
  }
}

async function follow(line: HTMLFormElement, prepare: Prepare): Promise<void> {
  const notices = line.closest("#notices");
  for (let wait = FIRST; line.isConnected && notices; wait = Math.min(MOST, wait * 1.3)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (!line.isConnected) return;
    const made = document.createElement("template");
    try {
      const answer = await fetch(line.dataset.work!, { headers: NOTICES });
      if (answer.ok && !answer.redirected) made.innerHTML = await answer.text(); // escaped by the server's templates
      else if (answer.status !== 404 && !answer.redirected) continue;
    } catch {
      continue; // the line is gone; the work is not
    }
    const now = made.content.querySelector<HTMLFormElement>("form[data-work]");
    if (now) {
      show(line, now);
      continue;
    }
    const focused = line.contains(document.activeElement);
    notices.replaceChildren(made.content);
    prepare(notices);
    if (focused) (notices.querySelector<HTMLElement>("button") ?? document.getElementById("main"))?.focus();
    if (document.querySelector("[data-rows]")) await readAgain(prepare);
    document.dispatchEvent(new Event("postern:counts"));
  }
}

/** In place, so that the button to stop it stays under the finger. */
function show(line: Element, now: Element): void {
  const [text, fresh] = [line, now].map((one) => one.querySelector("[data-work-text]"));
  if (text && fresh && text.textContent !== fresh.textContent) text.textContent = fresh.textContent;
  const [bar, next] = [line, now].map((one) => one.querySelector("progress"));
  if (bar && next?.hasAttribute("max")) [bar.max, bar.value] = [next.max, next.value];
}
