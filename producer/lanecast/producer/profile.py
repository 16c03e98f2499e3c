"""How long the parts of a simulation's steps take: figures of a whole run in constant memory. Pure.

Durations are counted in buckets that are 2 % wide, from 1 us on, so that a quantile is at most 1 % off.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = math.log(1.02)
SMALLEST_MS: Final = 0.001


class Durations:
    """Durations of one kind, in milliseconds."""

    __slots__ = ("_buckets", "count", "longest_ms", "total_ms")

    def __init__(self) -> None:
        self.count = 0
        self.total_ms = 0.0
        self.longest_ms = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, ms: float) -> None:
        """Count one."""
        self.count += 1
        self.total_ms += ms
        self.longest_ms = max(self.longest_ms, ms)
        self._buckets[round(math.log(max(ms, SMALLEST_MS)) / WIDTH)] += 1

    def quantile_ms(self, share: float) -> float:
        """The duration that `share` (0 to 1) of all do not exceed, by nearest rank; 0 if there are none."""
        rank, seen = min(self.count - 1, int(share * self.count)), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen > rank:
                return min(math.exp(bucket * WIDTH), self.longest_ms)
        return 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """A phase, or the whole step.

    Attributes:
        count: in how many steps it was measured.
        mean_ms: of those steps, as are `p50_ms`, `p99_ms` and `max_ms`.
        share: of the time that all steps took (0 to 1); phases within phases count twice.
    """

    name: str
    count: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class Report:
    """The profile of a run.

    Attributes:
        run: its id.
        steps: taken so far.
        wall_s: seconds since the first step began, pauses left out.
        simulated_s: seconds that the simulation's own time went on.
        step: the whole step, from `running()` to the next, without pauses and `sleep`; None before the first has ended.
        phases: by their share, largest first.
    """

    run: str
    steps: int
    wall_s: float
    simulated_s: float
    step: Part | None = None
    phases: list[Part] = field(default_factory=list)

    @property
    def real_time_factor(self) -> float:
        """Simulated seconds for each second of wall time, pauses left out; 0 before any has passed."""
        return self.simulated_s / self.wall_s if self.wall_s > 0 else 0.0

    def __str__(self) -> str:
        """A table for people."""
        head = f"{self.run}: {self.steps:,} steps in {self.wall_s:,.1f} s"
        if self.simulated_s:
            head += f", {self.simulated_s:,.1f} s simulated, {self.real_time_factor:.2f} times real time"
        rows = [*self.phases, *([self.step] if self.step is not None else [])]
        if not rows:
            return head
        wide = max(len("phase"), *(len(part.name) for part in rows))
        lines = [head, f"{'phase':<{wide}}    mean ms     p50 ms     p99 ms     max ms   share"]
        for part in rows:
            figures = "".join(f" {value:10.3f}" for value in (part.mean_ms, part.p50_ms, part.p99_ms, part.max_ms))
            lines.append(f"{part.name:<{wide}}{figures} {part.share:7.1%}")
        return "\n".join(lines)


class Profile:
    """Collects what a run's report says; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._step = Durations()
        self._phases: dict[str, Durations] = {}
        self._began_s: float | None = None
        self._step_began_s: float | None = None
        self._away_s = 0.0  # in the present step
        self._paused_s = 0.0

    def turn(self, asked_s: float, given_s: float) -> None:
        """The simulation asked for its next step, and was given it: what lies between was a pause."""
        self._end_step(asked_s)
        if self._began_s is None:
            self._began_s = given_s
        else:
            self._paused_s += given_s - asked_s
        self._step_began_s = given_s

    def stop(self, asked_s: float) -> None:
        """The simulation asked for its next step, and there is none."""
        self._end_step(asked_s)

    def slept(self, seconds: float) -> None:
        """So much of the present step was spent on keeping the pace."""
        self._away_s += seconds

    def phases(self, phases: dict[str, float]) -> None:
        """A step was published that has measured milliseconds of these phases."""
        for name, ms in phases.items():
            self._phases.setdefault(name, Durations()).add(ms)

    @property
    def measured(self) -> bool:
        """Whether there was a phase."""
        return bool(self._phases)

    def report(self, run: str, now_s: float, simulated_s: float) -> Report:
        """The figures so far; `simulated_s`: seconds that the simulation's own time went on."""
        whole_ms = self._step.total_ms or sum(phase.total_ms for phase in self._phases.values())
        parts = [_part(name, phase, whole_ms) for name, phase in self._phases.items()]
        return Report(
            run,
            self._step.count,
            0.0 if self._began_s is None else max(0.0, now_s - self._began_s - self._paused_s),
            simulated_s,
            _part("step", self._step, whole_ms) if self._step.count else None,
            sorted(parts, key=lambda part: part.share, reverse=True),
        )

    def _end_step(self, now_s: float) -> None:
        if self._step_began_s is not None:
            self._step.add(max(0.0, now_s - self._step_began_s - self._away_s) * 1000)
            self._step_began_s = None
        self._away_s = 0.0


def _part(name: str, durations: Durations, whole_ms: float) -> Part:
    return Part(
        name,
        durations.count,
        durations.total_ms / durations.count,
        durations.quantile_ms(0.5),
        durations.quantile_ms(0.99),
        durations.longest_ms,
        durations.total_ms / whole_ms if whole_ms else 0.0,
    )
