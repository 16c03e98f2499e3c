"""The commands for messages that could not be handled: `dead list`, `show`, `requeue`, `drop`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lanecast.ops import console
from lanecast.ops.commands.inspect import RedisOption, opened
from lanecast.ops.problem import Problem

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `dead list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every dead letter that the run has now.")]

_WHY = {
    "missing": "no such dead letter (any more)",
    "cut": "only a part of the message was kept: it can be dropped only",
    "full": "the lane is full: try again when a worker has read it",
    "unknown": "it names no lane: it can be dropped only",
}


def add(app: typer.Typer) -> None:
    """Add the commands."""
    dead = typer.Typer(
        help="Messages that could not be handled: look at them, put them back, or away.", no_args_is_help=True
    )
    dead.command("list")(list_letters)
    dead.command()(show)
    dead.command()(requeue)
    dead.command()(drop)
    app.add_typer(dead, name="dead", rich_help_panel="Look")


def list_letters(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Of this run only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of dead letters as JSON.")] = False,
    redis: RedisOption = None,
) -> None:
    """List the messages that could not be handled, with the reasons, oldest first."""
    asyncio.run(_list(run, as_json, redis))


def show(
    run: Run,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `dead list` shows it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    redis: RedisOption = None,
) -> None:
    """Show one of them with its fields and, where it can be decoded, its payload."""
    asyncio.run(_show(run, letter_id, as_json, redis))


def requeue(run: Run, ids: Ids = None, everything: All = False, redis: RedisOption = None) -> None:
    """Put messages back onto their lanes, once what made them fail is mended.

    Each comes after what is on its lane already, with its fields but without its number: it is no duplicate.
    """
    asyncio.run(_take("requeue", run, ids or [], everything, redis))


def drop(run: Run, ids: Ids = None, everything: All = False, redis: RedisOption = None) -> None:
    """Delete messages for good."""
    asyncio.run(_take("drop", run, ids or [], everything, redis))


async def _list(run: str | None, as_json: bool, redis: str | None) -> None:
    from lanecast.broker import dead, keys
    from lanecast.broker import runs as directory

    if run is not None:
        keys.check_id(run)
    async with opened(redis) as client:
        names = await directory.registered(client) if run is None else [run]
        rows = [letter.to_dict() for name in names async for letter in dead.letters(client, name)]
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        console.out.print("There are no dead letters.")
        return
    table = Table("run", "lane", "id", "kind", "when", "reason", box=None, header_style="dim")
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["at_ms"] / 1000))
        reason = f"{row['reason']}{' (cut)' if row['cut'] else ''}"
        table.add_row(*(escape(cell) for cell in (row["run"], row["lane"], row["id"], row["kind"], when, reason)))
    console.out.print(table)


async def _show(run: str, letter_id: str, as_json: bool, redis: str | None) -> None:
    from lanecast.broker import dead, keys

    keys.check_id(run)
    async with opened(redis) as client:
        letter = await dead.get(client, run, letter_id)
    if letter is None:
        raise Problem(f"run {run!r} has no dead letter {letter_id}", f"`lanecast dead list {run}` shows what there is.")
    shown = letter.to_dict()
    shown["fields"] = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in letter.fields.items()
        if name != b"data"
    }
    shown["payload"] = _plain(letter.payload())
    if as_json:
        console.print_json(shown)
        return
    import msgspec

    fields, payload = shown.pop("fields"), shown.pop("payload")
    for name, value in [*shown.items(), *((f"field {name}", value) for name, value in fields.items())]:
        console.out.print(f"[dim]{escape(name):<14}[/] {escape(str(value))}")
    if payload is None:
        data = letter.fields.get(b"data", b"")
        console.out.print(f"[dim]{'payload':<14}[/] not readable; it begins with {escape(repr(data[:80]))}")
    else:
        console.out.print(f"[dim]{'payload':<14}[/] {escape(msgspec.json.encode(payload).decode())}")


async def _take(action: str, run: str, ids: list[str], everything: bool, redis: str | None) -> None:
    from lanecast.broker import dead, keys

    keys.check_id(run)
    if bool(ids) == everything:
        raise typer.BadParameter(f"name the ids to {action}, or give --all")
    async with opened(redis) as client:
        if everything:
            ids = [letter.id async for letter in dead.letters(client, run)]
        done: Counter[str] = await (dead.requeue if action == "requeue" else dead.drop)(client, run, ids)
    console.out.print(f"{'Requeued' if action == 'requeue' else 'Dropped'} {done['done']} of {len(ids)}.")
    for status in sorted(done.keys() - {"done"}):
        console.err.print(f"{done[status]} left: {_WHY[status]}")
    if done["done"] < len(ids):
        raise typer.Exit(1)


def _plain(value: Any) -> Any:
    """A payload as JSON can tell it: of binary, its length and its beginning."""
    if isinstance(value, bytes):
        return f"binary, {len(value):,} bytes: {value[:16].hex(' ')}{' …' if len(value) > 16 else ''}"
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
