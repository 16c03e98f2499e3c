"""The pipeline: processors are called when it is their turn, and harm nobody when they fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from lanecast.broker.columns import Column
from lanecast.broker.payloads import Events
from lanecast.broker.rendition import LayerState
from lanecast.workers.plugins import PluginError
from lanecast.workers.processors import PROCESSORS, Additions, Alert, Beat, Context, Pipeline, Processor, Tick, chosen
from lanecast.workers.processors.pipeline import FAILURES, LONGEST_S, PAUSE_S, SHARE

Make = Callable[..., Pipeline]
CARS = LayerState(np.arange(2, dtype=np.uint32), {"x": Column(np.zeros(2))})


class Probe(Processor):
    """Does what a test tells it, and keeps what it was given."""

    every_s = 0.5
    outcome: Any = None
    ticks: list[Tick]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.ticks = []

    def process(self, tick: Tick) -> Additions | None:
        self.ticks.append(tick)
        found: Additions | None = self.outcome() if callable(self.outcome) else self.outcome
        return found


class Filter(Probe):
    filters = True
    every_s = 0.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a pipeline of processors under the names given."""

    def pipeline(clock: Clock | None = None, **processors: Any) -> Pipeline:
        for name, one in processors.items():
            monkeypatch.setitem(PROCESSORS._found, name, one if isinstance(one, type) else partial(_same, one))
        return Pipeline(processors, Context("r"), clock or Clock())

    return pipeline


def _same(made: Probe, _: Context) -> Probe:
    return made


def probe(outcome: Any = None, kind: type[Probe] = Probe) -> Any:
    made = kind(Context("r"))
    made.outcome = outcome
    return made


def tick(now: float, **more: Any) -> Tick:
    return Tick(now, 1, 1.0, {"cars": CARS}, {}, **more)


def texts(pipeline: Pipeline, now: float = 0.0) -> list[str]:
    return [alert.text for alert in pipeline.alerts(now)]


def test_the_setting_chooses_by_name() -> None:
    every = list(PROCESSORS)
    assert chosen("all") == chosen("") == every
    assert chosen("none") == []
    assert chosen("pace, cadence,pace") == ["pace", "cadence"]
    assert chosen("all,-pace") == chosen("-pace") == [name for name in every if name != "pace"]
    with pytest.raises(PluginError, match="LANECAST_PROCESSORS names 'pase', which is none of"):
        chosen("pase")


def test_a_processor_is_called_for_a_new_state_and_no_more_often_than_it_asks(make: Make) -> None:
    one = probe(Additions())
    pipeline = make(one=one)
    assert pipeline.deadline(1) == float("-inf")
    for version, now in ((1, 0.0), (1, 1.0), (2, 1.1), (3, 1.2), (3, 1.7)):
        pipeline.run(tick(now), version)
    assert [seen.now for seen in one.ticks] == [0.0, 1.1, 1.7]
    assert pipeline.deadline(3) == float("inf")


def test_it_is_called_though_nothing_has_come_where_it_asks_for_that(make: Make) -> None:
    one = probe(Additions(again_s=2.0))
    pipeline = make(one=one)
    pipeline.run(tick(0.0), 1)
    assert pipeline.deadline(1) == 2.0
    pipeline.run(tick(2.0), 1)
    assert [seen.now for seen in one.ticks] == [0.0, 2.0]


def test_it_gets_the_frames_since_its_last_call_and_events_if_it_hears_them(make: Make) -> None:
    deaf, hearing = probe(Additions()), probe(Additions())
    hearing.hears_events = True
    pipeline = make(deaf=deaf, hearing=hearing)
    batch = Events("x", 0.0, {})
    for version, now in ((1, 0.0), (2, 0.2), (3, 0.6)):
        pipeline.beat(Beat(version, 0.0, 0.0, {}))
        pipeline.hear(batch)
        pipeline.run(tick(now), version)
    assert [[beat.step for beat in seen.beats] for seen in deaf.ticks] == [[1], [2, 3]]
    assert [len(seen.events) for seen in deaf.ticks] == [0, 0]
    assert [len(seen.events) for seen in hearing.ticks] == [1, 2]


def test_what_it_says_takes_the_place_of_what_it_said_and_none_leaves_it(make: Make) -> None:
    one = probe(Additions({"a": 1, "b": 2}))
    pipeline = make(one=one)
    assert pipeline.run(tick(0.0), 1)
    one.outcome = None
    assert not pipeline.run(tick(1.0), 2)
    assert pipeline.metrics({"b": 5.0}) == {"a": 1.0, "b": 5.0}, "a producer's own metric counts more"
    one.outcome = Additions({"c": 3})
    assert pipeline.run(tick(2.0), 3)
    assert pipeline.metrics({}) == {"c": 3.0}


def test_layers_are_added_beside_the_producers(make: Make) -> None:
    spots = LayerState(np.arange(1, dtype=np.uint32), {})
    pipeline = make(one=probe(Additions(layers={"spots": spots})))
    pipeline.run(tick(0.0), 1)
    assert dict(pipeline.filtered(tick(0.0), 1)) == {"cars": CARS, "spots": spots}
    assert dict(pipeline.layers) == {"spots": spots}


def test_one_that_fails_is_called_again_after_a_pause_and_switched_off_in_the_end(make: Make) -> None:
    bad, good = probe(lambda: 1 / 0), probe(Additions({"a": 1}))
    pipeline = make(bad=bad, good=good)
    for n in range(FAILURES + 3):
        pipeline.run(tick(n * PAUSE_S), n + 1)
        pipeline.run(tick(n * PAUSE_S + 0.9), n + 1)
    assert len(bad.ticks) == FAILURES
    assert len(good.ticks) == FAILURES + 3
    assert pipeline.counts == {"failed:processor:bad": FAILURES}
    (told,) = texts(pipeline)
    assert told.startswith(f"the processor bad has failed {FAILURES} times in a row and is switched off: ZeroDivision")
    assert texts(pipeline) == []
    assert pipeline.deadline(99) < float("inf"), "the other one goes on"


