"""Fan-out: what it costs to get one frame to many viewers, next to a C server that does nothing else and to peers.

All servers run at the same time, each with its own load client; rounds go from one to the next, so that a machine that
changes its mood does so for all. What is compared is compared within a round; the median of the rounds counts.
Servers have one core, everything else has another.
"""

from __future__ import annotations

import os
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from lanecast.ops import console
from lanecast.ops.bench import fanout_servers as servers
from lanecast.ops.bench.fanout_servers import LIMIT, NATIVE, PEER_NAMES, PYTHON, Around, Server
from lanecast.ops.bench.fanout_sources import Source, cast
from lanecast.ops.bench.fanout_tools import SOURCES, LoadClient, build, cpu_s, rss_bytes, share_the_cores
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Check, Result, at_least, at_most
from lanecast.ops.problem import Problem

SETTLE_S: Final = 1.0
DRAIN_S: Final = 3.0
WARM_S: Final = 0.7
CPU_LIMITS: Final = {NATIVE: 1.10, PYTHON: 1.35}
PEER_LIMITS: Final = {"ws": 1.5, "nats": 2.0, "socketio": 4.0}
VIEWER_BYTES: Final = 4096


@dataclass
class Round:
    """What one contestant did in one round."""

    frames: int
    deliveries: int
    cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        """CPU time of one delivery."""
        return self.cpu_s / max(1, self.deliveries) * 1e6


@dataclass
class Contestant:
    """A server with its viewers and its source."""

    name: str
    server: Server
    client: LoadClient
    source: Source
    viewer_bytes: float
    rounds: list[Round] = field(default_factory=list)


def measure(
    quick: bool,
    viewers: int = 1000,
    rate: float = 30.0,
    size: int = 1024,
    seconds: float | None = None,
    peers: str | None = None,
) -> Result:
    """Rounds of `seconds` for each contestant.

    Args:
        quick: three short rounds instead of seven longer ones.
        viewers: connections to each server.
        rate: frames a second.
        size: of a frame, in bytes.
        seconds: length of a round of one contestant.
        peers: names separated by commas, of `servers.PEER_NAMES`; None: all that are installed.
    """
    length_s = seconds or (1.2 if quick else 4.0)
    with ExitStack() as stack:
        # The bench goes back to all cores in the end: whoever called it may go on.
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        core = share_the_cores()
        around = Around(stack.enter_context(server()), core, size, stack)
        loadclient = build(SOURCES / "loadclient.c")
        field_ = [_enter(name, around, viewers, loadclient) for name in _names(peers)]
        for one in field_:
            cast(one.source, rate, WARM_S)
        time.sleep(SETTLE_S)
        for _ in range(3 if quick else 7):
            for one in field_:
                one.rounds.append(_round(one, rate, length_s, viewers))
    return Result(_checks(field_, viewers), [_row(one, field_[0], viewers) for one in field_])


def _names(peers: str | None) -> list[str]:
    chosen = list(PEER_NAMES) if peers is None else [word for word in peers.split(",") if word]
    unknown = [word for word in chosen if word not in PEER_NAMES]
    if unknown:
        raise Problem(f"there is no peer {unknown[0]!r}", f"Known: {', '.join(PEER_NAMES)}.")
    found = []
    for name in (LIMIT, NATIVE, PYTHON, *(PEER_NAMES[word] for word in chosen)):
        reason = servers.missing(name)
        if reason is None:
            found.append(name)
        else:
            console.err.print(f"left out: {name}: {reason}", style="dim")
    return found


def _enter(name: str, around: Around, viewers: int, loadclient: Any) -> Contestant:
    started = servers.start(name, around)
    where = (loadclient, started.port, started.path)
    # What a process needs for its first viewer it needs once: it is not the price of a viewer.
    LoadClient(*where, 1, started.talk).close()
    time.sleep(SETTLE_S)
    before = rss_bytes(started.pid)
    client = LoadClient(*where, viewers, started.talk)
    around.stack.callback(client.close)
    time.sleep(SETTLE_S)
    viewer_bytes = (rss_bytes(started.pid) - before) / viewers
    return Contestant(name, started, client, started.source(), viewer_bytes)


def _round(one: Contestant, rate: float, seconds: float, viewers: int) -> Round:
    one.client.reset()
    before_s = cpu_s(one.server.pid)
    frames = cast(one.source, rate, seconds)
    deadline = time.monotonic() + DRAIN_S
    while (counted := one.client.report())["deliveries"] < frames * viewers and time.monotonic() < deadline:
        time.sleep(0.02)
    spent_s = cpu_s(one.server.pid) - before_s
    return Round(frames, counted["deliveries"], spent_s, counted["p50_ms"], counted["p99_ms"])


def _checks(field_: list[Contestant], viewers: int) -> list[Check]:
    by_name = {one.name: one for one in field_}
    checks = []
    for name, limit in CPU_LIMITS.items():
        if (ours := by_name.get(name)) is not None:
            ratio = paired(ours.rounds, by_name[LIMIT].rounds)
            checks.append(at_most(f"CPU per delivery over the limit's, {name}", ratio, limit, "x"))
    best = by_name.get(NATIVE, by_name[PYTHON])
    for word, limit in PEER_LIMITS.items():
        if (peer := by_name.get(PEER_NAMES[word])) is not None:
            ratio = paired(peer.rounds, best.rounds)
            checks.append(at_least(f"deliveries per CPU second over those of {peer.name}", ratio, limit, "x"))
    for name in CPU_LIMITS:
        if (ours := by_name.get(name)) is not None:
            checks += [
                at_most(f"memory of an idle viewer, {name}", ours.viewer_bytes, VIEWER_BYTES, "bytes"),
                at_least(f"share of frames delivered, {name}", _share(ours.rounds, viewers), 0.99, ""),
            ]
    return checks


def paired(ones: list[Round], others: list[Round]) -> float:
    """How much more CPU a delivery costs the ones than the others: the median of the pairs of rounds. Pure."""
    return statistics.median(one.cpu_us / other.cpu_us for one, other in zip(ones, others, strict=True))


def _share(rounds: list[Round], viewers: int) -> float:
    return sum(one.deliveries for one in rounds) / sum(one.frames * viewers for one in rounds)


def _row(one: Contestant, limit: Contestant, viewers: int) -> dict[str, Any]:
    def middle(of: str) -> float:
        return statistics.median(float(getattr(round_, of)) for round_ in one.rounds)

    return {
        "server": one.name,
        "version": one.server.version,
        "deliveries_per_cpu_s": round(1e6 / middle("cpu_us")),
        "cpu_us_per_delivery": round(middle("cpu_us"), 2),
        "over_the_limit": round(paired(one.rounds, limit.rounds), 3),
        "delivered": round(_share(one.rounds, viewers), 4),
        "p50_ms": round(middle("p50_ms"), 2),
        "p99_ms": round(middle("p99_ms"), 2),
        "bytes_per_idle_viewer": round(one.viewer_bytes),
    }
