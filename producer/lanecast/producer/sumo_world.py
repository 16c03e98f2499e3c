"""SUMO in this process, through libsumo: stepping, reading, and changing what viewers may change.

libsumo is one simulation per process; so is a `World`. Times are SUMO's own seconds; when a scenario ends and begins
again, `time_s` and `step` go on rising.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from lanecast.broker.errors import LanecastError
from lanecast.producer import sumo_scene

NOWHERE: Final = -1e8
"""SUMO gives vehicles that are not on the road (teleported ones) coordinates below this."""

log = structlog.get_logger()


class ScenarioNotFound(LanecastError):
    """There is no such scenario; the text lists those there are."""


def find_scenario(name: str) -> Path:
    """Path of a scenario: a `.sumocfg` file, or the name of one that the package `sumo-rl` brings along.

    Raises:
        ScenarioNotFound: neither a file nor a known name.
    """
    path = Path(name)
    if path.suffix == ".sumocfg":
        if path.is_file():
            return path
        raise ScenarioNotFound(f"there is no file {name}")
    found = {config.stem: config for folder in _networks() for config in folder.glob("*/*.sumocfg")}
    if name not in found:
        known = ", ".join(sorted(found)) or "none: `pip install 'lanecast[sumo]'` brings some"
        raise ScenarioNotFound(f"there is no scenario {name!r}; give a .sumocfg file or one of: {known}")
    return found[name]


def _networks() -> list[Path]:
    spec = importlib.util.find_spec("sumo_rl")  # only looked for: importing it would load far more than its maps
    return [Path(folder) / "nets" / "RESCO" for folder in (spec.submodule_search_locations or ())] if spec else []


class World:
    """One running scenario."""

    def __init__(self, config: Path, *, step_length_s: float, warm_up_s: float, seed: int = 42) -> None:
        """Start the scenario and simulate its first `warm_up_s` seconds, so that there is traffic at once.

        Raises:
            ScenarioNotFound: libsumo is not installed.
        """
        try:
            import libsumo
        except ImportError:
            raise ScenarioNotFound("libsumo is not installed: `pip install 'lanecast[sumo]'`") from None
        self._sumo: Any = libsumo
        self._command = [
            "sumo", "-c", str(config), "--step-length", str(step_length_s), "--seed", str(seed),
            "--no-step-log", "true", "--no-warnings", "true", "--duration-log.disable", "true",
            # Departures are scaled when they are loaded: SUMO's own 200 s ahead would make viewers wait.
            "--route-steps", "2",
        ]  # fmt: skip
        self._warm_up_s = warm_up_s
        self._variables: tuple[int, ...] = (
            libsumo.constants.VAR_POSITION, libsumo.constants.VAR_ANGLE, libsumo.constants.VAR_SPEED,
            *self._more_variables(libsumo.constants),
        )  # fmt: skip
        self.episode = 0
        self.step = 0
        self.arrived = 0
        self._offset_s = 0.0
        self._scale = 1.0
        self._limit: float | None = None
        self._lengths: dict[str, tuple[float, float, str]] = {}  # vehicle -> length m, width m, class
        self._busy_edges: set[str] = set()
        self._begin()

    def close(self) -> None:
        """End SUMO."""
        self._sumo.close()

    @property
    def time_s(self) -> float:
        """Simulation seconds: SUMO's own in the first episode, rising on in those that follow."""
        return float(self._offset_s + self._sumo.simulation.getTime())

    @property
    def fastest(self) -> float:
        """The highest speed limit of the network, in m/s."""
        return float(max(self._limits.values()))

    @property
    def step_length_s(self) -> float:
        """Simulation seconds that one step takes."""
        return float(self._sumo.simulation.getDeltaT())

    def scene(self) -> dict[str, Any]:
        """The static map, as the wire's `scene`."""
        return sumo_scene.roads(self._sumo)

    def advance(self) -> bool:
        """Simulate one step; True if the scenario had ended and has begun again."""
        simulation = self._sumo.simulation
        end_s = simulation.getEndTime()
        over = bool(simulation.getTime() >= end_s if end_s >= 0 else simulation.getMinExpectedNumber() <= 0)
        if over:
            last_s = self.time_s
            self._sumo.close()
            self._begin()
            self._offset_s = last_s - simulation.getTime()
        self._advance()
        self.step += 1
        return over

    def vehicles(self) -> dict[str, Any]:
        """Columns of the layer `vehicles`: `x`, `y` of the middle in metres, `angle` in degrees CCW, `speed` in m/s."""
        position, angle, speed = self._variables[:3]
        found = self._sumo.vehicle.getAllSubscriptionResults()
        rows = [
            (vehicle, *values[position], values[angle], values[speed], *self._lengths[vehicle])
            for vehicle, values in found.items()
            if values[position][0] > NOWHERE
        ]
        ids, xs, ys, angles, speeds, lengths, widths, kinds = zip(*rows, strict=True) if rows else [()] * 8
        heading = np.radians(90.0 - np.asarray(angles, np.float64))
        length = np.asarray(lengths, np.float32)
        return {
            "id": list(ids),
            # SUMO gives the middle of the front bumper.
            "x": (np.asarray(xs, np.float64) - np.cos(heading) * length / 2).astype(np.float32),
            "y": (np.asarray(ys, np.float64) - np.sin(heading) * length / 2).astype(np.float32),
            "angle": (np.degrees(heading) % 360).astype(np.float32),
            "speed": np.asarray(speeds, np.float32),
            "length": length,
            "width": np.asarray(widths, np.float32),
            "type": list(kinds),
        }

    def lights(self) -> dict[str, Any]:
        """Columns of the layer `lights`: one signal for each controlled link; `state` is SUMO's letter."""
        state = self._sumo.trafficlight.getRedYellowGreenState
        states = {light: state(light) for light in self._sumo.trafficlight.getIDList()}
        return {**self._light_columns, "state": [states[signal.light][signal.index] for signal in self._signals]}

    def traffic(self) -> dict[str, Any]:
        """Columns of a `traffic` event: every edge with vehicles, and once those that have become empty."""
        edge = self._sumo.edge
        busy = {name for name in self._edges if edge.getLastStepVehicleNumber(name)}
        told = sorted(busy | self._busy_edges)
        self._busy_edges = busy
        return {
            "edge": told,
            "mean_speed": _array(edge.getLastStepMeanSpeed(name) for name in told),
            "occupancy": np.clip(_array(edge.getLastStepOccupancy(name) for name in told), 0.0, 1.0),
        }

    def metrics(self, vehicles: dict[str, Any]) -> dict[str, float]:
        """Vehicles running and waiting (slower than 0.1 m/s), their mean speed in m/s, and arrivals so far."""
        speed = vehicles["speed"]
        return {
            "running": len(speed),
            "waiting": int((speed < 0.1).sum()),
            "mean_speed": float(speed.mean()) if len(speed) else 0.0,
            "arrived": self.arrived,
        }

    def set_demand_scale(self, scale: float) -> None:
        """Let `scale` times as many vehicles depart from now on."""
        self._scale = scale
        self._sumo.simulation.setScale(scale)

    def set_speed_limit(self, limit: float) -> None:
        """Let no lane allow more than `limit` m/s; at or over the fastest lane's own limit each has its own again."""
        self._limit = limit
        for lane, own in self._limits.items():
            self._sumo.lane.setMaxSpeed(lane, min(own, limit))

    def lane_limits(self) -> dict[str, float]:
        """The speed limit in force on each lane, in m/s."""
        return {lane: self._sumo.lane.getMaxSpeed(lane) for lane in self._limits}

    def _more_variables(self, constants: Any) -> tuple[int, ...]:
        """What else of every vehicle is read in each step, for subclasses."""
        del constants
        return ()

    def _departed(self, vehicle: str) -> None:
        """A vehicle is on the road now; for subclasses."""

    def _begin(self) -> None:
        sumo = self._sumo
        sumo.start(self._command)
        self.episode += 1
        self._edges = sumo_scene.edges(sumo)
        self._limits = {lane: sumo.lane.getMaxSpeed(lane) for lane in sumo.lane.getIDList()}
        self._signals = sumo_scene.signals(sumo)
        self._light_columns = {
            "id": [signal.id for signal in self._signals],
            "x": _array(signal.x for signal in self._signals),
            "y": _array(signal.y for signal in self._signals),
            "angle": _array(signal.angle for signal in self._signals),
        }
        self._lengths.clear()
        self.set_demand_scale(self._scale)
        if self._limit is not None:
            self.set_speed_limit(self._limit)
        steps = round(self._warm_up_s / self.step_length_s)
        for _ in range(steps):
            self._advance()
        log.info("warmed_up", simulated_s=self._warm_up_s, vehicles=len(self._lengths), episode=self.episode)

    def _advance(self) -> None:
        sumo = self._sumo
        sumo.simulationStep()
        for vehicle in sumo.simulation.getDepartedIDList():
            self._departed(vehicle)
            sumo.vehicle.subscribe(vehicle, self._variables)
            self._lengths[vehicle] = (
                sumo.vehicle.getLength(vehicle), sumo.vehicle.getWidth(vehicle), sumo.vehicle.getVehicleClass(vehicle),
            )  # fmt: skip
        arrived = sumo.simulation.getArrivedIDList()
        self.arrived += len(arrived)
        for vehicle in arrived:
            self._lengths.pop(vehicle, None)


def _array(values: Iterable[float]) -> NDArray[np.float32]:
    return np.fromiter(values, np.float32)
