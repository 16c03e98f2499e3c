"""Commands: from whoever asked, by WebSocket or HTTP, to the run's producer, and its result."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

import structlog

from lanecast.broker import commands, runs, scripts
from lanecast.broker.connect import GONE
from lanecast.broker.errors import InvalidMessage
from lanecast.gateway import access
from lanecast.gateway.errors import Forbidden, GatewayError, Refused
from lanecast.gateway.hub import Hub

TRIES: Final = 3
NOBODY: Final = "no producer of this run obeys commands now"

log = structlog.get_logger()


class UnknownRunRefused(Refused):
    """There is no such run."""

    status = 404
    code = "unknown_run"


class Unanswered(GatewayError):
    """The command is on its way, and no result came in time."""


def allow_command(identity: access.Identity, run: str, name: str | None, command_id: str | None = None) -> None:
    """Raises Forbidden unless this user may steer this run; that somebody tried is written into the audit log, too."""
    try:
        identity.require(access.COMMAND, run)
    except Forbidden as error:
        log.warning(
            "command_refused", user=identity.user, role=identity.role, run=run, command=name, command_id=command_id,
            reason=error.field,
        )  # fmt: skip
        raise


async def carry_out(
    hub: Hub, user: str, run: str, command_id: str, name: str, args: Any, wait_s: float
) -> dict[str, Any] | None:
    """Check a command, send it, and return its result.

    None: it was sent, and with `wait_s` 0 its result comes by the critical stream only. A command that was sent before
    is not sent again; its first result is returned.

    Raises:
        InvalidMessage: the run cannot take it.
        Refused: there is no such run.
        Unanswered: no result within `wait_s` seconds; it may still come.
    """
    info = await runs.get(hub.client, run)
    if info is None:
        raise UnknownRunRefused(f"run {run!r} is not registered", "run")
    try:
        checked = commands.check(name, args, info)
    except InvalidMessage:
        hub.stats.commands["invalid"] += 1
        raise
    expires_ms = time.time() * 1000 + commands.EXPIRES_MS
    status, known = await _send(hub, run, commands.Command(command_id, name, checked, user, expires_ms))
    hub.stats.commands[status] += 1
    # The audit log: who steered what, and what became of it.
    log.info("command", user=user, run=run, command=name, args=checked, command_id=command_id, outcome=status)
    if status == "nobody":
        return {"name": name, "ok": False, "error": NOBODY}
    if known is not None:
        return known
    if not wait_s:
        return None
    result = await hub.result_of(run, command_id, wait_s)
    if result is None:
        raise Unanswered(f"no result of {name} within {wait_s:g} s; it may still be done, ask again with the same id")
    return result


async def _send(hub: Hub, run: str, command: commands.Command) -> tuple[str, dict[str, Any] | None]:
    """Send it; after a lost reply again, which does no harm: a command_id reaches the producer once."""
    for attempt in range(TRIES):
        try:
            status, result = commands.answer(await scripts.run(hub.client, commands.call(run, command)))
        except GONE:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0.05, 0.2) * (attempt + 1))
        else:
            # `known` without a result after a lost reply: our own first try has arrived.
            return ("sent" if attempt and status == "known" and result is None else status), result
    raise AssertionError
