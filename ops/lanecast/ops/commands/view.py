"""The commands of viewers and publishers: `watch`, `publish`."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Annotated

import typer

from lanecast.ops import console, interrupt


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Look")(watch)
    app.command(rich_help_panel="Run")(publish)


def watch(
    run: Annotated[str, typer.Argument(metavar="RUN", help="`lanecast runs` lists them.")],
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Of a gateway; default: LANECAST_URL, else http://127.0.0.1:8080.")
    ] = None,
    tier: Annotated[str, typer.Option(help="low, high, or auto: the gateway chooses.")] = "auto",
    frames: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after so many frames.")] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object a line: run, offset, step, time_s, age_ms, tier, layers."),
    ] = False,
) -> None:
    """Watch a run through a gateway, as the dashboard does. Ctrl-C ends it.

    Comes back by itself when the connection is cut, and says so. A token for a gateway that wants one is taken from
    LANECAST_TOKEN. With --json each layer is an object of columns: {"vehicles": {"id": [...], "x": [...], ...}}.
    """
    from lanecast.broker.keys import check_id
    from lanecast.broker.tiers import TIERS

    check_id(run)
    if tier != "auto" and tier not in TIERS:
        raise typer.BadParameter(f"{tier!r} is not one of auto, {', '.join(TIERS)}", param_hint="--tier")
    with contextlib.suppress(KeyboardInterrupt):
        interrupt.run(_watch(run, url, tier, frames, as_json))


async def _watch(run: str, url: str | None, tier: str, frames: int | None, as_json: bool) -> None:
    from rich.live import Live

    from lanecast.ops import viewer
    from lanecast.ops.screen import Screen
    from lanecast.ops.session import Session
    from lanecast.ops.settings import OpsSettings, gateway_url

    token = OpsSettings().token
    session = Session(run, tier, None if token is None else token.get_secret_value())
    screen = Screen(session)
    left = frames
    live = Live(console=console.out, auto_refresh=False, screen=False) if not as_json else contextlib.nullcontext()
    source = viewer.watch(gateway_url(url), session, patient=False)
    with live as picture:
        async with contextlib.aclosing(source):
            async for taken in source:
                if isinstance(taken, str):
                    screen.link = f"connection lost: {taken}; trying again"
                    if as_json:
                        console.err.print(screen.link, markup=False)
                else:
                    screen.link = "connected"
                    if taken.message is not None:
                        screen.note(taken.message)
                    if taken.frame:
                        screen.frames.append(time.time())
                        if as_json:
                            console.print_json(session.record(time.time() * 1000))
                        left = None if left is None else left - 1
                if picture is not None:
                    picture.update(screen.render(time.time()), refresh=True)
                if left == 0:
                    return


def publish(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run to publish to; it is registered if it is new.")],
    redis: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Redis or Valkey; default: LANECAST_REDIS_URL, else of the `up` running in ./data."
        ),
    ] = None,
) -> None:
    """Publish lines of JSON from standard input.

    Each line is a frame, such as {"step": 1, "time_s": 0.1, "layers": {"points": [{"id": 1, "x": 0, "y": 0}]}}, or
    names its kind: {"kind": "metrics", "data": {...}}. producer/spec/README.md describes the kinds and their payloads.
    """
    from lanecast.broker.keys import check_id
    from lanecast.ops.settings import redis_url
    from lanecast.producer.publish import publish_lines

    check_id(run)
    if sys.stdin.isatty():
        console.err.print("Reading lines of JSON; Ctrl-D ends.", style="dim")
    report = publish_lines(run, sys.stdin, redis_url(redis))
    published = ", ".join(f"{count} {kind}" for kind, count in report.published.items()) or "nothing"
    console.err.print(f"published {published}{f'; {report.refused} refused' if report.refused else ''}", style="dim")
    if report.exit_status:
        raise typer.Exit(report.exit_status)
