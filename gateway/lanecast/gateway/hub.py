"""The hub: which feeds are open, who is let in, what workers and other nodes are told.

Viewers are let in and out at once, in memory; what that asks of Redis is done by tasks that survive its absence. What
is done once a second is in `upkeep`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine
from typing import Any, Final

import msgspec
import redis
import structlog

from lanecast.broker import demand, keys, lease, runs, scripts, tasks
from lanecast.broker.connect import TRANSIENT, connect
from lanecast.broker.errors import UnknownRun
from lanecast.broker.offsets import parse
from lanecast.broker.runs import RunInfo
from lanecast.broker.tiers import SERVED
from lanecast.gateway import outbound, policy, snapshot, upkeep, writer
from lanecast.gateway.channel import Source
from lanecast.gateway.errors import Refused
from lanecast.gateway.feeds import Clock, RunFeed, Subscription, TierFeed
from lanecast.gateway.inbound import Subscribe
from lanecast.gateway.layer_filter import Layers
from lanecast.gateway.picture_feeds import PictureFeeds
from lanecast.gateway.reader import Reader
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.stats import Stats
from lanecast.gateway.viewer import Viewer

KEYFRAME_EVERY_S: Final = 0.25
SELECTIONS_MAX: Final = 64
"""Each costs about as much as a tier: its frames are made anew, once for all who want the same layers."""
GOODBYE_S: Final = 0.5
RETRY_MAX_S: Final = 1.0
NOT_YET: Final = "not yet connected to Redis"

log = structlog.get_logger()


class Hub:
    """All feeds of this process. Everything here runs on one event loop."""

    def __init__(self, settings: GatewaySettings, stats: Stats) -> None:
        self.node = settings.node
        self.client = connect(settings.redis_url)
        self.stats = stats
        self.feeds: dict[str, RunFeed] = {}
        self.viewers: dict[Viewer, None] = {}
        self.online = False
        self.writer = writer.choose(settings.writer)
        self.freshness_s = settings.freshness_ms / 1000
        self._lost = False
        self.trouble = NOT_YET
        self.group = keys.gateway_group(settings.node)
        self._clock = Clock()
        self.pictures = PictureFeeds(self)
        self.reader = Reader(
            settings.redis_url, self.client, self.spawn, self._find_places, self._back_online, self._gone_offline
        )
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ---

    def start(self) -> None:
        """Begin to read; returns at once, whether Redis is there or not."""
        self.reader.start()
        self.spawn(upkeep.for_ever(self))

    async def stop(self) -> None:
        """Stop reading and take this node's traces out of Redis, if it answers quickly."""
        await tasks.cancel(*self._tasks)
        with contextlib.suppress(*TRANSIENT, redis.ResponseError):
            async with asyncio.timeout(GOODBYE_S):
                await scripts.run(self.client, lease.heartbeat(keys.GATEWAYS, self.node, 0))
                await upkeep.destroy_groups(self, [key for feed in self.feeds.values() for key in _stream_keys(feed)])
        with contextlib.suppress(*TRANSIENT):
            await self.client.aclose()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task and keep it until it ends; an error that nobody expected is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", error=repr(error), exc_info=error)

    # --- viewers ---

    def subscribe(self, viewer: Viewer, wish: Subscribe) -> None:
        """Let a viewer in, or change what one that is in gets. The answer, `subscribed`, follows.

        Raises:
            Refused: there are too many different selections of layers already.
        """
        now_s = time.monotonic()
        run, wanted, resume = wish.run, wish.tier, wish.resume
        sub = viewer.subs.get(run)
        if wish.layers is not None and (sub is None or sub.layers != wish.layers):
            self._check_selections(run, wish.layers)
        if sub is not None and resume is None:
            TierFeed.leave(sub)
            sub.layers, sub.images, sub.freshness_s = wish.layers, wish.images, wish.freshness_s
            sub.auto, sub.tier = wanted == policy.AUTO, policy.start(wanted, now_s)
            if sub.waiting is None and sub.feed.info is not None:
                self._announce(sub, sub.feed.info, recovered=True)
                self.change_tier(sub, sub.tier.tier)
            return
        if sub is not None:
            self.unsubscribe(sub)
        feed = self.feeds.get(run)
        if feed is None:
            feed = self.feeds[run] = RunFeed(run, self.stats, self._begun, self.verify)
        sub = Subscription(viewer, feed, wanted, resume, now_s, wish.layers)
        sub.images, sub.freshness_s = wish.images, wish.freshness_s
        viewer.subs[run] = sub
        feed.subs[sub] = None
        self._admit_later(feed, sub)

    def _check_selections(self, run: str, layers: Layers) -> None:
        tiers = [tier for feed in self.feeds.values() for tier in feed.tiers.values()]
        known = {(tier.run, selected) for tier in tiers for selected in tier.filtered}
        if len(known) >= SELECTIONS_MAX and (run, layers) not in known:
            message = f"this gateway makes at most {SELECTIONS_MAX} different selections of layers; ask for all of them"
            raise Refused(message, "layers")

    def unsubscribe(self, sub: Subscription) -> None:
        """Let a viewer out of a run."""
        sub.closed = True
        TierFeed.leave(sub)
        PictureFeeds.leave(sub)
        sub.feed.subs.pop(sub, None)
        if sub.viewer.subs.get(sub.feed.run) is sub:
            del sub.viewer.subs[sub.feed.run]

    def leave(self, viewer: Viewer) -> None:
        """Let a viewer out of everything."""
        self.viewers.pop(viewer, None)
        for sub in list(viewer.subs.values()):
            self.unsubscribe(sub)

    def change_tier(self, sub: Subscription, tier: str) -> None:
        """Put a subscription on another tier; it is drawn there at once, or with the next keyframe."""
        self._tier(sub.feed, tier).enter(sub)
        self.pictures.enter(sub, tier)

    def listen(self, sub: Subscription, tier: str, until_s: float) -> None:
        """Read another tier of what somebody watches for a while, to know how large it is."""
        self._tier(sub.feed, tier).listen_until_s = until_s

    def _tier(self, run_feed: RunFeed, tier: str) -> TierFeed:
        feed = run_feed.tiers.get(tier)
        if feed is None:
            feed = run_feed.tiers[tier] = TierFeed(
                run_feed.run, tier, self._clock, self.stats, self.ask_keyframe, self.freshness_s, self.writer
            )
            self.spawn(self._open_tier(feed))
        return feed

    def redraw(self, sub: Subscription) -> None:
        """The viewer's chain is broken: draw it again."""
        if sub.tier_feed is not None and sub.tier_feed.opened:
            sub.tier_feed.draw(sub)

    # --- letting in ---

    def _admit_later(self, feed: RunFeed, *subs: Subscription) -> None:
        feed.joiners.extend(subs)
        if feed.joining is None:
            feed.joining = asyncio.create_task(self._admit(feed))
            self._tasks.add(feed.joining)
            feed.joining.add_done_callback(self._ended)

    async def _admit(self, feed: RunFeed) -> None:
        """Let in everybody who waits; those who come together share one snapshot."""
        delay_s = 0.05
        try:
            while batch := [sub for sub in feed.joiners if not sub.closed]:
                feed.joiners = []
                resumes = {sub.resume for sub in batch if sub.resume is not None}
                now = sorted(resumes)[: snapshot.RESUMES_AT_ONCE]
                restarts = feed.restarts
                try:
                    seen = await snapshot.take(self.client, feed.run, now)
                except TRANSIENT:
                    feed.joiners = batch + feed.joiners
                    await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
                    delay_s = min(RETRY_MAX_S, delay_s * 2)
                    continue
                except UnknownRun as error:
                    self._turn_away(batch, "unknown_run", str(error))
                    continue
                except redis.ResponseError as error:
                    log.warning("run_unreadable", run=feed.run, error=str(error))
                    self._turn_away(batch, "unavailable", f"run {feed.run!r} cannot be read: {error}")
                    continue
                if restarts == feed.restarts:
                    self._settle(feed, seen)
                    restarts = feed.restarts
                not_yet = resumes.difference(now)
                for place, sub in enumerate(batch):
                    if place % 64 == 63:
                        await asyncio.sleep(0)
                    if feed.restarts != restarts or sub.resume in not_yet:
                        feed.joiners.append(sub)  # the snapshot is out of date, or does not speak of its offset
                    elif not sub.closed:
                        self._let_in(sub, feed, seen)
        finally:
            feed.joining = None

    def _settle(self, feed: RunFeed, seen: snapshot.Snapshot) -> None:
        """Take over what a snapshot says of the run; a new epoch concerns everybody who is in already."""
        if feed.info is None:
            feed.info = seen.info
            feed.cursor = str(seen.last)
            self.reader.watch(feed)
        elif not feed.info.epoch and seen.info.epoch:
            self._begin(feed, seen.info)
        elif feed.info.epoch != seen.info.epoch:
            self.restart(feed, seen.info, str(seen.last))
        else:
            feed.info = seen.info

    def _let_in(self, sub: Subscription, feed: RunFeed, seen: snapshot.Snapshot) -> None:
        missed = seen.missed.get(sub.resume) if sub.resume is not None else None
        if missed is not None and sub.resume is not None:
            sub.last = sub.resume[1]
        else:
            sub.last = seen.last
        sub.resume = None
        self._announce(sub, seen.info, recovered=missed is not None)
        feed.catch_up(sub, missed or ())
        if not sub.closed:
            self.change_tier(sub, sub.tier.tier)

    @staticmethod
    def _announce(sub: Subscription, info: RunInfo, *, recovered: bool) -> None:
        sub.viewer.send(outbound.subscribed(sub.feed.run, sub.tier.tier, info, str(sub.last), recovered=recovered))

    def _turn_away(self, subs: list[Subscription], code: str, message: str) -> None:
        for sub in subs:
            self.unsubscribe(sub)
            self.stats.rejected[code] += 1
            sub.viewer.send(outbound.error(code, message, "run", sub.feed.run))

    def restart(self, feed: RunFeed, info: RunInfo, cursor: str) -> None:
        """The run's streams have begun anew: everybody gets a new `subscribed`, and a keyframe."""
        log.warning("run_restarted", run=feed.run, epoch=info.epoch, was=feed.info.epoch if feed.info else None)
        feed.info = info
        feed.restarts += 1
        feed.grouped = False
        self.reader.unwatch(feed)
        feed.cursor = cursor
        self.reader.watch(feed)
        for tier in feed.tiers.values():
            self.reopen(tier)
        self.pictures.reopen(feed.run)
        again = [sub for sub in feed.subs if sub.waiting is None]
        for sub in feed.subs:
            sub.waiting = []  # offsets of another epoch mean nothing any more
            TierFeed.leave(sub)
            PictureFeeds.leave(sub)
        self._admit_later(feed, *again)

    async def _begun(self, feed: RunFeed) -> None:
        """The first messages of a run that was only registered have come."""
        info = await runs.get(self.client, feed.run)
        if info is not None and info.epoch and feed.info is not None and not feed.info.epoch:
            self._begin(feed, info)

    def _begin(self, feed: RunFeed, info: RunInfo) -> None:
        """A run that was only registered has its first worker: the epoch is known now, and nothing was missed."""
        feed.info = info
        for sub in feed.subs:
            if sub.waiting is None:
                self._announce(sub, info, recovered=True)

    # --- tiers ---

    def reopen(self, tier: TierFeed) -> None:
        """Find the tier's place anew, and draw everybody."""
        self.reader.unwatch(tier)
        tier.opened = False
        tier.grouped = False
        self.spawn(self._open_tier(tier))

    async def _open_tier(self, tier: TierFeed) -> None:
        """Draw what there is, and begin to read. If Redis is away the reader's return opens it again."""
        tier.opening += 1
        attempt = tier.opening
        self.demand(tier, key=False)
        try:
            cursor, payloads = await snapshot.chain(self.client, tier.run, tier.tier, self.freshness_s * 1000)
        except TRANSIENT:
            return
        except redis.ResponseError as error:
            log.warning("tier_unreadable", run=tier.run, tier=tier.tier, error=str(error))
            return
        feed = self.feeds.get(tier.run)
        if feed is None or feed.tiers.get(tier.tier) is not tier or tier.opening != attempt:
            return  # closed, or opened anew, in the meantime
        tier.open(cursor, payloads)
        self.reader.watch(tier)

    def ask_keyframe(self, tier: TierFeed) -> None:
        """Ask the worker for a keyframe; those who ask soon after one another share the next."""
        if tier.asking:
            return
        tier.asking = True
        wait_s = max(0.0, tier.asked_s + KEYFRAME_EVERY_S - time.monotonic())
        asyncio.get_running_loop().call_later(wait_s, self._ask_keyframe, tier)

    def _ask_keyframe(self, tier: TierFeed) -> None:
        tier.asking = False
        tier.asked_s = time.monotonic()
        self.demand(tier, key=True)

    def demand(self, tier: TierFeed, *, key: bool) -> None:
        """Say that the tier is watched here; `key`: and that a keyframe is needed."""
        self.spawn(self._say_demand(tier, key=key))

    async def _say_demand(self, tier: TierFeed, *, key: bool) -> None:
        fields: dict[Any, Any] = dict(demand.Demand(self.node, tier.tier, max(1, tier.viewers), key).to_fields())
        with contextlib.suppress(*TRANSIENT, redis.ResponseError):  # said again within a second
            words = [word for pair in fields.items() for word in pair]
            call = scripts.Call(scripts.DEMAND, (keys.demand(tier.run),), (demand.STREAM_KEPT, *words))
            await scripts.run(self.client, call)

    # --- Redis comes and goes ---

    def _gone_offline(self, trouble: str) -> None:
        if self.online or self.trouble == NOT_YET:
            log.warning("redis_gone", error=trouble)
        self.trouble = trouble
        if self.online:
            self.online = False
            self._lost = True
            self._tell_everybody("Redis does not answer: what is shown stands still until it is back")

    async def _find_places(self, sources: list[Source]) -> None:
        """Find the places of feeds again, and of their tiers: what a cursor stood for may be gone."""
        for feed in sources:
            if isinstance(feed, RunFeed):
                await self.verify(feed)
                for tier in list(feed.tiers.values()):
                    if not (tier.opened and await snapshot.goes_on(self.client, feed.run, tier.tier, tier.cursor)):
                        self.reopen(tier)
                self.pictures.reopen(feed.run)

    def _back_online(self) -> None:
        if not self.online:
            self.online = True
            log.info("redis_connected", node=self.node)
            if self._lost:
                self._lost = False
                self._tell_everybody("Redis is back")

    async def verify(self, feed: RunFeed) -> None:
        """Restart the feed unless its stream goes on from its cursor."""
        if feed.info is None:
            return
        place = (feed.info.epoch, parse(feed.cursor))
        try:
            seen = await snapshot.take(self.client, feed.run, [place])
        except UnknownRun:
            return  # Redis came back empty: the next producer registers it again, under a new epoch
        if seen.missed[place] is None:
            self.restart(feed, seen.info, str(seen.last))

    def _tell_everybody(self, text: str) -> None:
        message = outbound.notice(text)
        frames = {text: outbound.encode(message, text=text) for text in (True, False)}
        for viewer in list(self.viewers):
            if not viewer.blocked:
                viewer.put(frames[viewer.text])

    # --- results ---

    async def result_of(self, run: str, command_id: str, timeout_s: float) -> dict[str, Any] | None:
        """The result of a command that is under way; None if none has come in time."""
        feed = self.feeds.get(run)
        if feed is None:
            feed = self.feeds[run] = RunFeed(run, self.stats, self._begun, self.verify)
        waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        feed.waiters.setdefault(command_id, []).append(waiter)
        try:
            if feed.info is None:
                self._settle(feed, await snapshot.take(self.client, run))
            # The result may have come before we listened; from here on it cannot get past us.
            text = await self.client.get(keys.command(run, command_id))
            if text:
                return msgspec.json.decode(text, type=dict[str, Any])
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            text = await self.client.get(keys.command(run, command_id))
            return msgspec.json.decode(text, type=dict[str, Any]) if text else None
        finally:
            waiters = feed.waiters[command_id]
            waiters.remove(waiter)
            if not waiters:
                del feed.waiters[command_id]

    def close_tier(self, tier: TierFeed) -> None:
        """Nobody watches it."""
        self.reader.unwatch(tier)
        del self.feeds[tier.run].tiers[tier.tier]

    def close_feed(self, feed: RunFeed) -> None:
        """Nobody wants it."""
        self.reader.unwatch(feed)
        del self.feeds[feed.run]

    def settled(self) -> set[Viewer]:
        """Viewers who need not be looked at one by one: they watch one run, in a row, and are well."""
        tiers = [tier for feed in self.feeds.values() for tier in feed.tiers.values()]
        rows = (viewer for tier in tiers for seats in tier.seats() for viewer in seats.settled())
        return {viewer for viewer in rows if len(viewer.subs) == 1}

    def subscriptions(self) -> list[tuple[str, str, int]]:
        """(run, tier, viewers) of everything that is watched."""
        return [
            (feed.run, name, feed.tiers[name].viewers)
            for feed in self.feeds.values()
            for name in SERVED
            if name in feed.tiers
        ]


def _stream_keys(feed: RunFeed) -> list[str]:
    return [feed.key, *(tier.key for tier in feed.tiers.values())]
