"""A KiCad board as arrays: what is to be placed, what is connected, where. In mm, y up, angles counter-clockwise."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DEMO = "usr/share/kicad/demos/complex_hierarchy/complex_hierarchy.kicad_pcb"
INSTALLED = Path("/") / DEMO
CACHE = Path(__file__).parent.parent / "build" / "kicad"
CLEARANCE = 0.3
TOKEN = re.compile(r'[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+')

Node = list[Any]
"""`(name value … (name …) …)` of a KiCad file: strings and nodes, the name first."""


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
    board = _parse(path.read_text("utf-8"))
    refs, modules, centres, sizes, angles = [], [], [], [], []
    pads: list[tuple[int, float, float, str]] = []
    for index, footprint in enumerate([*_all(board, "footprint"), *_all(board, "module")]):
        properties = {node[1]: node[2] for node in _all(footprint, "property") if len(node) > 2}
        texts = {node[1]: node[2] for node in _all(footprint, "fp_text")}
        refs.append(_unique(texts.get("reference") or properties.get("Reference", f"U{index}"), refs))
        modules.append(properties.get("Sheetname") or "root")
        low, high = _courtyard(footprint)
        middle = (low + high) / 2
        x, y, *turned = _numbers(footprint, "at")
        angle = turned[0] if turned else 0.0
        centres.append(np.array([x, -y]) + rotated(middle[None], [angle])[0])
        sizes.append(high - low)
        angles.append(angle % 360)
        for pad in _all(footprint, "pad"):
            net = next(_all(pad, "net"), [])[-1:]
            if net and net[0]:
                x, y, *_ = _numbers(pad, "at")
                pads.append((index, x - middle[0], -y - middle[1], net[0]))
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


def _parse(text: str) -> Node:
    """A KiCad file as nested lists.

    Raises:
        ValueError: its brackets do not match.
    """
    top: Node = []
    stack = [top]
    for word in TOKEN.findall(text):
        if word == "(":
            node: Node = []
            stack[-1].append(node)
            stack.append(node)
        elif word == ")" and len(stack) > 1:
            stack.pop()
        else:
            stack[-1].append(re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word)
    if len(stack) != 1 or len(top) != 1:
        raise ValueError("not a KiCad file: its brackets do not match")
    return top[0]


def _all(node: Node, name: str) -> Iterator[Node]:
    return (part for part in node if isinstance(part, list) and part and part[0] == name)


def _numbers(node: Node, name: str) -> list[float]:
    """What `(name 1 2 …)` in a node says; nothing if there is none. Flags such as `unlocked` are left out."""
    found = next(_all(node, name), [])
    return [float(word) for word in found[1:] if isinstance(word, str) and re.fullmatch(r"[-+.\deE]+", word)]


def _is_on(node: Node, layer: str) -> bool:
    return any(layer in name for part in _all(node, "layer") for name in part[1:])


def _courtyard(footprint: Node) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the smallest rectangle around courtyard and pads, y up."""
    points: list[tuple[float, float]] = []
    for item in footprint:
        if not (isinstance(item, list) and item[0].startswith("fp_") and _is_on(item, "CrtYd")):
            continue
        if centre := _numbers(item, "center"):
            reach = math.dist(centre, _numbers(item, "end"))
            points += [(centre[0] - reach, centre[1] - reach), (centre[0] + reach, centre[1] + reach)]
        else:
            points += [(end[0], end[1]) for end in (_numbers(item, "start"), _numbers(item, "end")) if end]
    for pad in _all(footprint, "pad"):
        half = max(_numbers(pad, "size")) / 2
        x, y, *_ = _numbers(pad, "at")
        points += [(x - half, y - half), (x + half, y + half)]
    array = np.array(points or [(-1.0, -1.0), (1.0, 1.0)]) * (1, -1)
    return array.min(axis=0) - CLEARANCE / 2, array.max(axis=0) + CLEARANCE / 2


def _outline(board: Node) -> np.ndarray:
    """The corners of the lines on Edge.Cuts, one after the other."""
    lines = [
        ((start[0], -start[1]), (end[0], -end[1]))
        for item in board
        if isinstance(item, list) and item[0] in ("gr_line", "gr_arc", "gr_rect") and _is_on(item, "Edge.Cuts")
        if (start := _numbers(item, "start")) and (end := _numbers(item, "end"))
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
