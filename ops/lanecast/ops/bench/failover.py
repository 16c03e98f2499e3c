"""`kill -9` of a gateway behind a load balancer: how soon its viewers go on elsewhere, and what they missed: nothing.

Two gateways behind nginx (HAProxy where there is no nginx), a run that goes on all the time, a crowd of viewers that
check the number of every status they get. Each round kills the gateway that serves most, and starts it again
afterwards; so the first round moves half of the viewers, and those after it all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import uvloop

from lanecast.ops.bench.balancers import Balancer, balancer
from lanecast.ops.bench.crowd import Crowd, Member
from lanecast.ops.bench.fanout_sources import TIER
from lanecast.ops.bench.house import Caster, Gateway, ask_for_files, gateways
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Check, Result, at_least, at_most, quantile
from lanecast.ops.problem import Problem

RUN: Final = "bench-failover"
RESUMED_S: Final = 2.0
JOIN_S: Final = 30.0
BACK_S: Final = 30.0
STEADY_S: Final = 1.0
T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """One kill.

    Attributes:
        moved: viewers that the gateway had.
        back_s: for each of them, from the kill until it was subscribed again elsewhere; infinite: never.
        fresh_s: until it had state again.
    """

    moved: int
    back_s: list[float]
    fresh_s: list[float]


def measure(quick: bool, viewers: int | None = None) -> Result:
    """Kill gateways under their viewers.

    Args:
        quick: 200 viewers and one kill, instead of 1,000 and three.
        viewers: how many.
    """
    count = viewers or (200 if quick else 1_000)
    ask_for_files(count)
    with (
        server() as url,
        gateways(url, 2) as nodes,
        balancer([node.port for node in nodes]) as front,
        Caster(url, RUN) as caster,
    ):
        crowd, rounds, share = on_loop(lambda: _watch(front, nodes, caster, count, 1 if quick else 3))
        return Result(_checks(crowd, rounds, share), [_row(n, one, front) for n, one in enumerate(rounds, 1)])


def on_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run something on a uvloop."""

    async def main() -> T:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def _watch(
    front: Balancer, nodes: list[Gateway], caster: Caster, count: int, kills: int
) -> tuple[Crowd, list[Round], float]:
    crowd = Crowd(front.port, RUN, TIER)
    rounds = []
    try:
        crowd.grow(count)
        if not await crowd.settled(JOIN_S):
            raise Problem(f"{sum(one.settled for one in crowd.members)} of {count} viewers came in within {JOIN_S:g} s")
        share = min(crowd.nodes().values()) / count if len(crowd.nodes()) == len(nodes) else 0.0
        for _ in range(kills):
            await asyncio.sleep(STEADY_S)
            rounds.append(await _kill_one(crowd, nodes))
        await asyncio.sleep(STEADY_S)
        crowd.lost += await crowd.reached(await asyncio.to_thread(caster.stop), BACK_S)
    finally:
        await crowd.leave()
    return crowd, rounds, share


async def _kill_one(crowd: Crowd, nodes: list[Gateway]) -> Round:
    names = {await asyncio.to_thread(node.node): node for node in nodes}
    name, _ = max(crowd.nodes().items(), key=lambda item: item[1])
    doomed, moving = names[name], [one for one in crowd.members if one.node == name]
    killed_s = time.monotonic()
    doomed.kill()
    await crowd.until(lambda: all(_is_back(one, killed_s) for one in moving), BACK_S)
    never = float("inf")
    back = [one if _is_back(one, killed_s) else None for one in moving]
    took = [(never, never) if one is None else (one.back_s - killed_s, one.fresh_s - killed_s) for one in back]
    doomed.launch()
    await asyncio.to_thread(doomed.ready)
    return Round(len(moving), [first for first, _ in took], [second for _, second in took])


def _is_back(one: Member, since_s: float) -> bool:
    return one.subscribed and one.back_s > since_s and bool(one.fresh_s)


def _checks(crowd: Crowd, rounds: list[Round], share: float) -> list[Check]:
    return [
        at_least("share of the viewers at the gateway that has fewer, at first", share, 0.45, ""),
        at_most("until the last was subscribed elsewhere", max(max(one.back_s) for one in rounds), RESUMED_S, "s"),
        at_most("until the last had state again", max(max(one.fresh_s) for one in rounds), RESUMED_S, "s"),
        at_least("viewers that were moved", sum(one.moved for one in rounds), 1, ""),
        *promises(crowd),
    ]


def promises(crowd: Crowd) -> list[Check]:
    """What is promised of lossless messages, whatever happens to connections."""
    return [
        at_least("lossless messages that were counted", crowd.messages, len(crowd.members), ""),
        at_most("lossless messages lost", crowd.lost, 0, ""),
        at_most("lossless messages that came twice or out of order", crowd.duplicates, 0, ""),
        at_most("viewers that came back and were not told everything", crowd.unrecovered, 0, ""),
    ]


def _row(number: int, one: Round, front: Balancer) -> dict[str, Any]:
    return {
        "kill": number,
        "balancer": front.name,
        "viewers_moved": one.moved,
        "subscribed_p50_s": round(quantile(one.back_s, 0.5), 3),
        "subscribed_p99_s": round(quantile(one.back_s, 0.99), 3),
        "subscribed_max_s": round(max(one.back_s), 3),
        "state_max_s": round(max(one.fresh_s), 3),
    }
