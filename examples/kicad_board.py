"""A KiCad board as arrays: what is to be placed, what is connected, where. In mm, y up, angles counter-clockwise."""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kiutils.board import Board as KicadBoard

DEMO = "usr/share/kicad/demos/complex_hierarchy/complex_hierarchy.kicad_pcb"
INSTALLED = Path("/") / DEMO
CACHE = Path(__file__).parent.parent / "build" / "kicad"
CLEARANCE = 0.3


@dataclass(frozen=True)
class Board:
    """A board with n components and p pads.

    Attributes:
        refs: n names, such as `R12`.
        modules: n names of the sheet that each comes from.
        centres, sizes: (n, 2), of the courtyards as they lie at angle 0; sizes along x and y.
        angles: (n,) degrees.
        outline: (k, 2) corners, in order.
        pad_component: (p,) which component a pad belongs to.
        pad_offsets: (p, 2) from the component's centre, at angle 0.
        pad_net: (p,) number of its net, 0 to nets - 1.
    """

    refs: list[str]
    modules: list[str]
    centres: np.ndarray
    sizes: np.ndarray
    angles: np.ndarray
    outline: np.ndarray
    pad_component: np.ndarray
    pad_offsets: np.ndarray
    pad_net: np.ndarray
    nets: int


def find_demo() -> Path:
    """The board of Debian's package `kicad-demos`: installed, unpacked before, or downloaded by apt and unpacked.

    Raises:
        FileNotFoundError: it cannot be had here; the text says what to do.
    """
    for path in (INSTALLED, CACHE / DEMO):
        if path.exists():
            return path
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "-q", "kicad-demos"], cwd=CACHE, check=True, capture_output=True)
        package = next(CACHE.glob("kicad-demos_*.deb"))
        subprocess.run(["dpkg", "-x", package.name, "."], cwd=CACHE, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        raise FileNotFoundError(
            f"no demo board ({error}): `apt-get install kicad-demos`, or name a .kicad_pcb with --board"
        ) from None
    return CACHE / DEMO


def read_board(path: Path) -> Board:
    """Read a .kicad_pcb.

    Raises:
        ValueError: it has no components or no outline of lines.
    """
    board = KicadBoard.from_file(str(path))
    refs, modules, centres, sizes, angles = [], [], [], [], []
    pads: list[tuple[int, float, float, str]] = []
    for index, footprint in enumerate(board.footprints):
        texts = {item.type: item.text for item in footprint.graphicItems if hasattr(item, "type")}
        refs.append(_unique(texts.get("reference") or footprint.properties.get("Reference", f"U{index}"), refs))
        modules.append(footprint.properties.get("Sheetname") or "root")
        low, high = _courtyard(footprint)
        middle = (low + high) / 2
        angle = float(footprint.position.angle or 0.0)
        centres.append(np.array([footprint.position.X, -footprint.position.Y]) + rotated(middle[None], [angle])[0])
        sizes.append(high - low)
        angles.append(angle % 360)
        pads += [
            (index, pad.position.X - middle[0], -pad.position.Y - middle[1], pad.net.name)
            for pad in footprint.pads
            if pad.net is not None and pad.net.name
        ]
    outline = _outline(board)
    if not refs or len(outline) < 3:
        raise ValueError(f"{path}: {len(refs)} components, an outline of {len(outline)} corners: nothing to place")
    counts: dict[str, int] = {}
    for *_, net in pads:
        counts[net] = counts.get(net, 0) + 1
    numbers = {net: number for number, net in enumerate(net for net, count in counts.items() if count > 1)}
    pads = [pad for pad in pads if pad[3] in numbers]
    return Board(
        refs, modules, np.array(centres), np.array(sizes), np.array(angles), outline,
        np.array([pad[0] for pad in pads], dtype=int),
        np.array([pad[1:3] for pad in pads], dtype=float).reshape(-1, 2),
        np.array([numbers[pad[3]] for pad in pads], dtype=int),
        len(numbers),
    )  # fmt: skip


def rotated(points: np.ndarray, degrees: np.ndarray | list[float]) -> np.ndarray:
    """Points (n, 2), each turned by its angle counter-clockwise around the origin."""
    turn = np.radians(np.asarray(degrees, dtype=float))
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], axis=1)


def _courtyard(footprint: Any) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the smallest rectangle around courtyard and pads, y up."""
    points: list[tuple[float, float]] = []
    for item in footprint.graphicItems:
        if "CrtYd" in (getattr(item, "layer", None) or ""):
            if hasattr(item, "center"):
                reach = math.dist((item.center.X, item.center.Y), (item.end.X, item.end.Y))
                points += [
                    (item.center.X - reach, item.center.Y - reach),
                    (item.center.X + reach, item.center.Y + reach),
                ]
            else:
                points += [(end.X, end.Y) for end in (getattr(item, "start", None), getattr(item, "end", None)) if end]
    for pad in footprint.pads:
        half = max(pad.size.X, pad.size.Y) / 2
        points += [(pad.position.X - half, pad.position.Y - half), (pad.position.X + half, pad.position.Y + half)]
    array = np.array(points or [(-1.0, -1.0), (1.0, 1.0)]) * (1, -1)
    return array.min(axis=0) - CLEARANCE / 2, array.max(axis=0) + CLEARANCE / 2


def _outline(board: KicadBoard) -> np.ndarray:
    """The corners of the lines on Edge.Cuts, one after the other."""
    lines = [
        ((item.start.X, -item.start.Y), (item.end.X, -item.end.Y))
        for item in board.graphicItems
        if getattr(item, "layer", "") == "Edge.Cuts" and hasattr(item, "start") and hasattr(item, "end")
    ]
    if not lines:
        return np.empty((0, 2))
    corners = list(lines.pop(0))
    while lines:
        ends = [(math.dist(corners[-1], line[end]), number, end) for number, line in enumerate(lines) for end in (0, 1)]
        _, number, end = min(ends)
        corners.append(lines.pop(number)[1 - end])
    return np.array(corners[:-1] if math.dist(corners[0], corners[-1]) < 0.1 else corners)


def _unique(ref: str, known: list[str]) -> str:
    return ref if ref not in known else f"{ref}.{len(known)}"
