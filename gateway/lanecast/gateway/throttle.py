"""How much may be posted: rates per run and per producer, and the run's flow state. Pure.

A request is let through as a whole or not at all; the rates are this process's own, not those of all gateways together.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from lanecast.broker.flow import OK, Flow
from lanecast.broker.lanes import HIGH, LOW, Lane
from lanecast.broker.rates import Bucket
from lanecast.broker.wire import Message

REMEMBERED: Final = 4_096
"""Runs and producers; one that has been silent for longest is forgotten, and begins with a full bucket."""
FLOW_FRESH_S: Final = 1.0
LATER_S: Final = 2.0
"""When to ask again for what is not taken at all now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The request is not taken: come back after `seconds`; `status` is `rate` or `flow`."""

    seconds: float
    status: str
    reason: str

    @property
    def retry_after(self) -> str:
        """For the header, which knows whole seconds only."""
        return str(max(1, math.ceil(self.seconds)))


class Throttle:
    """Times are seconds of a monotonic clock."""

    def __init__(self, run_per_s: float, producer_per_s: float) -> None:
        self._run_per_s = run_per_s
        self._producer_per_s = producer_per_s
        self._buckets: OrderedDict[tuple[str, ...], Bucket] = OrderedDict()
        self._flows: OrderedDict[str, tuple[float, Flow]] = OrderedDict()

    def knows_flow(self, run: str, now: float) -> bool:
        """Whether the run's flow state has been told lately."""
        at, _ = self._flows.get(run, (-math.inf, OK))
        return now - at < FLOW_FRESH_S

    def tell_flow(self, run: str, flow: Flow, now: float) -> None:
        """The run's flow state as it is now."""
        self._flows[run] = (now, flow)
        self._flows.move_to_end(run)
        while len(self._flows) > REMEMBERED:
            self._flows.popitem(last=False)

    def admit(self, run: str, items: list[tuple[Lane, Message]], now: float) -> Wait | None:
        """Take a request, or say when to come again."""
        _, flow = self._flows.get(run, (0.0, OK))
        lanes = {lane.name for lane, _ in items}
        if flow.shed_low and LOW.name in lanes:
            return Wait(LATER_S, "flow", f"lane low is not taken now: {flow.reason}")
        wanted = [(self._bucket(("run", run), self._run_per_s), len(items), "this run")]
        for producer in {message.producer for _, message in items if message.producer}:
            count = sum(message.producer == producer for _, message in items)
            wanted.append((self._bucket(("producer", run, producer), self._producer_per_s), count, "this producer"))
        for bucket, _, whose in wanted:
            wait_s = bucket.wait_s(now)
            if wait_s:
                return Wait(wait_s, "rate", f"more than {bucket.per_s:g} messages a second of {whose}")
        if flow.max_rate_hz is not None and HIGH.name in lanes:
            if flow.max_rate_hz <= 0:
                return Wait(LATER_S, "flow", f"no frames are taken now: {flow.reason}")
            frames = self._bucket(("frames", run), flow.max_rate_hz, burst=1.0)
            if wait_s := frames.wait_s(now):
                reason = f"frames are taken {flow.max_rate_hz:g} times a second at most: {flow.reason}"
                return Wait(wait_s, "flow", reason)
            frames.take(sum(lane is HIGH for lane, _ in items))
        for bucket, count, _ in wanted:
            bucket.take(count)
        return None

    def _bucket(self, name: tuple[str, ...], per_s: float, burst: float | None = None) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None or bucket.per_s != per_s:
            bucket = self._buckets[name] = Bucket(per_s, burst)
        self._buckets.move_to_end(name)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket
