"""Feeds: a run's critical stream and its tiers, each read once and handed to everybody here who watches.

Guarantees: a subscription gets every lossless message after its `last`, in order, each once. State frames are handed
only to viewers who are in the chain (`from_seq`) and whose connection takes them; whoever is left out comes back in at
a keyframe. A stalled viewer delays nobody: nothing here waits for a viewer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from lanecast.broker import keys, messages
from lanecast.broker.offsets import START, Offset
from lanecast.broker.runs import RunInfo
from lanecast.gateway import framing, policy
from lanecast.gateway.json_view import JsonView
from lanecast.gateway.seats import CHUNK, NEVER, STANDING, Seats
from lanecast.gateway.snapshot import Entry, read_entry
from lanecast.gateway.stats import Stats
from lanecast.gateway.writer import Writer

if TYPE_CHECKING:
    from lanecast.gateway.viewer import Viewer

CHAIN_BYTES: Final = 16 * 1024 * 1024


class Subscription:
    """One viewer's view of one run.

    Attributes:
        last: offset of the last lossless message written.
        waiting: lossless messages that came before the viewer was let in; None once it is.
        from_seq: number of the first broadcast that continues what the viewer has; NEVER: it needs a keyframe.
        skipped: state frames that it did not get since it last got one.
        struggled: it has fallen behind since the tier policy last looked.
        seats: among whom it gets frames; `place`, `sent_before`: where it sits there, and since what count of bytes.
    """

    __slots__ = (
        "auto", "closed", "decode_ms", "feed", "from_seq", "last", "place", "resume", "seats", "sent_before",
        "skipped", "struggled", "tier", "tier_feed", "viewer", "waiting",
    )  # fmt: skip

    def __init__(
        self, viewer: Viewer, feed: RunFeed, wanted: str, resume: tuple[str, Offset] | None, now_s: float
    ) -> None:
        self.viewer = viewer
        self.feed = feed
        self.resume = resume
        self.auto = wanted == policy.AUTO
        self.tier = policy.start(wanted, now_s)
        self.tier_feed: TierFeed | None = None
        self.last = START
        self.waiting: list[Entry] | None = []
        self.from_seq = NEVER
        self.skipped = 0
        self.struggled = False
        self.decode_ms = 0.0
        self.closed = False
        self.seats: Seats | None = None
        self.place = STANDING
        self.sent_before = 0


class Clock:
    """Numbers the broadcasts of this process: a viewer who changes feeds in the middle of one gets nothing twice."""

    __slots__ = ("seq",)

    def __init__(self) -> None:
        self.seq = 0

    def tick(self) -> int:
        """The next number."""
        self.seq += 1
        return self.seq


class TierFeed:
    """One tier of one run: the chain since the newest keyframe, and who gets it."""

    def __init__(
        self, run: str, tier: str, clock: Clock, stats: Stats, want_key: Callable[[TierFeed], None], freshness_s: float,
        writer: Writer,
    ) -> None:  # fmt: skip
        self.run = run
        self.tier = tier
        self.key = keys.out(run, tier)
        self.cursor = str(START)
        self.opened = False
        self.opening = 0
        self.grouped = False
        self.idle_s = 0.0
        self.asked_s = -math.inf
        self.asking = False
        self.subs = Seats(stats, writer)
        self.text_subs = Seats(stats, writer)
        self._chain: list[bytes] = []
        self._chain_bytes = 0
        self._blob: bytes | None = None
        self._view: JsonView | None = None
        self._clock = clock
        self._stats = stats
        self._want_key = want_key
        self._freshness_s = freshness_s
        self._heard_s = -math.inf

    @property
    def viewers(self) -> int:
        """How many watch this tier."""
        return len(self.subs) + len(self.text_subs)

    def open(self, cursor: str, payloads: list[bytes]) -> None:
        """Start (again) from what Redis has: everybody here is drawn at once."""
        self.cursor = cursor
        self.opened = True
        self._heard_s = time.monotonic()
        self._forget()
        for payload in payloads:
            self._remember(framing.message(framing.BINARY, payload), key=not self._chain)
        for sub in (*self.subs, *self.text_subs):
            self.draw(sub)

    @staticmethod
    def leave(sub: Subscription) -> None:
        """Take a subscription out of the tier it is in, if it is in one."""
        if sub.tier_feed is not None:
            sub.tier_feed._drop(sub)  # noqa: SLF001 - its own class

    def enter(self, sub: Subscription) -> None:
        """Take a subscription in; it is drawn at once if there is something to draw."""
        self.leave(sub)
        (self.text_subs if sub.viewer.text else self.subs).enter(sub)
        sub.tier_feed = self
        if self.opened:
            self.draw(sub)

    def _drop(self, sub: Subscription) -> None:
        if sub.seats is not None:
            sub.seats.leave(sub)
        if not self.text_subs:
            self._view = None
        sub.tier_feed = None
        sub.from_seq = NEVER

    def draw(self, sub: Subscription) -> None:
        """Write the whole chain to one viewer; without one, or if it is past its time, a keyframe is asked for."""
        if sub.seats is not None:
            sub.seats.get_up(sub)
        sub.from_seq = NEVER
        if time.monotonic() - self._heard_s > self._freshness_s:
            self._want_key(self)
            return
        blob = self._text_blob() if sub.viewer.text else self._binary_blob()
        if blob is None:
            self._want_key(self)
        elif not sub.viewer.blocked:
            sub.from_seq = self._clock.seq + 1
            sub.viewer.put(blob)
            self._stats.frames_out += 1
            self._stats.bytes_out += len(blob)

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Broadcast frames that have just been read; several at once go out in one write."""
        batch: list[bytes] = []
        has_key = False
        for entry_id, fields in entries:
            self.cursor = entry_id.decode()
            data = fields.get(b"data")
            if data is None:
                continue
            key = fields.get(b"key") == b"1"
            frame = framing.message(framing.BINARY, data)
            if key:
                if batch:  # a keyframe replaces what was read together with it: newest wins
                    self._stats.dropped["superseded"] += len(batch) * self.viewers
                    batch.clear()
                has_key = True
            batch.append(frame)
            self._remember(frame, key=key)
        if not batch:
            return
        self._heard_s = time.monotonic()
        seq = self._clock.tick()
        if self.subs:
            frame = batch[0] if len(batch) == 1 else b"".join(batch)
            if await self.subs.broadcast(frame, seq, len(batch), rejoin=has_key):
                self._want_key(self)
        if self.text_subs:
            complete = self._text_frame(batch)
            if complete is None or await self.text_subs.broadcast(complete, seq, 1, rejoin=True):
                self._want_key(self)

    def _remember(self, frame: bytes, *, key: bool) -> None:
        if key:
            self._forget()
        elif not self._chain:
            return
        self._chain.append(frame)
        self._chain_bytes += len(frame)
        self._blob = None
        if self._chain_bytes > CHAIN_BYTES and len(self._chain) > 1:
            self._forget()

    def _forget(self) -> None:
        self._chain.clear()
        self._chain_bytes = 0
        self._blob = None
        self._view = None

    def _binary_blob(self) -> bytes | None:
        if self._blob is None and self._chain:
            self._blob = b"".join(self._chain)
        return self._blob

    def _text_blob(self) -> bytes | None:
        if self._view is None:
            self._view = JsonView()
            for frame in self._chain:
                self._view.take(framing.payload_of(frame))
        return self._view.framed()

    def _text_frame(self, batch: list[bytes]) -> bytes | None:
        if self._view is None:  # a keyframe has just come: the chain is what to start from
            return self._text_blob()
        for frame in batch:
            if not self._view.take(framing.payload_of(frame)):
                return None
        return self._view.framed()


