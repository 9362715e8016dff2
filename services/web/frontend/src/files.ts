// The chosen files as chips that can be taken out again; files dropped on the composer are added.
import { make, word } from "./words";

const size = (bytes: number): string => {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const at = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(document.documentElement.lang || undefined, {
    style: "unit",
    unit: units[at],
    maximumFractionDigits: at > 1 ? 1 : 0,
  }).format(bytes / 1000 ** at);
};

export function startFiles(form: HTMLFormElement): void {
  const input = form.querySelector<HTMLInputElement>("[data-files]");
  const list = form.querySelector<HTMLElement>("[data-file-list]");
  if (!input || !list) return;
  let files: File[] = [];

  const put = (next: File[]): void => {
    files = next;
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    for (const chip of list.querySelectorAll("[data-chosen]")) chip.remove();
    for (const file of files) {
      const remove = make("button", { type: "button", class: "btn btn-icon", "aria-label": word("remove", { name: file.name }) }, "×");
      remove.addEventListener("click", () => {
        put(files.filter((other) => other !== file));
        input.focus();
      });
      const text = make("span", {}, make("bdi", { class: "cut" }, file.name), make("small", {}, size(file.size)));
      list.append(make("span", { class: "attachment", "data-chosen": "" }, text, remove));
    }
  };

  input.addEventListener("change", () => {
    const chosen = [...(input.files ?? [])];
    const known = new Set(files.map((file) => `${file.name}/${file.size}/${file.lastModified}`));
    put([...files, ...chosen.filter((file) => !known.has(`${file.name}/${file.size}/${file.lastModified}`))]);
  });
  const carries = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  form.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("is-over");
    if (!carries(event)) return;
    event.preventDefault();
    put([...files, ...(event.dataTransfer?.files ?? [])]);
  });
  form.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) return;
    event.preventDefault();
    put([...files, ...pasted]);
  });
}
