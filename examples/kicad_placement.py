"""Places the components of a real KiCad board by forces, live: `python examples/kicad_placement.py`.

Nets pull their pads together, courtyards push each other apart, the outline holds everything in. Viewers pause it,
stop it, and change how strong each force is. It ends with its result in one HTML file, all frames in it.
Needs `pip install 'lanecast[server,embedded,examples]'`; the board is that of Debian's `kicad-demos`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from kicad_board import Board, find_demo, read_board, rotated

from lanecast.producer import Param
from lanecast.producer.optimizer import StreamingVisualizer

PARAMS = {
    "attraction": Param(1.0, min=0, max=5, title="Attraction along nets"),
    "repulsion": Param(4.0, min=0, max=20, title="Repulsion of overlaps"),
    "step": Param(0.08, min=0.005, max=0.2, title="Step"),
}
PULL = 0.3
"""So strong is a net's pull beside a push at attraction 1 and repulsion 1."""
CALM_MM = 0.02
MARGIN_MM = 0.15
JOLT_MM = 3.0
PHASES = {"spread": 0.40, "pack": 0.30, "legalize": 0.30}
"""Name -> share of all iterations."""


@dataclass
class Measure:
    """Of one placement: `wire_length` is the half perimeter of all nets in mm, `overlaps` counts pairs."""

    energy: float
    wire_length: float
    overlaps: int


