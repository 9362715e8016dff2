// HTML that may stand in the editor, which is part of our own page: what a person can write, and nothing that acts.

const TAGS = new Set(
  "A B BLOCKQUOTE BR CODE DIV EM FONT H1 H2 H3 H4 HR I IMG LI OL P PRE S SPAN STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL".split(" "),
);
const GONE = new Set("SCRIPT STYLE TITLE HEAD META LINK TEMPLATE IFRAME OBJECT EMBED SVG MATH FORM INPUT BUTTON TEXTAREA SELECT NOSCRIPT".split(" "));
const STYLES = ["color", "background-color", "font-weight", "font-style", "font-size", "font-family", "text-decoration", "text-align"];
const TABLE_STYLES = ["border-top", "border-right", "border-bottom", "border-left", "border-collapse", "padding", "vertical-align"];
const BLOCKS = new Set("BLOCKQUOTE DIV H1 H2 H3 H4 HR LI OL P PRE TABLE TR UL".split(" "));

/** A fragment with the allowed of `source`; `pictures` are addresses for the message's own, by Content-ID. */
export function clean(source: string, pictures: Record<string, string>): DocumentFragment {
  // The page's policy forbids style attributes; they are set through the object model instead.
  const parsed = new DOMParser().parseFromString(source.replace(/(<[^<>]*?\s)style\s*=/gi, "$1data-style="), "text/html");
  const fragment = document.createDocumentFragment();
  copy(parsed.body, fragment, pictures);
  return fragment;
}

function copy(from: Node, to: Node, pictures: Record<string, string>): void {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.appendChild(document.createTextNode(node.nodeValue ?? ""));
    if (!(node.nodeType === Node.ELEMENT_NODE)) continue;
    const source = node as HTMLElement;
    const tag = source.tagName.toUpperCase();
    if (GONE.has(tag)) continue;
    if (!TAGS.has(tag)) {
      copy(source, to, pictures);
      continue;
    }
    const element = document.createElement(tag);
    const attribute = (name: string, good: (value: string) => boolean = () => true): void => {
      const value = source.getAttribute(name);
      if (value !== null && good(value)) element.setAttribute(name, value);
    };
    attribute("dir", (value) => /^(?:ltr|rtl|auto)$/i.test(value));
    if (tag === "A") attribute("href", (value) => /^(?:https?:|mailto:)/i.test(value.trim()));
    if (tag === "FONT") for (const name of ["color", "face", "size"]) attribute(name, (value) => /^[\w#, '+-]{1,80}$/.test(value));
    if (tag === "OL") attribute("start", (value) => /^\d{1,6}$/.test(value));
    if (tag === "BLOCKQUOTE") attribute("type", (value) => value === "cite");
    if (tag === "TD" || tag === "TH") for (const name of ["colspan", "rowspan"]) attribute(name, (value) => /^\d{1,3}$/.test(value));
    if (tag === "TABLE") for (const name of ["border", "cellpadding", "cellspacing"]) attribute(name, (value) => /^\d{1,2}$/.test(value));
    if (tag === "IMG") {
      const cid = source.dataset.cid ?? /^cid:(.+)$/i.exec(source.getAttribute("src") ?? "")?.[1];
      if (!cid) continue; // from elsewhere: nothing remote is loaded while one writes
      element.dataset.cid = cid;
      const url = pictures[cid];
      if (url) element.setAttribute("src", url);
      for (const name of ["alt", "width", "height"]) attribute(name, (value) => name === "alt" || /^\d{1,4}$/.test(value));
    }
    const style = source.dataset.style;
    if (style) {
      const probe = document.createElement("span").style;
      probe.cssText = style;
      for (const name of tag === "TABLE" || tag === "TD" || tag === "TH" ? [...STYLES, ...TABLE_STYLES] : STYLES) {
        const value = probe.getPropertyValue(name);
        if (value && !/url\(/i.test(value)) element.style.setProperty(name, value);
      }
    }
    copy(source, element, pictures);
    to.appendChild(element);
  }
}

/** The same as plain text: quotes with ">", lists with "-" and numbers, the cells of a row with tabs between them. */
export function toText(root: Node): string {
  const lines: string[] = [""];
  let fresh = true; // nothing is on the last line yet
  let beside = false; // what follows stands beside what was just put, also where it is a block
  let row = 0; // how many lines there were when the row of a table began
  const put = (text: string): void => {
    if (fresh && !text.trim()) return; // the space between blocks
    lines[lines.length - 1] += text;
    fresh = beside = false;
  };
  const edge = (prefix: string): void => {
    if (beside) {
      beside = false;
      return;
    }
    if (fresh) lines[lines.length - 1] = prefix;
    else lines.push(prefix);
    fresh = true;
  };
  const walk = (node: Node, prefix: string): void => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) put((child.nodeValue ?? "").replace(/\u200b/g, "").replace(/\u00a0/g, " "));
      if (!(child instanceof HTMLElement)) continue;
      const tag = child.tagName;
      if (tag === "BR") {
        fresh = false;
        if (child.nextSibling) lines.push(prefix);
      } else if (tag === "IMG") put(child.getAttribute("alt") ?? "");
      else if (!BLOCKS.has(tag)) {
        if (tag === "TD" || tag === "TH") {
          if (child.previousElementSibling) {
            if (fresh && lines.length > row) lines.pop();
            lines[lines.length - 1] += "\t";
            fresh = false;
          }
          beside = true;
        }
        walk(child, prefix);
        const href = child.getAttribute("href") ?? "";
        if (tag === "A" && href && !child.textContent?.includes(href.replace(/^\w+:(?:\/\/)?/, "").replace(/\/$/, ""))) put(` <${href}>`);
      } else {
        const inner = tag === "BLOCKQUOTE" ? `> ${prefix}` : prefix;
        edge(inner);
        if (tag === "TR") row = lines.length;
        if (tag === "LI") {
          put(child.parentElement?.tagName === "OL" ? `${[...child.parentElement.children].indexOf(child) + 1}. ` : "- ");
          beside = true;
        }
        walk(child, inner);
        beside = false;
        edge(prefix);
      }
    }
  };
  walk(root, "");
  if (fresh && lines.length > 1) lines.pop(); // where the last block ended
  // The space of the line above a signature stays (RFC 3676, 4.3).
  return lines.map((line) => (line === "-- " ? line : line.replace(/[ \t]+$/, ""))).join("\n");
}

/** Whether plain text would lose something. */
export const isFormatted = (root: Element): boolean =>
  root.querySelector("b, strong, i, em, u, s, a, ul, ol, img, table, h1, h2, h3, h4, pre, code, font, [style]") !== null;

/** Plain text as HTML, with ">" as quotes. */
export function fromText(text: string): string {
  const out: string[] = [];
  let depth = 0;
  for (const line of text.split("\n")) {
    const match = /^((?:> ?)*)(.*)$/.exec(line);
    const wanted = (match?.[1] ?? "").replace(/ /g, "").length;
    while (depth < wanted) out.push('<blockquote type="cite">'), depth++;
    while (depth > wanted) out.push("</blockquote>"), depth--;
    const content = (match?.[2] ?? "").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/ {2}/g, " \u00a0").replace(/ $/, "\u00a0");
    out.push(`<div>${content || "<br>"}</div>`);
  }
  while (depth-- > 0) out.push("</blockquote>");
  return out.join("");
}
