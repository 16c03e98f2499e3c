"""The commands about the installation itself: `doctor`, `version`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from lanecast.ops import console


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Look")(doctor)
    app.command(rich_help_panel="Look")(version)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of findings as JSON.")] = False,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", help="Also look at this Redis or Valkey; default: LANECAST_REDIS_URL.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port that a gateway is to have.")] = 8080,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data folder that `up` is to have.")] = Path("data"),
) -> None:
    """Examine this machine and say what to mend. Exit status 1 if there is a problem."""
    from lanecast.ops.examine import PROBLEM, WARNING, examine
    from lanecast.ops.settings import OpsSettings

    findings = asyncio.run(examine(redis or OpsSettings().redis_url, port, data))
    problems = sum(finding.status == PROBLEM for finding in findings)
    if as_json:
        console.print_json([finding.to_dict() for finding in findings])
    else:
        marks = {PROBLEM: "[bold red]✗ problem[/]", WARNING: "[yellow]! warning[/]"}
        for finding in findings:
            mark = marks.get(finding.status, "[green]✓ ok[/]     ")
            console.out.print(f"{mark}  {escape(f'{finding.name:<19}')} {escape(finding.text)}")
            if finding.remedy:
                console.out.print(f"{'':<32}[cyan]{escape(finding.remedy)}[/]")
        warnings = sum(finding.status == WARNING for finding in findings)
        console.out.print(f"{problems} problem(s), {warnings} warning(s)")
    if problems:
        raise typer.Exit(1)


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    console.out.print(f"lanecast {installed('lanecast')}")
