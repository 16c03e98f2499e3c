"""Where commands write: results on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller: Rich would end the process."""
        raise BrokenPipeError


out: Final = _Console(highlight=False, soft_wrap=True)
err: Final = _Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One value as one line of JSON on standard output, sent at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_problem(error: Exception) -> None:
    """What went wrong, and the remedy if the error has a `hint`."""
    err.print(f"[bold red]lanecast:[/] {escape(str(error))}")
    hint = getattr(error, "hint", "")
    if hint:
        err.print(f"  {escape(hint)}")
