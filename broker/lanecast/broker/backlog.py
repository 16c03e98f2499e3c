"""Backlog: how much lies behind a reader's position in a stream, and when that is too much. Pure arithmetic.

XINFO's own `lag` is null after a deletion and wrong on some versions, so it is not used. What is counted is what the
reader can still get: entries that were deleted or trimmed away before it read them are nobody's backlog (owners count
those as `trimmed:LANE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EntryId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """A stream as `gauge.lua` finds it.

    Attributes:
        length: entries in it.
        first: id of the oldest, '' if it is empty.
        first_ms: when that was written, Unix ms, if its fields say so.
        last: the highest id it ever gave.
    """

    length: int
    first: str
    first_ms: float | None
    last: str


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader's position in a stream, and what was counted around it.

    Attributes:
        position: id of the last entry it has read.
        after: entries behind the position; all of them if `after_all`.
        before: entries up to the position; all of them if `before_all`.
        oldest: id of the first entry behind the position, '' if that was not looked for.
        oldest_ms: when that was written, Unix ms, if its fields say so.
    """

    name: str
    position: str
    after: int = 0
    after_all: bool = False
    before: int = 0
    before_all: bool = False
    oldest: str = ""
    oldest_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a reader has still to read.

    Attributes:
        entries: how many; `at_least` means that counting stopped there.
        since_ms: when the oldest of them was written, Unix ms; None if there are none, or nobody knows.
    """

    entries: int
    since_ms: float | None
    at_least: bool = False

    def age_s(self, now_ms: float) -> float:
        """How long the oldest has been waiting; 0.0 if there is none; never negative (clocks differ)."""
        return 0.0 if self.since_ms is None else max(0.0, (now_ms - self.since_ms) / 1000)


def behind(stream: Facts, reader: Reader, *, timed: bool) -> Backlog:
    """The backlog of a reader.

    A position above everything that the stream ever gave is of another stream, which this one has replaced: nothing
    of it was read. `timed` says that the stream's ids are times (input lanes), not offsets (outputs).
    """
    position, last = parse_id(reader.position), parse_id(stream.last)
    if not stream.length or position == last:
        return Backlog(0, None)
    if position > last or position < parse_id(stream.first):
        return Backlog(stream.length, _written(stream.first, stream.first_ms, timed=timed))
    since_ms = _written(reader.oldest, reader.oldest_ms, timed=timed)
    if reader.after_all:
        return Backlog(reader.after, since_ms)
    if reader.before_all:
        return Backlog(stream.length - reader.before, since_ms)
    return Backlog(reader.after, since_ms, at_least=True)


def parse_id(text: str) -> EntryId:
    """An entry's id as two numbers, which compare as Redis compares ids; '' is before everything."""
    ms, _, n = text.partition("-")
    return int(ms or 0), int(n or 0)


def _written(entry_id: str, by_field: float | None, *, timed: bool) -> float | None:
    if not entry_id:
        return None
    return float(parse_id(entry_id)[0]) if timed else by_field


@dataclass(frozen=True, slots=True)
class Threshold:
    """What is too much for one reader: more `entries` than this, or the oldest waiting longer than `age_s`."""

    entries: int
    age_s: float

    def passed(self, entries: int, age_s: float) -> bool:
        """Whether it is too much."""
        return entries > self.entries or age_s > self.age_s


THRESHOLDS: Final[Mapping[str, Threshold]] = {
    "in:critical": Threshold(1_000, 2.0),
    "out:critical": Threshold(1_000, 5.0),
    "in:high": Threshold(192, 5.0),
    "in:normal": Threshold(10_000, 30.0),
    "in:low": Threshold(64, 10.0),
}
"""By stream; tiers, which newest-wins readers skip through, share `TIER`."""
TIER: Final = Threshold(256, 5.0)


def threshold(stream: str) -> Threshold:
    """The threshold of `in:LANE` or `out:TIER`."""
    return THRESHOLDS.get(stream, TIER)


class Alarm:
    """A threshold with hysteresis: raised at once, cleared when half of it was not passed for `CALM_S` seconds."""

    CALM_S: Final = 3.0

    def __init__(self, limit: Threshold) -> None:
        self.raised = False
        self._limit = limit
        self._half = Threshold(limit.entries // 2, limit.age_s / 2)
        self._calm_since: float | None = None

    def update(self, entries: int, age_s: float, now: float) -> bool:
        """Take a measurement at `now` (seconds of a monotonic clock); True if the alarm was raised or cleared by it."""
        if not self.raised:
            self.raised = self._limit.passed(entries, age_s)
            self._calm_since = None
            return self.raised
        if self._half.passed(entries, age_s):
            self._calm_since = None
            return False
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < self.CALM_S:
            return False
        self.raised = False
        return True
