"""Where a run's processors meet its state: what they get to see, and where what they say goes. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

from lanecast.broker.commit import Commit
from lanecast.broker.payloads import Events, Frame, Payload, Status
from lanecast.workers import layers
from lanecast.workers.aggregate import RunState
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.entries import Stamp
from lanecast.workers.processors import Beat, Pipeline, Tick
from lanecast.workers.render import View


class Processing:
    """The processors of one run, at work on its state.

    What they remember is kept with every checkpoint, and in the very commit that tells an alert: whoever takes the run
    over does not tell it again.
    """

    def __init__(self, pipeline: Pipeline, state: RunState, bulletin: Bulletin) -> None:
        self._pipeline = pipeline
        self._state = state
        self._bulletin = bulletin
        self._processed = -1

    @property
    def deadline(self) -> float:
        """When a processor is to be called; infinity if none is."""
        version = self._state.version
        return self._pipeline.deadline(version) if version else math.inf

    def take(self, payload: Payload, stamp: Stamp, *, again: bool) -> None:
        """A message was applied to the state; `again` if it began a new life."""
        if isinstance(payload, Frame):
            self._pipeline.beat(Beat(payload.step, payload.time_s, stamp.pub_ms, payload.phases, again))
        elif isinstance(payload, Events):
            self._pipeline.hear(payload)

    def process(self, commit: Commit, now: float, now_ms: float) -> Counter[str]:
        """Call those whose turn it is, and tell their alerts; returns what is to be counted."""
        state, pipeline = self._state, self._pipeline
        if self.deadline <= now:
            before = state.version
            if pipeline.run(self._tick(now), before) and before == self._processed:
                state.touch(now_ms)  # nothing else has changed that would be shown
                pipeline.follow(before, state.version)
        self._processed = state.version
        alerts = pipeline.alerts(now)
        for alert in alerts:
            self._bulletin.status(Status(alert.level, alert.text, state.time_s), now_ms)
        if alerts:
            self.keep(commit)
        counts, pipeline.counts = pipeline.counts, Counter()
        return counts

    def shown(self, view: View, now: float) -> View:
        """The view with what processors add, and without what they hold back."""
        if not self._pipeline:
            return view
        filtered = self._pipeline.filtered(self._tick(now), view.version)
        return replace(view, layers=filtered, metrics=self._pipeline.metrics(view.metrics))

    def keep(self, commit: Commit) -> None:
        """Put what processors remember into a commit."""
        if self._pipeline:
            commit.processors(self._pipeline.save())

    def schema(self) -> dict[str, dict[str, Any]]:
        """The columns of the layers that processors add."""
        return {name: {"columns": layers.schema(layer)} for name, layer in self._pipeline.layers.items()}

    def _tick(self, now: float) -> Tick:
        state, info = self._state, self._bulletin.info
        return Tick(
            now, state.step, state.time_s, state.snapshot(), state.metrics, state=info.state, metadata=info.metadata
        )