def test_one_that_works_again_is_forgiven(make: Make) -> None:
    one = probe()
    pipeline = make(one=one)
    for n in range(3 * FAILURES):
        one.outcome = Additions() if n % FAILURES == 0 else lambda: 1 / 0
        pipeline.run(tick(float(n)), n)
    assert len(one.ticks) == 3 * FAILURES


def test_metrics_and_layers_of_one_that_is_off_are_gone(make: Make) -> None:
    one = probe(Additions({"a": 1}))
    pipeline = make(one=one)
    pipeline.run(tick(0.0), 1)
    one.outcome = lambda: 1 / 0
    for n in range(1, FAILURES + 1):
        assert pipeline.metrics({}) == {"a": 1.0}
        pipeline.run(tick(n * 2.0), n + 1)
    assert pipeline.metrics({}) == {}


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        ({"a": 1.0}, "expected Additions or None, got dict"),
        (Additions({"a": float("nan")}), "metric 'a': nan"),
        (Additions({"a" * 65: 1.0}), "names have 1 to 64"),
        (Additions({str(n): 1.0 for n in range(257)}), "257 metrics"),
        (Additions(layers={"cars": CARS}), "layer cars: it is a producer's"),
        (Additions(layers={"a": 1}), "expected a LayerState"),  # type: ignore[dict-item]
        (Additions(layers={"a": LayerState(CARS.ids, {"x": Column(np.zeros(3))})}), "not all as long as its ids"),
        (Additions(alerts=[Alert("text", "loud")]), "expected a level"),
        (Additions(alerts=[Alert("x" * 501)]), "1 to 500 characters"),
    ],
)
def test_what_viewers_could_not_be_told_counts_as_a_failure(make: Make, outcome: Any, problem: str) -> None:
    pipeline = make(one=probe(outcome))
    for n in range(FAILURES):
        pipeline.run(tick(n * 2.0), n)
    assert pipeline.counts["failed:processor:one"] == FAILURES
    assert problem in texts(pipeline)[0]


def test_one_that_cannot_be_made_is_told_of_and_left_out(make: Make) -> None:
    class Broken(Probe):
        def __init__(self, context: Context) -> None:
            super().__init__(context)
            raise OSError("no model")

    pipeline = make(broken=Broken)
    assert texts(pipeline) == ["the processor broken could not be made and is switched off: OSError('no model')"]
    assert not pipeline.run(tick(0.0), 1)


def test_one_that_is_slow_is_called_less_often(make: Make) -> None:
    clock = Clock()

    def slow() -> Additions:
        clock.now += 0.1
        return Additions()

    one = probe(slow)
    pipeline = make(clock, one=one)
    for n in range(1_000):
        pipeline.run(tick(n / 10), n)
    assert len(one.ticks) * 0.1 <= SHARE * 100 * 1.2


def test_one_that_holds_everybody_up_is_switched_off(make: Make) -> None:
    clock = Clock()

    def endless() -> Additions:
        clock.now += LONGEST_S * 1.1
        return Additions()

    pipeline = make(clock, one=probe(endless))
    for n in range(FAILURES):
        pipeline.run(tick(n * 10.0), n)
    assert "took 275 ms, allowed are 250" in texts(pipeline)[0]


def test_a_filter_is_called_for_each_state_that_is_shown_and_only_then(make: Make) -> None:
    moved = LayerState(CARS.ids, {"x": Column(np.ones(2))})
    one = probe(Additions(layers={"cars": moved}), Filter)
    pipeline = make(one=one)
    pipeline.run(tick(0.0), 1)
    assert one.ticks == []
    assert pipeline.deadline(1) == float("inf")
    assert pipeline.filtered(tick(0.0), 1)["cars"] is moved
    assert pipeline.filtered(tick(0.1), 1)["cars"] is moved
    assert len(one.ticks) == 1


def test_a_filter_that_fails_is_off_at_once_and_the_state_is_shown_as_it_is(make: Make) -> None:
    pipeline = make(one=probe(lambda: 1 / 0, Filter))
    assert pipeline.filtered(tick(0.0), 1)["cars"] is CARS
    assert len(texts(pipeline)) == 1


def test_alerts_are_told_once_in_order_and_a_flood_is_cut_and_counted(make: Make) -> None:
    pipeline = make(one=probe(Additions(alerts=[Alert(f"line {n}") for n in range(30)])))
    pipeline.run(tick(0.0), 1)
    told = texts(pipeline)
    assert told == [f"line {n}" for n in range(len(told))]
    assert pipeline.counts["dropped:alerts"] == 30 - len(told) == 10


def test_what_one_has_saved_is_there_for_the_next_owner_and_rubbish_is_as_nothing(make: Make) -> None:
    class Keeps(Probe):
        kept: Any = None

        def save(self) -> Any:
            return {"n": 7}

        def load(self, saved: Any) -> None:
            self.kept = saved["n"]

    pipeline = make(keeps=Keeps, other=probe())
    data = pipeline.save()
    again = make(keeps=Keeps)
    again.load(data)
    assert again._slots[0].processor.kept == 7  # type: ignore[attr-defined]
    for rubbish in (None, b"", b"\xc1", data[:-1]):
        make(keeps=Keeps).load(rubbish)
