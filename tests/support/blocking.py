"""How long the main thread of a page is busy at a time, in Chromium: what is felt as a key that hangs."""

from __future__ import annotations

import json
from dataclasses import dataclass

# A script for every page, before its own: what the browser itself holds to be slow. `longtask` is a task of
# the main thread of 50 ms or more (Long Tasks API); `event` is one key from its press to the next frame
# (Event Timing; the browser tells of those of 16 ms and more, rounded to 8).
OBSERVE = """
window.felt = {tasks: [], keys: []};
new PerformanceObserver(list => { for (const one of list.getEntries()) felt.tasks.push(one.duration) })
  .observe({type: "longtask"});
new PerformanceObserver(list => {
  for (const one of list.getEntries())
    if (/^(?:key|input|beforeinput)/.test(one.name))
      felt.keys.push([one.name, one.duration, one.processingStart - one.startTime,
        one.processingEnd - one.processingStart]);
}).observe({type: "event", durationThreshold: 16});
"""
TRACED = ["toplevel"]  # the categories that `tasks` needs


@dataclass(frozen=True)
class Task:
    """One task of a page's main thread; both in milliseconds."""

    wall: float
    processor: float
    what: str = ""


def tasks(trace: bytes) -> list[Task]:
    """The tasks of the main threads of pages in a trace (Playwright's `stop_tracing`)."""
    events = json.loads(trace)["traceEvents"]
    named = [one for one in events if one["name"] == "thread_name" and one["ph"] == "M"]
    mains = {(one["pid"], one["tid"]) for one in named if one["args"]["name"] == "CrRendererMain"}
    return [
        Task(one["dur"] / 1000, one["tdur"] / 1000, one.get("args", {}).get("src_func", ""))
        for one in events
        if "RunTask" in one["name"] and (one["pid"], one["tid"]) in mains and "tdur" in one
    ]
