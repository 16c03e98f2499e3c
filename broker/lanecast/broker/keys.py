"""The names of all keys in Redis, and nothing else.

Every key of a run carries the hash tag `{run}`: one run lives on one slot of a Redis Cluster, so that a
script may touch several of its keys at once.
"""

from __future__ import annotations

import re
from typing import Final

from lanecast.broker.errors import InvalidMessage

RUNS: Final = "lc:runs"
"""SET of run ids: the directory. Nobody ever scans keys."""

WORKERS: Final = "lc:workers"
"""ZSET worker id -> last heartbeat, Unix ms of the server's clock."""

GATEWAYS: Final = "lc:gateways"
"""ZSET gateway node -> last heartbeat, Unix ms of the server's clock."""

CAPACITY: Final = "lc:capacity"
"""STRING: the last capacity report of all runs as JSON."""

JOBS: Final = "lc:jobs"
"""HASH: job id -> what became of it, as JSON; the newest only."""

JOBS_QUEUE: Final = "lc:jobs:queue"
"""ZSET of arq: the jobs that wait."""

JOBS_ALIVE: Final = f"{JOBS_QUEUE}:health-check"
"""STRING with a TTL: a process works through the jobs."""

WORKER_GROUP: Final = "workers"
"""Consumer group of a run's input lanes; its position is the committed cursor of the run's owner."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_id(value: object, field: str = "run") -> str:
    """Return `value` if it may name a run or a producer.

    Raises:
        InvalidMessage: it is not 1 to 64 characters of `a-z A-Z 0-9 . _ -` starting with a letter or digit.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidMessage(
            field,
            f"{str(value)[:80]!r} is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit",
        )
    return value


def lane(run: str, lane: str) -> str:
    """STREAM: what producers publish on one lane."""
    return f"lc:{{{run}}}:in:{lane}"


def out(run: str, stream: str) -> str:
    """STREAM: what viewers get; `stream` is a tier's name or `critical`."""
    return f"lc:{{{run}}}:out:{stream}"


def image(run: str, tier: str) -> str:
    """STREAM: camera pictures in the quality of a tier."""
    return f"lc:{{{run}}}:img:{tier}"


def cameras(run: str) -> str:
    """HASH: camera -> what is known of it, as JSON."""
    return f"lc:{{{run}}}:cameras"


def keyframes(run: str) -> str:
    """HASH: tier -> entry id of its newest keyframe."""
    return f"lc:{{{run}}}:keyframes"


def demand(run: str) -> str:
    """STREAM: which tiers gateways want, and requests for a keyframe."""
    return f"lc:{{{run}}}:demand"


def control(run: str) -> str:
    """STREAM: commands to the producer."""
    return f"lc:{{{run}}}:ctl"


def command(run: str, command_id: str) -> str:
    """STRING: empty while the command is under way, then its result as JSON; kept for 10 minutes."""
    return f"lc:{{{run}}}:cmd:{command_id}"


def info(run: str) -> str:
    """STRING: the run's info as JSON."""
    return f"lc:{{{run}}}:info"


def scene(run: str) -> str:
    """HASH: `version` and `data` (MessagePack) of the run's scene."""
    return f"lc:{{{run}}}:scene"


def alive(run: str) -> str:
    """STRING with a TTL: the producer that obeys commands now."""
    return f"lc:{{{run}}}:alive"


def producers(run: str) -> str:
    """HASH: producer -> its newest epoch."""
    return f"lc:{{{run}}}:producers"


def sequences(run: str) -> str:
    """HASH: `producer:lane` -> `epoch:seq` of the last message appended."""
    return f"lc:{{{run}}}:seq"


def lease(run: str) -> str:
    """HASH with a TTL: `owner` and fencing `epoch` of the worker that owns the run."""
    return f"lc:{{{run}}}:lease"


def fence(run: str) -> str:
    """STRING: the last fencing epoch given out; never goes back."""
    return f"lc:{{{run}}}:fence"


def checkpoint(run: str) -> str:
    """HASH: `state` (MessagePack), the `cursor:LANE` it stands for, and `commit`, the last commit's number."""
    return f"lc:{{{run}}}:checkpoint"


def counts(run: str) -> str:
    """HASH: counters of the run, such as `dropped:high:superseded`."""
    return f"lc:{{{run}}}:counts"


def dead(run: str) -> str:
    """STREAM: messages that could not be handled, each with its reason."""
    return f"lc:{{{run}}}:dead"


def flow(run: str) -> str:
    """HASH with a TTL: the run's flow state, which publishers obey; missing means `ok`. See `flow`."""
    return f"lc:{{{run}}}:flow"


def gateway_group(node: str) -> str:
    """Consumer group by which a gateway node shows how far it has read an output stream."""
    return f"gw:{node}"


def of_run(run: str) -> list[str]:
    """Every key of a run but its commands (which expire): what forgetting the run deletes."""
    from lanecast.broker.lanes import LANES
    from lanecast.broker.tiers import TIERS

    return [
        *(lane(run, name) for name in LANES),
        *(out(run, name) for name in (*TIERS, "critical")),
        *(image(run, name) for name in TIERS),
        *(
            key(run)
            for key in (
                keyframes, demand, control, info, scene, alive, producers, sequences,
                lease, fence, checkpoint, counts, dead, flow, cameras,
            )
        ),
    ]  # fmt: skip
