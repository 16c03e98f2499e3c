"""What a command says when it cannot go on: one line with the remedy, never a traceback."""

from __future__ import annotations

from lanecast.broker.errors import LanecastError


class Problem(LanecastError):
    """A command cannot do what it was asked to; the text says why and what to do about it.

    `hint`, if any, is the remedy, shown on a line of its own.
    """

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint
