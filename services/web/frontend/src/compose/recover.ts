// Letters that this browser kept of a page that is gone.
import { OPEN } from "../composer";
import { make } from "../words";
import { parse } from "./dock";
import { FRAGMENT, type Letter, post } from "./letters";
import * as local from "./local";
import { learn, say } from "./words";

type Place = (form: HTMLFormElement, from?: Element, focus?: boolean) => Letter;

/** Letters that this browser kept: those of this tab open again by themselves, others are offered. */
export async function recover(place: Place): Promise<void> {
  const mine = local.opened();
  const kept = await local.found().catch(() => []);
  sessionStorage.removeItem(OPEN);
  const others: local.Kept[] = [];
  for (const letter of kept) {
    if (mine.includes(letter.id)) await restore(letter, place, false);
    else others.push(letter);
  }
  if (others.length) offer(others, place);
}

async function restore(kept: local.Kept, place: Place, focus = true): Promise<void> {
  const { csrf } = (await (await fetch("/session", { headers: { Accept: "application/json" } })).json()) as { csrf: string };
  if (!matchMedia("(width >= 50rem)").matches) {
    await local.forget(kept.id);
    post([...kept.fields, ["do", "again"]], csrf);
    return;
  }
  const body = new FormData();
  for (const [name, value] of [...kept.fields, ["do", "again"], ["csrf", csrf]]) body.append(name ?? "", value ?? "");
  const response = await fetch("/compose", { method: "POST", body, headers: FRAGMENT });
  const form = parse(await response.text());
  if (!form) return;
  const letter = place(form, undefined, focus);
  letter.saver.touch();
  if (form.dataset.kept !== kept.id) setTimeout(() => form.dataset.kept !== kept.id && void local.forget(kept.id), 2000);
}

function offer(kept: local.Kept[], place: Place): void {
  const box = make("div", { class: "kept", role: "status" });
  void words().then(() => {
    const title = kept.length > 1 ? say("unsavedMany", { n: kept.length }) : say("unsaved");
    box.append(make("p", {}, title));
    const list = make("ul", {});
    for (const letter of kept) {
      const name = letter.fields.find(([key]) => key === "subject")?.[1] || say("noSubject");
      const open = make("button", { type: "button", class: "btn" }, say("open"));
      open.setAttribute("aria-label", `${say("open")}: ${name}`);
      const drop = make("button", { type: "button", class: "btn btn-quiet" }, say("discard"));
      drop.setAttribute("aria-label", `${say("discard")}: ${name}`);
      const when = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { timeStyle: "short", dateStyle: "short" }).format(letter.at);
      const line = make("li", {}, make("span", { class: "cut" }, make("bdi", {}, name), make("small", { class: "ink-2" }, ` ${when}`)), open, drop);
      const gone = (): void => {
        line.remove();
        if (!list.childElementCount) box.remove();
      };
      open.addEventListener("click", () => {
        gone();
        void restore(letter, place);
      });
      drop.addEventListener("click", () => {
        gone();
        void local.forget(letter.id);
      });
      list.append(line);
    }
    box.append(list);
    document.body.append(box);
  });
}

/** The composer's words, where the page has no composer. */
async function words(): Promise<void> {
  if (say("open")) return;
  const form = parse(await (await fetch("/compose", { headers: FRAGMENT })).text());
  if (form) learn(form);
}
