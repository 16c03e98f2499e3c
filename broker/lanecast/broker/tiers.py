"""The five quality tiers. Pure data: what a tier means for images and for state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tier:
    """One quality profile.

    Attributes:
        name: as in the output stream's key and in the viewer protocol.
        image_quality: JPEG quality, 0 to 1.
        image_scale: of width and height.
        fps: the most frames a second.
        position_step: quantum of `x`, `y` and `z` in scene units; 0 means exact float32.
        angle_step: quantum of `angle` in degrees; 0 means exact float32.
        speed_step: quantum of `speed` and `mean_speed` in m/s; 0 means exact float32.
        value_bits: any other float column is cut to this many bits of its largest magnitude; 0 means exact.
        cells: a layer of more points than this is shown as at most so many square cells; 0 means never.
        leaves_out: kinds of layers that are not shown, in this order: `vectors` (with `fx` and `fy`), `paths` (`path`).

    A quantum's error bound is half of it.
    """

    name: str
    image_quality: float
    image_scale: float
    fps: float
    position_step: float
    angle_step: float
    speed_step: float
    value_bits: int
    cells: int = 0
    leaves_out: tuple[str, ...] = ()


ULTRA_LOW: Final = Tier("ultra_low", 0.25, 0.50, 10, 1.0, 360 / 64, 1.0, 6, 400, ("vectors", "paths"))
LOW: Final = Tier("low", 0.40, 0.65, 15, 0.5, 360 / 128, 0.5, 8, 0, ("vectors",))
MEDIUM: Final = Tier("medium", 0.60, 0.80, 20, 0.2, 360 / 256, 0.2, 10)
HIGH: Final = Tier("high", 0.75, 0.90, 25, 0.1, 360 / 256, 0.1, 12)
ULTRA: Final = Tier("ultra", 0.90, 1.00, 30, 0.0, 0.0, 0.0, 0)

TIERS: Final[dict[str, Tier]] = {tier.name: tier for tier in (ULTRA_LOW, LOW, MEDIUM, HIGH, ULTRA)}
"""From the smallest to the best."""

SERVED: Final[tuple[str, ...]] = tuple(TIERS)
"""The tiers that workers render, each only while somebody watches it, from the smallest to the best."""
