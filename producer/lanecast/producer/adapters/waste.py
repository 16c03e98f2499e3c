"""Waste bins of a city. A model, not a measurement: pure, and the same for the same seed.

Each bin fills at a rate of its own, from `SLOWEST` to `FASTEST` times `per_hour`. A truck is called once a bin is over
`CALL_AT`, empties the fullest one, and needs `TRIP_S` seconds for each.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CALL_AT: Final = 0.85
TRIP_S: Final = 45.0
SLOWEST, FASTEST = 0.3, 2.0


class Bins:
    """Bins at fixed places, and the truck that empties them."""

    def __init__(self, names: list[str], xs: NDArray[Any], ys: NDArray[Any], *, per_hour: float, seed: int = 1) -> None:
        """`xs`, `ys`: metres, one for each name; `per_hour`: how often an average bin fills up in an hour."""
        rng = np.random.default_rng(seed)
        self.per_hour = per_hour
        self.collections = 0
        self._names, self._xs, self._ys = names, xs.astype(np.float32), ys.astype(np.float32)
        self._pace = rng.uniform(SLOWEST, FASTEST, len(names))
        self._fill = rng.uniform(0.0, 0.7, len(names))
        self._collected = np.zeros(len(names), bool)
        self._rng = rng
        self._free_in_s = 0.0

    def advance(self, seconds: float) -> None:
        """Let so much simulation time pass."""
        if not len(self._fill) or seconds <= 0:
            return
        noise = self._rng.uniform(0.5, 1.5, len(self._fill))
        self._fill = np.minimum(1.0, self._fill + self._pace * noise * self.per_hour * seconds / 3600)
        self._free_in_s -= seconds
        while self._free_in_s <= 0:
            fullest = int(self._fill.argmax())
            if self._fill[fullest] < CALL_AT:
                self._free_in_s = 0.0
                return
            self._fill[fullest] = 0.0
            self._collected[fullest] = True
            self.collections += 1
            self._free_in_s += TRIP_S

    def take_events(self) -> dict[str, Any]:
        """Columns of a `waste` event, all bins; `collected`: since the last time this was asked for."""
        collected, self._collected = self._collected, np.zeros(len(self._fill), bool)
        return {"bin": self._names, "fill": self._fill.copy(), "collected": collected, "x": self._xs, "y": self._ys}
