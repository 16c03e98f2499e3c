"""A synthetic source for the dashboard's bench and for looking at it: made-up entities through the real path.

    python web/bench/source.py moving --entities 10000 --hz 25 --seconds 60
    python web/bench/source.py optimizer
    python web/bench/source.py driving

Its runs say in their titles that they are synthetic.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from lanecast.producer import Run

AREA_M = 2000.0
MODULES = ("power", "processor", "memory", "radio", "sensors", "connectors")
TYPES = ("car", "truck", "bicycle", "pedestrian")


class Moving:
    """Entities on circles of their own, all of them moving with every frame."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(7)
        self.kind = "city"
        self.title = f"Synthetic: {count:,} moving entities"
        self.id = np.arange(count, dtype="u4")
        self.centre = rng.uniform(0, AREA_M, (2, count))
        self.radius = rng.uniform(20, 120, count)
        self.speed = rng.uniform(4, 14, count)
        self.phase = rng.uniform(0, 2 * np.pi, count)

    def layers(self, time_s: float) -> dict[str, Any]:
        """The frame at a simulation time, in columns."""
        turn = self.phase + self.speed / self.radius * time_s
        return {
            "vehicles": {
                "id": self.id,
                "x": (self.centre[0] + self.radius * np.cos(turn)).astype("f4"),
                "y": (self.centre[1] + self.radius * np.sin(turn)).astype("f4"),
                "angle": (np.degrees(turn + np.pi / 2) % 360).astype("f4"),
                "speed": self.speed.astype("f4"),
            }
        }

    def metrics(self, time_s: float) -> dict[str, float]:
        """Its figures."""
        return {"running": float(len(self.id)), "mean_speed": float(self.speed.mean()) + np.sin(time_s)}


class Optimizer:
    """Components of a board that settle under forces."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(3)
        self.kind = "optimizer"
        self.title = f"Synthetic: {count} components"
        self.count = count
        columns = int(np.ceil(np.sqrt(count)))
        self.goal = np.stack([np.arange(count) % columns, np.arange(count) // columns]) * 14.0 + 10
        self.start = rng.uniform(0, columns * 14.0, (2, count))
        self.size = rng.uniform(4, 12, (2, count))
        self.angle = rng.choice([0.0, 90.0, 30.0, 45.0], count)
        self.side = columns * 14.0 + 8

    def scene(self) -> dict[str, Any]:
        """The static map."""
        side = self.side
        return {
            "kind": "board",
            "bounds": [0, 0, side, side],
            "areas": {"points": [0, 0, side, 0, side, side, 0, side], "starts": [0]},
        }

    def layers(self, time_s: float) -> dict[str, Any]:
        """The frame at a simulation time, in columns."""
        left = np.exp(-(time_s % 20) / 5)
        place = self.goal + (self.start - self.goal) * left
        force = (self.goal - place) * 0.8
        names = [f"U{i + 1}" for i in range(self.count)]
        where = {"id": names, "x": place[0].tolist(), "y": place[1].tolist()}
        return {
            "components": {
                **where,
                "angle": (self.angle + 60 * left).tolist(),
                "length": self.size[0].tolist(),
                "width": self.size[1].tolist(),
                "module": [MODULES[i % len(MODULES)] for i in range(self.count)],
            },
            "forces": {**where, "fx": force[0].tolist(), "fy": force[1].tolist()},
        }

    def metrics(self, time_s: float) -> dict[str, float]:
        """Its figures."""
        left = float(np.exp(-(time_s % 20) / 5))
        return {"energy": 900 * left + 12, "wire_length": 4000 * left + 2100, "iteration": time_s * 10}


class Driving:
    """A vehicle on a bend, what it tracks, and where it plans to go."""

    kind = "driving"
    title = "Synthetic: driving"

    def __init__(self, count: int) -> None:
        self.count = count
        self.rng = np.random.default_rng(5)

    @staticmethod
    def road(s: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
        """x, y and direction (degrees) at `s` metres along the ring."""
        turn = s / 150.0
        return 150 * np.sin(turn), 150 * (1 - np.cos(turn)), np.degrees(turn) % 360

    def scene(self) -> dict[str, Any]:
        """The static map."""
        x, y, _ = self.road(np.linspace(0, 2 * np.pi * 150, 120))
        points = np.stack([x, y]).T.ravel().round(2).tolist()
        lines = {"points": points, "starts": [0], "width": [12.0], "id": ["ring"]}
        return {"kind": "roads", "bounds": [-160, -10, 160, 310], "lines": lines}

    def layers(self, time_s: float) -> dict[str, Any]:
        """The frame at a simulation time, in columns."""
        s = 12.0 * time_s
        x, y, angle = self.road(np.array([s]))
        others = s + np.linspace(-80, 120, self.count) + 8 * np.sin(time_s / 3 + np.arange(self.count))
        ox, oy, oa = self.road(others)
        px, py, _ = self.road(np.linspace(s, s + 60, 16))
        ids = list(range(self.count))
        return {
            "ego": {"id": [0], "x": x.tolist(), "y": y.tolist(), "angle": angle.tolist(), "speed": [12.0],
                    "length": [4.8], "width": [2.0]},
            "objects": {"id": ids, "x": (ox + 3.5 * np.cos(np.radians(oa + 90))).tolist(),
                        "y": (oy + 3.5 * np.sin(np.radians(oa + 90))).tolist(), "angle": oa.tolist(),
                        "speed": [10.0 + i % 4 for i in ids], "length": [4.5 if i % 4 else 9.0 for i in ids],
                        "width": [1.9] * self.count, "type": [TYPES[i % 4] for i in ids]},
            "trajectory": {"id": list(range(16)), "x": px.tolist(), "y": py.tolist(), "path": [0] * 16},
        }  # fmt: skip

    def metrics(self, time_s: float) -> dict[str, float]:
        """Its figures."""
        return {"speed": 12.0, "objects": float(self.count), "clearance": 8 + 3 * float(np.sin(time_s))}


SCENES: dict[str, tuple[Any, int]] = {
    "moving": (Moving, 10_000),
    "optimizer": (Optimizer, 60),
    "driving": (Driving, 12),
}


def main() -> None:
    """Publish until stopped, or for so many seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("--run")
    parser.add_argument("--entities", type=int)
    parser.add_argument("--hz", type=float, default=25.0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    args = parser.parse_args()
    made, count = SCENES[args.scene]
    source = made(args.entities or count)
    with Run(args.run or args.scene, title=source.title, kind=source.kind, metadata={"synthetic": True}) as run:
        if hasattr(source, "scene"):
            run.scene(source.scene())
        began = time.monotonic()
        time_s = 0.0
        frame = 0
        while run.running() and time.monotonic() - began < args.seconds:
            time_s += 1 / args.hz
            frame += 1
            run.frame(source.layers(time_s), time_s=time_s)
            if frame % int(args.hz) == 0:
                run.metrics(source.metrics(time_s))
            run.sleep(1 / args.hz)


if __name__ == "__main__":
    main()
