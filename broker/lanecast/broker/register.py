"""How a run and its producer become known to the server. Pure; `scripts` runs the calls.

What they do are single commands that anybody may send (`producer/spec/README.md`). As scripts they are taken, too, by a
server that has reached its `maxmemory`: a simulation that starts then is seen, and can be told to stop.
"""

from __future__ import annotations

from lanecast.broker import keys, scripts


def run(run: str) -> scripts.Call:
    """The call that registers a run; it returns 1 if the run is new, else 0."""
    return scripts.Call(scripts.REGISTER, (keys.RUNS,), (run,))


def epoch(run: str, producer: str, by: int = 1) -> scripts.Call:
    """The call that begins an epoch of a producer, `by` above the newest known to the server; it returns the epoch."""
    return scripts.Call(scripts.EPOCH, (keys.producers(run),), (producer, by))


def alive(run: str, producer: str, ttl_ms: int) -> scripts.Call:
    """The call that says, for `ttl_ms`, that a producer obeys commands."""
    return scripts.Call(scripts.ALIVE, (keys.alive(run),), (producer, ttl_ms))
