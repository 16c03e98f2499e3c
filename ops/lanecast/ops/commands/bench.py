"""The command that measures: `bench`."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from lanecast.ops import console
from lanecast.ops.bench import BENCHES
from lanecast.ops.problem import Problem

FOLDER: Final = Path("build/bench")


def add(app: typer.Typer) -> None:
    """Add the command."""
    known = "; ".join(f"`{name}`: {what}" for name, what in BENCHES.items())
    app.command(rich_help_panel="Look", help=f"{bench.__doc__}\n\n{known}.")(bench)


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    quick: Annotated[bool, typer.Option("--quick", help="End within a minute; figures vary more.")] = False,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where NAME.json is written.")] = FOLDER,
) -> None:
    """Measure on this machine, against what is to be held; status 1 if a check fails."""
    import msgspec

    from lanecast.ops.bench import machine
    from lanecast.ops.bench.result import Result

    if name not in BENCHES:
        raise Problem(f"there is no bench {name!r}", f"Known: {', '.join(BENCHES)}.")
    measured: Result = importlib.import_module(f"lanecast.ops.bench.{name}").measure(quick)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(
        msgspec.json.format(
            msgspec.json.encode(
                {
                    "name": name,
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "machine": machine.describe(),
                    "versions": machine.versions(),
                    "quick": quick,
                    "checks": measured.checks,
                    "rows": measured.rows,
                }
            )
        )
        + b"\n"
    )
    _show(measured.rows)
    for check in measured.checks:
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        console.out.print(f"{mark} {check.what}: {check.value:,.3g} {check.unit} ({check.sense} {check.limit:,g})")
    console.err.print(f"written to {path}", style="dim")
    if not all(check.passed for check in measured.checks):
        raise typer.Exit(1)


def _show(rows: list[dict[str, object]]) -> None:
    table = Table(box=None, header_style="dim")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int | float) else str(v) for v in row.values()))
    console.out.print(table)
