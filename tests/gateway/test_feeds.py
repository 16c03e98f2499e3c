"""Who gets which frame, in memory: the sockets of these viewers only keep what is written to them."""

from __future__ import annotations

import asyncio
import math
from array import array

import msgspec
import pytest

from lanecast.broker.offsets import Offset
from lanecast.gateway import framing
from lanecast.gateway.feeds import Clock, RunFeed, Subscription, TierFeed
from lanecast.gateway.meter import Meter
from lanecast.gateway.seats import CHUNK
from lanecast.gateway.snapshot import Entry
from lanecast.gateway.stats import Stats


class Keeping:
    """A writer to viewers that only keep what is written; their place in `viewers` is their descriptor."""

    name = "keeping"
    viewers: list[Kept] = []  # noqa: RUF012

    def broadcast(self, fds: array[int], frame: bytes, start: int, stop: int) -> list[tuple[int, int]]:
        for fd in fds[start:stop]:
            self.viewers[fd].write(frame)
        return []

    def all_arrived(self, fds: array[int]) -> range:
        return range(len(fds))


class Kept:
    """What feeds use of a viewer. Nothing waits behind it unless it is `blocked`."""

    def __init__(self) -> None:
        self.fd = len(Keeping.viewers)
        Keeping.viewers.append(self)
        self.sub: Subscription | None = None
        self.text = False
        self.blocked = False
        self.late = False
        self.own_bytes = 0
        self.drops = 0
        self.free_bytes = math.inf
        self.written = b""
        self.noticed: list[int] = []

    def room(self) -> float:
        return self.free_bytes

    def write(self, frame: bytes) -> None:
        self.written += frame

    @property
    def clear(self) -> bool:
        return not self.blocked

    def block(self) -> None:
        self.blocked = True
        self.get_up()

    def get_up(self) -> None:
        if self.sub is not None and self.sub.seats is not None:
            self.sub.seats.get_up(self.sub)

    def put(self, frame: bytes) -> None:
        self.get_up()
        self.own_bytes += len(frame)
        self.write(frame)

    def notice_skipped(self, sub: Subscription) -> None:
        if sub.skipped:
            self.noticed.append(sub.skipped)
        sub.skipped = 0


