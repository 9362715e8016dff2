// What the composer says, in the page's language: the form carries the words.
let words: Record<string, string> = {};

export function learn(form: HTMLElement): void {
  if (form.dataset.words) words = JSON.parse(form.dataset.words) as Record<string, string>;
}

export function say(name: string, values: Record<string, string | number> = {}): string {
  return (words[name] ?? "").replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? ""));
}

/** An icon of the sprite that the page uses. */
export function icon(name: string): SVGSVGElement {
  const sprite = document.querySelector("svg use")?.getAttribute("href")?.split("#")[0] ?? "";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}
