"""The directory of runs and what is known of each. The info's shape is pure; the functions below it do I/O."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lanecast.broker import keys
from lanecast.broker.errors import InvalidMessage

STATES: Final = ("created", "running", "paused", "stopping", "ended", "lost")


class ControlState(msgspec.Struct):
    """What the simulation really does: as its producer last said."""

    paused: bool = False
    stopping: bool = False
    params: dict[str, Any] = {}


class QualityInfo(msgspec.Struct):
    """What the run's owner has decided for all its viewers.

    Attributes:
        level: 0 means that nothing is limited.
        tiers: tier -> frames a second at most; one that is missing has its own rate.
        reason: for people; '' at level 0.
    """

    level: int = 0
    tiers: dict[str, float] = {}
    reason: str = ""


class RunInfo(msgspec.Struct):
    """What viewers know of a run besides its frames; kept as JSON in `keys.info`.

    Attributes:
        epoch: names this incarnation of the run's output streams; offsets mean something only within it.
        params: name -> description of a parameter (see the wire's PARAM).
        layers: name -> {"columns": {name: {"dtype", "unit"}}}.
        units: layer -> column -> unit, as producers have said; `layers` has them, too.
        scene: version of the scene, or None.
    """

    id: str
    epoch: str
    title: str = ""
    kind: str = "generic"
    state: str = "created"
    metadata: dict[str, Any] = {}
    params: dict[str, dict[str, Any]] = {}
    control: ControlState = msgspec.field(default_factory=ControlState)
    layers: dict[str, dict[str, Any]] = {}
    units: dict[str, dict[str, str]] = {}
    scene: str | None = None
    producer: str | None = None
    quality: QualityInfo = msgspec.field(default_factory=QualityInfo)
    created_ms: float = 0.0
    updated_ms: float = 0.0

    def to_json(self) -> str:
        """The text kept in Redis and given out by the API."""
        return msgspec.json.encode(self).decode()

    def to_dict(self) -> dict[str, Any]:
        """As plain Python values."""
        info: dict[str, Any] = msgspec.to_builtins(self)
        return info


def read_info(run: str, text: bytes | None) -> RunInfo:
    """Read a run's info; a run that is registered but was never worked on has a bare one with epoch ''."""
    return RunInfo(run, "") if text is None else msgspec.json.decode(text, type=RunInfo)


async def registered(client: Any) -> list[str]:
    """Ids of all registered runs that are well-formed, sorted."""
    members: set[bytes] = await client.smembers(keys.RUNS)
    return sorted(name for member in members if _well_formed(name := member.decode("utf-8", "replace")))


async def listing(client: Any) -> list[RunInfo]:
    """Info of every registered run, sorted by id."""
    names = await registered(client)
    async with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(keys.info(name))
        texts = await pipe.execute()
    return [read_info(name, text) for name, text in zip(names, texts, strict=True)]


async def get(client: Any, run: str) -> RunInfo | None:
    """Info of one run; None if it is not registered."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.sismember(keys.RUNS, run)
        pipe.get(keys.info(run))
        known, text = await pipe.execute()
    return read_info(run, text) if known else None


async def forget(client: Any, run: str) -> None:
    """Take a run out of the directory and delete all that is kept of it; publishing to it again brings it back."""
    await client.srem(keys.RUNS, run)
    await client.delete(*keys.of_run(run))


def _well_formed(name: str) -> bool:
    try:
        keys.check_id(name)
    except InvalidMessage:
        return False
    return True
