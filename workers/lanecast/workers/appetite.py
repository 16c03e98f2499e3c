"""How many entries of the lane `low` are read at once: by their size, because 64 pictures may be 256 MiB. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lanecast.workers.entries import Entry

BYTES: Final = 4 * 1024 * 1024
"""Read at once, as far as can be foreseen: while a reply is taken apart nothing else is done."""
MOST: Final = 64
SLOWLY: Final = 0.9


class Appetite:
    """Learns from what comes; `size` is that of the newest entry there is, bytes, 0 if there is none."""

    def __init__(self, size: int = 0) -> None:
        self._size = float(size)

    @property
    def count(self) -> int:
        """Entries to read at once."""
        return max(1, min(MOST, int(BYTES // max(1.0, self._size))))

    @property
    def hearty(self) -> bool:
        """The entries are small: the lane may be read together with others."""
        return self.count == MOST

    def eat(self, entries: Sequence[Entry]) -> None:
        """Entries have come."""
        for entry in entries:
            self._size = max(float(len(entry.fields.get(b"data", b""))), self._size * SLOWLY)
