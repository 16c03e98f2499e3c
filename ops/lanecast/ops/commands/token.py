"""The command that makes tokens: `token`."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from lanecast.ops.problem import Problem


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Run")(token)


def token(
    user: Annotated[str, typer.Option(metavar="NAME", help="Who it is for; named in the log of commands.")],
    role: Annotated[str, typer.Option(help="viewer, controller, publisher or admin.")] = "viewer",
    runs: Annotated[str, typer.Option(metavar="RUN,…", help="What it is about; `*`: every run.")] = "*",
    hours: Annotated[float, typer.Option(min=0.01, max=8760, help="How long it is valid.")] = 12.0,
) -> None:
    """Make a token for a gateway that asks for one, and print it.

    It is signed with LANECAST_SECRET, the secret of the gateways. A viewer pastes it into the page; `lanecast watch`
    takes it from LANECAST_TOKEN; a script sends it as `Authorization: Bearer TOKEN`.
    """
    import jwt

    from lanecast.broker.keys import check_id
    from lanecast.gateway.access import AUDIENCE, RIGHTS
    from lanecast.gateway.settings import GatewaySettings

    key = GatewaySettings().key
    if key is None:
        raise Problem(
            "LANECAST_SECRET is not set, and a token is signed with it",
            "Set it as for the gateways. Without a secret a gateway asks nobody for a token.",
        )
    if role not in RIGHTS:
        raise typer.BadParameter(f"{role!r} is not one of {', '.join(RIGHTS)}", param_hint="--role")
    about = "*" if runs == "*" else [check_id(run.strip()) for run in runs.split(",")]
    claims = {"sub": user, "role": role, "runs": about, "exp": int(time.time() + hours * 3600), "aud": AUDIENCE}
    sys.stdout.write(jwt.encode(claims, key, algorithm="HS256") + "\n")
