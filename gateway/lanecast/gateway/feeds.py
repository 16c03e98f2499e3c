"""Feeds: a run's critical stream and its tiers, each read once and handed to everybody here who watches.

Guarantees: a subscription gets every lossless message after its `last`, in order, each once. State frames are handed
only to viewers who are in the chain (`from_seq`) and whose connection takes them; whoever is left out comes back in at
a keyframe. A stalled viewer delays nobody: nothing here waits for a viewer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from lanecast.broker import keys, messages
from lanecast.broker.offsets import START, Offset
from lanecast.broker.runs import RunInfo
from lanecast.gateway import framing, policy
from lanecast.gateway.json_view import JsonView
from lanecast.gateway.layer_filter import Layers, only
from lanecast.gateway.meter import Meter
from lanecast.gateway.seats import CHUNK, NEVER, STANDING, Seats
from lanecast.gateway.snapshot import Entry, published_ms, read_entry
from lanecast.gateway.stats import Stats
from lanecast.gateway.writer import Writer

if TYPE_CHECKING:
    from lanecast.gateway.picture_feeds import PictureFeed
    from lanecast.gateway.viewer import Viewer

CHAIN_BYTES: Final = 16 * 1024 * 1024
VERIFIED_TIMES: Final = 30
VERIFIED_EVERY_S: Final = 0.05


class Subscription:
    """One viewer's view of one run.

    Attributes:
        last: offset of the last lossless message written.
        waiting: lossless messages that came before the viewer was let in; None once it is.
        from_seq: number of the first broadcast that continues what the viewer has; NEVER: it needs a keyframe.
        skipped: state frames that it did not get since it last got one.
        struggled: it has fallen behind since the tier policy last looked.
        layers: the only ones it wants; None: all.
        images: it wants camera pictures.
        decode_ms, age_ms, fps: what the viewer reported, until the tier policy has looked.
        freshness_s: the budget that it asked for; None: as the gateway is set.
        changes: of tier, by the policy.
        seats: among whom it gets frames; `place`, `sent_before`: where it sits there, and since what count of bytes.
    """

    __slots__ = (
        "age_ms", "auto", "changes", "closed", "decode_ms", "feed", "fps", "freshness_s", "from_seq", "images", "last",
        "layers", "picture_feed", "place", "resume", "seats", "sent_before", "skipped", "struggled", "tier",
        "tier_feed", "viewer", "waiting",
    )  # fmt: skip

    def __init__(
        self, viewer: Viewer, feed: RunFeed, wanted: str, resume: tuple[str, Offset] | None, now_s: float,
        layers: Layers | None = None,
    ) -> None:  # fmt: skip
        self.viewer = viewer
        self.feed = feed
        self.resume = resume
        self.auto = wanted == policy.AUTO
        self.tier = policy.start(wanted, now_s)
        self.tier_feed: TierFeed | None = None
        self.picture_feed: PictureFeed | None = None
        self.last = START
        self.waiting: list[Entry] | None = []
        self.from_seq = NEVER
        self.skipped = 0
        self.struggled = False
        self.decode_ms = 0.0
        self.age_ms = 0.0
        self.fps = 0.0
        self.closed = False
        self.layers = layers
        self.images = True
        self.freshness_s: float | None = None
        self.changes = 0
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


class Selection:
    """Those viewers of a tier who want the same layers of it, and what was made for them."""

    __slots__ = ("blob", "layers", "subs", "text_subs")

    def __init__(self, layers: Layers, stats: Stats, writer: Writer) -> None:
        self.layers: Layers | None = layers
        self.subs = Seats(stats, writer)
        self.text_subs = Seats(stats, writer)
        self.blob: bytes | None = None

    def __len__(self) -> int:
        return len(self.subs) + len(self.text_subs)

    def select(self, frame: bytes) -> bytes:
        """A binary frame with these layers only."""
        return framing.message(framing.BINARY, only(framing.payload_of(frame), self.layers or frozenset()))


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
        self.layers: Layers | None = None
        self._chain: list[bytes] = []
        self._chain_bytes = 0
        self._blob: bytes | None = None
        self._view: JsonView | None = None
        self._clock = clock
        self._stats = stats
        self._want_key = want_key
        self._freshness_s = freshness_s
        self._writer = writer
        self._heard_s = -math.inf
        self.filtered: dict[Layers, Selection] = {}
        self.meter = Meter()
        self.text_meter = Meter()
        self.age_s = 0.0
        self.listen_until_s = -math.inf

    @property
    def viewers(self) -> int:
        """How many watch this tier."""
        return sum(map(len, self.seats()))

    def seats(self) -> Iterator[Seats]:
        """All who watch it, by encoding and selection."""
        for part in self._parts():
            yield part.subs
            yield part.text_subs

    def _parts(self) -> list[TierFeed | Selection]:
        return [self, *self.filtered.values()]

    def wanted(self, now_s: float) -> bool:
        """Whether anybody watches it, or wants to know how large it is."""
        return bool(self.viewers) or now_s < self.listen_until_s

    def open(self, cursor: str, payloads: list[bytes]) -> None:
        """Start (again) from what Redis has: everybody here is drawn at once."""
        self.cursor = cursor
        self.opened = True
        self._heard_s = time.monotonic()
        self._forget()
        for payload in payloads:
            self._remember(framing.message(framing.BINARY, payload), key=not self._chain)
        for sub in [sub for seats in self.seats() for sub in seats]:
            self.draw(sub)

    @staticmethod
    def leave(sub: Subscription) -> None:
        """Take a subscription out of the tier it is in, if it is in one."""
        if sub.tier_feed is not None:
            sub.tier_feed._drop(sub)  # noqa: SLF001 - its own class

    def enter(self, sub: Subscription) -> None:
        """Take a subscription in; it is drawn at once if there is something to draw."""
        self.leave(sub)
        part: TierFeed | Selection = self
        if sub.layers is not None:
            part = self.filtered.setdefault(sub.layers, Selection(sub.layers, self._stats, self._writer))
        (part.text_subs if sub.viewer.text else part.subs).enter(sub)
        sub.tier_feed = self
        if self.opened:
            self.draw(sub)

    def _drop(self, sub: Subscription) -> None:
        if sub.seats is not None:
            sub.seats.leave(sub)
        if sub.layers is not None and (part := self.filtered.get(sub.layers)) is not None and not len(part):
            del self.filtered[sub.layers]
        if not self.text_subs and not any(part.text_subs for part in self.filtered.values()):
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
        blob = self._text_blob(sub.layers) if sub.viewer.text else self._binary_blob(sub.layers)
        if blob is None or (len(self._chain) > 1 and len(blob) > sub.viewer.room()):
            self._want_key(self)  # to a slow link a new keyframe alone comes sooner than an old one with its deltas
        elif not sub.viewer.blocked:
            sub.from_seq = self._clock.seq + 1
            sub.viewer.put(blob)
            self._stats.frames_out += 1
            self._stats.bytes_out += len(blob)

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Broadcast frames that have just been read; several at once go out in one write."""
        batch, has_key = self._take(entries)
        if not batch:
            return
        self._heard_s = time.monotonic()
        self.meter.add(self._heard_s, sum(map(len, batch)))
        seq = self._clock.tick()
        for part in self._parts():
            if part.subs:
                frames = batch if isinstance(part, TierFeed) else list(map(part.select, batch))
                frame = frames[0] if len(frames) == 1 else b"".join(frames)
                if await part.subs.broadcast(frame, seq, len(batch), rejoin=has_key):
                    self._want_key(self)
        await self._deliver_text(batch, seq)

    def _take(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> tuple[list[bytes], bool]:
        """The frames of entries, remembered in the chain, and whether a keyframe comes first."""
        batch: list[bytes] = []
        has_key = False
        for entry_id, fields in entries:
            self.cursor = entry_id.decode()
            data = fields.get(b"data")
            if data is None:
                continue
            self.age_s = max(0.0, time.time() - published_ms(fields) / 1000)
            self._stats.ages[self.tier].observe(self.age_s)
            key = fields.get(b"key") == b"1"
            frame = framing.message(framing.BINARY, data)
            if key:
                if batch:  # a keyframe replaces what was read together with it: newest wins
                    self._stats.dropped["superseded"] += len(batch) * self.viewers
                    batch.clear()
                has_key = True
            batch.append(frame)
            self._remember(frame, key=key)
        return batch, has_key

    async def _deliver_text(self, batch: list[bytes], seq: int) -> None:
        texts = [part for part in self._parts() if part.text_subs]
        if texts and not self._take_text(batch):
            self._want_key(self)
            return
        for part in texts:
            if (complete := self._text_blob(part.layers)) is None:
                self._want_key(self)
            else:
                self.text_meter.add(self._heard_s, len(complete))
                await part.text_subs.broadcast(complete, seq, 1, rejoin=True)

    def _remember(self, frame: bytes, *, key: bool) -> None:
        if key:
            self._forget()
        elif not self._chain:
            return
        for part in self.filtered.values():
            part.blob = None
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
        for part in self.filtered.values():
            part.blob = None

    def _binary_blob(self, layers: Layers | None) -> bytes | None:
        if layers is not None:
            part = self.filtered[layers]
            if part.blob is None and self._chain:
                part.blob = b"".join(map(part.select, self._chain))
            return part.blob
        if self._blob is None and self._chain:
            self._blob = b"".join(self._chain)
        return self._blob

    def _text_blob(self, layers: Layers | None) -> bytes | None:
        if self._view is None:
            self._view = JsonView()
            for frame in self._chain:
                self._view.take(framing.payload_of(frame))
        return self._view.framed(layers)

    def _take_text(self, batch: list[bytes]) -> bool:
        """Keep up with what has been read; False if a keyframe is needed."""
        # Without a view a keyframe has just come: the chain, which it begins, is what `_text_blob` starts from.
        return self._view is None or all(self._view.take(framing.payload_of(frame)) for frame in batch)


class RunFeed:
    """A run's critical stream, and who gets it."""

    def __init__(
        self,
        run: str,
        stats: Stats,
        begun: Callable[[RunFeed], Awaitable[None]],
        overtaken: Callable[[RunFeed], Awaitable[None]] | None = None,
    ) -> None:
        """Nobody watches yet.

        Args:
            run: its id.
            stats: of this process.
            begun: awaited when the first messages of a run come that was only registered.
            overtaken: awaited when what comes does not follow what came before: a trim has overtaken this reader.
        """
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
        self.rates: dict[bool, dict[str, float]] = {True: {}, False: {}}
        """Of JSON viewers, of others: tier -> bytes per second when it was last read."""
        self.waiters: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._stats = stats
        self._begun = begun
        self._overtaken = overtaken

    @property
    def wanted(self) -> bool:
        """Whether anybody needs this feed."""
        return bool(self.subs or self.waiters)

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Hand lossless messages that have just been read to everybody."""
        if self.info is not None and not self.info.epoch:
            await self._begun(self)
        restarts = self.restarts
        if self._overtaken is not None and not self._follows(entries[0]):
            for _ in range(VERIFIED_TIMES):
                await self._overtaken(self)
                if self.restarts != restarts:
                    return  # everybody has been told that there is a hole, and goes on behind it
                await asyncio.sleep(VERIFIED_EVERY_S)  # whoever lost everything is registered again within a second
        for entry_id, fields in entries:
            self.cursor = entry_id.decode()
            entry = read_entry(entry_id, fields)
            if entry is None:
                continue
            if entry.kind == "result" and self.waiters:
                self._settle(messages.decode(entry.data))
            await self._broadcast(entry)

    def _follows(self, first: tuple[bytes, dict[bytes, bytes]]) -> bool:
        """Whether an entry is the next after the cursor; what no worker has written is no matter."""
        entry = read_entry(*first)
        if entry is None or self.cursor == str(START):
            return True
        try:
            return bool(messages.decode(entry.data).get("prev", self.cursor) == self.cursor)
        except ValueError:
            return True

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
