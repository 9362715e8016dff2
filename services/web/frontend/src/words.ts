// What scripts say to people, in the page's language: the page carries the words, scripts have none of their own.

let words: Record<string, string> | undefined;

/** The page's text of that name, with {name} replaced from `values`. */
export function word(name: string, values: Record<string, string | number> = {}): string {
  words ??= JSON.parse(document.body.dataset.words ?? "{}") as Record<string, string>;
  return (words[name] ?? "").replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? ""));
}

/** An element with attributes and content; text is set as text, never as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}
