// Recovery codes: copied and printed at a click. Without scripts the browser's own ways do.

export function startCodes(root: ParentNode): void {
  for (const button of root.querySelectorAll<HTMLButtonElement>("[data-print]:not([data-ready])")) {
    button.dataset.ready = "";
    button.addEventListener("click", () => print());
  }
  for (const button of root.querySelectorAll<HTMLButtonElement>("[data-copy]:not([data-ready])")) {
    button.dataset.ready = "";
    button.addEventListener("click", () => void copy(button));
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const list = document.getElementById(button.dataset.copy ?? "");
  const said = button.parentElement?.querySelector<HTMLElement>("[data-copied]");
  if (!list || !said) return;
  const lines = [...list.children].map((item) => item.textContent?.trim() ?? "");
  try {
    await navigator.clipboard.writeText(lines.join("\n") + "\n");
    said.textContent = said.dataset.copied ?? "";
  } catch {
    getSelection()?.selectAllChildren(list);
    said.textContent = said.dataset.notCopied ?? "";
  }
}
