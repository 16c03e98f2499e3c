"""The commands that look at what is in Redis: `runs`, `lag`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lanecast.ops import console, interrupt

RedisOption = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        help="Redis or Valkey; default: LANECAST_REDIS_URL, else of the `up` running in ./data.",
    ),
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Look")(runs)
    app.command(rich_help_panel="Look")(lag)


def runs(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of run infos as JSON.")] = False,
    forget: Annotated[
        str | None, typer.Option(metavar="RUN", help="Delete all that is kept of a run. It cannot be undone.")
    ] = None,
    redis: RedisOption = None,
) -> None:
    """List the runs, or forget one."""
    asyncio.run(_forget(forget, redis) if forget is not None else _runs(as_json, redis))


def lag(
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures once, as JSON.")] = False,
    every: Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds between two looks.")] = 1.0,
    check: Annotated[
        bool,
        typer.Option("--check", help="Look once; exit 1 if a critical lane is read too late."),
    ] = False,
    redis: RedisOption = None,
) -> None:
    """Show how far behind every reader is, in entries and in seconds. Ctrl-C ends it.

    `in:LANE` is what workers still have to read, `out:TIER` what each gateway has still to pass on.
    """
    late = False
    with contextlib.suppress(KeyboardInterrupt):
        late = interrupt.run(_lag(as_json, check, every, redis))
    if check and late:
        raise typer.Exit(1)


async def _runs(as_json: bool, redis: str | None) -> None:
    from lanecast.broker import keys
    from lanecast.broker import runs as directory

    async with opened(redis) as client:
        infos = await directory.listing(client)
        owners = [await client.hget(keys.lease(info.id), "owner") for info in infos]
    if as_json:
        console.print_json([info.to_dict() for info in infos])
        return
    if not infos:
        console.out.print("There are no runs. Start one: lanecast up --demo cologne8")
        return
    table = Table("run", "title", "state", "kind", "layers", "changed", "worker", box=None, header_style="dim")
    for info, owner in zip(infos, owners, strict=True):
        changed = _ago(time.time() - info.updated_ms / 1000) if info.updated_ms else "never"
        cells = (info.id, info.title, info.state, info.kind, ", ".join(info.layers), changed, (owner or b"").decode())
        table.add_row(*(escape(cell) for cell in cells))
    console.out.print(table)


async def _forget(run: str, redis: str | None) -> None:
    from lanecast.broker import runs as directory
    from lanecast.broker.errors import UnknownRun
    from lanecast.broker.keys import check_id

    check_id(run)
    async with opened(redis) as client:
        info = await directory.get(client, run)
        if info is None:
            raise UnknownRun(run)
        await directory.forget(client, run)
    console.out.print(f"Forgot {run}.")


async def _lag(as_json: bool, check: bool, every_s: float, redis: str | None) -> bool:
    """Show the lag; whether a living reader of a critical lane is over its limit."""
    from rich.live import Live

    from lanecast.broker.connect import TRANSIENT

    async with opened(redis) as client:
        rows = await _measure(client)
        if as_json:
            console.print_json(rows)
        elif check:
            console.out.print(_lag_table(rows))
        if as_json or check:
            return any(row["over"] and row["alive"] and row["stream"].endswith(":critical") for row in rows)
        with Live(_lag_table(rows), console=console.out, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(every_s)
                try:
                    live.update(_lag_table(await _measure(client)), refresh=True)
                except TRANSIENT as error:
                    live.update(f"no answer from Redis: {escape(str(error))}", refresh=True)


async def _measure(client: Any) -> list[dict[str, Any]]:
    from lanecast.broker import lag as measuring
    from lanecast.broker import runs as directory

    return [row.to_dict() for row in await measuring.of_runs(client, await directory.registered(client))]


def _lag_table(rows: list[dict[str, Any]]) -> Table | str:
    if not rows:
        return "Nothing is read: there are no runs."
    table = Table("run", "stream", "reader", box=None, header_style="dim")
    table.add_column("entries", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("")
    for row in rows:
        style = "dim" if not row["alive"] else "red" if row["over"] else "yellow" if row["age_s"] > 1 else ""
        mark = "gone" if not row["alive"] else "over its limit" if row["over"] else ""
        entries = f"{row['entries']:,}{'+' if row['at_least'] else ''}"
        cells = (row["run"], row["stream"], row["reader"])
        table.add_row(*(escape(cell) for cell in cells), entries, f"{row['age_s']:.2f}", mark, style=style)
    return table


@contextlib.asynccontextmanager
async def opened(redis: str | None) -> AsyncIterator[Any]:
    """A client of the server that a command is meant for, checked to be one that Lanecast works with."""
    from lanecast.broker.connect import check_server, connect
    from lanecast.ops.settings import redis_url

    client = connect(redis_url(redis))
    try:
        await check_server(client)
        yield client
    finally:
        await client.aclose()


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
