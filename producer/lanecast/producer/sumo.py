"""The SUMO producer: city traffic, live, steered by its viewers."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

import structlog

from lanecast.broker import keys
from lanecast.producer.pace import Pace
from lanecast.producer.params import Param
from lanecast.producer.run import Run
from lanecast.producer.sumo_world import World, find_scenario

REPORT_S: Final = 1.0
"""How often, in wall seconds, traffic events and metrics are published."""

TITLES: Final = {"cologne8": "Cologne, eight junctions", "ingolstadt21": "Ingolstadt, 21 junctions"}

log = structlog.get_logger()

W = TypeVar("W", bound=World)
W_contra = TypeVar("W_contra", bound=World, contravariant=True)


class Extras(Protocol[W_contra]):
    """What a producer shows besides traffic: parameters, and events once a second."""

    title: str
    kind: str
    params: dict[str, Param]
    metadata: dict[str, str | float | bool]

    def begin(self, world: W_contra, run: Run) -> None:
        """The run is open; nothing was simulated yet."""

    def report(self, world: W_contra, run: Run) -> None:
        """Publish the second behind us."""


def main(
    name: str = "cologne8",
    run_id: str | None = None,
    url: str | None = None,
    *,
    step_length_s: float = 0.1,
    step_rate: float = 20.0,
    demand_scale: float = 1.0,
    warm_up_s: float = 60.0,
    max_steps: int | None = None,
) -> None:
    """Simulate a scenario and publish it until a viewer stops it, or SIGTERM or SIGINT comes.

    Args:
        name: a scenario of `sumo-rl` (`cologne8`, `ingolstadt21`, …) or a path to a `.sumocfg` file.
        run_id: id of the run; default: the scenario's name, in characters that an id may have.
        url: of Redis or Valkey; default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0.
        step_length_s: simulation seconds of one step.
        step_rate: steps a second of wall time at the beginning: 20 of 0.1 s are twice real time.
        demand_scale: how many times the scenario's own traffic departs at the beginning.
        warm_up_s: simulation seconds that are simulated before anything is published.
        max_steps: end after so many steps; default: never.

    Raises:
        ScenarioNotFound: there is no such scenario, or libsumo is not installed.
    """
    config = find_scenario(name)
    run_id = run_id_of(run_id, config.stem)
    world = World(config, step_length_s=step_length_s, warm_up_s=warm_up_s)
    try:
        publish(world, config.stem, run_id, url, step_rate, demand_scale, max_steps)
    finally:
        world.close()


def run_id_of(wanted: str | None, scenario: str) -> str:
    """The run's id: the one that is wanted, or the scenario's name in characters that an id may have.

    Raises:
        InvalidMessage: the one that is wanted has others.
    """
    return keys.check_id(wanted or re.sub(r"[^A-Za-z0-9._-]+", "-", scenario).strip("._-")[:64] or "sumo")


def publish(
    world: W,
    scenario: str,
    run_id: str,
    url: str | None,
    step_rate: float,
    demand_scale: float,
    max_steps: int | None,
    *,
    extras: Extras[W] | None = None,
) -> None:
    """Publish a world until it is stopped; `extras`: what it shows besides traffic."""
    fastest = round(world.fastest, 2)
    params = {
        "step_rate": Param(float(step_rate), min=1, max=100, step=1, unit="steps/s", title="Steps per second"),
        "demand_scale": Param(float(demand_scale), min=0, max=10, step=0.1, unit="x", title="Traffic demand"),
        "speed_limit": Param(fastest, min=1, max=fastest, step=0.5, unit="m/s", title="Speed limit"),
    }
    run = Run(
        run_id,
        title=TITLES.get(scenario, f"SUMO: {scenario}") + (extras.title if extras is not None else ""),
        kind=extras.kind if extras is not None else "traffic",
        params=params | (extras.params if extras is not None else {}),
        metadata={
            "simulator": "SUMO", "scenario": scenario, "step_length_s": world.step_length_s,
            **(extras.metadata if extras is not None else {}),
        },
        url=url,
    )  # fmt: skip
    with _ended_by_signals(run), run:
        if extras is not None:
            extras.begin(world, run)
        _simulate(world, run, fastest, max_steps, extras)


def _simulate(world: W, run: Run, fastest: float, max_steps: int | None, extras: Extras[W] | None) -> None:
    run.scene(world.scene())
    pace = Pace(run.params["step_rate"], time.monotonic())
    run.on_param("step_rate", lambda rate: pace.change(rate, time.monotonic()))
    run.on_param("demand_scale", world.set_demand_scale)
    # The announced maximum is rounded: at it, every lane has its own limit again.
    run.on_param("speed_limit", lambda limit: world.set_speed_limit(limit if limit < fastest else world.fastest))
    world.set_demand_scale(run.params["demand_scale"])
    report = Report(world)
    while run.running() and (max_steps is None or world.step < max_steps):
        with run.phase("simulate"):
            again = world.advance()
        if again:
            run.status("info", f"the scenario begins again (episode {world.episode})", time_s=world.time_s)
        with run.phase("read"):
            layers = {"vehicles": world.vehicles(), "lights": world.lights()}
        with run.phase("publish"):
            run.frame(layers, step=world.step, time_s=world.time_s)
            if report.publish(run, layers["vehicles"], time.monotonic()) and extras is not None:
                extras.report(world, run)
        run.sleep(pace.wait_s(time.monotonic()))


class Report:
    """Once a second: traffic on the edges, and metrics of the second behind us."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_s = time.monotonic()
        self._step = world.step
        self._time_s = world.time_s

    def publish(self, run: Run, vehicles: dict[str, Any], now_s: float) -> bool:
        """Publish if it is time; whether it was."""
        world = self._world
        wall_s = now_s - self._at_s
        if wall_s < REPORT_S:
            return False
        values = world.metrics(vehicles) | {
            "steps_per_s": (world.step - self._step) / wall_s,
            "real_time_factor": (world.time_s - self._time_s) / wall_s,
        }
        self._at_s, self._step, self._time_s = now_s, world.step, world.time_s
        run.metrics(values)
        run.events("traffic", world.traffic())
        return True


@contextmanager
def _ended_by_signals(run: Run) -> Iterator[None]:
    """SIGTERM and SIGINT end the run in good order: `ended`, and everything buffered is sent."""
    before = {number: signal.signal(number, lambda *_: run.interrupt()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    import argparse

    from lanecast.broker import logs

    logs.configure()
    parser = argparse.ArgumentParser(description="Publish a SUMO scenario.")
    parser.add_argument("name", nargs="?", default="cologne8", help="scenario of sumo-rl, or a .sumocfg file")
    parser.add_argument("--run", dest="run_id", help="id of the run (default: the scenario's name)")
    parser.add_argument("--url", help="of Redis or Valkey (default: LANECAST_REDIS_URL)")
    parser.add_argument("--step-rate", type=float, default=20.0, help="steps a second of wall time")
    parser.add_argument("--demand-scale", type=float, default=1.0, help="times the scenario's own traffic")
    parser.add_argument("--max-steps", type=int, help="end after so many steps")
    arguments = vars(parser.parse_args())
    main(**arguments)
