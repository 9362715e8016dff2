// The composer: optional lines, files, Ctrl+Enter, people while one types, and a draft that is never far behind.
import { startAutosave } from "./autosave";
import { startFiles } from "./files";
import { startSuggest } from "./suggest";

export function startComposers(root: ParentNode): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-composer]:not([data-ready])")) {
    form.dataset.ready = "";
    startReveal(form);
    startFiles(form);
    const saver = startAutosave(form);
    for (const input of form.querySelectorAll<HTMLInputElement>("[data-suggest]")) startSuggest(input);

    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit(form.querySelector<HTMLButtonElement>("button[aria-keyshortcuts]"));
      } else if (event.key === "Enter" && (event.target as Element).matches("input:not([type=file])")) {
        event.preventDefault(); // Enter in "To" must not send a half-written message
      }
    });

    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) {
        event.preventDefault();
        return;
      }
      // A save under way may be making the draft: its name must go along, or the draft would stay behind.
      const pending = saver.settle();
      if (pending) {
        event.preventDefault();
        const submitter = event.submitter;
        void pending.finally(() => form.requestSubmit(submitter));
        return;
      }
      sent = true;
      addEventListener("pageshow", () => (sent = false), { once: true });
    });
    focusFirstEmpty(form);
  }
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
      input?.focus();
    });
  }
}

function focusFirstEmpty(form: HTMLFormElement): void {
  const invalid = form.querySelector<HTMLElement>("[aria-invalid=true]");
  const to = form.querySelector<HTMLInputElement>("[data-suggest]");
  const body = form.querySelector<HTMLTextAreaElement>(".composer-body textarea");
  if (invalid) invalid.focus();
  else if (to && !to.value) to.focus();
  else if (body) {
    body.focus();
    body.setSelectionRange(0, 0); // above the quoted text
    body.scrollTop = 0;
  }
}
