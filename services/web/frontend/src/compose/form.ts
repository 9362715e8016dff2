// The composer's form: lines on request, the identity that writes, where one begins, the keys.

export function startReveal(form: HTMLFormElement): void {
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

export function startIdentity(form: HTMLFormElement, signature: (old: string, next: string, done: () => void) => void): void {
  const select = form.querySelector<HTMLSelectElement>("[data-identity]");
  const signatures = JSON.parse(form.dataset.signatures ?? "{}") as Record<string, string>;
  let before = select?.value ?? "";
  select?.addEventListener("change", () => {
    const was = before;
    const now = (before = select.value);
    signature(signatures[was] ?? "", signatures[now] ?? "", () => {
      const signed = form.querySelector<HTMLInputElement>('input[name="signed_as"]');
      if (signed) signed.value = now; // the server need not do it once more
    });
  });
}

export function focusFirst(form: HTMLFormElement): void {
  // Who has begun to write before the scripts were there goes on where they are.
  if (document.activeElement?.matches("input, textarea, [contenteditable]") && form.contains(document.activeElement)) return;
  const invalid = form.querySelector<HTMLElement>("[aria-invalid=true]");
  const to = form.querySelector<HTMLInputElement>("input[role=combobox]");
  const filled = form.querySelector('input[name="to"]')?.getAttribute("value") || form.querySelector<HTMLInputElement>('input[name="to"]')?.value;
  const body = form.querySelector<HTMLElement>("[contenteditable]:not([hidden])") ?? form.querySelector<HTMLTextAreaElement>("[data-body]");
  const name = form.querySelector<HTMLInputElement>('.composer-line input[name="template_name"]');
  if (invalid) invalid.focus();
  else if (name && !name.value) name.focus();
  else if (to && !filled) to.focus();
  else if (body) {
    body.focus();
    if (body instanceof HTMLTextAreaElement) {
      body.setSelectionRange(0, 0); // above the quoted text
      body.scrollTop = 0;
    }
  }
}

export function startTitle(form: HTMLFormElement): void {
  const subject = form.querySelector<HTMLInputElement>('input[name="subject"]');
  const title = form.querySelector<HTMLElement>("[data-title]");
  subject?.addEventListener("input", () => {
    if (title) title.textContent = subject.value || (form.getAttribute("aria-label") ?? "");
  });
}

/** Ctrl+Enter sends, Enter in a field does not, Escape closes the menu and then, where it can, the window. */
export function startKeys(form: HTMLFormElement, leave: (() => void) | undefined): void {
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
      } else if (leave) leave();
      else return;
      event.stopPropagation();
    }
  });
}
