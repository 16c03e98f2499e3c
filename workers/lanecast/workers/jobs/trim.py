"""The job `trim`: runs that have long ended keep what is worth keeping, and no bulk.

The streams themselves stay, so their ids go on rising if the run comes back; whoever joins gets a keyframe that the
worker makes from its checkpoint. Trimming again finds nothing to trim.
"""

from __future__ import annotations

from typing import Final

from lanecast.broker import keys, runs
from lanecast.broker.lanes import HIGH, LOW
from lanecast.broker.tiers import TIERS
from lanecast.workers.jobs.capacity import server_ms
from lanecast.workers.jobs.registry import Context, Result, job

OVER: Final = ("ended", "lost")


@job(
    "trim",
    "empty the frame and picture streams of runs that ended long ago; shorten their messages and all dead letters",
    every_min=30, timeout_s=300.0, after_h=24.0, messages=1_000, dead_letters_days=30.0,
)  # fmt: skip
async def trim(context: Context) -> Result:
    """Trim by age and by length.

    Args of the job: `after_h` (hours since a run in state `ended` or `lost` last changed), `messages` (that such a run
    keeps of its critical output), `dead_letters_days` (of every run; older ones go).
    """
    client, args = context.client, context.args
    names = await runs.registered(client)
    now_ms = await server_ms(client)
    removed = old = 0
    for done, run in enumerate(names):
        await context.progress(done, len(names), run)
        info = await runs.get(client, run)
        if info is None:
            continue
        oldest = max(0, int(now_ms - args["dead_letters_days"] * 86_400_000))
        async with client.pipeline(transaction=False) as pipe:
            pipe.xtrim(keys.dead(run), minid=f"{oldest}-0", approximate=False)
            if info.state in OVER and now_ms - info.updated_ms >= args["after_h"] * 3_600_000:
                old += 1
                for key in bulk(run):
                    pipe.xtrim(key, maxlen=0, approximate=False)
                pipe.xtrim(keys.out(run, "critical"), maxlen=int(args["messages"]), approximate=False)
            removed += sum(await pipe.execute())
    await context.progress(len(names), len(names), "")
    return {"runs": len(names), "old_runs": old, "entries_removed": removed}


def bulk(run: str) -> list[str]:
    """The streams of which nothing is worth keeping once nobody has watched for long."""
    return [
        *(keys.out(run, tier) for tier in TIERS),
        *(keys.image(run, tier) for tier in TIERS),
        keys.lane(run, HIGH.name),
        keys.lane(run, LOW.name),
    ]
