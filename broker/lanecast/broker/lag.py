"""Lag: how far behind every reader of a run is, in entries and in seconds, measured at one moment.

The thin edge: one script call for each run (`gauge.lua`), the arithmetic is in `backlog`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from lanecast.broker import keys, scripts
from lanecast.broker.backlog import Facts, Reader, behind, threshold
from lanecast.broker.gateways import living
from lanecast.broker.lanes import LANES
from lanecast.broker.tiers import TIERS

COUNT_LIMIT: Final = 20_000
AT_ONCE: Final = 16
"""Runs that are measured at the same time."""

_INPUTS: Final = tuple(f"in:{name}" for name in LANES)
_OUTPUTS: Final = ("out:critical", *(f"out:{name}" for name in TIERS))


@dataclass(frozen=True, slots=True)
class Lag:
    """One reader of one stream.

    Attributes:
        stream: `in:LANE` or `out:TIER`.
        reader: consumer group: `workers`, or `gw:NODE`.
        entries: not yet read; `at_least` means that counting stopped there.
        age_s: how long the oldest of them has been waiting; 0.0 if there are none.
        over: it is past the stream's threshold (`backlog.THRESHOLDS`).
        alive: False for a gateway that has given no sign of life lately; its group is about to be removed.
    """

    run: str
    stream: str
    reader: str
    entries: int
    age_s: float
    at_least: bool = False
    over: bool = False
    alive: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A run measured at one moment.

    Attributes:
        now_ms: the server's clock, Unix ms.
        used_bytes: of memory, as the server counts it towards `max_bytes` (0: there is no limit).
        refused: commands that the server has ever refused for want of memory.
        lags: one for each reader, lanes first.
    """

    now_ms: float
    used_bytes: int
    max_bytes: int
    refused: int
    lags: list[Lag]

    @property
    def memory(self) -> float:
        """The share of the server's memory limit in use; 0.0 without a limit."""
        return self.used_bytes / self.max_bytes if self.max_bytes else 0.0


def call(run: str, streams: Iterable[str]) -> scripts.Call:
    """The call that measures some streams (`in:LANE`, `out:TIER`) of a run."""
    names = list(streams)
    fields = (f"cursor:{name[3:]}" if name.startswith("in:") else "" for name in names)
    return scripts.Call(
        scripts.GAUGE, (keys.checkpoint(run), *(_key(run, name) for name in names)), (COUNT_LIMIT, *fields)
    )


def answer(run: str, streams: Iterable[str], reply: Sequence[Any], alive: Iterable[str] | None = None) -> Gauge:
    """Read the reply; `alive` are the gateway nodes that live, None if nobody has asked."""
    now_ms, used, limit, refused, *found = reply
    now = float(now_ms)
    groups = None if alive is None else {keys.gateway_group(node) for node in alive}
    lags = [
        _lag(run, name, facts, reader, now, groups)
        for name, stream in zip(streams, found, strict=True)
        if stream
        for facts, reader in _read(stream)
    ]
    return Gauge(now, int(used), int(limit), int(refused), lags)


async def of_run(client: Any, run: str) -> list[Lag]:
    """The lag of every reader of a run, lanes first."""
    return await of_runs(client, [run])


async def of_runs(client: Any, runs: Iterable[str]) -> list[Lag]:
    """The lag of every reader of some runs, run by run, lanes first."""
    names, streams = list(runs), (*_INPUTS, *_OUTPUTS)
    if not names:
        return []
    alive = await living(client)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(run: str) -> list[Lag]:
        async with slots:
            return answer(run, streams, await scripts.run(client, call(run, streams)), alive).lags

    return [lag for lags in await asyncio.gather(*(one(run) for run in names)) for lag in lags]


async def of_inputs(client: Any, run: str) -> Gauge:
    """What the owner of a run wants to know: the server's memory, and the lag of its own reading."""
    return answer(run, _INPUTS, await scripts.run(client, call(run, _INPUTS)))


def _lag(run: str, name: str, facts: Facts, reader: Reader, now_ms: float, groups: set[str] | None) -> Lag:
    backlog = behind(facts, reader, timed=name.startswith("in:"))
    age_s = backlog.age_s(now_ms)
    over = threshold(name).passed(backlog.entries, age_s)
    alive = groups is None or not reader.name.startswith(keys.gateway_group("")) or reader.name in groups
    return Lag(run, name, reader.name, backlog.entries, age_s, backlog.at_least, over, alive)


def _read(stream: Sequence[Any]) -> Iterable[tuple[Facts, Reader]]:
    length, first, first_ms, last, *readers = stream
    facts = Facts(int(length), first.decode(), _ms(first_ms), last.decode())
    for name, position, after, after_all, before, before_all, oldest, oldest_ms in readers:
        yield (
            facts,
            Reader(
                name.decode("utf-8", "replace"), position.decode(), int(after), bool(after_all), int(before),
                bool(before_all), oldest.decode(), _ms(oldest_ms),
            ),
        )  # fmt: skip


def _ms(text: bytes) -> float | None:
    try:
        return float(text) or None
    except ValueError:
        return None


def _key(run: str, name: str) -> str:
    kind, _, stream = name.partition(":")
    return keys.lane(run, stream) if kind == "in" else keys.out(run, stream)
