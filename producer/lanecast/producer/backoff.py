"""How long to wait before trying a server again. Pure."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.05
LONGEST_S: Final = 1.0


class Backoff:
    """Waits that double from 50 ms to 1 s, with jitter, so that a thousand producers do not come back at once."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next_s(self) -> float:
        """Seconds to wait now."""
        wait_s = self._next_s * random.uniform(0.5, 1.0)
        self._next_s = min(LONGEST_S, self._next_s * 2)
        return wait_s

    def reset(self) -> None:
        """It went well: begin with the shortest wait next time."""
        self._next_s = FIRST_S
