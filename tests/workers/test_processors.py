"""The built-in processors: what they say about a state, and when."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.columns import Column
from lanecast.broker.rendition import LayerState
from lanecast.workers.processors import Additions, Beat, Context, Processor, Tick
from lanecast.workers.processors.cadence import Cadence
from lanecast.workers.processors.congestion import Congestion
from lanecast.workers.processors.pace import Pace
from lanecast.workers.processors.rows import Hysteresis
from lanecast.workers.processors.significance import Significance
from lanecast.workers.processors.statistics import Statistics
from lanecast.workers.processors.thresholds import Energy, Waste

CONTEXT = Context("r")


def layer(ids: list[Any], **columns: Any) -> LayerState:
    made = {
        name: Column(np.zeros(len(ids), np.uint8), values) if isinstance(values[0], str) else Column(np.array(values))
        for name, values in columns.items()
    }
    if ids and isinstance(ids[0], str):
        return LayerState(np.array([ord(name[0]) for name in ids], np.uint32), made, ids)
    return LayerState(np.array(ids, np.uint32), made)


def tick(time_s: float = 0.0, now: float | None = None, **more: Any) -> Tick:
    layers = {name: more.pop(name) for name in list(more) if isinstance(more[name], LayerState)}
    return Tick(time_s if now is None else now, int(time_s * 10), time_s, layers, {}, **more)


def say(processor: Processor, seen: Tick) -> Additions:
    return processor.process(seen) or Additions()


def texts(added: Additions) -> list[str]:
    return [f"{alert.level}: {alert.text}" for alert in added.alerts]


def taken_over(old: Processor) -> Processor:
    """Another owner's processor, with what this one has saved."""
    new = type(old)(CONTEXT)
    new.load(msgspec.msgpack.decode(msgspec.msgpack.encode(old.save())))
    return new


# statistics


def test_statistics_count_every_layer_and_describe_speeds() -> None:
    cars = layer([1, 2, 3, 4], speed=[0.0, 10.0, 20.0, 30.0])
    said = say(Statistics(CONTEXT), tick(cars=cars, lights=layer(["a"], phase=["red"]))).metrics
    assert said == pytest.approx({
        "cars.count": 4, "cars.speed_mean": 15, "cars.speed_p10": 3, "cars.speed_p50": 15, "cars.speed_p90": 27,
        "cars.stopped": 1, "lights.count": 1,
    })  # fmt: skip


def test_statistics_of_traffic_energy_and_waste_have_their_own_names() -> None:
    said = say(
        Statistics(CONTEXT),
        tick(
            traffic=layer(["a", "b"], mean_speed=[4.0, 8.0], occupancy=[0.2, 0.4]),
            energy=layer(["a", "b"], load_kw=[30.0, 20.0], capacity_kw=[50.0, 50.0], generation_kw=[1.0, 2.0]),
            waste=layer(["a", "b"], fill=[0.5, 0.95], collected=[0.0, 1.0]),
        ),
    ).metrics
    assert said == pytest.approx({
        "traffic.count": 2, "traffic.mean_speed": 6, "traffic.occupancy": 0.3, "energy.count": 2,
        "energy.load_kw": 50, "energy.capacity_kw": 100, "energy.generation_kw": 3, "energy.utilisation": 0.5,
        "energy.load_kw_p95": 29.5, "waste.count": 2, "waste.fill_mean": 0.725, "waste.fill_p90": 0.905,
        "waste.full": 1, "waste.collected": 1,
    })  # fmt: skip


def test_vehicles_tell_the_mean_speed_of_traffic_before_edges_do() -> None:
    edges = layer(["a"], mean_speed=[4.0])
    said = say(Statistics(CONTEXT), tick(traffic=edges, vehicles=layer([1, 2], speed=[1.0, 3.0]))).metrics
    assert (said["traffic.mean_speed"], said["traffic.vehicles"]) == (2.0, 2.0)


def test_statistics_of_an_empty_layer_are_its_count() -> None:
    empty = LayerState(np.empty(0, np.uint32), {"speed": Column(np.empty(0))})
    assert say(Statistics(CONTEXT), tick(cars=empty, energy=empty)).metrics == {"cars.count": 0, "energy.count": 0}


def test_a_layer_that_has_not_changed_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from lanecast.workers.processors import statistics

    calls = []
    real = statistics.of_layer

    def counted(name: str, state: LayerState) -> dict[str, float]:
        calls.append(name)
        return real(name, state)

    monkeypatch.setattr(statistics, "of_layer", counted)
    processor, cars, boats = Statistics(CONTEXT), layer([1]), layer([2])
    first = say(processor, tick(cars=cars, boats=boats)).metrics
    assert say(processor, tick(cars=cars, boats=layer([2]))).metrics == first
    assert calls == ["cars", "boats", "boats"]
    assert say(processor, tick(boats=boats)).metrics == {"boats.count": 1}


