"""Run-level quality: how often each tier of a run is rendered, decided from measurements. Pure.

The owner measures its run about once a second; `step` makes the next state of the last one. Down fast: one level as
soon as anything is past its limit, two where it is past twice that. Up slowly: one level after everything has been
under `CALM` of its limit for a hold time, which doubles if that does not last and halves if it does.

`ultra` gives way first, then the rate of `high`, the smaller tiers last. A tier that is shed still gets `SHED_FPS`, so
that nobody's picture freezes before a gateway has moved him. Messages of the lane `critical` are never touched: they do
not pass a tier. `flow` is the other half: it limits what publishers may send, and begins at higher limits than these,
for the simulation should be the last to notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lanecast.broker.backlog import Threshold
from lanecast.broker.tiers import TIERS

CALM: Final = 0.7
"""Share of every limit under which a level may end."""
SEVERE: Final = 2.0
"""Times a limit from which two levels go at once, without waiting."""
SETTLE_S: Final = 2.0
"""A step down is given this long to show."""
LONGEST_HOLD_S: Final = 120.0
SHED_FPS: Final = 1.0
FAIR: Final = 0.5
"""A run that takes less than this part of its equal share of a busy process has no part in that."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement of a run.

    Attributes:
        lag: lane -> (entries not yet read, seconds that the oldest has waited).
        run_cpu: what handling and rendering the run takes, as a share of one core, 0 to 1.
        process_cpu: what the worker process takes, as a share of one core; over 1 with threads.
        runs: that the process owns.
        memory: resident memory of the process as a share of its limit; 0.0 without one.
        errors_hz: messages, tiers and plug-ins that the worker failed on, a second.
        render_ms: one round of processing and rendering, smoothed.
    """

    lag: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    run_cpu: float = 0.0
    process_cpu: float = 0.0
    runs: int = 1
    memory: float = 0.0
    errors_hz: float = 0.0
    render_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Preset:
    """The limits of a way to run workers, and what each level gives up.

    Attributes:
        lag: lane -> what may be unread.
        hold_s: how long it must be calm before a level ends.
        levels: for each level from 1 on, tier -> frames a second at most; tiers not named keep their own rate.
    """

    name: str
    lag: Mapping[str, Threshold]
    run_cpu: float
    process_cpu: float
    memory: float
    errors_hz: float
    render_ms: float
    hold_s: float
    levels: tuple[Mapping[str, float], ...]

    def fps(self, level: int) -> dict[str, float]:
        """Tier -> frames a second at most, at a level."""
        limits = self.levels[level - 1] if level else {}
        return {name: min(tier.fps, limits.get(name, tier.fps)) for name, tier in TIERS.items()}


HIGH_PERFORMANCE: Final = Preset(
    "high-performance",
    {"critical": Threshold(500, 1.0), "high": Threshold(96, 0.5), "normal": Threshold(5_000, 5.0)},
    run_cpu=0.75, process_cpu=0.90, memory=0.85, errors_hz=2.0, render_ms=33.0, hold_s=10.0,
    levels=(
        {"ultra": 15},
        {"ultra": SHED_FPS, "high": 20},
        {"ultra": SHED_FPS, "high": 12},
        {"ultra": SHED_FPS, "high": 8, "medium": 10},
        {"ultra": SHED_FPS, "high": SHED_FPS, "medium": 5, "low": 8, "ultra_low": 8},
    ),
)  # fmt: skip
"""Few runs on a worker: the best picture for as long as it can be held."""
HIGH_CAPACITY: Final = Preset(
    "high-capacity",
    {"critical": Threshold(500, 1.0), "high": Threshold(128, 0.8), "normal": Threshold(8_000, 8.0)},
    run_cpu=0.25, process_cpu=0.80, memory=0.80, errors_hz=2.0, render_ms=20.0, hold_s=20.0,
    levels=(
        {"ultra": SHED_FPS, "high": 15},
        {"ultra": SHED_FPS, "high": 10, "medium": 10},
        {"ultra": SHED_FPS, "high": 5, "medium": 8, "low": 10},
        {"ultra": SHED_FPS, "high": SHED_FPS, "medium": 5, "low": 5, "ultra_low": 5},
    ),
)  # fmt: skip
"""Many runs on a worker: each gives way early, so that the others do not notice it."""

PRESETS: Final[dict[str, Preset]] = {preset.name: preset for preset in (HIGH_PERFORMANCE, HIGH_CAPACITY)}


@dataclass(frozen=True, slots=True)
class State:
    """Where the policy of one run stands; times are seconds of a monotonic clock.

    Attributes:
        level: 0 means that nothing is limited.
        reason: why it is not 0, for people.
        changed_at: when the level changed last.
        raised_at: when quality was last raised by a level.
        calm_since: None while it is not calm.
        hold_s: how long it must be calm now; 0 means what the preset says.
    """

    level: int = 0
    reason: str = ""
    changed_at: float = float("-inf")
    raised_at: float = float("-inf")
    calm_since: float | None = None
    hold_s: float = 0.0


def strain(measure: Measure, preset: Preset) -> tuple[float, str]:
    """How near the run is to its limits, 1.0 being at the nearest, and what that is."""
    found: list[tuple[float, str]] = [(0.0, "")]
    for lane, limit in preset.lag.items():
        entries, age_s = measure.lag.get(lane, (0, 0.0))
        share = max(entries / limit.entries, age_s / limit.age_s)
        found.append((share, f"lane {lane} is {entries:,} entries and {age_s:.1f} s behind"))
    found.append((measure.run_cpu / preset.run_cpu, f"the run takes {measure.run_cpu:.0%} of a core"))
    if measure.run_cpu >= FAIR * measure.process_cpu / max(1, measure.runs):
        share = measure.process_cpu / preset.process_cpu
        found.append((share, f"the worker takes {measure.process_cpu:.0%} of a core for {measure.runs} runs"))
    found.append((measure.memory / preset.memory, f"the worker's memory is {measure.memory:.0%} full"))
    found.append((measure.errors_hz / preset.errors_hz, f"the worker fails {measure.errors_hz:.1f} times a second"))
    found.append((measure.render_ms / preset.render_ms, f"rendering takes {measure.render_ms:.0f} ms"))
    return max(found, key=lambda one: one[0])


def step(state: State, measure: Measure, now: float, preset: Preset) -> State:
    """The policy's next state, after a measurement at `now`."""
    share, reason = strain(measure, preset)
    hold_s = state.hold_s or preset.hold_s
    if share >= 1:
        state = replace(state, calm_since=None)
        severe = share >= SEVERE
        if state.level == len(preset.levels) or (not severe and now - state.changed_at < SETTLE_S):
            return state
        if now - state.raised_at < 2 * hold_s:  # quality was raised too early
            hold_s = min(LONGEST_HOLD_S, 2 * hold_s)
        level = min(len(preset.levels), state.level + (2 if severe else 1))
        return replace(state, level=level, reason=reason, changed_at=now, hold_s=hold_s)
    if share >= CALM:
        return replace(state, calm_since=None)
    calm_since = now if state.calm_since is None else state.calm_since
    state = replace(state, calm_since=calm_since)
    if not state.level:
        if now - calm_since >= LONGEST_HOLD_S:
            return replace(state, hold_s=0.0)  # long ago: forget that it ever flapped
        return state
    if now - calm_since < hold_s:
        return state
    if state.raised_at == state.changed_at:  # the last rise has lasted
        hold_s = max(preset.hold_s, hold_s / 2)
    level = state.level - 1
    return State(level, state.reason if level else "", now, now, now, hold_s)
