"""The run-level quality policy, on single measurements and on traces."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker import flow
from lanecast.broker.offsets import START
from lanecast.broker.runs import QualityInfo, RunInfo
from lanecast.broker.tiers import TIERS
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.grading import Grading
from lanecast.workers.quality import (
    HIGH_PERFORMANCE,
    LONGEST_HOLD_S,
    PRESETS,
    SHED_FPS,
    Measure,
    Preset,
    State,
    step,
    strain,
)
from lanecast.workers.render import Renderers, View
from lanecast.workers.strain import Process, Strain

TRACES = Path(__file__).parent / "traces"
BUSY = Measure(run_cpu=0.8, process_cpu=0.8)
CALM = Measure(run_cpu=0.1, process_cpu=0.2)
presets = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def samples(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((TRACES / f"{name}.json").read_text("utf-8"))["samples"]
    return found


def measure(row: dict[str, Any]) -> Measure:
    return Measure(
        {"high": tuple(row["high"])}, row["run_cpu"], row["process_cpu"], row["runs"], row["memory"],
        row["errors_hz"], row["render_ms"],
    )  # fmt: skip


def played(name: str, preset: Preset) -> list[State]:
    state, states = State(), []
    for row in samples(name):
        state = step(state, measure(row), row["t_s"], preset)
        states.append(state)
    return states


def changes(states: list[State]) -> list[tuple[int, int]]:
    levels = [0, *(state.level for state in states)]
    return [(at, after) for at, (before, after) in enumerate(pairwise(levels)) if before != after]


@presets
def test_levels_give_up_ultra_first_then_high_and_the_smallest_last(preset: Preset) -> None:
    rates = [preset.fps(level) for level in range(len(preset.levels) + 1)]
    assert rates[0] == {name: tier.fps for name, tier in TIERS.items()}, "level 0: nothing is limited"
    for before, after in pairwise(rates):
        assert all(after[name] <= before[name] for name in TIERS)
        assert after != before
    order = ["ultra", "high", "medium", "low", "ultra_low"]
    firsts = [
        next((level for level, fps in enumerate(rates) if fps[name] < TIERS[name].fps), len(rates)) for name in order
    ]
    assert firsts == sorted(firsts)
    assert min(fps for rate in rates for fps in rate.values()) >= SHED_FPS, "nobody's picture freezes"


@presets
def test_quality_gives_way_before_publishers_are_told_to(preset: Preset) -> None:
    for lane, limit in preset.lag.items():
        told: Any = getattr(flow.LIMITS, lane)
        assert limit.entries <= told.entries
        assert limit.age_s <= told.age_s
    assert preset.run_cpu < flow.LIMITS.busy


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Measure({"high": (200, 0.1)}), "lane high is 200 entries and 0.1 s behind"),
        (Measure({"critical": (1, 3.0)}), "lane critical is 1 entries and 3.0 s behind"),
        (Measure(run_cpu=0.8), "the run takes 80% of a core"),
        (Measure(run_cpu=0.3, process_cpu=1.0, runs=4), "the worker takes 100% of a core for 4 runs"),
        (Measure(memory=0.9), "the worker's memory is 90% full"),
        (Measure(errors_hz=3.0), "the worker fails 3.0 times a second"),
        (Measure(render_ms=50.0), "rendering takes 50 ms"),
    ],
)
def test_each_measure_alone_can_lower_quality_and_says_so(seen: Measure, reason: str) -> None:
    state = step(State(), seen, 0.0, HIGH_PERFORMANCE)
    assert state.level >= 1
    assert state.reason == reason


def test_a_light_run_does_not_pay_for_a_heavy_one() -> None:
    heavy = Measure(run_cpu=0.7, process_cpu=1.0, runs=20)
    light = Measure(run_cpu=0.01, process_cpu=1.0, runs=20)
    assert step(State(), heavy, 0.0, HIGH_PERFORMANCE).level == 1
    assert step(State(), light, 0.0, HIGH_PERFORMANCE).level == 0


def test_quality_rises_one_level_after_each_hold_time() -> None:
    state = State(level=3, reason="x")
    levels = []
    for now in range(36):
        state = step(state, CALM, float(now), HIGH_PERFORMANCE)
        levels.append(state.level)
    assert [levels.index(level) for level in (3, 2, 1, 0)] == [0, 10, 20, 30]
    assert state.reason == ""


def test_between_calm_and_the_limit_nothing_changes() -> None:
    state = State(level=2, reason="x")
    for now in range(100):
        state = step(state, Measure(run_cpu=0.72), float(now), HIGH_PERFORMANCE)
    assert state.level == 2


def test_a_rise_that_does_not_last_doubles_the_hold_time_and_long_calm_forgives() -> None:
    state, now, waits = State(level=1, reason="x"), 0.0, []
    for _ in range(6):
        began = now
        while state.level:
            state = step(state, CALM, now, HIGH_PERFORMANCE)
            now += 1
        waits.append(now - began)
        while not state.level:
            state = step(state, BUSY, now, HIGH_PERFORMANCE)
            now += 1
    assert waits == pytest.approx([11, 21, 41, 81, 121, 121], abs=1)
    for _ in range(int(3 * LONGEST_HOLD_S)):
        state = step(state, CALM, now, HIGH_PERFORMANCE)
        now += 1
    assert (state.level, state.hold_s) == (0, 0.0)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 5)), max_size=60), st.sampled_from(list(PRESETS))
)
def test_whatever_is_measured_levels_stay_in_range_and_rise_by_one_after_calm_only(
    rows: list[tuple[float, float, float]], name: str
) -> None:
    preset, state, now = PRESETS[name], State(), 0.0
    for run_cpu, memory, pause_s in rows:
        now += pause_s
        seen = Measure(run_cpu=run_cpu, process_cpu=run_cpu, memory=memory)
        before, state = state, step(state, seen, now, preset)
        assert 0 <= state.level <= len(preset.levels)
        assert state.level >= before.level - 1
        if state.level > before.level:
            assert strain(seen, preset)[0] >= 1
        if state.level < before.level:
            assert before.calm_since is not None
            assert now - before.calm_since >= preset.hold_s
        assert bool(state.level) == bool(state.reason)


@presets
def test_a_sudden_overload_is_met_within_two_seconds_and_forgotten_once_it_is_over(preset: Preset) -> None:
    states = played("sudden_overload", preset)
    found = changes(states)
    assert 20 <= found[0][0] <= 22
    assert states[30].level == len(preset.levels), "the deepest within 10 s"
    assert all(state.level for state in states[22:50])
    ups = [at for at, _ in found if at >= 50]
    assert ups[0] >= 50 + preset.hold_s - 1
    assert all(later - one >= preset.hold_s - 1 for one, later in pairwise(ups))


@presets
def test_a_slow_leak_is_met_step_by_step_for_as_long_as_it_lasts(preset: Preset) -> None:
    states = played("slow_leak", preset)
    found = changes(states)
    assert [level for _, level in found[: len(preset.levels)]] == list(range(1, len(preset.levels) + 1))
    first = found[0][0]
    assert samples("slow_leak")[first]["memory"] == pytest.approx(preset.memory, abs=0.01)
    assert "memory" in states[first].reason
    assert states[169].level == len(preset.levels)
    assert states[-1].level < len(preset.levels)


@presets
def test_a_load_that_flaps_makes_quality_flap_less_and_less(preset: Preset) -> None:
    found = changes(played("flapping", preset))
    ups = [at for (at, level), (_, before) in zip(found[1:], found, strict=False) if level < before and at < 220]
    assert len(ups) <= 3, "11 times it was calm for 14 s"
    states = played("flapping", preset)
    assert states[-1].level < states[219].level, "it comes back once the load is steady"


# the edge: info, rates, log


class Rig:
    def __init__(self, info: RunInfo | None = None) -> None:
        self.bulletin = Bulletin(info or RunInfo("r", "e"), 3, START)
        self.renderers = Renderers(3, 2.0)
        self.grading = Grading(HIGH_PERFORMANCE, self.bulletin, self.renderers)


def test_a_decision_is_told_to_viewers_and_limits_the_tiers() -> None:
    rig = Rig()
    assert rig.grading.take(BUSY, 10.0, 10_000.0)
    quality = rig.bulletin.info.quality
    assert (quality.level, quality.reason) == (1, "the run takes 80% of a core")
    assert quality.tiers == HIGH_PERFORMANCE.fps(1)
    assert not rig.grading.take(BUSY, 10.5, 10_500.0), "what has not changed is not told"
    for now in range(11, 30):
        rig.grading.take(CALM, float(now), now * 1000.0)
    assert rig.bulletin.info.quality == QualityInfo()


def test_the_next_owner_begins_where_the_last_one_was() -> None:
    told = RunInfo("r", "e", quality=QualityInfo(2, HIGH_PERFORMANCE.fps(2), "busy"))
    rig = Rig(told)
    levels = []
    for now in range(22):
        rig.grading.take(CALM, float(now), now * 1000.0)
        levels.append(rig.bulletin.info.quality.level)
    assert [levels.index(level) for level in (2, 1, 0)] == [0, 10, 20]


def test_a_limited_tier_is_rendered_at_its_rate_and_others_at_theirs() -> None:
    renderers, made = Renderers(3, 60.0), {"low": 0, "high": 0}
    renderers.limit({"high": 5.0})
    renderers.watch(frozenset(made))
    for n in range(200):
        view = View({}, {"a": float(n)}, n + 1, 0)
        for renderer in renderers.due(view, n / 50):
            renderer.render(view, n / 50)
            made[renderer.name] += 1
    assert made == {"low": pytest.approx(4 * 15, abs=3), "high": pytest.approx(4 * 5, abs=2)}


def test_a_run_is_charged_with_the_work_that_was_done_for_it() -> None:
    found = Strain()
    process = Process()
    assert found.measure(flow.Load(), process, 2, 0, 100.0) is None
    for second in range(1, 30):
        found.spent(0.2)
        found.rendered(0.1)
        seen = found.measure(flow.Load({"high": (3, 0.1)}), process, 2, second * 2, 100.0 + second)
    assert seen is not None
    assert seen.run_cpu == pytest.approx(0.3, abs=0.01)
    assert seen.errors_hz == 2.0
    assert seen.render_ms == pytest.approx(100, rel=0.1)
    assert (seen.lag, seen.runs) == ({"high": (3, 0.1)}, 2)