# significance


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=20),
    st.sampled_from([0.01, 1.0, 50.0]),
)
def test_what_is_sent_is_never_off_by_the_threshold_or_more(values: list[list[float]], limit: float) -> None:
    processor = Significance(Context("r", {"x": limit}))
    for row in values:
        sent = say(processor, tick(cars=layer([1, 2, 3], x=row))).layers["cars"].columns["x"].data
        assert np.abs(sent - row).max() < limit


def test_slow_changes_are_not_lost_and_small_ones_are_not_sent() -> None:
    processor = Significance(Context("r", {"x": 1.0}))
    seen = (tick(cars=layer([1], x=[n / 10])) for n in range(26))
    sent = [say(processor, one).layers["cars"].columns["x"].data for one in seen]
    assert [float(x[0]) for x in sent] == [0.0] * 10 + [1.0] * 10 + [2.0] * 6
    assert sent[11] is sent[12], "a column of which nothing is sent is the one that was sent"


def test_who_joins_passes_and_who_leaves_is_gone_while_the_others_are_held_back() -> None:
    processor = Significance(Context("r", {"x": 1.0}))
    say(processor, tick(cars=layer([1, 2, 3], x=[0.0, 0.0, 0.0])))
    sent = say(processor, tick(cars=layer([4, 3, 1], x=[0.5, 0.5, 1.5]))).layers["cars"]
    assert (sent.ids.tolist(), sent.columns["x"].data.tolist()) == ([4, 3, 1], [0.5, 0.0, 1.5])


def test_angles_are_compared_around_the_circle_and_other_columns_pass() -> None:
    processor = Significance(Context("r", {"angle": 5.0}))
    say(processor, tick(cars=layer([1], angle=[359.0], x=[0.0], kind=["bus"])))
    sent = say(processor, tick(cars=layer([1], angle=[1.0], x=[0.1], kind=["bus"]))).layers["cars"].columns
    assert (sent["angle"].data.tolist(), sent["x"].data.tolist()) == ([359.0], [0.1])


@pytest.mark.parametrize(
    ("metadata", "limit"),
    [
        ({}, 0.5),
        ({"significance.x": 2}, 2.0),
        ({"significance.x": 2, "significance.cars.x": 3.0}, 3.0),
        ({"significance.cars.x": 0}, None),
        ({"significance.x": "much"}, 0.5),
        ({"significance.x": True}, 0.5),
    ],
)
def test_a_runs_metadata_counts_more_than_the_setting(metadata: dict[str, Any], limit: float | None) -> None:
    processor = Significance(Context("r", {"x": 0.5}))
    for x in (0.0, 0.4, 1.9, 2.9, 3.1):
        seen = tick(cars=layer([1], x=[x]), metadata=metadata)
        sent = say(processor, seen).layers.get("cars")
        if limit is None:
            assert sent is None
        else:
            assert sent is not None
            assert abs(float(sent.columns["x"].data[0]) - x) < limit
            assert x < limit or sent.columns["x"].data[0] > 0


# hysteresis


def test_a_switch_goes_on_and_off_only_after_its_time() -> None:
    switch = Hysteresis(on_s=10, off_s=5)
    ids = np.array([7], np.uint32)
    seen = []
    for time_s, value in ((0, 9), (9, 9), (9.5, 5), (10, 9), (19, 9), (20, 9), (30, 5), (31, 1), (35, 1), (36, 1)):
        bad, good = np.array([value > 6]), np.array([value < 4])
        switched = switch.update(ids, None, bad, good, float(time_s))
        seen += [(time_s, "on", key) for key in switched.on] + [(time_s, "off", key) for key in switched.off]
    assert seen == [(20, "on", "7"), (36, "off", "7")]


def test_time_that_goes_back_begins_the_wait_anew() -> None:
    switch, ids = Hysteresis(on_s=10), np.array([7], np.uint32)
    yes, no = np.array([True]), np.array([False])
    assert not switch.update(ids, None, yes, no, 100.0).on
    assert not switch.update(ids, None, yes, no, 1.0).on
    assert not switch.update(ids, None, yes, no, 10.0).on
    assert switch.update(ids, None, yes, no, 11.0).on


@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.booleans()), unique_by=lambda pair: pair[0]), max_size=12))
def test_a_switch_follows_its_entity_wherever_its_row_is(ticks: list[list[tuple[int, bool]]]) -> None:
    switch, model = Hysteresis(), set[str]()
    for time_s, rows in enumerate(ticks):
        ids, bad = np.array([n for n, _ in rows], np.uint32), np.array([b for _, b in rows], bool)
        switched = switch.update(ids, None, bad, ~bad, float(time_s))
        now = {str(n) for n, b in rows if b}
        assert (set(switched.on), set(switched.off)) == (now - model, model - now)
        model = now
        assert {str(n) for n, on in zip(ids, switch.on, strict=True) if on} == model


