"""What one run may hold at most, so that a producer gone wild harms nobody but itself. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a run's state.

    Attributes:
        layers: how many.
        cells: entities times columns, over all layers; a cell takes 8 bytes or less.
        strings: different strings in use in one column.
        metrics: named numbers.
        producers: that are remembered; the one silent for longest is forgotten first.
        info_bytes: the run's info as JSON; every viewer gets it.
    """

    layers: int = 64
    cells: int = 16_000_000
    strings: int = 200_000
    metrics: int = 1_024
    producers: int = 64
    info_bytes: int = 128 * 1024


DEFAULT: Final = Limits()
