"""Commands: what a viewer may ask of a producer. Pure; `scripts` runs the call.

Guarantees: a `command_id` reaches the producer's stream once within 10 minutes, however often it is asked for, and
asking again gets the first result. A command that is older than its expiry when the producer reads it is not done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lanecast.broker import keys, scripts
from lanecast.broker.checks import an_integer
from lanecast.broker.commit import RESULT_KEPT_S
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.params import check_value
from lanecast.broker.runs import RunInfo

NAMES: Final = ("pause", "resume", "stop", "step", "set_params")
EXPIRES_MS: Final = 10_000
STREAM_KEPT: Final = 1_000
MAX_STEPS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a producer reads it; `expires_ms` is Unix milliseconds."""

    command_id: str
    name: str
    args: dict[str, Any]
    user: str
    expires_ms: float


def check(name: Any, args: Any, info: RunInfo) -> dict[str, Any]:
    """Return the arguments of a command if the run described by `info` can take it.

    Raises:
        InvalidMessage: unknown command, unknown parameter, or a value that the parameter does not take.
    """
    if name not in NAMES:
        raise InvalidMessage("name", f"{str(name)[:40]!r} is not one of {', '.join(NAMES)}")
    if args is None:
        args = {}
    if not isinstance(args, Mapping):
        raise InvalidMessage("args", f"expected a map, got {type(args).__name__}")
    if name == "step":
        return {"steps": an_integer(args.get("steps", 1), "args.steps", 1, MAX_STEPS)}
    if name != "set_params":
        return {}
    params = args.get("params")
    if not isinstance(params, Mapping) or not params:
        raise InvalidMessage("args.params", "expected a map of parameter names to values")
    for key in params:
        if key not in info.params:
            known = ", ".join(info.params) or "it has none"
            raise InvalidMessage(f"args.params.{str(key)[:64]}", f"the run has no such parameter ({known})")
    return {
        "params": {key: check_value(info.params[key], value, f"args.params.{key}") for key, value in params.items()}
    }


def call(run: str, command: Command) -> scripts.Call:
    """The call that sends a command."""
    return scripts.Call(
        scripts.COMMAND,
        (keys.command(run, command.command_id), keys.control(run), keys.alive(run)),
        (
            RESULT_KEPT_S, STREAM_KEPT,
            "command_id", command.command_id, "name", command.name, "args", msgspec.json.encode(command.args),
            "user", command.user, "expires_ms", f"{command.expires_ms:.0f}",
        ),
    )  # fmt: skip


def answer(reply: Any) -> tuple[str, dict[str, Any] | None]:
    """Read the reply: `sent`, `nobody`, or `known` with the result (None while it is under way)."""
    status = reply[0].decode()
    return status, msgspec.json.decode(reply[1]) if status == "known" and reply[1] else None


def from_fields(fields: Mapping[bytes, bytes]) -> Command:
    """Read an entry of the run's command stream, as a producer does.

    Without `args` they are empty, without `expires_ms` the command never expires.

    Raises:
        InvalidMessage: a field is missing or malformed.
    """
    if not fields.get(b"name"):
        raise InvalidMessage("name", "missing")
    command_id = keys.check_id(fields.get(b"command_id", b"").decode("utf-8", "replace"), "command_id")
    try:
        args = msgspec.json.decode(fields.get(b"args", b"{}"), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage("args", f"not a JSON object: {error}") from None
    expires = fields.get(b"expires_ms", b"inf")
    try:
        expires_ms = float(expires)
    except ValueError:
        expires_ms = math.nan
    if not expires_ms >= 0:
        raise InvalidMessage("expires_ms", f"{expires[:40]!r} is not a time in Unix milliseconds")
    name, user = (fields.get(field, b"").decode("utf-8", "replace") for field in (b"name", b"user"))
    return Command(command_id, name, args, user, expires_ms)
