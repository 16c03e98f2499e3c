"""What a gateway does once a second: say that it lives and what it wants, show how far it has read, close what is idle.

The consumer groups `gw:NODE` only show positions (XGROUP SETID); nothing is read through them. When one has
disappeared, so has the stream it belonged to, or the server was put back to an earlier time: that is how it is noticed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import redis
import structlog

from lanecast.broker import demand, keys, lease, scripts
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.runs import read_info
from lanecast.gateway import snapshot
from lanecast.gateway.feeds import RunFeed, TierFeed

if TYPE_CHECKING:
    from lanecast.gateway.hub import Hub

TICK_S: Final = demand.REFRESH_S
LINGER_S: Final = 2.0
"""A feed that nobody wants stays open so long: a page that is loaded again finds it."""
HEARTBEAT_TTL_MS: Final = 5_000

log = structlog.get_logger()


async def for_ever(hub: Hub) -> None:
    """Tick until cancelled, whatever Redis does."""
    while True:
        await asyncio.sleep(TICK_S)
        try:
            await tick(hub)
        except TRANSIENT as error:
            log.debug("upkeep_failed", error=str(error))
        except redis.ResponseError as error:
            log.warning("upkeep_failed", error=str(error))


async def tick(hub: Hub) -> None:
    """Do all of it once."""
    await scripts.run(hub.client, lease.heartbeat(keys.GATEWAYS, hub.node, HEARTBEAT_TTL_MS))
    await _close_idle(hub)
    await hub.pictures.tick()
    feeds = [feed for feed in hub.feeds.values() if feed.info is not None]
    tiers = [tier for feed in feeds for tier in feed.tiers.values()]
    for tier in tiers:
        if tier.wanted(time.monotonic()):
            hub.demand(tier, key=False)
        if not tier.opened:
            hub.reopen(tier)
    if not feeds:
        return
    sources: list[RunFeed | TierFeed] = [*feeds, *(tier for tier in tiers if tier.opened)]
    async with hub.client.pipeline(transaction=False) as pipe:
        for feed in feeds:
            pipe.get(keys.info(feed.run))
        for source in sources:
            if source.grouped:
                pipe.xgroup_setid(source.key, hub.group, source.cursor)
            else:
                pipe.xgroup_create(source.key, hub.group, source.cursor)
        replies = await pipe.execute(raise_on_error=False)
    await _read_infos(hub, feeds, replies[: len(feeds)])
    await _read_groups(hub, sources, replies[len(feeds) :])


async def destroy_groups(hub: Hub, stream_keys: list[str]) -> None:
    """Take this node's groups off streams that it no longer reads."""
    if stream_keys:
        async with hub.client.pipeline(transaction=False) as pipe:
            for key in stream_keys:
                pipe.xgroup_destroy(key, hub.group)
            await pipe.execute(raise_on_error=False)


async def _read_infos(hub: Hub, feeds: list[RunFeed], texts: list[Any]) -> None:
    for feed, text in zip(feeds, texts, strict=True):
        if text is None or isinstance(text, Exception) or feed.info is None:
            continue
        info = read_info(feed.run, text)
        if info.epoch == feed.info.epoch:
            feed.info = info
        elif feed.info.epoch:  # the first epoch of a run is noticed with its first message
            seen = await snapshot.take(hub.client, feed.run)
            if seen.info.epoch != feed.info.epoch:
                hub.restart(feed, seen.info, str(seen.last))


async def _read_groups(hub: Hub, sources: list[RunFeed | TierFeed], replies: list[Any]) -> None:
    for source, reply in zip(sources, replies, strict=True):
        if not isinstance(reply, Exception):
            source.grouped = True
        elif not isinstance(reply, redis.ResponseError):
            raise reply
        elif str(reply).startswith("BUSYGROUP"):
            source.grouped = True
        elif source.grouped:
            source.grouped = False
            if isinstance(source, RunFeed):
                await hub.verify(source)
            else:
                hub.reopen(source)


async def _close_idle(hub: Hub) -> None:
    now_s = time.monotonic()
    gone: list[str] = []
    for feed in list(hub.feeds.values()):
        feed.idle_s = 0.0 if feed.wanted or feed.joining else feed.idle_s or now_s
        feed_closes = bool(feed.idle_s) and now_s - feed.idle_s >= LINGER_S
        for tier in list(feed.tiers.values()):
            tier.idle_s = 0.0 if tier.wanted(now_s) else tier.idle_s or now_s
            if feed_closes or (tier.idle_s and now_s - tier.idle_s >= LINGER_S):
                hub.close_tier(tier)
                gone.append(tier.key)
        if feed_closes:
            hub.close_feed(feed)
            gone.append(feed.key)
    await destroy_groups(hub, gone)
