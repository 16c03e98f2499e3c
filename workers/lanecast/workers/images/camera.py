"""One camera of a run: its newest picture, and which tiers are due to show it. Pure; the clock is handed in.

Nothing queues here: the newest picture takes the place of the one before. Whatever was not shown to anybody is counted
under the reason why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lanecast.broker.payloads import Image
from lanecast.broker.tiers import TIERS

Plan = Mapping[str, tuple[str, ...]]
"""Tier that is made -> the tiers whose viewers get it, see `relief.makes`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A picture as it was published; `width` and `height` in pixels, the times Unix milliseconds."""

    image: Image
    width: int
    height: int
    pub_ms: float
    in_ms: float

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.image.data)


@dataclass(slots=True)
class Camera:
    """The state of one camera.

    Attributes:
        name: of the camera.
        newest: its newest picture; None if it was given up for want of memory.
        version: counts the pictures.
        busy: one is being made; another waits for it, so that they come in order.
        taken_s: when the newest came.
    """

    name: str
    newest: Source | None = None
    version: int = 0
    busy: bool = False
    taken_s: float = 0.0
    _used: bool = False
    _made: dict[str, int] = field(default_factory=dict)
    _given: dict[str, int] = field(default_factory=dict)
    _due_s: dict[str, float] = field(default_factory=dict)

    def take(self, source: Source, plan: Plan, now: float) -> str | None:
        """Take a newer picture; says why the one before is shown to nobody, None if it was (or there was none).

        `unwatched`: nobody wants this camera; `rate`: every tier had shown a picture a moment ago; `overload`: one was
        due, and there was no time for it.
        """
        reason: str | None = None
        if self.newest is not None and not self._used:
            reason = "unwatched" if not plan else "overload" if self.due(plan, now) else "rate"
        self.newest = source
        self.version += 1
        self.taken_s = now
        self._used = False
        return reason

    def due(self, plan: Plan, now: float) -> dict[str, tuple[str, ...]]:
        """The part of the plan that the newest picture is to be made for now."""
        if self.newest is None:
            return {}
        return {name: tiers for name, tiers in plan.items() if self._wants(name) and self._slot(name) <= now}

    def next_s(self, plan: Plan) -> float:
        """When the next of the plan is due; infinity if none is."""
        if self.newest is None or self.busy:
            return float("inf")
        return min((self._slot(name) for name in plan if self._wants(name)), default=float("inf"))

    def begin(self, due: Plan, now: float) -> dict[str, int]:
        """The newest picture is being made; tier -> how many its viewers have not been shown since their last one."""
        self.busy = self._used = True
        skipped: dict[str, int] = {}
        for name, tiers in due.items():
            self._made[name] = self.version
            period_s = 1 / TIERS[name].fps
            # Slots, not gaps: what came a little late does not make the next one late too.
            self._due_s[name] = max(self._due_s.get(name, now), now - period_s) + period_s
            for tier in tiers:
                skipped[tier] = max(0, self.version - self._given.get(tier, self.version - 1) - 1)
                self._given[tier] = self.version
        return skipped

    def show_again(self, name: str) -> None:
        """Somebody new watches what is made as `name`: the newest picture is due, though it was made before."""
        self._made.pop(name, None)
        self._due_s.pop(name, None)

    def _wants(self, name: str) -> bool:
        return self._made.get(name, 0) < self.version

    def _slot(self, name: str) -> float:
        return self._due_s.get(name, float("-inf"))
