"""A smart city: SUMO's traffic with the energy that it takes, and the waste bins along its roads.

| event | where the figures come from |
|---|---|
| `traffic` | SUMO: mean speed and occupancy of every edge |
| `energy` | SUMO's own model of electric vehicles (the emission class `Energy/unknown`, which a share of the vehicles that depart is given): power drawn and recuperated, summed up around the nearest junction with lights. Capacities are assumed |
| `waste` | a model, see `waste` |
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.producer import sumo
from lanecast.producer.adapters.waste import Bins
from lanecast.producer.params import Param
from lanecast.producer.run import Run
from lanecast.producer.sumo_world import NOWHERE, World, find_scenario

KW: Final = 3.6
"""SUMO gives Wh a second of simulated time; one is 3.6 kW."""
CAPACITY_KW: Final = 400.0
"""Assumed for every node: no scenario says what its grid can bear."""
ELECTRIC: Final = "Energy/unknown"
MOST_BINS: Final = 60


class CityWorld(World):
    """SUMO with electric vehicles among the others, and what they take around each node."""

    def __init__(
        self, config: Path, *, step_length_s: float, warm_up_s: float, electric_share: float = 0.3, seed: int = 42
    ) -> None:
        """As `World`; `electric_share` (0 to 1): of the vehicles that depart."""
        self.electric_share = electric_share
        self._chance = random.Random(seed)
        self._electric: set[str] = set()
        self._drawn: NDArray[np.float64] = np.zeros(0)
        self._recuperated: NDArray[np.float64] = np.zeros(0)
        self._measured = 0
        super().__init__(config, step_length_s=step_length_s, warm_up_s=warm_up_s, seed=seed)

    @property
    def nodes(self) -> list[str]:
        """The junctions with lights, which stand for the nodes of the grid; one for all where there are none."""
        return sorted({signal.light for signal in self._signals}) or ["city"]

    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`x` and `y` of the nodes in metres: the middle of each junction's stop lines."""
        points = [[(s.x, s.y) for s in self._signals if s.light == node] for node in self.nodes]
        if not points[0]:
            (x0, y0), (x1, y1) = self._sumo.simulation.getNetBoundary()
            points = [[((x0 + x1) / 2, (y0 + y1) / 2)]]
        middles = np.asarray([np.mean(part, axis=0) for part in points])
        return middles[:, 0], middles[:, 1]

    def measure(self) -> None:
        """Add what electric vehicles take and give back now to the nodes nearest to them; once a step."""
        xs, ys = self._node_places
        if len(self._drawn) != len(xs):
            self._drawn, self._recuperated, self._measured = np.zeros(len(xs)), np.zeros(len(xs)), 0
        position, power = self._variables[0], self._variables[3]
        found = self._sumo.vehicle.getAllSubscriptionResults()
        rows = [
            (*values[position], values[power] * KW)
            for vehicle, values in found.items()
            if vehicle in self._electric and values[position][0] > NOWHERE
        ]
        self._measured += 1
        if rows:
            x, y, kw = np.asarray(rows).T[[0, 1, -1]]
            nearest = ((x[:, None] - xs) ** 2 + (y[:, None] - ys) ** 2).argmin(axis=1)
            np.add.at(self._drawn, nearest, np.maximum(kw, 0.0))
            np.add.at(self._recuperated, nearest, np.maximum(-kw, 0.0))

    def take_energy(self) -> dict[str, Any]:
        """Columns of an `energy` event: mean power since the last time this was asked for, all nodes."""
        steps = max(1, self._measured)
        xs, ys = self._node_places
        drawn, given = self._drawn / steps, self._recuperated / steps
        self._drawn, self._recuperated, self._measured = np.zeros(len(xs)), np.zeros(len(xs)), 0
        return {
            "node": self.nodes,
            "load_kw": drawn if len(drawn) else np.zeros(len(xs)),
            "generation_kw": given if len(given) else np.zeros(len(xs)),
            "capacity_kw": np.full(len(xs), CAPACITY_KW),
            "x": xs,
            "y": ys,
        }

    def advance(self) -> bool:
        """Simulate one step and measure; True if the scenario had ended and has begun again."""
        again = super().advance()
        self.measure()
        return again

    def _more_variables(self, constants: Any) -> tuple[int, ...]:
        return (constants.VAR_ELECTRICITYCONSUMPTION,)

    def _departed(self, vehicle: str) -> None:
        if self._chance.random() < self.electric_share:
            self._sumo.vehicle.setEmissionClass(vehicle, ELECTRIC)
            self._electric.add(vehicle)

    def _begin(self) -> None:
        self._electric.clear()
        super()._begin()
        self._node_places = self.places()


class Services:
    """Energy and waste, beside the traffic of `sumo.publish`."""

    title = " (smart city)"
    kind = "city"

    def __init__(self, world: CityWorld) -> None:
        """Nothing is published before `begin`."""
        self.params = {
            "electric_share": Param(
                float(world.electric_share), min=0, max=1, step=0.05, title="Electric vehicles among those that depart"
            ),
            "waste_per_hour": Param(6.0, min=0, max=120, step=1, unit="1/h", title="How often a bin fills up"),
        }
        self.metadata: dict[str, str | float | bool] = {
            "energy": "SUMO's model of electric vehicles; capacities are assumed",
            "waste": "a model of bins and one truck",
        }
        self._time_s = world.time_s

    def begin(self, world: CityWorld, run: Run) -> None:
        """Set up the bins, and say the units."""
        names, xs, ys = bins_along(world.scene())
        self._bins = Bins(names, xs, ys, per_hour=run.params["waste_per_hour"])
        run.on_param("waste_per_hour", lambda per_hour: setattr(self._bins, "per_hour", per_hour))
        run.on_param("electric_share", lambda share: setattr(world, "electric_share", share))
        run.schema({"energy": {"load_kw": "kW", "generation_kw": "kW", "capacity_kw": "kW"}})

    def report(self, world: CityWorld, run: Run) -> None:
        """Publish the second behind us."""
        self._bins.advance(world.time_s - self._time_s)
        self._time_s = world.time_s
        run.events("energy", world.take_energy(), time_s=world.time_s)
        run.events("waste", self._bins.take_events(), time_s=world.time_s)


def bins_along(scene: dict[str, Any]) -> tuple[list[str], NDArray[Any], NDArray[Any]]:
    """Names and places of bins: at the middle point of every so manieth road of a scene, `MOST_BINS` at most."""
    lines = scene["lines"]
    points = np.asarray(lines["points"], np.float64).reshape(-1, 2)
    ends = np.append(lines["starts"], len(points)).astype(int)
    middles = (ends[:-1] + np.diff(ends) // 2).astype(int)
    chosen = middles[:: max(1, -(-len(middles) // MOST_BINS))]
    return [f"bin-{n}" for n in range(1, len(chosen) + 1)], points[chosen, 0], points[chosen, 1]


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
    electric_share: float = 0.3,
) -> None:
    """Publish a city until it is stopped; arguments and errors as for `sumo.main`."""
    config = find_scenario(name)
    run_id = sumo.run_id_of(run_id, f"{config.stem}-city")
    world = CityWorld(config, step_length_s=step_length_s, warm_up_s=warm_up_s, electric_share=electric_share)
    try:
        sumo.publish(world, config.stem, run_id, url, step_rate, demand_scale, max_steps, extras=Services(world))
    finally:
        world.close()
