"""The job `reap`: consumer groups of gateways that are gone, on all runs; workers look after their own only."""

from __future__ import annotations

import asyncio

from lanecast.broker import runs
from lanecast.broker.gateways import SILENT_MS, Reaper
from lanecast.workers.jobs.registry import Context, Result, job


@job("reap", "remove the consumer groups of gateways that are gone", every_min=5, gap_s=SILENT_MS / 1000)
async def reap(context: Context) -> Result:
    """Look twice, `gap_s` apart: a gateway that was cut off for a moment is not gone."""
    reaper = Reaper()
    names = await runs.registered(context.client)
    reaped = await reaper.reap(context.client, names)
    await context.progress(1, 2, "looked once")
    await asyncio.sleep(context.args["gap_s"])
    reaped += await reaper.reap(context.client, names)
    await context.progress(2, 2, "")
    return {"runs": len(names), "groups_removed": reaped}
