"""Which gateway nodes live, and the removal of the consumer groups of those that do not.

A group `gw:NODE` only shows a position, so nothing is lost with it: a node that was thought dead makes it anew.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import structlog

from lanecast.broker import keys, scripts
from lanecast.broker.tiers import TIERS

SILENT_MS: Final = 5_000
"""A node whose last sign of life is older counts as gone; they give one every second."""
REAP_EVERY_S: Final = 10.0
"""Between two rounds of a reaper. A node must be missing in two of them: one that was cut off for a moment is not."""

log = structlog.get_logger()


async def living(client: Any) -> set[str]:
    """The nodes that have given a sign of life lately."""
    names = await scripts.run(client, scripts.Call(scripts.LIVING, (keys.GATEWAYS,), (SILENT_MS,)))
    return {name.decode("utf-8", "replace") for name in names}


class Reaper:
    """Removes groups of dead nodes from the output streams of runs, at the second look that misses the node."""

    def __init__(self) -> None:
        self._missed: set[tuple[str, str, str]] = set()

    async def reap(self, client: Any, runs: list[str]) -> int:
        """Look at the output streams of `runs` once; returns how many groups were removed."""
        alive = {keys.gateway_group(node) for node in await living(client)}
        missed: set[tuple[str, str, str]] = set()
        reaped = 0
        for run in runs:
            for stream in ("critical", *TIERS):
                for group in await _groups(client, keys.out(run, stream)):
                    place = (run, stream, group)
                    if group in alive or not group.startswith(keys.gateway_group("")):
                        continue
                    if place not in self._missed:
                        missed.add(place)
                        continue
                    await client.xgroup_destroy(keys.out(run, stream), group)
                    reaped += 1
                    log.info("group_reaped", run=run, stream=stream, group=group)
        self._missed = missed
        return reaped


async def _groups(client: Any, key: str) -> list[str]:
    try:
        return [group["name"].decode("utf-8", "replace") for group in await client.xinfo_groups(key)]
    except redis.ResponseError:  # there is no such stream (yet)
        return []