# alerts


def test_a_node_over_its_capacity_is_told_of_once_and_again_when_it_is_over() -> None:
    processor = Energy(CONTEXT)
    told = []
    for n, load in enumerate((50, 101, 95, 102, 95, 89, 95)):
        nodes = layer(["a", "b"], load_kw=[float(load), 10.0], capacity_kw=[100.0, 100.0])
        told.append(texts(say(processor, tick(float(n), energy=nodes))))
    assert told == [
        [], ["warning: energy: node a at 100% of the capacity or over"], [], [], [],
        ["info: energy: node a below 90% of the capacity again"], [],
    ]  # fmt: skip


def test_a_node_without_a_capacity_has_the_threshold_of_the_run_or_none() -> None:
    nodes = layer(["a"], load_kw=[60.0])
    assert texts(say(Energy(CONTEXT), tick(energy=nodes))) == []
    assert len(texts(say(Energy(CONTEXT), tick(energy=nodes, metadata={"energy.threshold_kw": 50})))) == 1


def test_full_bins_are_told_of_in_one_line() -> None:
    processor = Waste(CONTEXT)
    said = say(processor, tick(waste=layer(["a", "b", "c", "d", "e"], fill=[1.0, 0.9, 0.95, 0.92, 0.2])))
    assert texts(said) == ["warning: waste: 4 bins (a, b, c and 1 more) at 90% or over"]
    assert said.metrics == {"waste.overfull": 4.0}


@pytest.mark.parametrize("kind", [Energy, Waste, Congestion])
def test_an_alert_does_not_repeat_after_a_takeover(kind: type[Processor]) -> None:
    def seen(time_s: float) -> Tick:
        return tick(
            time_s,
            energy=layer(["z", "a"], load_kw=[0.0, 120.0], capacity_kw=[100.0, 100.0]),
            waste=layer(["z", "a"], fill=[0.0, 1.0]),
            traffic=layer(["z", "a"], mean_speed=[14.0, 1.0 if time_s else 14.0], occupancy=[0.5, 0.5]),
        )

    processor = kind(CONTEXT)
    told = [text for time_s in (0.0, 10.0, 80.0) for text in texts(say(processor, seen(time_s)))]
    assert len(told) == 1
    later = taken_over(processor)
    for time_s in (90.0, 300.0):
        assert texts(say(later, seen(time_s))) == []
    assert sum(say(later, seen(301.0)).metrics.values()) == 1.0


# congestion


def edges(speeds: list[float], occupancy: float = 0.5) -> LayerState:
    names = ["a", "b", "c"][: len(speeds)]
    return layer(names, mean_speed=speeds, occupancy=[occupancy] * len(speeds))


def test_an_edge_is_a_hotspot_after_its_minimum_time_and_no_more_once_it_flows() -> None:
    processor = Congestion(CONTEXT)
    told = {}
    for time_s in range(0, 200, 5):
        speed = 14.0 if time_s < 20 or time_s >= 120 else 3.0
        said = say(processor, tick(float(time_s), traffic=edges([speed, 14.0])))
        if said.alerts:
            told[time_s] = texts(said)
        assert said.metrics["traffic.hotspots"] == (1.0 if 80 <= time_s < 140 else 0.0)
    assert told == {
        80: ["warning: congestion: traffic stands in edge a"],
        140: ["info: congestion: traffic flows again in edge a"],
    }


def test_a_short_jam_an_empty_edge_and_a_slow_street_are_no_hotspots() -> None:
    for occupancy, fast in ((0.5, 2.5), (0.05, 14.0)):
        processor = Congestion(CONTEXT)
        for time_s in range(0, 300, 5):
            slow = 0.5 if occupancy < 0.5 or fast < 3 or time_s % 60 > 20 else 14.0
            said = say(processor, tick(float(time_s), traffic=edges([fast if time_s == 0 else slow], occupancy)))
            assert texts(said) == []


def test_the_numbers_are_the_runs_to_set() -> None:
    processor = Congestion(CONTEXT)
    metadata = {"congestion.after_s": 5, "congestion.below": 0.9}
    say(processor, tick(0.0, traffic=edges([10.0]), metadata=metadata))
    say(processor, tick(1.0, traffic=edges([8.0]), metadata=metadata))
    assert texts(say(processor, tick(6.0, traffic=edges([8.0]), metadata=metadata)))


