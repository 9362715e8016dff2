// The page works without any of this. Here it becomes quick: panes load in place, the keyboard works, drafts save.
import "htmx.org/dist/htmx.esm.js";
import { startComposers } from "./composer";
import { startDivider } from "./divider";
import { startKeys } from "./keys";
import { startList } from "./list";
import { startPanes } from "./panes";
import { startUndo } from "./undo";

/** Prepares what is new under `root`: at the start, and after every swap. Must bear being called twice. */
function prepare(root: ParentNode): void {
  startList(root);
  startUndo(root);
  startComposers(root);
}

startPanes();
startKeys();
startDivider();
prepare(document);
document.addEventListener("htmx:after:swap", () => prepare(document));
