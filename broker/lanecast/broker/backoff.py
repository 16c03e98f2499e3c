"""How long to wait before a server is tried again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits that double from `first_s` to `longest_s`, with jitter: a thousand clients do not come back at once."""

    first_s: float = 0.05
    longest_s: float = 1.0
    _next_s: float = field(default=0.0, init=False)

    def next_s(self) -> float:
        """Seconds to wait now."""
        self._next_s = min(self.longest_s, self._next_s * 2 or self.first_s)
        return self._next_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went well: begin with the shortest wait next time."""
        self._next_s = 0.0
