// The text: plain in its field, or formatted in an editor over it; from one to the other and back without loss.
import { make } from "../words";
import { fromText, isFormatted } from "./html";
import { pause } from "./pause";
import type { Rich } from "./rich";
import { signPlain, signRich } from "./signature";
import { icon, say } from "./words";

export interface Text {
  /** A picture into formatted text; false where the text is plain. */
  picture(file: File, upload: (file: File) => Promise<string>, failed: (error: Error) => void): boolean;
  /** `done` once it is in the text; without it, it is for the server to do. */
  signature(old: string, next: string, done: () => void): void;
  /** A link into the text, on a line of its own where one types. */
  link(name: string, url: string): void;
  /** Makes what the form takes from the editor, a piece at a time: keys that are pressed meanwhile come between. */
  ready(): Promise<void>;
}

export function startText(form: HTMLFormElement, changed: () => void): Text {
  const area = form.querySelector<HTMLTextAreaElement>("[data-body]");
  const source = form.querySelector<HTMLTextAreaElement>("[data-html]");
  const bar = form.querySelector<HTMLElement>("[data-format]");
  const foot = form.querySelector<HTMLElement>(".composer-state");
  if (!area || !bar) return { picture: () => false, signature: () => undefined, link: () => undefined, ready: async () => undefined };
  const pictures = JSON.parse(form.dataset.pictures ?? "{}") as Record<string, string>;
  const label = form.querySelector<HTMLLabelElement>(`label[for="${area.id}"]`);
  const name = label?.textContent ?? "";
  let rich: Rich | undefined;
  // While the editor is on its way, what would change the text waits for it: done in the field it would be lost.
  let starting = false;
  const waiting: (() => void)[] = [];
  const whenThere = (change: () => void): void => void (starting ? waiting.push(change) : change());

  const toggle = make("button", { type: "button", class: "btn btn-icon btn-quiet composer-toggle", "aria-pressed": "false", "aria-label": say("rich"), title: say("rich") });
  toggle.append(icon("type"));
  foot?.before(toggle);

  /** The pictures of `html` stand in the text, or, where that is plain, among the files. */
  const within = (html: string, are: boolean): void => {
    for (const chip of form.querySelectorAll<HTMLElement>("[data-cid]:not(img)"))
      if (html.includes(`cid:${chip.dataset.cid ?? ""}"`)) chip.hidden = are;
  };

  /** `html` is asked once the editor is there: the field may be typed in until then. */
  const toRich = async (html: () => string, focus: boolean): Promise<void> => {
    if (starting || rich) return;
    starting = true;
    try {
      const { startRich } = await import("./rich");
      draw(startRich, html(), focus || document.activeElement === area);
    } finally {
      starting = false;
      for (const change of waiting.splice(0)) change();
    }
  };

  const draw = (startRich: typeof import("./rich").startRich, html: string, focus: boolean): void => {
    const root = make("div", { class: "composer-rich", role: "textbox", "aria-multiline": "true", contenteditable: "true", spellcheck: "true", dir: "auto", "aria-label": name });
    if (area.lang) root.lang = area.lang;
    area.after(root);
    area.hidden = true;
    label?.removeAttribute("for");
    bar.hidden = false;
    rich = startRich(root, html, pictures, changed);
    toggle.setAttribute("aria-pressed", "true");
    within(rich.html(), true);
    if (focus) rich.focus();
    root.addEventListener("keyup", () => queueMicrotask(show));
    root.addEventListener("mouseup", show);
  };

  const toPlain = (): void => {
    if (!rich) return;
    const html = rich.html();
    const lost = isFormatted(rich.root);
    area.value = rich.text();
    within(html, false);
    rich.end();
    rich.root.remove();
    rich = undefined;
    area.hidden = false;
    label?.setAttribute("for", area.id);
    bar.hidden = true;
    source?.remove();
    toggle.setAttribute("aria-pressed", "false");
    area.focus();
    changed();
    if (!lost) return;
    const undo = make("button", { type: "button", class: "btn" }, say("undo"));
    const line = make("div", { class: "notice notice-info", role: "status" }, icon("info"), make("div", {}, say("formatLost")), undo);
    undo.addEventListener("click", () => {
      line.remove();
      void toRich(() => html, true).then(changed);
    });
    form.querySelector("[data-notices]")?.append(line);
  };

  const show = (): void => {
    if (!rich) return;
    for (const [command, on] of Object.entries(rich.state())) bar.querySelector(`[data-do="${command}"]`)?.setAttribute("aria-pressed", String(on));
    const styles = rich.styles();
    for (const select of bar.querySelectorAll<HTMLSelectElement>("[data-style]")) {
      const value = styles[select.dataset.style as keyof typeof styles];
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
  };

  toggle.addEventListener("click", () => {
    if (rich) toPlain();
    else void toRich(() => fromText(area.value), true).then(changed);
  });
  bar.addEventListener("mousedown", (event) => {
    if (!(event.target as Element).closest("select")) event.preventDefault(); // the selection stays in the text
  });
  bar.addEventListener("change", (event) => {
    const select = event.target as HTMLSelectElement;
    event.stopPropagation();
    rich?.style(select.dataset.style as "size" | "colour", select.value);
    changed();
  });
  bar.addEventListener("click", (event) => {
    const command = (event.target as Element).closest<HTMLElement>("[data-do]")?.dataset.do;
    if (!command || command === "picture" || !rich) return;
    rich.command(command, () => prompt(say("linkTo"), "https://"));
    show();
    changed();
  });
  // One stop for the tab key; arrows within (ARIA toolbar).
  bar.addEventListener("keydown", (event) => {
    if ((event.key !== "ArrowRight" && event.key !== "ArrowLeft") || !(event.target as Element).matches("button")) return;
    const buttons = [...bar.querySelectorAll<HTMLElement>("button")];
    const step = (event.key === "ArrowRight") === (document.documentElement.dir !== "rtl") ? 1 : -1;
    const next = buttons[(buttons.indexOf(document.activeElement as HTMLElement) + step + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next?.focus();
    event.preventDefault();
  });
  form.addEventListener("formdata", (event) => {
    // A picture that was taken out of the text does not go along.
    const now = rich?.html() ?? "";
    const out = [...form.querySelectorAll<HTMLElement>("[data-cid][hidden]:not(img)")]
      .filter((chip) => !now.includes(`cid:${chip.dataset.cid ?? ""}"`))
      .map((chip) => chip.querySelector<HTMLInputElement>("input")?.value);
    if (out.length) {
      const kept = event.formData.getAll("attachment").filter((value) => !out.includes(String(value)));
      event.formData.delete("attachment");
      for (const value of kept) event.formData.append("attachment", value);
    }
    if (!rich) return;
    event.formData.set("html", now);
    event.formData.set("body", rich.text());
    event.formData.set("live", "1");
  });
  if (source) {
    // Formatted already, so the field holds a copy that is about to go: nothing is to be typed into it.
    area.readOnly = true;
    void toRich(() => source.value, false).finally(() => (area.readOnly = false));
  }

  return {
    async ready() {
      if (!rich) return;
      rich.html();
      await pause();
      rich?.text();
      await pause();
    },
    picture(file, upload, failed) {
      if (!rich) return false;
      rich.picture(file, upload, failed);
      return true;
    },
    link(name, url) {
      whenThere(() => {
        if (rich) rich.link(name, url);
        else area.setRangeText(`${area.selectionEnd ? "\n" : ""}${name}: ${url}\n`, area.selectionEnd, area.selectionEnd, "end");
        changed();
      });
    },
    signature(old, next, done) {
      whenThere(() => {
        if (rich) signRich(rich.root, old, next);
        else if (source?.isConnected) return; // formatted, but the editor could not be had
        else signPlain(area, old, next);
        done();
        changed();
      });
    },
  };
}
