"""A run's newest state for somebody who asks once: what a tier's stream has, or the keyframe that is asked for."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any, Final

from lanecast.broker import demand, keys, runs, scripts
from lanecast.gateway import snapshot
from lanecast.gateway.commanding import UnknownRunRefused
from lanecast.gateway.errors import Refused
from lanecast.gateway.hub import Hub
from lanecast.gateway.json_view import JsonView
from lanecast.gateway.layer_filter import Layers

WAIT_S: Final = 1.5
LOOK_S: Final = 0.03


class NoState(Refused):
    """No worker has rendered anything of this run."""

    status = 404
    code = "no_state"


async def state(hub: Hub, run: str, tier: str, layers: Layers | None) -> dict[str, Any]:
    """The newest state as a complete frame, columns as lists.

    A tier that is being rendered has it in its stream. Otherwise a keyframe is asked for; if none comes in time (no
    worker is there) what the stream has is the newest, however old it is: `hops` say so.

    Raises:
        UnknownRunRefused: nobody has registered the run.
        NoState: there has never been a frame of it.
    """
    if not await hub.client.sismember(keys.RUNS, run):
        raise UnknownRunRefused(f"run {run!r} is not registered", "run")
    begin, payloads = await snapshot.chain(hub.client, run, tier, hub.freshness_s * 1000)
    if not payloads:
        await _ask(hub, run, tier)
        deadline = time.monotonic() + WAIT_S
        while not payloads and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            cursor, found = await snapshot.chain(hub.client, run, tier, math.inf)
            if cursor != begin:
                payloads = found
        if not payloads:
            _, payloads = await snapshot.chain(hub.client, run, tier, math.inf)
    view = JsonView()
    whole = await asyncio.to_thread(lambda: [view.take(payload) for payload in payloads] and view.state(layers))
    if not whole:
        raise NoState(f"run {run!r} has shown nothing yet", "run")
    info = await runs.get(hub.client, run)
    return {name: value for name, value in whole.items() if name not in ("type", "key", "prev")} | {
        "state": None if info is None else info.state
    }


async def _ask(hub: Hub, run: str, tier: str) -> None:
    fields: dict[Any, Any] = dict(demand.Demand(f"{hub.node}-once", tier, 1, key=True).to_fields())
    words = [word for pair in fields.items() for word in pair]
    await scripts.run(hub.client, scripts.Call(scripts.DEMAND, (keys.demand(run),), (demand.STREAM_KEPT, *words)))