class Hall:
    """One tier with viewers."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.asked = 0
        self.clock = Clock()
        self.run = RunFeed("a", self.stats, self.begun)
        self.tier = self.open("high")

    async def begun(self, _feed: RunFeed) -> None:
        raise AssertionError

    def open(self, name: str, payloads: tuple[bytes, ...] = ()) -> TierFeed:
        tier = TierFeed("a", name, self.clock, self.stats, self.want_key, 0.5, Keeping())
        tier.open("1-0", list(payloads))
        return tier

    def want_key(self, _tier: TierFeed) -> None:
        self.asked += 1

    def seat(self, tier: TierFeed | None = None, layers: frozenset[str] | None = None) -> tuple[Subscription, Kept]:
        viewer = Kept()
        sub = Subscription(viewer, self.run, "high", None, 0.0, layers)  # type: ignore[arg-type]
        viewer.sub = sub
        (tier or self.tier).enter(sub)
        return sub, viewer


def entry(n: int, data: bytes, *, key: bool = False) -> tuple[bytes, dict[bytes, bytes]]:
    return f"1-{n}".encode(), {b"key": b"1" if key else b"0", b"data": data}


def framed(*payloads: bytes) -> bytes:
    return b"".join(framing.message(framing.BINARY, payload) for payload in payloads)


@pytest.fixture
def hall() -> Hall:
    return Hall()


async def test_a_viewer_without_a_keyframe_gets_none_of_the_deltas(hall: Hall) -> None:
    _, viewer = hall.seat()
    await hall.tier.deliver([entry(1, b"delta")])
    assert viewer.written == b""
    assert hall.asked >= 2
    await hall.tier.deliver([entry(2, b"key", key=True)])
    await hall.tier.deliver([entry(3, b"delta")])
    assert viewer.written == framed(b"key", b"delta")
    assert viewer.noticed == [1]


async def test_what_was_read_together_is_written_together_from_the_newest_keyframe_on(hall: Hall) -> None:
    _, viewer = hall.seat()
    await hall.tier.deliver([entry(1, b"k1", key=True)])
    await hall.tier.deliver([entry(2, b"d"), entry(3, b"k2", key=True), entry(4, b"e"), entry(5, b"f")])
    assert viewer.written == framed(b"k1", b"k2", b"e", b"f")
    assert hall.stats.dropped == {"superseded": 1}
    _, late = hall.seat()
    assert late.written == framed(b"k2", b"e", b"f")
    assert hall.tier.cursor == "1-5"


async def test_a_blocked_viewer_is_left_out_until_a_keyframe_finds_it_free(hall: Hall) -> None:
    sub, slow = hall.seat()
    _, quick = hall.seat()
    await hall.tier.deliver([entry(1, b"k1", key=True)])
    slow.block()
    await hall.tier.deliver([entry(2, b"d1")])
    slow.blocked = False
    await hall.tier.deliver([entry(3, b"d2")])
    assert slow.written == framed(b"k1"), "d2 would not follow what it has"
    await hall.tier.deliver([entry(4, b"k2", key=True)])
    assert slow.written == framed(b"k1", b"k2")
    assert slow.noticed == [2]
    assert sub.struggled
    assert quick.written == framed(b"k1", b"d1", b"d2", b"k2")
    assert hall.stats.dropped == {"backlog": 1, "no_keyframe": 1}


async def test_who_is_drawn_in_the_middle_of_a_broadcast_gets_nothing_twice(hall: Hall) -> None:
    seats = [hall.seat() for _ in range(3 * CHUNK)]
    await hall.tier.deliver([entry(1, b"key", key=True)])
    other = hall.open("low", (b"low key",))
    broadcast = asyncio.create_task(hall.tier.deliver([entry(2, b"delta")]))
    await asyncio.sleep(0)  # the first chunk has been written to
    redrawn, moved, left, early = seats[-1], seats[-2], seats[-3], seats[0]
    assert early[1].written == framed(b"key", b"delta")
    assert redrawn[1].written == framed(b"key")
    hall.tier.draw(redrawn[0])
    other.enter(moved[0])
    TierFeed.leave(left[0])
    newcomer = hall.seat()
    await broadcast
    await hall.tier.deliver([entry(3, b"after")])
    assert redrawn[1].written == framed(b"key", b"key", b"delta", b"after")
    assert moved[1].written == framed(b"key", b"low key")
    assert left[1].written == framed(b"key")
    assert newcomer[1].written == framed(b"key", b"delta", b"after")
    assert all(viewer.written == framed(b"key", b"delta", b"after") for _, viewer in seats[:-3])


async def test_who_gets_something_of_its_own_in_the_middle_of_a_broadcast_gets_the_frame_once(hall: Hall) -> None:
    seats = [hall.seat() for _ in range(3 * CHUNK)]
    await hall.tier.deliver([entry(1, b"key", key=True)])
    await hall.tier.deliver([entry(2, b"d2")])
    broadcast = asyncio.create_task(hall.tier.deliver([entry(3, b"d3")]))
    await asyncio.sleep(0)  # the first chunk has been written to
    for _, viewer in (seats[3], seats[CHUNK - 1], seats[CHUNK], seats[-1]):
        viewer.put(b"own")
    seats[5][1].block()
    TierFeed.leave(seats[6][0])
    await broadcast
    await hall.tier.deliver([entry(4, b"d4")])
    before, last, own = framed(b"key", b"d2"), framed(b"d4"), framed(b"d3")
    assert seats[3][1].written == seats[CHUNK - 1][1].written == before + own + b"own" + last
    assert seats[CHUNK][1].written == seats[-1][1].written == before + b"own" + own + last
    assert seats[5][1].written == seats[6][1].written == before + own
    others = [seat for seat in seats if seat[1].written not in {before + own, before + own + b"own" + last}]
    assert sum(viewer.written == before + own + last for _, viewer in others) == 3 * CHUNK - 6


async def test_what_was_sent_is_counted_for_each_wherever_it_sat(hall: Hall) -> None:
    seats = [hall.seat() for _ in range(2 * CHUNK)]
    await hall.tier.deliver([entry(1, b"key", key=True)])
    for n in range(2, 6):
        broadcast = asyncio.create_task(hall.tier.deliver([entry(n, b"delta" * n)]))
        await asyncio.sleep(0)
        for _, viewer in seats[n::7]:
            viewer.put(b"own")
        for sub, _ in seats[n::97]:
            hall.tier.draw(sub)
        await broadcast
    for sub, viewer in seats:
        assert sub.seats is not None
        assert viewer.own_bytes + sub.seats.sent_to(sub) == len(viewer.written)


async def test_lossless_messages_come_in_order_each_once_whatever_was_waiting(hall: Hall) -> None:
    viewer = Kept()
    sub = Subscription(viewer, hall.run, "high", None, 0.0)  # type: ignore[arg-type]
    hall.run.subs[sub] = None

    def message(n: int) -> tuple[bytes, dict[bytes, bytes]]:
        return f"1-{n}".encode(), {b"kind": b"status", b"data": b"%d" % n}

    await hall.run.deliver([message(3), message(4)])
    assert viewer.written == b"", "it is not let in yet"
    sub.last = Offset(1, 1)
    hall.run.catch_up(sub, [Entry(Offset(1, n), "status", b"%d" % n) for n in (2, 3)])
    await hall.run.deliver([message(4), message(5), (b"1-6", {b"strange": b"entry"})])
    assert viewer.written == framed(b"2", b"3", b"4", b"5")
    assert hall.run.cursor == "1-6"


def frame_of(**layers: int) -> bytes:
    return msgspec.msgpack.encode({"type": "frame", "layers": {name: {"rows": n} for name, n in layers.items()}})


async def test_who_wants_some_layers_gets_them_only_and_all_who_want_the_same_share_one_frame(hall: Hall) -> None:
    cars = frozenset({"cars"})
    _, all_of_it = hall.seat()
    _, first = hall.seat(layers=cars)
    await hall.tier.deliver([entry(1, frame_of(cars=1, lights=2), key=True)])
    await hall.tier.deliver([entry(2, frame_of(lights=3))])
    _, later = hall.seat(layers=cars)
    only_cars = framed(frame_of(cars=1), frame_of())
    assert first.written == later.written == only_cars, "a delta without them is sent, for the next one follows it"
    assert all_of_it.written == framed(frame_of(cars=1, lights=2), frame_of(lights=3))
    assert list(hall.tier.filtered) == [cars]
    assert hall.tier.viewers == 3
    for sub in list(hall.tier.filtered[cars].subs):
        TierFeed.leave(sub)
    assert not hall.tier.filtered, "what nobody wants is not made any more"


async def test_a_slow_link_waits_for_a_keyframe_rather_than_for_an_old_one_with_its_deltas(hall: Hall) -> None:
    await hall.tier.deliver([entry(1, b"k1", key=True)])
    await hall.tier.deliver([entry(2, b"d1" * 100)])
    sub, slow = hall.seat()
    TierFeed.leave(sub)
    slow.written, slow.free_bytes, before = b"", 50.0, hall.asked
    hall.tier.enter(sub)
    assert (slow.written, hall.asked) == (b"", before + 1)
    await hall.tier.deliver([entry(3, b"k2", key=True)])
    assert slow.written == framed(b"k2")


async def test_the_size_of_a_tier_is_measured_while_it_is_read(hall: Hall) -> None:
    meter = Meter()
    for n in range(41):
        meter.add(n * 0.1, 1_000)
    assert meter.per_s == pytest.approx(10_000)
    meter.add(60.0, 50_000)
    meter.add(60.5, 1_000)
    assert meter.per_s == pytest.approx(10_000), "the keyframe after a pause says nothing"
