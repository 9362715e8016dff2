// With the line gone the page says so, in a line above everything else, and what becomes of what is written meanwhile.
import { make, word } from "./words";

export function startOffline(): void {
  const tell = (): void => {
    const line = document.querySelector(".offline");
    if (navigator.onLine) line?.remove();
    else if (!line) document.body.prepend(make("p", { class: "offline", role: "alert" }, word("offline")));
  };
  addEventListener("online", tell);
  addEventListener("offline", tell);
  tell();
}
