// Formatted text: Squire, made for mail, in a file of its own that is fetched when somebody formats. The form's text and
// HTML are taken from it when they are needed, never at a keystroke.
import Squire from "squire-rte";
import { clean, toText } from "./html";

export interface Rich {
  focus(): void;
  command(name: string, ask: () => string | null): void;
  state(): Record<string, boolean>;
  /** Sets a size or a colour; nothing: as the text around it. */
  style(name: "size" | "colour", value: string): void;
  /** What holds where one types; nothing where it is not one of ours. */
  styles(): { size: string; colour: string };
  html(): string;
  text(): string;
  link(name: string, url: string): void;
  picture(file: File, upload: (file: File) => Promise<string>, failed: (error: Error) => void): void;
  /** Puts new HTML in the place of an element's, or at the end. */
  root: HTMLElement;
  end(): void;
}

export function startRich(root: HTMLElement, html: string, pictures: Record<string, string>, changed: () => void): Rich {
  const editor = new Squire(root, {
    blockTag: "DIV",
    sanitizeToDOMFragment: (source: string) => clean(source, pictures),
  });
  editor.setHTML(html || "<div><br></div>");
  editor.addEventListener("input", changed);
  // The page's policy leaves out styles that come as attributes, as the editor sets them; through the object model they count.
  const apply = (): void => {
    for (const element of root.querySelectorAll<HTMLElement>("[style]")) {
      const style = element.getAttribute("style") ?? "";
      if (style && !element.style.length) element.style.cssText = style;
    }
  };
  const applied = (): void => void editor.modifyDocument(apply); // no change that could be taken back
  editor.addEventListener("undoStateChange", applied);
  // What was made of the text holds until it changes: a long letter takes too long to be read out twice for each copy.
  let made: { html?: string; text?: string } = {};
  const changes = new MutationObserver(() => (made = {}));
  changes.observe(root, { attributes: true, characterData: true, childList: true, subtree: true });
  const still = (): typeof made => (changes.takeRecords().length ? (made = {}) : made);
  const serialise = (): string => {
    // In a document of its own, which loads no picture.
    const copy = document.implementation.createHTMLDocument().importNode(root, true);
    for (const picture of copy.querySelectorAll<HTMLImageElement>("img[data-cid]")) {
      picture.setAttribute("src", `cid:${picture.dataset.cid ?? ""}`);
      picture.removeAttribute("data-cid");
    }
    for (const picture of copy.querySelectorAll<HTMLElement>("img")) {
      const width = parseInt(picture.style.width, 10); // drawn larger or smaller: in the form that every program reads
      if (width) picture.setAttribute("width", String(width));
      picture.removeAttribute("style");
      picture.removeAttribute("tabindex");
    }
    for (const odd of copy.querySelectorAll('img:not([src^="cid:"]), .squire-image-resize-container')) odd.remove();
    return copy.innerHTML;
  };

  const toggle = (tag: string, on: () => unknown, off: () => unknown): void => void (editor.hasFormat(tag) ? off() : on());
  return {
    root,
    focus() {
      editor.focus();
      editor.moveCursorToStart();
    },
    command(name, ask) {
      if (name === "bold") toggle("B", () => editor.bold(), () => editor.removeBold());
      else if (name === "italic") toggle("I", () => editor.italic(), () => editor.removeItalic());
      else if (name === "underline") toggle("U", () => editor.underline(), () => editor.removeUnderline());
      else if (name === "strike") toggle("S", () => editor.strikethrough(), () => editor.removeStrikethrough());
      else if (name === "list") toggle("UL", () => editor.makeUnorderedList(), () => editor.removeList());
      else if (name === "numbers") toggle("OL", () => editor.makeOrderedList(), () => editor.removeList());
      else if (name === "quote") toggle("BLOCKQUOTE", () => editor.increaseQuoteLevel(), () => editor.decreaseQuoteLevel());
      else if (name === "clear") editor.removeAllFormatting();
      else if (name === "link") {
        if (editor.hasFormat("A")) editor.removeLink();
        else {
          const typed = ask();
          const url = typed && (/^(?:https?|mailto):/i.test(typed) ? typed : typed.includes("@") ? `mailto:${typed}` : `https://${typed}`);
          if (url) editor.makeLink(url);
        }
      }
      editor.focus();
    },
    state() {
      const has = (tag: string): boolean => editor.hasFormat(tag);
      return { bold: has("B"), italic: has("I"), underline: has("U"), strike: has("S"), list: has("UL"), numbers: has("OL"), quote: has("BLOCKQUOTE"), link: has("A") };
    },
    style(name, value) {
      if (name === "size") editor.setFontSize(value || null);
      else editor.setTextColor(value || null);
      applied();
      editor.focus();
    },
    styles() {
      const { fontSize = "", color = "" } = editor.getFontInfo() as { fontSize?: string; color?: string };
      const rgb = /^rgb\((\d+), ?(\d+), ?(\d+)\)$/.exec(color)?.slice(1).map((part) => Number(part).toString(16).padStart(2, "0"));
      return { size: fontSize, colour: rgb ? `#${rgb.join("")}` : color };
    },
    html: () => (still().html ??= serialise()),
    text: () => (still().text ??= toText(root)),
    link(name, url) {
      const line = document.createElement("div");
      const link = document.createElement("a");
      link.href = url;
      link.textContent = url;
      line.append(`${name}: `, link);
      editor.insertHTML(line.outerHTML);
    },
    picture(file, upload, failed) {
      const picture = editor.insertImage(URL.createObjectURL(file), { alt: file.name });
      void upload(file).then(
        (cid) => {
          picture.dataset.cid = cid;
          changed();
        },
        (error: Error) => {
          picture.remove();
          failed(error);
        },
      );
    },
    end() {
      changes.disconnect();
      editor.destroy();
    },
  };
}
