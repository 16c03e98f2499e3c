"""Who gets the same frames of a tier, and how a frame gets to all of them with as little as can be done for each.

Most viewers take every frame, and nothing waits behind their transport: they sit in the *row*, lists that a writer
sends to as they are. What was sent to them is counted once for the row. Everybody else *stands*: who is blocked, needs
a keyframe, or has something of its own on its way. They are looked at one by one with each broadcast, and sit down
again as soon as they can.

A broadcast gives the loop back between chunks, and anybody may sit down, get up or leave meanwhile. Two rules keep
frames from being doubled or lost: the first `_done` places of the row have had the frame that is under way, and who
gets up from one of them takes along that it has (`from_seq`).
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lanecast.broker.tiers import SERVED
from lanecast.gateway.stats import Stats
from lanecast.gateway.writer import Writer

if TYPE_CHECKING:
    from lanecast.gateway.feeds import Subscription
    from lanecast.gateway.viewer import Viewer

CHUNK: Final = 256
"""Viewers written to before the loop is given back: thousands at once would hold up pings, joins and reads."""
NEVER: Final = 1 << 62
"""`from_seq` of who needs a keyframe first."""
STANDING: Final = -1
"""`place` of who is not in the row."""


class Seats:
    """The subscriptions of a tier that get the same frames: those of one encoding."""

    __slots__ = ("_done", "_fds", "_row", "_seq", "_size", "_standing", "_stats", "_total", "_writer")

    def __init__(self, stats: Stats, writer: Writer) -> None:
        self._row: list[Subscription] = []
        self._fds: array[int] = array("i")
        self._standing: dict[Subscription, None] = {}
        self._done = 0  # places of the row that have had the frame under way
        self._seq = 0  # of that frame
        self._size = 0  # of that frame, in bytes; 0: none is under way
        self._total = 0  # bytes that who has always been in the row was sent
        self._stats = stats
        self._writer = writer

    def __len__(self) -> int:
        return len(self._row) + len(self._standing)

    def __iter__(self) -> Iterator[Subscription]:
        return iter((*self._row, *self._standing))

    # --- who is where ---

    def enter(self, sub: Subscription) -> None:
        """Take a subscription in; it stands until the next broadcast."""
        sub.seats = self
        self._standing[sub] = None

    def leave(self, sub: Subscription) -> None:
        """Let a subscription out."""
        self.get_up(sub)
        self._standing.pop(sub, None)
        sub.seats = None

    def get_up(self, sub: Subscription) -> None:
        """Something of its own goes to this viewer, or nothing can: the writer must leave it out from now on."""
        place = sub.place
        if place == STANDING:
            return
        sub.viewer.own_bytes += self._sent_to(place) - sub.sent_before
        if self._size and place < self._done:
            sub.from_seq = self._seq + 1
            self._done -= 1
            self._swap(place, self._done)
            place = self._done
        self._swap(place, len(self._row) - 1)
        self._row.pop()
        self._fds.pop()
        sub.place = STANDING
        self._standing[sub] = None

    def sent_to(self, sub: Subscription) -> int:
        """Bytes that a subscription was sent in the row since it sat down."""
        return 0 if sub.place == STANDING else self._sent_to(sub.place) - sub.sent_before

    def _sit_down(self, sub: Subscription) -> None:
        del self._standing[sub]
        sub.place = len(self._row)
        sub.sent_before = self._total
        self._row.append(sub)
        self._fds.append(sub.viewer.fd)

    def _sent_to(self, place: int) -> int:
        return self._total + (self._size if place < self._done else 0)

    def _swap(self, a: int, b: int) -> None:
        if a != b:
            row, fds = self._row, self._fds
            row[a], row[b] = row[b], row[a]
            fds[a], fds[b] = fds[b], fds[a]
            row[a].place, row[b].place = a, b

    def settled(self) -> Iterator[Viewer]:
        """Viewers in the row of whom nothing is to be found out or decided: all has arrived, and no more is wanted."""
        row, best = self._row, SERVED[-1]
        for place in self._writer.all_arrived(self._fds):
            sub = row[place]
            if not (sub.struggled or sub.decode_ms or sub.age_ms or (sub.auto and sub.tier.tier != best)):
                yield sub.viewer

    # --- frames ---

    async def broadcast(self, frame: bytes, seq: int, count: int, *, rejoin: bool) -> bool:
        """Write a frame to everybody who can take it.

        Args:
            frame: framed for this encoding.
            count: how many frames it is made of.
            seq: number of the broadcast: who has `from_seq` after it, has it.
            rejoin: it begins with a keyframe, so that those without one come in.

        Returns:
            Whether somebody needs a keyframe.
        """
        for sub in [sub for sub in self._standing if sub.from_seq <= seq and sub.viewer.clear and not sub.skipped]:
            self._sit_down(sub)
        await self._write_to_row(frame, seq, count)
        return await self._write_to_standing(frame, seq, count, rejoin=rejoin)

    async def _write_to_row(self, frame: bytes, seq: int, count: int) -> None:
        self._seq, self._size, self._done = seq, len(frame), 0
        try:
            while (start := self._done) < len(self._row):
                if start:
                    await asyncio.sleep(0)
                    start = self._done
                self._done = stop = min(start + CHUNK, len(self._row))
                incomplete = self._writer.broadcast(self._fds, frame, start, stop)
                self._stats.frames_out += (stop - start) * count
                self._stats.bytes_out += (stop - start) * self._size
                if incomplete:
                    self._queue([(self._row[place], taken) for place, taken in incomplete], frame)
        finally:
            self._total += self._size
            self._size = self._done = 0

    @staticmethod
    def _queue(rest: list[tuple[Subscription, int]], frame: bytes) -> None:
        for sub, taken in rest:
            sub.viewer.get_up()
            # A broken socket too: its transport finds the same error, and ends the connection in its own way.
            sub.viewer.write(memoryview(frame)[taken:] if taken > 0 else frame)

    async def _write_to_standing(self, frame: bytes, seq: int, count: int, *, rejoin: bool) -> bool:
        subs = list(self._standing)
        need_key = False
        for start in range(0, len(subs), CHUNK):
            if start:
                await asyncio.sleep(0)
            for sub in subs[start : start + CHUNK]:
                if sub.seats is self:
                    need_key |= self._write_to(sub, frame, seq, count, rejoin=rejoin)
        return need_key

    def _write_to(self, sub: Subscription, frame: bytes, seq: int, count: int, *, rejoin: bool) -> bool:
        viewer = sub.viewer
        if seq < sub.from_seq < NEVER:
            return False  # it was drawn with this very frame, or had it in the row, while others were being written to
        if viewer.blocked:
            sub.from_seq = NEVER
            sub.skipped += count
            sub.struggled = True
            viewer.drops += count
            self._stats.dropped["late" if viewer.late else "backlog"] += count
            return False
        if sub.from_seq > seq and not rejoin:
            sub.skipped += count
            self._stats.dropped["no_keyframe"] += count
            return True
        sub.from_seq = seq + 1
        viewer.put(frame)
        viewer.notice_skipped(sub)
        self._stats.frames_out += count
        self._stats.bytes_out += len(frame)
        return False