def test_without_edges_cells_of_vehicles_are_watched_and_drawn() -> None:
    processor = Congestion(CONTEXT)
    told: list[str] = []
    for time_s in range(0, 100, 5):
        speed = 10.0 if time_s < 10 else 0.0
        cars = layer(list(range(8)), x=[110.0 + n for n in range(8)], y=[-50.0] * 8, speed=[speed] * 8)
        said = say(processor, tick(float(time_s), vehicles=cars))
        told += texts(said)
    assert told == ["warning: congestion: traffic stands in cell at 114, -50"]
    spots = said.layers["hotspots"]
    assert {name: column.to_list() for name, column in spots.columns.items()} == {
        "x": [113.5], "y": [-50.0], "speed": [0.0], "count": [8],
    }  # fmt: skip
    away = layer([1], x=[5000.0], y=[0.0], speed=[10.0])
    ends = [texts(say(processor, tick(float(time_s), vehicles=away))) for time_s in (100, 130)]
    assert ends == [[], ["info: congestion: traffic flows again in 1 cell"]]
    assert say(processor, tick(131.0, vehicles=away)).layers == {}


# cadence and pace


def beats(first: int, last: int, stride: int = 1, ms: float = 100.0) -> list[Beat]:
    return [Beat(step, step / 10, step * ms, {}) for step in range(first, last + 1, stride)]


def test_the_rate_is_counted_and_left_out_steps_are() -> None:
    processor = Cadence(CONTEXT)
    for second in range(1, 6):
        said = say(processor, tick(now=float(second), beats=beats(second * 10, second * 10 + 9)))
    assert said.metrics == {"sim.frame_hz": 10.0, "sim.skipped_steps": 0.0}
    said = say(processor, tick(now=6.0, beats=beats(65, 70)))
    assert said.metrics["sim.skipped_steps"] == 5.0


def test_a_producer_that_publishes_every_tenth_step_leaves_nothing_out() -> None:
    said = say(Cadence(CONTEXT), tick(now=1.0, beats=beats(0, 300, 10)))
    assert said.metrics["sim.skipped_steps"] == 0.0


def test_a_stall_is_told_of_once_and_so_is_its_end() -> None:
    processor = Cadence(CONTEXT)
    say(processor, tick(now=1.0, beats=beats(1, 20)))
    told = {now: texts(say(processor, tick(now=float(now)))) for now in range(2, 20)}
    assert {now: text for now, text in told.items() if text} == {
        6: ["warning: no frame has come for 5 s: the simulation has stalled"]
    }
    later = taken_over(processor)
    assert texts(say(later, tick(now=100.0, beats=beats(21, 22)))) == ["info: the simulation sends frames again"]


def test_a_paused_run_does_not_stall_and_waits_anew_when_it_goes_on() -> None:
    processor = Cadence(CONTEXT)
    say(processor, tick(now=1.0, beats=beats(1, 20)))
    assert not any(texts(say(processor, tick(now=float(now), state="paused"))) for now in range(2, 60))
    assert texts(say(processor, tick(now=60.0))) == []


def test_a_run_of_few_frames_has_no_rhythm_that_it_could_lose() -> None:
    processor = Cadence(CONTEXT)
    assert say(processor, tick(now=1.0, beats=beats(1, 2))).again_s is None
    assert texts(say(processor, tick(now=1_000.0))) == []


def test_the_pace_is_simulated_time_over_real_time_and_a_step_the_time_between_two() -> None:
    said = say(Pace(CONTEXT), tick(beats=beats(1, 20, ms=50.0)))
    assert said.metrics == {"sim.real_time_factor": 2.0, "sim.step_ms": 50.0}


def test_phases_are_smoothed_and_a_step_is_their_sum() -> None:
    processor = Pace(CONTEXT)
    frames = [Beat(n, n / 10, n * 100.0, {"move": 4.0, "draw": 2.0 if n < 10 else 12.0}) for n in range(1, 60)]
    first = say(processor, tick(beats=frames[:9])).metrics
    assert (first["phase.move_ms"], first["phase.draw_ms"], first["sim.step_ms"]) == (4.0, 2.0, 6.0)
    then = say(processor, tick(beats=frames[9:10])).metrics
    assert 2.0 < then["phase.draw_ms"] < 5.0
    last = say(processor, tick(beats=frames[10:])).metrics
    assert last["phase.draw_ms"] == pytest.approx(12, abs=0.1)
    assert last["sim.step_ms"] == pytest.approx(16, abs=0.1)


def test_a_new_life_begins_the_pace_anew() -> None:
    processor = Pace(CONTEXT)
    say(processor, tick(beats=beats(500, 520)))
    again = [Beat(1, 0.1, 60_000.0, {}, again=True), Beat(2, 0.2, 60_100.0, {})]
    assert say(processor, tick(beats=again)).metrics["sim.real_time_factor"] == 1.0
