"""The command that measures: `bench`."""

from __future__ import annotations

import importlib
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from lanecast.ops import console
from lanecast.ops.bench import BENCHES
from lanecast.ops.problem import Problem

FOLDER: Final = Path("build/bench")


def add(app: typer.Typer) -> None:
    """Add the command."""
    known = (
        "; ".join(f"`{name}`: {what}" for name, what in BENCHES.items())
        + "; `page`: docs/benchmarks.md from what was measured"
    )
    app.command(rich_help_panel="Look", help=f"{bench.__doc__}\n\n{known}.")(bench)


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    quick: Annotated[bool, typer.Option("--quick", help="End within a minute; figures vary more.")] = False,
    viewers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Where there are any: how many.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, metavar="HZ", help="Where it can be chosen: frames a second.")
    ] = None,
    size: Annotated[int | None, typer.Option(min=64, metavar="BYTES", help="fanout: of a frame.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, metavar="S", help="Of one round, or of the whole.")] = None,
    peers: Annotated[str | None, typer.Option(metavar="A,B", help="fanout: which; default all installed.")] = None,
    only: Annotated[str | None, typer.Option(metavar="A,B", help="all: which of them.")] = None,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where NAME.json and NAME.md are written.")] = FOLDER,
) -> None:
    """Measure on this machine, against what is to be held; status 1 if a check fails."""
    import msgspec

    from lanecast.ops.bench import machine
    from lanecast.ops.bench.result import Result, to_markdown

    if name == "page":
        from lanecast.ops.bench import page

        console.err.print(f"written to {page.write(folder)}", style="dim")
        return
    if name not in BENCHES:
        raise Problem(f"there is no bench {name!r}", f"Known: {', '.join(BENCHES)}, page.")
    given = {"viewers": viewers, "rate": rate, "size": size, "seconds": seconds, "peers": peers, "only": only}
    options: dict[str, Any] = {option: value for option, value in given.items() if value is not None}
    measure = importlib.import_module(f"lanecast.ops.bench.{name}").measure
    known = inspect.signature(measure).parameters.keys()
    if strange := options.keys() - known:
        raise Problem(f"the bench {name!r} takes no --{min(strange)}")
    if "folder" in known:
        options["folder"] = folder
    measured: Result = measure(quick, **options)
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
                    "passed": all(check.passed for check in measured.checks),
                    "rows": measured.rows,
                    **({} if measured.totals is None else {"totals": measured.totals}),
                }
            )
        )
        + b"\n"
    )
    (folder / f"{name}.md").write_text(to_markdown(measured.rows))
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