class RunFeed:
    """A run's critical stream, and who gets it."""

    def __init__(self, run: str, stats: Stats, begun: Callable[[RunFeed], Awaitable[None]]) -> None:
        self.run = run
        self.key = keys.out(run, "critical")
        self.cursor = str(START)
        self.info: RunInfo | None = None
        self.restarts = 0
        self.grouped = False
        self.idle_s = 0.0
        self.subs: dict[Subscription, None] = {}
        self.joiners: list[Subscription] = []
        self.joining: asyncio.Task[None] | None = None
        self.tiers: dict[str, TierFeed] = {}
        self.waiters: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._stats = stats
        self._begun = begun

    @property
    def wanted(self) -> bool:
        """Whether anybody needs this feed."""
        return bool(self.subs or self.waiters)

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Hand lossless messages that have just been read to everybody."""
        if self.info is not None and not self.info.epoch:
            await self._begun(self)
        for entry_id, fields in entries:
            self.cursor = entry_id.decode()
            entry = read_entry(entry_id, fields)
            if entry is None:
                continue
            if entry.kind == "result" and self.waiters:
                self._settle(messages.decode(entry.data))
            await self._broadcast(entry)

    async def _broadcast(self, entry: Entry) -> None:
        subs = list(self.subs)
        for start in range(0, len(subs), CHUNK):
            if start:
                await asyncio.sleep(0)
            for sub in subs[start : start + CHUNK]:
                if sub.closed:
                    continue
                if sub.waiting is not None:
                    sub.waiting.append(entry)
                elif entry.offset > sub.last:
                    self._hand(sub, entry.offset, entry.framed(text=sub.viewer.text), 1)

    def _hand(self, sub: Subscription, last: Offset, frames: bytes, count: int) -> None:
        sub.last = last
        sub.viewer.put(frames)
        self._stats.messages_out += count
        self._stats.bytes_out += len(frames)

    def catch_up(self, sub: Subscription, missed: Iterable[Entry]) -> None:
        """Hand what a subscription has missed, then what came while it was let in; from now on it is live."""
        waiting, sub.waiting = sub.waiting or [], None
        last, frames = sub.last, []
        for entry in (*missed, *waiting):
            if entry.offset > last:
                last = entry.offset
                frames.append(entry.framed(text=sub.viewer.text))
        if frames:
            self._hand(sub, last, b"".join(frames), len(frames))

    def _settle(self, result: dict[str, Any]) -> None:
        for waiter in self.waiters.get(result.get("command_id", ""), ()):
            if not waiter.done():
                waiter.set_result(result)
