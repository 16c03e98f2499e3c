"""The four priority lanes and what each promises. Pure data; the order of `LANES` is the order of priority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane.

    Attributes:
        name: as in the stream's key.
        kinds: what it carries; the first lane that lists a kind is that kind's own.
        lossless: every message is handled, in order; otherwise older ones may be dropped and are counted.
        max_entries: lossless: the backlog past which an append is refused (`full`); otherwise the length the
            stream is trimmed to.
        ttl_ms: what is older when it is read is dropped and counted; 0 means never.
    """

    name: str
    kinds: tuple[str, ...]
    lossless: bool
    max_entries: int
    ttl_ms: int


CRITICAL: Final = Lane("critical", ("lifecycle", "control", "result", "scene", "status"), True, 100_000, 0)
HIGH: Final = Lane("high", ("frame",), False, 256, 5_000)
NORMAL: Final = Lane("normal", ("events", "metrics", "log", "status"), True, 50_000, 60_000)
LOW: Final = Lane("low", ("image", "frame", "events", "log"), False, 64, 2_000)

LANES: Final[dict[str, Lane]] = {lane.name: lane for lane in (CRITICAL, HIGH, NORMAL, LOW)}
KINDS: Final[tuple[str, ...]] = tuple(dict.fromkeys(kind for lane in LANES.values() for kind in lane.kinds))


def lane_of(kind: str) -> Lane:
    """The lane a kind travels on unless its publisher says otherwise.

    Raises:
        KeyError: there is no such kind.
    """
    for lane in LANES.values():
        if kind in lane.kinds:
            return lane
    raise KeyError(kind)
