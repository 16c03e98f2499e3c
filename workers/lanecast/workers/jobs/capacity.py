"""The job `capacity`: what every run takes and who watches it, kept for operators.

Rates are told from two reports: what was added since the last one, by the time between them. The report replaces the
last one as a whole, so it does not matter who writes it, or how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import redis

from lanecast.broker import demand, keys, lag, runs, scripts
from lanecast.broker.lanes import LANES
from lanecast.broker.tiers import TIERS
from lanecast.workers.jobs.registry import Context, Result, job

KEPT_S: Final = 24 * 3600


class RunCapacity(msgspec.Struct):
    """One run.

    Attributes:
        bytes: of memory, all its keys.
        viewers: tier -> viewers that gateways have told of in the last seconds; `cameras` those of pictures.
        rates: stream -> entries a second since the last report; empty in the first.
        added: stream -> entries that it ever got.
        lag_entries, lag_s: of the reader that is furthest behind.
        memory: the share of its server's memory limit in use; 0: there is no limit.
    """

    run: str
    state: str
    bytes: int = 0
    viewers: dict[str, int] = {}
    cameras: dict[str, int] = {}
    rates: dict[str, float] = {}
    added: dict[str, int] = {}
    lag_entries: int = 0
    lag_s: float = 0.0
    memory: float = 0.0


class Capacity(msgspec.Struct):
    """All runs at one time, Unix ms of Redis's clock."""

    at_ms: float
    runs: list[RunCapacity]


@job("capacity", "report rates, bytes, viewers and lag of every run", every_min=1, timeout_s=50.0)
async def capacity(context: Context) -> Result:
    """Measure every run, and keep the report."""
    client = context.client
    before = await report(client)
    names = await runs.registered(client)
    now_ms = await server_ms(client)
    measured: list[RunCapacity] = []
    for done, run in enumerate(names):
        await context.progress(done, len(names), run)
        measured.append(await _measure(client, run, now_ms))
    found = Capacity(now_ms, measured)
    if before is not None:
        tell_rates(found, before)
    await client.set(keys.CAPACITY, msgspec.json.encode(found), ex=KEPT_S)
    await context.progress(len(names), len(names), "")
    return {"runs": len(names), "bytes": sum(one.bytes for one in measured), "at_ms": now_ms}


async def report(client: Any) -> Capacity | None:
    """The last report; None if there is none, or none that can be read."""
    text = await client.get(keys.CAPACITY)
    try:
        return None if text is None else msgspec.json.decode(text, type=Capacity)
    except msgspec.MsgspecError:
        return None


async def server_ms(client: Any) -> float:
    """The clock of the server that the directory is on, Unix ms."""
    call = scripts.Call(scripts.CLOCK, (keys.RUNS,), ())
    return float(await scripts.run(client, call))


def tell_rates(now: Capacity, before: Capacity) -> None:
    """Fill in the rates of `now`; a stream that was made anew since has none."""
    passed_s = (now.at_ms - before.at_ms) / 1000
    if passed_s <= 0:
        return
    past = {one.run: one.added for one in before.runs}
    for one in now.runs:
        one.rates = {
            name: round((added - past[one.run][name]) / passed_s, 3)
            for name, added in one.added.items()
            if name in past.get(one.run, {}) and added >= past[one.run][name]
        }


def audience(rows: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> tuple[dict[str, int], dict[str, int]]:
    """Tier -> viewers, of frames and of pictures, from entries of the demand stream, oldest first."""
    found: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for (images, _, tier), viewers in demand.seats(rows).items():
        if viewers:
            found[images][tier] = found[images].get(tier, 0) + viewers
    return found


async def _measure(client: Any, run: str, now_ms: float) -> RunCapacity:
    info = await runs.get(client, run)
    found = RunCapacity(run, "gone" if info is None else info.state)
    oldest = int(now_ms - demand.TTL_S * 1000)
    streams = {
        **{f"in:{name}": keys.lane(run, name) for name in LANES},
        **{f"out:{name}": keys.out(run, name) for name in ("critical", *TIERS)},
        **{f"img:{name}": keys.image(run, name) for name in TIERS},
    }
    every = keys.of_run(run)
    async with client.pipeline(transaction=False) as pipe:
        for key in every:
            pipe.memory_usage(key)
        for key in streams.values():
            pipe.xinfo_stream(key)
        pipe.xrange(keys.demand(run), min=f"{oldest}-0")
        replies = await pipe.execute(raise_on_error=False)
    found.bytes = sum(size for size in replies[: len(every)] if isinstance(size, int))
    for name, told in zip(streams, replies[len(every) : -1], strict=True):
        if isinstance(told, dict):  # an error: there is no such stream
            found.added[name] = int(told["entries-added"])
    if isinstance(replies[-1], list):
        found.viewers, found.cameras = audience(replies[-1])
    rows = await lag.of_run(client, run)
    found.lag_entries = max((row.entries for row in rows), default=0)
    found.lag_s = round(max((row.age_s for row in rows), default=0.0), 3)
    try:
        found.memory = round((await lag.of_inputs(client, run)).memory, 4)
    except redis.ResponseError:
        found.memory = 0.0
    return found
