"""Every error that Lanecast raises on purpose.

LanecastError
├── InvalidMessage        a payload, field or argument is not what the wire says; names the field
│   └── TooLarge          it is over a limit; carries both numbers
├── Unavailable           Redis cannot be reached or refuses to work; the remedy is in the text
├── Fenced                somebody newer has taken over; stop writing
└── UnknownRun            there is no such run
"""

from __future__ import annotations


class LanecastError(Exception):
    """The root: catch this to catch everything Lanecast raises on purpose."""


class InvalidMessage(LanecastError):
    """Input is not what the wire asks for.

    `field` is a dotted path (`layers.vehicles.x`), `problem` says what was expected and what came, and
    `cause` is a short stable word under which it is counted.
    """

    cause = "invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class TooLarge(InvalidMessage):
    """Input is over a limit."""

    cause = "too_large"

    def __init__(self, field: str, size: int, limit: int, unit: str = "bytes") -> None:
        super().__init__(field, f"{size:,} {unit}, the limit is {limit:,}")
        self.size = size
        self.limit = limit


class Unavailable(LanecastError):
    """Redis (or Valkey) cannot be reached, or is too old."""


class Fenced(LanecastError):
    """A newer owner or producer exists; whoever gets this must stop writing.

    `held` is the epoch that the caller holds, `current` the one in force (0: nobody's).
    """

    def __init__(self, what: str, held: int, current: int) -> None:
        super().__init__(f"{what}: epoch {held} is fenced off, epoch {current} is in force")
        self.held = held
        self.current = current


class UnknownRun(LanecastError):
    """The run is not registered."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run!r} is not registered; `lanecast runs` lists those that are")
        self.run = run
