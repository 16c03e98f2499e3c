"""What each hop was measured to cost: from the files that benches left, else from those shipped in `costs.json`.

A figure never comes without its origin: which bench, on what machine, when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from lanecast.broker.tiers import TIERS
from lanecast.ops.capacity.model import Costs
from lanecast.ops.problem import Problem

USUAL_SIZE: Final = 1024
"""Bytes of a frame in `lanecast bench fanout`, unless it is told otherwise."""


class Figure(msgspec.Struct):
    """One measured cost. `at` is a date, `machine` what `lanecast bench` says of it."""

    value: float
    unit: str
    source: str
    machine: str
    at: str


@dataclass(frozen=True, slots=True)
class Known:
    """The costs, and name -> figure of each of them (`entity_bytes.TIER` for those of the tiers)."""

    costs: Costs
    figures: dict[str, Figure]


def load(folder: Path) -> Known:
    """The figures of a folder of bench results; what is not there is taken from those shipped.

    Raises:
        Problem: a file there cannot be read, or is not what a bench writes.
    """
    figures = shipped()
    for name, read in READERS.items():
        path = folder / f"{name}.json"
        try:
            found = msgspec.json.decode(path.read_bytes())
            values = read(found["rows"], figures)
            origin = (f"bench {name}", str(found["machine"]), str(found["at"])[:10])
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise Problem(
                f"{path} is not what `lanecast bench {name}` writes: {error!r}",
                "Run that again, or name another folder with --figures (it may be empty).",
            ) from None
        for which, value in values.items():
            figures[which] = Figure(value, figures[which].unit, *origin)
    return Known(_costs(figures), figures)


def shipped() -> dict[str, Figure]:
    """The figures that come with Lanecast."""
    text = resources.files(__package__).joinpath("costs.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Figure])


def _costs(figures: Mapping[str, Figure]) -> Costs:
    flat = {name: figure.value for name, figure in figures.items() if "." not in name}
    return Costs(entity_bytes={tier: figures[f"entity_bytes.{tier}"].value for tier in TIERS}, **flat)


def _fanout(rows: list[dict[str, Any]], figures: Mapping[str, Figure]) -> dict[str, float]:
    ours = {word: row for row in rows for word in ("native", "python") if f"{word} writer" in row["server"]}
    row = ours.get("native") or ours["python"]
    bytes_us = USUAL_SIZE * figures["delivery_byte_ns"].value / 1e3
    return {
        "delivery_us": max(0.1, float(row["cpu_us_per_delivery"]) - bytes_us),
        "viewer_bytes": float(row["bytes_per_idle_viewer"]),
    }


def _bytes(rows: list[dict[str, Any]], _: Mapping[str, Figure]) -> dict[str, float]:
    return {f"entity_bytes.{row['tier']}": float(row["bytes"]) for row in rows}


def _worker(rows: list[dict[str, Any]], _: Mapping[str, Figure]) -> dict[str, float]:
    """The line through the smallest frame of a thousand entities or more, and the largest."""
    points = sorted(
        (row["entities"], row["entities"] / row["updates_per_core_s"] * 1e6) for row in rows if row["entities"] >= 1_000
    )
    (n, low_us), (m, high_us) = points[0], points[-1]
    entity_us = max(0.0, (high_us - low_us) / (m - n))
    return {"worker_entity_us": entity_us, "worker_frame_us": max(0.0, low_us - n * entity_us)}


READERS: Final[dict[str, Callable[[list[dict[str, Any]], Mapping[str, Figure]], dict[str, float]]]] = {
    "fanout": _fanout,
    "bytes": _bytes,
    "worker": _worker,
}
"""Bench -> what its rows say."""
