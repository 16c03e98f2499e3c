"""Processors at the desk: what they add reaches viewers, what they hold back does not, alerts are told once."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.workers.rig import entry, frame

from lanecast.broker import messages
from lanecast.broker.demand import Demand
from lanecast.broker.offsets import START
from lanecast.broker.rendition import View
from lanecast.broker.runs import RunInfo
from lanecast.workers.aggregate import RunState
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.desk import Desk, Place
from lanecast.workers.entries import Entry
from lanecast.workers.processors import Context, Pipeline
from lanecast.workers.render import Renderers
from lanecast.workers.stats import Stats
from lanecast.workers.vigil import Vigil


class Rig:
    """A desk with processors, somebody who watches `high`, and what its commits hold."""

    def __init__(self, *names: str, saved: bytes | None = None, **significance: float) -> None:
        start = dict.fromkeys(("critical", "high", "normal", "low"), "0-0")
        pipeline = Pipeline(names, Context("r", significance))
        pipeline.load(saved)
        self.desk = Desk(
            "r", RunState(), Bulletin(RunInfo("r", "e"), 3, START), Place(start, dict(start)), Renderers(3, 2.0),
            Vigil(known=False, now=0.0), Stats(), epoch=3, checkpoint_s=1.0, pipeline=pipeline,
        )  # fmt: skip
        self.view = View()
        self.saved: bytes | None = None
        self.commits: list[list[list[Any]]] = []
        self.ms = 0

    def step(self, now: float, *sent: tuple[str, str, Any]) -> None:
        self.desk.hear(
            [Entry("1-0", {k.encode(): str(v).encode() for k, v in Demand("n", "high", 1).to_fields().items()})], now
        )
        for lane, kind, payload in sent:
            self.ms += 1
            self.desk.take(lane, [entry(self.ms, kind, payload)], now, self.ms, {})
        commit = self.desk.finish(now, now * 1000)
        if commit is None:
            return
        words: list[Any] = list(commit.call().args[2:])
        commands: list[list[Any]] = []
        while words:
            n = int(words[0])
            commands.append(words[1 : 1 + n])
            words = words[1 + n :]
        self.commits.append(commands)
        for command in commands:
            if command[0] == "XADD" and command[1].endswith(":out:high"):
                assert self.view.apply(messages.decode(command[-1]))
            if command[0] == "HSET" and command[2] == "processors":
                self.saved = command[3]

    def texts(self) -> list[str]:
        told = [
            messages.decode(c[-1])
            for commit in self.commits
            for c in commit
            if c[0] == "XADD" and c[1].endswith("critical")
        ]
        return [message["text"] for message in told if message["type"] == "status"]


def cars(step: int, **columns: list[float]) -> tuple[str, str, Any]:
    n = len(next(iter(columns.values())))
    return "high", "frame", frame(step, {"cars": {"id": np.arange(n, dtype=np.uint32), **columns}})


def loads(*kw: float) -> tuple[str, str, Any]:
    names = [f"n{row}" for row in range(len(kw))]
    items = {"node": names, "load_kw": list(kw), "capacity_kw": [100.0] * len(kw)}
    return "normal", "events", {"type": "energy", "time_s": 1.0, "items": items}


def test_metrics_of_processors_come_with_the_frame_that_they_are_of() -> None:
    rig = Rig("statistics")
    rig.step(0.0, cars(1, x=[0.0, 1.0], speed=[2.0, 4.0]))
    assert rig.view.metrics["cars.speed_mean"] == 3.0


def test_what_a_processor_says_later_is_told_though_the_state_is_the_same() -> None:
    rig = Rig("statistics")
    rig.step(0.0, cars(1, x=[0.0], speed=[2.0]))
    rig.step(0.1, cars(2, x=[0.0], speed=[8.0]))
    assert rig.view.metrics["cars.speed_mean"] == 2.0, "it is not its turn yet"
    assert rig.desk.deadline() <= 0.5
    rig.step(0.5)
    assert rig.view.metrics["cars.speed_mean"] == 8.0
    commits = len(rig.commits)
    rig.step(0.9)
    rig.step(1.4)
    frames = [c for commit in rig.commits[commits:] for c in commit if c[0] == "XADD"]
    assert frames == [], "nothing has changed since"


def test_the_viewers_view_equals_the_filtered_state() -> None:
    rig = Rig("significance", x=1.0)
    seen = []
    for n in range(40):
        x = n * 0.13
        rig.step(n / 10, cars(n + 1, x=[x, -x, 5.0], y=[x, x, x]))
        column = rig.view.layers["cars"].column("x").data
        assert np.abs(column - [x, -x, 5.0]).max() < 1.0 + 0.05
        assert np.abs(rig.view.layers["cars"].column("y").data - x).max() <= 0.05 + 1e-6
        seen.append(float(column[0]))
    assert len(set(seen)) <= 6, "only what is significant is sent"


def test_an_alert_and_what_must_be_known_of_it_are_in_one_commit() -> None:
    rig = Rig("energy")
    rig.step(0.0, loads(50, 60))
    before = len(rig.commits)
    rig.step(0.3, loads(120, 60))
    (commit,) = rig.commits[before:]
    assert not any(c[0] == "HSET" and c[2] == "state" for c in commit), "it is no checkpoint"
    assert any(c[0] == "HSET" and c[2] == "processors" for c in commit)
    assert rig.texts() == ["energy: node n0 at 100% of the capacity or over"]
    later = Rig("energy", saved=rig.saved)
    later.step(10.0, loads(120, 60))
    later.step(10.3, loads(80, 60))
    assert later.texts() == ["energy: node n0 below 90% of the capacity again"]


def test_layers_that_processors_add_are_described() -> None:
    rig = Rig("congestion")
    ids = np.arange(6, dtype=np.uint32)
    for n in range(20):
        speed = np.full(6, 10.0 if n < 2 else 0.0)
        vehicles = {"id": ids, "x": ids + 0.5, "y": ids + 0.5, "speed": speed}
        rig.step(float(n), ("high", "frame", {"step": n, "time_s": n * 10.0, "layers": {"vehicles": vehicles}}))
    assert rig.view.layers["hotspots"].column("count").data.tolist() == [6]
    assert set(rig.desk.bulletin.info.layers["hotspots"]["columns"]) == {"x", "y", "speed", "count"}
