"""Thousands of viewers at once: all come, all are cut at the same moment, are sent elsewhere, or are too many.

Gateways behind nginx (HAProxy where there is no nginx), each with a `sentinel` on its event loop.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from lanecast.ops.bench.balancers import Balancer, balancer
from lanecast.ops.bench.crowd import FIRST_S, Crowd
from lanecast.ops.bench.failover import on_loop, promises
from lanecast.ops.bench.fanout_sources import TIER
from lanecast.ops.bench.house import Caster, Gateway, ask_for_files, gateways
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Check, Result, at_least, at_most
from lanecast.ops.bench.sentinel import Sentinel, sentinels

RUN: Final = "bench-storm"
AGAIN_S: Final = 5.0
STALL_MS: Final = 250.0
MOVED_S: Final = 4.0
"""Viewers of a gateway that restarts are told to take up to 2 s; then they need not take longer than after a kill."""
ROOM_S: Final = 5.0
"""Who is turned away is told to wait 2 s, and waits up to one more."""
PATIENCE_S: Final = 30.0
STEADY_S: Final = 1.0
FULL_S: Final = 5.0


@dataclass
class Phase:
    """What viewers went through.

    Attributes:
        took_s: until the last of them had state (again); infinite: never.
        stall_ms: the longest that a gateway took to answer a ping; 0: nobody watched.
    """

    name: str
    viewers: int
    took_s: float
    stall_ms: float = 0.0
    attempts: int = 0
    refused: int = 0


def measure(quick: bool, viewers: int | None = None) -> Result:
    """A storm, rolling restarts, and a gateway that is full.

    Args:
        quick: 400 viewers instead of 2,000.
        viewers: how many.
    """
    count = viewers or (400 if quick else 2_000)
    ask_for_files(count)
    room = max(1, count // 4)
    with (
        server() as url,
        gateways(url, 2) as nodes,
        gateways(url, 1, MAX_VIEWERS=room) as narrow,
        balancer([node.port for node in nodes]) as front,
        Caster(url, RUN) as caster,
    ):
        phases, checks = on_loop(lambda: _weather(front, nodes, narrow[0], caster, count, room))
    return Result(checks, [_row(phase) for phase in phases])


async def _weather(
    front: Balancer, nodes: list[Gateway], narrow: Gateway, caster: Caster, count: int, room: int
) -> tuple[list[Phase], list[Check]]:
    crowd, surplus = Crowd(front.port, RUN, TIER), Crowd(narrow.port, RUN, TIER)
    try:
        with sentinels([node.port for node in nodes]) as watch:
            phases = [await _come(crowd, count, watch), await _all_at_once(crowd, watch)]
        phases += [await _restart(crowd, node) for node in nodes]
        crowd.lost += await crowd.reached(caster.said, PATIENCE_S)
        full, checks = await _too_many(surplus, room)
        last = await asyncio.to_thread(caster.stop)
        crowd.lost += await crowd.reached(last, PATIENCE_S)
    finally:
        await crowd.leave()
        await surplus.leave()
    return [*phases, full], [*_checks(phases), *promises(crowd), *checks]


async def _come(crowd: Crowd, count: int, watch: list[Sentinel]) -> Phase:
    await _worst_ms(watch)
    began = time.monotonic()
    crowd.grow(count)
    done = await crowd.settled(PATIENCE_S)
    took_s = time.monotonic() - began if done else float("inf")
    return Phase("all come at once", count, took_s, await _worst_ms(watch), crowd.attempts)


async def _all_at_once(crowd: Crowd, watch: list[Sentinel]) -> Phase:
    await asyncio.sleep(STEADY_S)
    attempts = crowd.attempts
    await _worst_ms(watch)
    crowd.first_s = 0.0  # the worst that clients could do: nobody waits
    cut_s = time.monotonic()
    for member in crowd.members:
        member.cut()
    await crowd.until(lambda: not any(one.subscribed and one.back_s < cut_s for one in crowd.members), PATIENCE_S)
    done = await crowd.settled(PATIENCE_S)
    crowd.first_s = FIRST_S
    took_s = max(one.fresh_s for one in crowd.members) - cut_s if done else float("inf")
    return Phase("all are cut at once", len(crowd.members), took_s, await _worst_ms(watch), crowd.attempts - attempts)


async def _worst_ms(watch: list[Sentinel]) -> float:
    return max(await asyncio.gather(*(asyncio.to_thread(one.worst_ms) for one in watch)))


async def _restart(crowd: Crowd, node: Gateway) -> Phase:
    """SIGTERM; its viewers have to be elsewhere before it is started again."""
    await asyncio.sleep(STEADY_S)
    name, attempts = await asyncio.to_thread(node.node), crowd.attempts
    moving = [one for one in crowd.members if one.node == name]
    told_s = time.monotonic()
    await asyncio.to_thread(node.drain)
    done = await crowd.until(lambda: all(one.settled and one.back_s > told_s for one in moving), PATIENCE_S)
    took_s = max((one.fresh_s for one in moving), default=told_s) - told_s if done else float("inf")
    node.launch()
    await asyncio.to_thread(node.ready)
    return Phase("a gateway is told to end", len(moving), took_s, attempts=crowd.attempts - attempts)


async def _too_many(surplus: Crowd, room: int) -> tuple[Phase, list[Check]]:
    """Twice as many as a gateway holds; then those inside go, and the others get their places."""
    surplus.grow(2 * room)
    await surplus.until(lambda: sum(one.settled for one in surplus.members) >= room, PATIENCE_S)
    await asyncio.sleep(FULL_S)
    inside = [one for one in surplus.members if one.settled]
    outside = 2 * room - len(inside)
    turned_away, attempts = surplus.refused["503"], surplus.attempts
    for one in inside:
        one.retire()
    left_s = time.monotonic()
    done = await surplus.settled(PATIENCE_S)
    took_s = time.monotonic() - left_s if done else float("inf")
    phase = Phase(
        "twice as many as may be", 2 * room, took_s, attempts=surplus.attempts, refused=surplus.refused["503"]
    )
    checks = [
        at_most("viewers inside a gateway that is full", len(inside), room, ""),
        at_least("handshakes answered 503", turned_away, outside, ""),
        at_most("handshakes of one who was told to wait, in 5 s", (attempts - len(inside)) / max(1, outside), 4, ""),
        at_most("refusals without Retry-After", surplus.unadvised, 0, ""),
        at_most("until the last who had been turned away was in", took_s, ROOM_S, "s"),
    ]
    return phase, checks


def _checks(phases: list[Phase]) -> list[Check]:
    come, again, *restarts = phases
    return [
        at_most("until the last of all was back with state", again.took_s, AGAIN_S, "s"),
        at_most("longest stall of a gateway's loop", max(come.stall_ms, again.stall_ms), STALL_MS, "ms"),
        at_most("until the last was moved from a gateway that ends", max(one.took_s for one in restarts), MOVED_S, "s"),
        at_least("viewers that were moved", sum(one.viewers for one in restarts), 1, ""),
    ]


def _row(phase: Phase) -> dict[str, Any]:
    return {
        "what": phase.name,
        "viewers": phase.viewers,
        "last_has_state_s": round(phase.took_s, 3),
        "longest_stall_ms": round(phase.stall_ms, 1),
        "handshakes": phase.attempts,
        "answered_503": phase.refused,
    }
