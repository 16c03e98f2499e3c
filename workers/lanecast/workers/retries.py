"""Failures that are not a message's fault: how often and when it is tried again. Pure.

On a lossless lane a message whose handling failed is tried again up to `TRIES` times, after waits that double from
`FIRST_S`, with jitter: at most 0.8 s altogether. Its lane waits meanwhile, for order is promised; other lanes do not.
Then it becomes a dead letter. Should many messages of a run fail, only the first few are waited for (`PER_S`, `BURST`):
the others become dead letters at once, so that a lane full of poison moves on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lanecast.workers.budget import Budget

TRIES: Final = 5
"""The first one included."""
FIRST_S: Final = 0.05
PER_S: Final = 0.1
BURST: Final = 3.0


@dataclass(slots=True)
class Waiting:
    """The message at the head of a lane that waits for its next try."""

    entry_id: str
    tries: int
    due: float


class Retries:
    """The lanes of one run that wait; times are seconds of a monotonic clock."""

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0)) -> None:
        self._jitter = jitter
        self._waiting: dict[str, Waiting] = {}
        self._budget = Budget(per_s=PER_S, burst=BURST)

    @property
    def deadline(self) -> float:
        """When the next try is due; infinity if nothing waits."""
        return min((waiting.due for waiting in self._waiting.values()), default=float("inf"))

    def waits(self, lane: str, now: float) -> bool:
        """Whether a lane must not be handled yet."""
        waiting = self._waiting.get(lane)
        return waiting is not None and now < waiting.due

    def again(self, lane: str, entry_id: str, now: float) -> bool:
        """Handling an entry has failed: whether to try it again; if so, its lane waits."""
        waiting = self._waiting.get(lane)
        if waiting is None or waiting.entry_id != entry_id:
            if not self._budget.take(now):
                return False
            waiting = self._waiting[lane] = Waiting(entry_id, 0, now)
        waiting.tries += 1
        if waiting.tries >= TRIES:
            del self._waiting[lane]
            return False
        waiting.due = now + FIRST_S * 2.0 ** (waiting.tries - 1) * self._jitter()
        return True

    def settled(self, lane: str) -> int:
        """The entry at the head of a lane was handled; returns how many tries that took, if any failed, else 0."""
        waiting = self._waiting.pop(lane, None)
        return 0 if waiting is None else waiting.tries + 1
