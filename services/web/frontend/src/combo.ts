/** The option at that place is the one that the arrow keys are at (ARIA combobox pattern); none for -1. */
export function markOption(input: HTMLElement, list: HTMLElement, at: number): void {
  [...list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
  const current = list.children[at];
  if (current) {
    input.setAttribute("aria-activedescendant", current.id);
    current.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}
