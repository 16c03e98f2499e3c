"""What a worker process has done since it started: plain counters, for the log and for gauges. No I/O."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Final

from lanecast.broker.exposition import Histogram

NAMES: Final = (
    "messages", "rejected", "dropped", "frames", "frame_bytes", "lossless", "commits", "commit_ms",
    "takeovers", "fenced", "restarts", "outages", "reaped", "images", "image_bytes", "image_ms",
)  # fmt: skip


class Stats:
    """Counters of one process.

    `runs`, `quality` and `images_level` are gauges: how many it owns now, run -> level where it changed, and of how
    many of the best tiers it has no time to make pictures. `events` counts by the names of the runs' own counters
    (`dropped:LANE:CAUSE`, `quality:LEVEL` and so on), all runs together; `ages`: how old frames were at each hop.
    """

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.ages: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._lock = threading.Lock()
        self.runs = 0
        self.quality: dict[str, int] = {}
        self.images_level = 0
        self._told: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        """Count."""
        with self._lock:  # runs may be worked on in threads
            self.totals[name] += by

    def event(self, name: str, by: int = 1) -> None:
        """Count something that a run counts too."""
        with self._lock:
            self.events[name] += by

    def aged(self, hop: str, seconds: float) -> None:
        """A frame was so old, since it was published, when it had passed `hop`."""
        with self._lock:
            self.ages[hop].observe(seconds)

    def since_last(self) -> dict[str, int]:
        """How much each counter rose since the last call; those that did not are left out."""
        rose = {name: self.totals[name] - self._told[name] for name in NAMES}
        self._told = Counter(self.totals)
        return {name: by for name, by in rose.items() if by}