class Placer:
    """Moves components by the forces on them; (n, 2) arrays in mm."""

    def __init__(self, board: Board, seed: int = 1) -> None:
        self.board = board
        self.low, self.high = board.outline.min(axis=0), board.outline.max(axis=0)
        random = np.random.default_rng(seed)
        middle, spread = (self.low + self.high) / 2, (self.high - self.low) / 5
        self.positions = middle + random.normal(size=board.centres.shape) * spread
        self.angles = random.choice([0.0, 90.0, 180.0, 270.0], size=len(board.refs))
        self.forces = np.zeros_like(self.positions)
        self.random = random
        self.jammed = np.zeros(len(board.refs), dtype=bool)

    def iterate(
        self, attraction: float, repulsion: float, step: float, phase: str, progress: float
    ) -> tuple[float, Measure]:
        """One step; returns the furthest move in mm, and what was measured before it.

        While they spread, components pass through one another nearly freely, so that nets find their order; then the
        push grows with `progress` (0 to 1, of the whole run), and at the end what is left of overlaps is resolved.
        """
        if phase != "spread":
            self.angles = np.round(self.angles / 90) * 90 % 360
        pull, torque, pull_energy, wire_length = self._pull()
        push, push_energy, overlaps = self._push(MARGIN_MM if phase == "legalize" else 0.0)
        firm = {"spread": 0.01 * 20 ** (progress / 0.45), "pack": min(1.0, 0.2 * 5 ** ((progress - 0.45) / 0.35))}
        loose = max(0.0, 0.98 - progress) * 0.5 if phase == "legalize" else 1.0
        self.forces = attraction * PULL * loose * pull + firm.get(phase, 1.0) * repulsion * push + 4.0 * self._inward()
        move = step * self.forces
        if phase == "legalize" and progress < 0.95:  # what is wedged in between others needs a jolt
            jolt = self.random.normal(size=move.shape) * JOLT_MM * (1 - progress)
            move += jolt * self.jammed[:, None]
        longest = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-12)
        move *= np.minimum(1.0, 3.0 / longest)
        self.positions = self.positions + move
        if phase == "spread":
            self.angles = (self.angles + np.clip(step * attraction * torque, -6, 6)) % 360
        energy = attraction * PULL * pull_energy + repulsion * push_energy
        return float(np.linalg.norm(move, axis=1).max()), Measure(energy, wire_length, overlaps)

    def _pull(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Each pad towards the middle of its net: forces, torques in degrees, energy, half perimeters."""
        board = self.board
        arms = rotated(board.pad_offsets, self.angles[board.pad_component])
        pads = self.positions[board.pad_component] + arms
        count = np.bincount(board.pad_net, minlength=board.nets)
        middles = np.stack([np.bincount(board.pad_net, pads[:, axis], board.nets) / count for axis in (0, 1)], axis=1)
        # A net of many pads (ground) would else pull everything into one heap.
        pulls = (middles[board.pad_net] - pads) / np.sqrt(count[board.pad_net] - 1)[:, None]
        forces = np.zeros_like(self.positions)
        np.add.at(forces, board.pad_component, pulls)
        torques = np.bincount(board.pad_component, arms[:, 0] * pulls[:, 1] - arms[:, 1] * pulls[:, 0], len(board.refs))
        reach = np.zeros((board.nets, 2))
        for axis in (0, 1):
            high, low = np.full(board.nets, -np.inf), np.full(board.nets, np.inf)
            np.maximum.at(high, board.pad_net, pads[:, axis])
            np.minimum.at(low, board.pad_net, pads[:, axis])
            reach[:, axis] = high - low
        inertia = np.maximum((board.sizes**2).sum(axis=1) / 12, 1.0)
        return forces, np.degrees(torques / inertia) * 0.2, float((pulls**2).sum() / 2), float(reach.sum())

    def extents(self) -> np.ndarray:
        """(n, 2) half sides of the upright rectangle around each turned component."""
        turn = np.radians(self.angles)
        cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
        width, height = self.board.sizes.T
        return np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2

    def _push(self, margin: float) -> tuple[np.ndarray, float, int]:
        """Pairs that overlap, or are closer than `margin` mm, apart along the shorter way: forces, energy, pairs."""
        half = self.extents()
        apart = self.positions[:, None] - self.positions[None]
        depth = half[:, None] + half[None] - np.abs(apart)
        least = np.maximum(depth.min(axis=2) + margin, 0.0)
        np.fill_diagonal(least, 0.0)
        along_x = depth[..., 0] < depth[..., 1]
        # Two in the very same place have no direction: their order gives one.
        order = np.sign(np.subtract.outer(np.arange(len(half)), np.arange(len(half))))
        side = np.where(apart == 0, order[..., None], np.sign(apart))
        push = np.stack([least * along_x * side[..., 0], least * ~along_x * side[..., 1]], axis=2)
        self.jammed = (least > margin + 1e-3).any(axis=1)
        return push.sum(axis=1), float((least**2).sum() / 4), int((least > margin + 1e-3).sum() // 2)

    def _inward(self) -> np.ndarray:
        half = self.extents()
        return np.maximum(self.low + half - self.positions, 0) - np.maximum(self.positions + half - self.high, 0)


def phase_of(iteration: int, iterations: int) -> str:
    """The phase that an iteration (from 1) belongs to."""
    share, last = 0.0, ""
    for last, part in PHASES.items():
        share += part
        if iteration <= share * iterations + 1e-9:
            return last
    return last


def components_of(placer: Placer) -> dict[str, object]:
    """What is shown."""
    board = placer.board
    return {
        "id": board.refs,
        "x": placer.positions[:, 0],
        "y": placer.positions[:, 1],
        "angle": placer.angles,
        "length": board.sizes[:, 0],
        "width": board.sizes[:, 1],
        "module": board.modules,
    }


def place(viz: StreamingVisualizer, placer: Placer, iterations: int, pace_s: float) -> Measure | None:
    """Run until it is done or stopped; returns the last measure."""
    measure = None
    for iteration in range(1, iterations + 1):
        if viz.is_paused:
            viz.wait_resume()
        if viz.is_stop_requested:
            viz.send_status("warning", f"stopped by a viewer at iteration {iteration}")
            break
        phase = phase_of(iteration, iterations)
        values: Mapping[str, float] = viz.params
        max_move, measure = placer.iterate(
            values["attraction"], values["repulsion"], values["step"], phase, iteration / iterations
        )
        viz.capture_and_stream(
            "", iteration, phase, None, dict(zip(placer.board.refs, placer.forces.tolist(), strict=True)),
            measure.energy, max_move, measure.overlaps, measure.wire_length, components_of(placer),
            force_frame=iteration == iterations,
        )  # fmt: skip
        if phase == "legalize" and not measure.overlaps and max_move < CALM_MM and iteration > 0.97 * iterations:
            break
        time.sleep(pace_s)
    else:
        iteration = iterations
    if measure is not None:
        text = f"{iteration} iterations: {measure.wire_length:.0f} mm of wire, {measure.overlaps} overlaps"
        viz.send_status("complete", text)
    return measure


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Place a KiCad board by forces, live.")
    parser.add_argument("--board", type=Path, help="a .kicad_pcb; default: the demo board of kicad-demos")
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--pace", type=float, default=0.03, help="seconds to wait between iterations")
    parser.add_argument("--linger", type=float, default=3.0, help="seconds to go on serving after the end")
    parser.add_argument("--export", type=Path, default=Path("kicad_placement.html"), help="the final export")
    parser.add_argument("--redis", help="a running server, instead of an embedded one")
    parser.add_argument("--gateway", help="its gateway, http://host:port")
    args = parser.parse_args()
    try:
        board = read_board(args.board or find_demo())
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    viz = StreamingVisualizer(
        "kicad-placement", "KiCad placement", redis_url=args.redis, gateway_url=args.gateway,
        outline=board.outline.tolist(), params=PARAMS,
        metadata={"components": len(board.refs), "nets": board.nets},
    )  # fmt: skip
    with viz.start_streaming():
        print(f"viewer     {viz.get_viewer_url()}\ndashboard  {viz.get_dashboard_url()}", flush=True)
        try:
            print(place(viz, Placer(board), args.iterations, args.pace), flush=True)
            time.sleep(args.linger)
        except KeyboardInterrupt:
            viz.send_status("warning", "ended by Ctrl-C")
        print(f"all frames {viz.export_html(args.export)}\n{viz.get_server_stats()}")


if __name__ == "__main__":
    main()
