"""What a job is. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage

Report = Callable[[int, int, str], Awaitable[None]]
"""Takes done, of how many (0: nobody knows), and a word for people."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a job has to work with.

    Attributes:
        client: an asyncio client of the runs' Redis.
        args: what the caller gave, by name.
        progress: tells how far the job is; may be called as often as one likes.
    """

    client: Any
    args: Mapping[str, Any]
    progress: Report


Result = dict[str, Any]
"""Plain values that fit JSON."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        name: as in `lanecast jobs run NAME`.
        about: one line for people.
        work: does it, and returns the result. Cancelled by `asyncio.CancelledError` wherever it awaits. It must bear to
            be run again after half of it was done, and at the same time by somebody else.
        every_min: how often it runs by itself, minutes (a divisor of 60); 0: only when asked for.
        timeout_s: it is cancelled after so long.
        defaults: its arguments and their values when nothing else is said; no others are taken.
    """

    name: str
    about: str
    work: Callable[[Context], Awaitable[Result]]
    every_min: int
    timeout_s: float
    defaults: Mapping[str, float | str]

    @property
    def minutes(self) -> set[int]:
        """The minutes of an hour in which it runs by itself."""
        return set(range(0, 60, self.every_min)) if self.every_min else set()

    def with_args(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments to run with.

        Raises:
            InvalidMessage: one is not the job's, or of another type.
        """
        for name, value in given.items():
            if name not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise InvalidMessage(f"args.{name}", f"job {self.name!r} has no such argument; it has: {known}")
            if isinstance(self.defaults[name], str) is not isinstance(value, str):
                wanted = "a string" if isinstance(self.defaults[name], str) else "a number"
                raise InvalidMessage(f"args.{name}", f"expected {wanted}, got {value!r:.60}")
        return {**self.defaults, **given}


JOBS: Final[dict[str, Job]] = {}
"""All jobs that this process knows."""


def job(
    name: str, about: str, *, every_min: int = 0, timeout_s: float = 60.0, **defaults: float | str
) -> Callable[[Callable[[Context], Awaitable[Result]]], Callable[[Context], Awaitable[Result]]]:
    """Register a function as a job; see `Job`.

    Raises:
        ValueError: there is one of this name, or the minutes do not divide an hour.
    """
    if name in JOBS:
        raise ValueError(f"there is a job {name!r} already")
    if every_min and 60 % every_min:
        raise ValueError(f"every_min {every_min} does not divide 60")

    def register(work: Callable[[Context], Awaitable[Result]]) -> Callable[[Context], Awaitable[Result]]:
        JOBS[name] = Job(name, about, work, every_min, timeout_s, defaults)
        return work

    return register
