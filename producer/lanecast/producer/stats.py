"""What became of everything that a run was asked to publish."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot. Messages asked for = published + dropped + buffered, lane by lane.

    Attributes:
        published: lane -> messages that Redis has acknowledged.
        dropped: `lane:cause` -> messages given up. Causes: `superseded` (a newer frame was there before the older
            one could be sent), `away` (a picture that was under way as the connection was lost), `flow` (skipped,
            because the run's flow state limits the rate or sheds the lane), `oom` (the server has no memory left),
            `buffer_full` (the server was away, or nobody read, for too long), `fenced` (a newer producer has taken
            over), `unsent` (still there when the run had to close), `forked` (asked for by a forked child).
        buffered: lane -> messages waiting now.
        reconnects: how often the connection was lost and came back.
        connected: whether the last exchange with the server went well.
        epoch: this producer's number among all that published the run under its name; 0 before the first connection.
        fenced: whether a newer producer has taken over, and this one has stopped publishing.
        viewers: how many watch the run, as of the last second with a server; None if it could not be asked yet.
    """

    published: dict[str, int]
    dropped: dict[str, int]
    buffered: dict[str, int]
    reconnects: int
    connected: bool
    epoch: int
    fenced: bool
    viewers: int | None = None


class Counters:
    """Counts of published and dropped messages; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def published(self, lane: str, count: int = 1) -> None:
        """Count messages that the server has acknowledged."""
        if count:
            with self._lock:
                self._published[lane] += count

    def dropped(self, lane: str, cause: str, count: int = 1) -> None:
        """Count messages given up."""
        if count:
            with self._lock:
                self._dropped[f"{lane}:{cause}"] += count

    def snapshot(self) -> tuple[dict[str, int], dict[str, int]]:
        """Published and dropped so far."""
        with self._lock:
            return dict(self._published), dict(self._dropped)
