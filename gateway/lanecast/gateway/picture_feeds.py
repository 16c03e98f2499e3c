"""Camera pictures: each tier's stream is read once while somebody here wants it, and handed to those who do.

Guarantees: frames and lossless messages go first: a viewer gets a picture only while next to nothing waits to be sent
to it. Of each camera it gets the newest; what it was not given in time is never sent later, only counted. Nothing is
queued for anybody, and nothing here waits for a viewer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

import redis
import structlog

from lanecast.broker import demand, keys, pictures, scripts
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.images import MAX_CAMERAS
from lanecast.broker.offsets import START
from lanecast.gateway import outbound
from lanecast.gateway.feeds import Subscription
from lanecast.gateway.seats import CHUNK

if TYPE_CHECKING:
    from lanecast.gateway.hub import Hub

LINGER_S: Final = 2.0
BEHIND_BYTES: Final = 32 * 1024
"""A viewer with more under way gets no picture yet: the frames that come next would have to wait behind it."""

log = structlog.get_logger()


class Picture(outbound.PassedOn):
    """One picture of a camera."""

    __slots__ = ("camera", "number")

    def __init__(self, number: int, camera: str, data: bytes) -> None:
        super().__init__(data)
        self.number = number
        self.camera = camera


class PictureFeed:
    """The pictures of one run in one tier: a source for the reader; `shown` is camera -> number for each viewer."""

    def __init__(self, run: str, tier: str, hub: Hub) -> None:
        self.run = run
        self.tier = tier
        self.key = keys.image(run, tier)
        self.cursor = str(START)
        self.opened = False
        self.opening = 0
        self.idle_s = 0.0
        self.subs: dict[Subscription, dict[str, int]] = {}
        self._hub = hub
        self._number = 0
        self._newest: dict[str, Picture] = {}

    def open(self, cursor: str, found: dict[str, tuple[float, bytes]]) -> None:
        """Start (again) from what Redis has."""
        self.cursor = cursor
        self.opened = True
        for camera, (_, data) in sorted(found.items(), key=lambda one: one[1][0]):
            self._remember(camera, data)

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Hand on what has just been read: the newest of each camera."""
        cameras: set[str] = set()
        for entry_id, fields in entries:
            self.cursor = entry_id.decode()
            camera, data = fields.get(b"camera"), fields.get(b"data")
            if camera is None or data is None:
                continue
            name = camera.decode("utf-8", "replace")
            if name in cameras:
                self._hub.stats.dropped["image_superseded"] += len(self.subs)
            cameras.add(name)
            self._remember(name, data)
        await self.show()

    async def show(self) -> None:
        """Write to every viewer what it has not seen yet, if nothing waits to be sent to it."""
        for place, (sub, shown) in enumerate(list(self.subs.items())):
            if place % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
            if self.subs.get(sub) is shown:
                self.show_one(sub)

    def show_one(self, sub: Subscription) -> None:
        """The same for one viewer."""
        shown, viewer, stats = self.subs[sub], sub.viewer, self._hub.stats
        for picture in list(self._newest.values()):
            seen = shown.get(picture.camera, 0)
            if seen >= picture.number:
                continue
            if viewer.closing or viewer.blocked or viewer.waiting_now() > BEHIND_BYTES:
                if shown.get(picture.camera) != -picture.number:  # count it once, though it is looked at again
                    stats.dropped["image_behind"] += 1
                    shown[picture.camera] = -picture.number
                continue
            frame = picture.framed(text=viewer.text)
            viewer.put(frame)
            shown[picture.camera] = picture.number
            stats.images_out += 1
            stats.bytes_out += len(frame)

    def _remember(self, camera: str, data: bytes) -> None:
        self._number += 1
        self._newest.pop(camera, None)
        self._newest[camera] = Picture(self._number, camera, data)
        while len(self._newest) > MAX_CAMERAS:
            del self._newest[next(iter(self._newest))]


class PictureFeeds:
    """All picture feeds of this process, by run and tier."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._feeds: dict[tuple[str, str], PictureFeed] = {}

    def enter(self, sub: Subscription, tier: str) -> None:
        """Take a subscription in, from the tier that it was in; it is shown the newest pictures at once."""
        self.leave(sub)
        if not sub.images:
            return
        key = (sub.feed.run, tier)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = PictureFeed(*key, self._hub)
            self._hub.spawn(self._open(feed))
        feed.subs[sub] = {}
        sub.picture_feed = feed
        if feed.opened:
            feed.show_one(sub)

    @staticmethod
    def leave(sub: Subscription) -> None:
        """Take a subscription out."""
        if sub.picture_feed is not None:
            sub.picture_feed.subs.pop(sub, None)
            sub.picture_feed = None

    def reopen(self, run: str) -> None:
        """The run's streams may not be what they were: find the places of its feeds anew."""
        for feed in self._feeds.values():
            if feed.run == run:
                self._hub.reader.unwatch(feed)
                feed.opened = False
                self._hub.spawn(self._open(feed))

    async def tick(self) -> None:
        """Once a second: say what is wanted, show what was held back, close what nobody wants."""
        now_s = time.monotonic()
        for key, feed in list(self._feeds.items()):
            if feed.subs:
                feed.idle_s = 0.0
                if feed.opened:
                    self._hub.spawn(say_wanted(self._hub, feed.run, feed.tier, len(feed.subs)))
                    await feed.show()
                else:
                    self._hub.spawn(self._open(feed))
                continue
            feed.idle_s = feed.idle_s or now_s
            if now_s - feed.idle_s >= LINGER_S:
                self._hub.reader.unwatch(feed)
                del self._feeds[key]

    async def _open(self, feed: PictureFeed) -> None:
        feed.opening += 1
        attempt = feed.opening
        await say_wanted(self._hub, feed.run, feed.tier, max(1, len(feed.subs)))
        try:
            cursor, found = await pictures.newest(self._hub.client, feed.run, feed.tier)
        except TRANSIENT:
            return  # the next tick tries again
        except redis.ResponseError as error:
            log.warning("pictures_unreadable", run=feed.run, tier=feed.tier, error=str(error))
            return
        if self._feeds.get((feed.run, feed.tier)) is not feed or feed.opening != attempt:
            return  # closed, or opened anew, in the meantime
        feed.open(cursor, found)
        self._hub.reader.watch(feed)
        await feed.show()


async def say_wanted(hub: Hub, run: str, tier: str, viewers: int, *, by: str = "") -> None:
    """Say to the run's worker that somebody here wants pictures of a tier; `by` tells apart who it is."""
    fields = demand.Demand(hub.node + by, tier, viewers, images=True).to_fields()
    words = [word for pair in fields.items() for word in pair]
    call = scripts.Call(scripts.DEMAND, (keys.demand(run),), (demand.STREAM_KEPT, *words))
    with contextlib.suppress(*TRANSIENT, redis.ResponseError):  # said again within a second
        await scripts.run(hub.client, call)
