// The page works without any of this. Here it becomes quick: panes load in place, the keyboard works, drafts save.
import "htmx.org/dist/htmx.esm.js";
import { startActing } from "./acting";
import { startCodes } from "./codes";
import { startComposers, startDock } from "./composer";
import { startDivider } from "./divider";
import { startKeys } from "./keys";
import { startList } from "./list";
import { startOffline } from "./offline";
import { startPasskeys } from "./passkeys";
import { startPanes } from "./panes";
import { startPush } from "./push";
import { startRefused } from "./refused";
import { startSearching } from "./searching";
import { startThread, startThreads } from "./thread";
import { startTree, startTreeActs } from "./tree";
import { startTouching } from "./touching";
import { startUndo } from "./undo";
import { startWindow } from "./window";
import { startTransfers, startWork } from "./work";

/** Prepares what is new under `root`: at the start, and after every swap. Must bear being called twice. */
function prepare(root: ParentNode): void {
  startWindow(root);
  startList(root);
  startUndo(root);
  startThread();
  startComposers(root);
  startCodes(root);
  startPasskeys(root);
  startTree(root);
  startWork(root, prepare);
  startTransfers(root, prepare);
}

/** Tells the server the reader's time zone, for the dates of those who chose none in the settings. */
function tellTimeZone(): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (/^[\w+/-]+$/.test(zone)) document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

tellTimeZone();
startPanes();
startThreads();
startKeys();
startDivider();
startDock();
prepare(document);
startActing(prepare);
startTouching(prepare);
startTreeActs(prepare);
startPush(prepare);
startRefused();
if (document.querySelector("[data-outbox]")) void import("./outbox").then(({ startOutbox }) => startOutbox());
startSearching();
startOffline();
document.addEventListener("htmx:after:swap", () => prepare(document));
