// Files on their way while one writes on: piece by piece, with progress, taken up again where the line broke. Chosen,
// dropped or pasted; pictures go into formatted text.
import { mend } from "../session";
import { make } from "../words";
import { icon, say } from "./words";

const PIECE = 512 * 1024;
const WAIT = [1000, 3000, 8000, 15_000];

interface State {
  id: string;
  offset: number;
  complete: boolean;
  field: string;
  error?: string;
  text?: string;
}

export interface Files {
  add(files: Iterable<File>): void;
  /** Uploads one picture for the text; resolves with its Content-ID. */
  picture(file: File): Promise<string>;
  /** Resolves when none is under way; false where one has failed. */
  settled(): Promise<boolean>;
  /** Whether one is under way. */
  busy(): boolean;
}

const size = (bytes: number): string => {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const at = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(document.documentElement.lang || undefined, {
    style: "unit",
    unit: units[at],
    maximumFractionDigits: at > 1 ? 1 : 0,
  }).format(bytes / 1000 ** at);
};

class Stopped extends Error {}

/** Whether what is pasted is no text: a picture copied on a page comes with the HTML of its place there. */
const onlyPicture = (html: string): boolean => !new DOMParser().parseFromString(html, "text/html").body.textContent?.trim();

export function startFiles(form: HTMLFormElement, changed: () => void, takePicture: (file: File, failed: (error: Error) => void) => boolean, insert: (name: string, url: string) => void): Files {
  const input = form.querySelector<HTMLInputElement>("[data-files]");
  const list = form.querySelector<HTMLElement>("[data-file-list]");
  const limit = Number(form.dataset.uploadLimit) || Infinity;
  const running = new Set<Promise<boolean>>();
  const csrf = (): string => form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "";

  const ask = async (url: string, init: RequestInit): Promise<State> => {
    const response = await fetch(url, { ...init, headers: { Accept: "application/json", "Postern-CSRF": csrf(), ...init.headers } });
    if (response.status === 401 || response.status === 403) {
      await mend(form.dataset.account ?? "");
      throw new Error("again");
    }
    const state = (await response.json()) as State;
    if (response.status === 413 || response.status === 404 || response.status === 400) throw new Stopped(state.text ?? "");
    if (!response.ok) throw new Error(state.text ?? String(response.status));
    return state;
  };

  /** The whole file, however often the line breaks. */
  const upload = async (file: File, signal: AbortSignal, progress: (done: number, broken: boolean) => void, base = "/compose/upload"): Promise<string> => {
    let state: State | undefined;
    let failures = 0;
    for (;;) {
      if (signal.aborted) throw new Stopped();
      try {
        if (!state) {
          const body = new URLSearchParams({ csrf: csrf(), name: file.name, type: file.type, size: String(file.size) });
          state = await ask(base, { method: "POST", body, signal });
        } else if (failures) state = await ask(`${base}/${encodeURIComponent(state.id)}`, { signal });
        while (!state.complete && state.offset < file.size) {
          const piece: Blob = file.slice(state.offset, state.offset + PIECE);
          const query: string = `offset=${state.offset}&size=${file.size}`;
          state = await ask(`${base}/${encodeURIComponent(state.id)}?${query}`, { method: "POST", body: piece, signal, headers: { "Content-Type": "application/octet-stream" } });
          failures = 0;
          progress(state.offset, false);
        }
        return state.field;
      } catch (error) {
        if (error instanceof Stopped || signal.aborted) throw error;
        progress(state?.offset ?? 0, true);
        await new Promise((resolve) => {
          setTimeout(resolve, WAIT[Math.min(failures++, WAIT.length - 1)]);
          addEventListener("online", resolve, { once: true });
        });
      }
    }
  };

  const track = (work: Promise<boolean>): void => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  const chip = (name: string, detail: string): { box: HTMLElement; text: HTMLElement; bar: HTMLProgressElement; off: HTMLButtonElement } => {
    const text = make("small", {}, detail);
    const bar = make("progress", { max: "1", value: "0", "aria-label": name });
    const off = make("button", { type: "button", class: "btn btn-icon", "aria-label": say("remove", { name }) });
    off.append(icon("x"));
    const box = make("span", { class: "attachment attachment-field" });
    box.append(icon("paperclip"), make("span", {}, make("bdi", { class: "cut" }, name), text), bar, off);
    return { box, text, bar, off };
  };

  const tell = (text: string): void => form.querySelector("[data-notices]")?.append(make("div", { class: "notice notice-error", role: "alert" }, icon("circle-alert"), make("div", {}, text)));

  /** Too large for a message: a link in its place, where the operator offers that. */
  const large = async (file: File): Promise<void> => {
    const notices = form.querySelector("[data-notices]");
    const terms = (await fetch("/compose/links", { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : undefined))
      .catch(() => undefined)) as { offered: boolean; most: number; mostText: string } | undefined;
    if (!terms?.offered || file.size > terms.most) {
      const most = terms?.offered ? terms.mostText : (form.dataset.uploadLimitText ?? "");
      return tell(say("tooLarge", { name: file.name, size: most }));
    }
    const yes = make("button", { type: "button", class: "btn" }, say("asLink"));
    const no = make("button", { type: "button", class: "btn btn-quiet" }, say("notThis"));
    const box = make("div", { class: "notice notice-info", role: "status" }, icon("link"), make("div", {}, say("offerLink", { name: file.name, size: size(file.size) })), yes, no);
    no.addEventListener("click", () => (box.remove(), input?.focus()));
    yes.addEventListener("click", () => (box.remove(), input?.focus(), one(file, true)));
    notices?.append(box);
  };

  const one = (file: File, link = false): void => {
    if (file.size > limit && !link) return void large(file);
    const { box, text, bar, off } = chip(file.name, size(file.size));
    const stop = new AbortController();
    off.addEventListener("click", () => {
      stop.abort();
      box.remove();
      input?.focus();
      changed();
    });
    list?.append(box);
    const shown = (done: number, broken: boolean): void => {
      bar.value = file.size ? done / file.size : 1;
      text.textContent = broken ? say("broken") : `${size(done)} / ${size(file.size)}`;
    };
    track(
      upload(file, stop.signal, shown, link ? "/compose/links" : undefined).then(
        (field) => {
          if (!box.isConnected) return true;
          if (link) {
            box.remove();
            insert(`${file.name} (${size(file.size)})`, field);
            return true;
          }
          bar.remove();
          text.textContent = size(file.size);
          box.append(make("input", { type: "hidden", name: "attachment", value: field }));
          const state = form.querySelector("[data-state]");
          if (state) state.textContent = say("uploaded", { name: file.name });
          changed();
          return true;
        },
        (error: Error) => {
          if (!box.isConnected) return true;
          bar.remove();
          box.classList.add("is-invalid");
          text.textContent = error.message || say("couldNot");
          const again = make("button", { type: "button", class: "btn btn-icon", "aria-label": `${say("again")}: ${file.name}`, title: say("again") });
          again.append(icon("refresh-cw"));
          again.addEventListener("click", () => (box.remove(), input?.focus(), one(file, link)));
          off.before(again);
          return false;
        },
      ),
    );
  };

  const add = (files: Iterable<File>): void => {
    for (const file of files) one(file);
  };

  input?.addEventListener("change", () => {
    add(input.files ?? []);
    input.value = ""; // what goes piece by piece need not go once more with the form
  });
  list?.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-remove]");
    if (!button) return;
    event.preventDefault();
    button.closest(".attachment-field")?.remove();
    input?.focus();
    changed();
  });

  // A picture into the text, for those who have nothing to paste.
  form.querySelector("[data-do=picture]")?.addEventListener("click", () => {
    const chooser = make("input", { type: "file", accept: "image/*", multiple: "" });
    chooser.addEventListener("change", () => take([...(chooser.files ?? [])]));
    chooser.click();
  });

  const carries = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  const over = (is: boolean): void => void form.classList.toggle("is-over", is);
  form.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(true);
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget as Node | null)) over(false);
  });
  const refused = (error: Error): void => tell(error.message || say("couldNot"));
  const take = (files: File[]): void => add(files.filter((file) => !(file.type.startsWith("image/") && file.size <= limit && takePicture(file, refused))));
  form.addEventListener("drop", (event) => {
    over(false);
    if (!carries(event)) return;
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  }, { capture: true });
  form.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length || !onlyPicture(event.clipboardData?.getData("text/html") ?? "")) return;
    event.preventDefault();
    event.stopPropagation();
    take(pasted);
  }, { capture: true });

  return {
    add,
    async picture(file) {
      const cid = `${crypto.randomUUID()}@postern`;
      const work = upload(file, new AbortController().signal, () => undefined);
      track(work.then(() => true, () => false));
      const field = JSON.stringify({ ...(JSON.parse(await work) as object), c: cid });
      // Its place among the files shows where the text becomes plain.
      const { box, bar, off } = chip(file.name, size(file.size));
      bar.remove();
      off.addEventListener("click", () => (box.remove(), input?.focus(), changed()));
      box.dataset.cid = cid;
      box.hidden = true;
      box.append(make("input", { type: "hidden", name: "attachment", value: field }));
      list?.append(box);
      changed();
      return cid;
    },
    busy: () => running.size > 0,
    async settled() {
      const results = await Promise.all(running);
      return results.every(Boolean) && !list?.querySelector(".attachment.is-invalid");
    },
  };
}
