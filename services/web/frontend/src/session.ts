// A session that ended is mended over the page: the sign-in form in a dialog, whatever was typed behind it stays.
import { say } from "./compose/words";
import { startPasskeys } from "./passkeys";
import { make } from "./words";

let mending: Promise<boolean> | undefined;

interface Session {
  account: string;
  csrf: string;
}

async function session(): Promise<Session | undefined> {
  const response = await fetch("/session", { headers: { Accept: "application/json" }, redirect: "error" });
  return response.ok ? ((await response.json()) as Session) : undefined;
}

function renew({ csrf }: Session): void {
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name="csrf"]')) input.value = csrf;
}

/** Whether the page may go on: signed in (again) as that account, every form with a fresh token. */
export function mend(account: string): Promise<boolean> {
  mending ??= ask(account).finally(() => (mending = undefined));
  return mending;
}

async function ask(account: string): Promise<boolean> {
  const now = await session();
  if (now && (!account || now.account === account)) {
    renew(now);
    return true;
  }
  const dialog = make("dialog", { class: "mend" });
  document.body.append(dialog);
  const page = async (response: Response): Promise<void> => {
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = parsed.querySelector("main") ?? parsed.body;
    const heading = content.querySelector("h1");
    if (heading) {
      heading.classList.remove("vh");
      heading.id = "mend-title";
      dialog.setAttribute("aria-labelledby", heading.id);
    }
    dialog.replaceChildren(...[...content.childNodes].map((node) => document.importNode(node, true)));
    const email = dialog.querySelector<HTMLInputElement>('input[name="email"]');
    if (email && !email.value) email.value = account;
    for (const link of dialog.querySelectorAll<HTMLAnchorElement>("a[href]")) link.target = "_blank";
    startPasskeys(dialog);
  };
  try {
    await page(await fetch("/sign-in?ended=1", { headers: { Accept: "text/html" } }));
  } catch {
    dialog.remove();
    return false;
  }
  dialog.showModal();
  (dialog.querySelector<HTMLElement>('input[name="password"]') ?? dialog.querySelector<HTMLElement>("input:not([type=hidden])"))?.focus();
  return new Promise((resolve) => {
    const finish = async (): Promise<void> => {
      const found = await session().catch(() => undefined);
      if (!found) return;
      if (account && found.account !== account) {
        dialog.append(make("p", { role: "alert", class: "notice notice-error" }, say("otherAccount", { other: found.account, name: account }) || account));
        return;
      }
      renew(found);
      removeEventListener("focus", again);
      dialog.close("in");
    };
    const again = (): void => void finish(); // signed in in another tab
    addEventListener("focus", again);
    dialog.addEventListener("submit", (event) => {
      const form = event.target as HTMLFormElement;
      event.preventDefault();
      const body = new URLSearchParams();
      for (const [name, value] of new FormData(form, event.submitter)) if (typeof value === "string") body.append(name, value);
      void (async () => {
        const where = event.submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "/sign-in";
        const response = await fetch(where, { method: "POST", body, headers: { Accept: "text/html" } });
        if (response.redirected || !new URL(response.url).pathname.startsWith("/sign-in")) return finish();
        await page(response);
        dialog.querySelector<HTMLElement>("input:not([type=hidden])")?.focus();
      })().catch(() => undefined);
    });
    dialog.addEventListener("close", () => {
      removeEventListener("focus", again);
      dialog.remove();
      resolve(dialog.returnValue === "in");
    });
  });
}

/** Tells of an ended session when somebody comes back to the page, not first when they have typed. */
export async function check(account: string): Promise<void> {
  if (!(await session().catch(() => ({ account })))) await mend(account);
}
