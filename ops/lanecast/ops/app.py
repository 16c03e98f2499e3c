"""The Typer application: puts the commands together and turns errors into one clear line.

Exit status: 0 ok, 1 a problem, 2 wrong usage, 130 ended by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
import typer.core

from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import LanecastError
from lanecast.ops.commands import bench, capacity, dead, doctor, inspect, jobs, run, token, view
from lanecast.ops.console import print_problem
from lanecast.ops.problem import Problem


class Commands(typer.core.TyperGroup):
    """Says what went wrong instead of showing a traceback, for everything that a user can cause and mend."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LanecastError as error:
            print_problem(error)
        except BrokenPipeError:  # whoever read our output has had enough (`… | head`)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except TRANSIENT as error:
            print_problem(Problem(f"Redis does not answer: {error}", "`lanecast doctor` looks into it."))
        except ValueError as error:
            from lanecast.ops.settings import explained  # it imports pydantic, which takes its time

            problem = explained(error)
            if problem is None:
                raise
            print_problem(problem)
        raise typer.Exit(1)


app = typer.Typer(
    name="lanecast",
    cls=Commands,
    help="Cast live simulations to thousands of viewers, and let them steer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)

for group in (run, jobs, token, view, inspect, dead, doctor, bench, capacity):
    group.add(app)
