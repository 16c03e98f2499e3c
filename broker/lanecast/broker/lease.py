"""Leases: one worker owns a run at a time. Pure; `scripts` runs the calls.

Guarantees: a lease is given to one worker at a time, each time under a higher epoch, and everything that an owner
writes (`commit`) is refused under any other epoch than the lease's. An owner that was paused past the TTL
therefore writes nothing, whatever its clock says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker import keys, scripts

TTL_MS: Final = 2_000
RENEW_MS: Final = 500
"""Four chances to renew; takeover after a kill stays under three seconds."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who owns a run now; epoch 0 and owner '' when nobody does."""

    epoch: int
    owner: str


def acquire(run: str, worker: str) -> scripts.Call:
    """Take the lease if nobody holds it."""
    return _call(run, "acquire", worker, 0)


def renew(run: str, worker: str, epoch: int) -> scripts.Call:
    """Keep the lease for another TTL."""
    return _call(run, "renew", worker, epoch)


def release(run: str, worker: str, epoch: int) -> scripts.Call:
    """Give the lease back at once."""
    return _call(run, "release", worker, epoch)


def answer(reply: Any) -> Lease:
    """Read the script's reply: the lease as it is now."""
    return Lease(int(reply[0]), reply[1].decode())


def preferred(run: str, workers: Iterable[str]) -> str | None:
    """The worker a run belongs to, by rendezvous hashing; None if there are no workers.

    Runs spread evenly, and when a worker comes or goes only its share moves (Thaler and Ravishankar, 1998).
    """
    return max(
        workers,
        key=lambda worker: hashlib.blake2b(f"{worker}\0{run}".encode(), digest_size=8).digest(),
        default=None,
    )


def heartbeat(members: str, me: str, ttl_ms: int = TTL_MS) -> scripts.Call:
    """Say that `me` is alive in `keys.WORKERS` or `keys.GATEWAYS` (ttl_ms 0: that it leaves) and list who is."""
    return scripts.Call(scripts.HEARTBEAT, (members,), (me, ttl_ms))


def _call(run: str, action: str, worker: str, epoch: int) -> scripts.Call:
    return scripts.Call(scripts.LEASE, (keys.lease(run), keys.fence(run)), (action, worker, epoch, TTL_MS))
