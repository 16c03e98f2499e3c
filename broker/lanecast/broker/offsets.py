"""Offsets: the place of a message in an output stream. Pure.

An offset is the entry's id in Redis, `EPOCH-N`: the lease epoch of the worker that wrote it and a number that
rises by one. Because Redis takes only rising ids, a worker whose lease has passed to somebody else cannot append
even by accident.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lanecast.broker.errors import InvalidMessage

_OFFSET = re.compile(r"(\d{1,16})-(\d{1,16})")


class Offset(NamedTuple):
    """Ordered by epoch, then by number; `Offset(0, 0)` is before everything."""

    epoch: int
    n: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.n}"


START = Offset(0, 0)


def parse(text: object, field: str = "offset") -> Offset:
    """Read `EPOCH-N`.

    Raises:
        InvalidMessage: it is anything else.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidMessage(field, f"{text!r:.60} is not an offset such as 3-120")
    return Offset(int(match[1]), int(match[2]))
