"""What a worker process has done since it started: plain counters, for the log and for gauges. No I/O."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

NAMES: Final = (
    "messages", "rejected", "dropped", "frames", "frame_bytes", "lossless", "commits", "commit_ms",
    "takeovers", "fenced", "restarts", "outages", "reaped", "images", "image_bytes", "image_ms",
)  # fmt: skip


class Stats:
    """Counters of one process.

    `runs`, `quality` and `images_level` are gauges: how many it owns now, run -> level where it changed, and of how
    many of the best tiers it has no time to make pictures.
    """

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.runs = 0
        self.quality: dict[str, int] = {}
        self.images_level = 0
        self._told: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        """Count."""
        with self._lock:  # runs may be worked on in threads
            self.totals[name] += by

    def since_last(self) -> dict[str, int]:
        """How much each counter rose since the last call; those that did not are left out."""
        rose = {name: self.totals[name] - self._told[name] for name in NAMES}
        self._told = Counter(self.totals)
        return {name: by for name, by in rose.items() if by}
