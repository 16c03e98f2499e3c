"""Writes those test vectors in `vectors/` that are about what goes back and forth: commands, and numbered publishing.

`python producer/spec/make_dialogues.py`. What is expected stands here, written by hand; the tests run it against the
code and a real server, and fail when a file differs from what would be written.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lanecast.broker import commands
from lanecast.broker.errors import InvalidMessage

FOLDER = Path(__file__).parent / "vectors"

NOW_MS = 1_700_000_000_000
PARAMS: dict[str, Any] = {
    "gain": {"type": "float", "value": 1.5, "min": 0, "max": 5},
    "cars": {"type": "int", "value": 3, "min": 0},
    "rain": {"type": "bool", "value": False},
    "mode": {"type": "choice", "value": "slow", "choices": ["slow", "fast"]},
}
VALUES = {name: param["value"] for name, param in PARAMS.items()}


def files() -> dict[str, str]:
    """Name -> text of every file of vectors that is made here."""
    return {
        "commands-good.json": _text(good_commands()),
        "commands-bad.json": _text(bad_commands()),
        "steering.json": _text(steering()),
        "appends.json": _text(appends()),
    }


def meaning_of(fields: dict[str, str]) -> dict[str, Any]:
    """A command as plain values; an expiry that never comes is null."""
    command = commands.from_fields({name.encode(): value.encode() for name, value in fields.items()})
    never = math.isinf(command.expires_ms)
    return {
        "command_id": command.command_id, "name": command.name, "args": command.args, "user": command.user,
        "expires_ms": None if never else command.expires_ms,
    }  # fmt: skip


def good_commands() -> list[dict[str, Any]]:
    """Entries of `lc:{RUN}:ctl`, and what they say."""
    entries: list[tuple[str, dict[str, str]]] = [
        ("all fields", _command("c-1", "pause", user="ann")),
        ("an id and a name are enough", {"command_id": "c-2", "name": "stop"}),
        ("steps", _command("c-3", "step", {"steps": 5})),
        ("parameters of every type", _command("gw-0123456789abcdef", "set_params", {
            "params": {"gain": 2.5, "cars": 7, "rain": True, "mode": "fast"}})),
        ("unknown fields and arguments are ignored", _command("c-4", "resume", {"later": [1]}) | {"later": "x"}),
        ("a user beyond ASCII", _command("c-5", "pause", user="Jörg 東京")),
        ("a fraction of a millisecond", {"command_id": "c-6", "name": "pause", "expires_ms": "1700000000000.5"}),
        ("a longest id", _command("c" * 64, "pause")),
        ("a name that this version does not know is read, and then refused by a result", _command("c-7", "fly")),
    ]  # fmt: skip
    return [{"name": name, "fields": fields, "command": meaning_of(fields)} for name, fields in entries]


def bad_commands() -> list[dict[str, Any]]:
    """Entries of `lc:{RUN}:ctl` that are skipped, for nobody could be answered; by the field that is wrong."""
    entries: list[tuple[str, dict[str, str]]] = [
        ("no id", {"name": "pause"}),
        ("an id that is none", {"command_id": "c 1", "name": "pause"}),
        ("an id of over 64 characters", {"command_id": "c" * 65, "name": "pause"}),
        ("no name", {"command_id": "c-1"}),
        ("an empty name", {"command_id": "c-1", "name": ""}),
        ("arguments that are not JSON", {"command_id": "c-1", "name": "step", "args": "{"}),
        ("arguments that are no map", {"command_id": "c-1", "name": "step", "args": "[1]"}),
        ("an expiry that is no time", {"command_id": "c-1", "name": "pause", "expires_ms": "soon"}),
        ("an expiry that is no number", {"command_id": "c-1", "name": "pause", "expires_ms": "nan"}),
    ]
    vectors = []
    for name, fields in entries:
        try:
            meaning_of(fields)
        except InvalidMessage as refused:
            vectors.append({"name": name, "fields": fields, "field": refused.field})
        else:
            raise SystemExit(f"{name}: this command was meant to be refused")
    return vectors


def steering() -> list[dict[str, Any]]:
    """What a simulation with the parameters PARAMS hears, and what it publishes on `critical` then."""

    def control(*, paused: bool = False, stopping: bool = False, **params: Any) -> list[Any]:
        return ["control", {"paused": paused, "stopping": stopping, "params": VALUES | params}]

    def done(command_id: str) -> list[Any]:
        return ["result", {"command_id": command_id, "ok": True}]

    def refused(command_id: str, field: str) -> list[Any]:
        return ["result", {"command_id": command_id, "ok": False, "field": field}]

    def set_params(command_id: str, **values: Any) -> dict[str, str]:
        return _command(command_id, "set_params", {"params": values})

    late = {"now_ms": NOW_MS + commands.EXPIRES_MS + 1}
    dialogues: list[tuple[str, list[dict[str, Any]]]] = [
        ("pause and resume", [
            _hears(_command("a", "pause"), control(paused=True), done("a")),
            _hears(_command("b", "resume"), control(), done("b")),
        ]),
        ("a command that comes again is answered again and not done again", [
            _hears(_command("a", "pause"), control(paused=True), done("a")),
            _hears(_command("b", "resume"), control(), done("b")),
            _hears(_command("a", "pause"), done("a")),
            _hears(_command("a", "pause"), done("a"), **late),
        ]),
        ("a command is done until the very millisecond of its expiry, and not after", [
            _hears(_command("a", "pause"), control(paused=True), done("a"), now_ms=NOW_MS + commands.EXPIRES_MS),
            _hears(_command("b", "resume"), refused("b", "expires_ms"), **late),
            _hears(_command("b", "resume"), refused("b", "expires_ms")),
        ]),
        ("a command without an expiry never expires", [
            _hears({"command_id": "a", "name": "pause"}, control(paused=True), done("a"), **late),
        ]),
        ("a command that nobody knows", [_hears(_command("a", "fly"), refused("a", "name"))]),
        ("parameters", [
            _hears(set_params("a", gain=2, rain=True), control(gain=2.0, rain=True), done("a")),
            _hears(set_params("b", mode="fast"), control(gain=2.0, rain=True, mode="fast"), done("b")),
        ]),
        ("a value that a parameter does not take changes none of those sent with it", [
            _hears(set_params("a", cars=9, gain=7), refused("a", "args.params.gain")),
            _hears(set_params("b", gain=-0.1), refused("b", "args.params.gain")),
            _hears(set_params("c", cars=1.5), refused("c", "args.params.cars")),
            _hears(set_params("d", cars=True), refused("d", "args.params.cars")),
            _hears(set_params("e", rain=1), refused("e", "args.params.rain")),
            _hears(set_params("f", mode="idle"), refused("f", "args.params.mode")),
            _hears(set_params("g", speed=1), refused("g", "args.params.speed")),
            _hears(_command("h", "set_params"), refused("h", "args.params")),
            _hears(_command("i", "resume"), control(), done("i")),
        ]),
        ("steps leave it paused behind the last of them", [
            _hears(_command("a", "step"), control(paused=True), done("a")),
            _hears(_command("b", "step", {"steps": 100_000}), control(paused=True), done("b")),
            _hears(_command("c", "step", {"steps": 0}), refused("c", "args.steps")),
            _hears(_command("d", "step", {"steps": 100_001}), refused("d", "args.steps")),
            _hears(_command("e", "step", {"steps": 1.5}), refused("e", "args.steps")),
        ]),
        ("whoever stops obeys nothing else", [
            _hears(_command("a", "stop"), control(stopping=True), done("a")),
            _hears(_command("b", "pause"), refused("b", "name")),
            _hears(_command("c", "stop"), control(stopping=True), done("c")),
        ]),
    ]  # fmt: skip
    return [{"name": name, "params": PARAMS, "steps": steps} for name, steps in dialogues]


def appends() -> list[dict[str, Any]]:
    """Calls of `append.lua` one after another on an empty server, their answers, and what the lanes hold then."""
    first = ["1:1 a", "1:2 b", "1:3 c"]
    return [
        _appends("a batch, and the next one", [
            _append(1, "a", "b", answer=["ok", 2]), _append(3, "c", answer=["ok", 3])], critical=first),
        _appends("a batch whose answer was lost is sent again", [
            _append(1, "a", "b", answer=["ok", 2]), _append(1, "a", "b", answer=["ok", 2]),
            _append(3, "c", answer=["ok", 3])], critical=first),
        _appends("a batch that was there in part", [
            _append(1, "a", "b", answer=["ok", 2]), _append(2, "b", "c", answer=["ok", 3])], critical=first),
        _appends("a batch that is old news is answered with the last of the lane's own numbers", [
            _append(1, "a", "b", "c", answer=["ok", 3]), _append(1, "a", answer=["ok", 3])], critical=first),
        _appends("a gap names the number to go back to", [
            _append(1, "a", answer=["ok", 1]), _append(3, "c", answer=["gap", 2]),
            _append(2, "b", "c", answer=["ok", 3])], critical=first),
        _appends("the first number is 1", [
            _append(2, "b", answer=["gap", 1]), _append(1, "a", "b", answer=["ok", 2])],
            critical=["1:1 a", "1:2 b"]),
        _appends("a full lane takes what it has room for, and the rest when it has been read", [
            _append(1, "a", "b", "c", limit=2, answer=["full", 2]), _append(3, "c", limit=2, answer=["full", 2]),
            {"do": "read"}, _append(3, "c", limit=2, answer=["ok", 3])], critical=["1:3 c"]),
        _appends("each lane has numbers of its own", [
            _append(1, "a", "b", answer=["ok", 2]), _append(1, "n", lane="normal", answer=["ok", 1]),
            _append(3, "c", answer=["ok", 3])], critical=first, normal=["1:1 n"]),
        _appends("each producer has numbers of its own", [
            {"do": "register", "producer": "q", "answer": 1},
            _append(1, "a", answer=["ok", 1]), _append(1, "q", producer="q", answer=["ok", 1]),
            _append(2, "b", answer=["ok", 2])], critical=["1:1 a", "1:1 q", "1:2 b"]),
        _appends("a producer that begins again counts from 1, and its former life is fenced off", [
            _append(1, "a", "b", answer=["ok", 2]), {"do": "register", "producer": "p", "answer": 2},
            _append(3, "c", answer=["fenced", 2]), _append(1, "d", epoch=2, answer=["ok", 1]),
            _append(3, "c", answer=["fenced", 2])], critical=["1:1 a", "1:2 b", "2:1 d"]),
        _appends("a lost epoch begins at 1 as well", [
            _append(1, "a", answer=["ok", 1]), {"do": "register", "producer": "p", "answer": 2},
            _append(2, "b", epoch=2, answer=["gap", 1])], critical=["1:1 a"]),
        _appends("a server that came back empty wants everything again from the first number", [
            _append(1, "a", "b", answer=["ok", 2]), _append(1, "n", lane="normal", answer=["ok", 1]), {"do": "empty"},
            _append(3, "c", answer=["gap", 1]), _append(2, "o", lane="normal", answer=["gap", 1]),
            _append(1, "a", "b", "c", answer=["ok", 3]), _append(1, "n", "o", lane="normal", answer=["ok", 2])],
            critical=first, normal=["1:1 n", "1:2 o"]),
        _appends("on an emptied server a producer that does not keep its first message begins a new epoch", [
            _append(1, "a", "b", answer=["ok", 2]), {"do": "empty"}, _append(3, "c", answer=["gap", 1]),
            {"do": "register", "producer": "p", "answer": 2}, _append(1, "b", "c", epoch=2, answer=["ok", 2])],
            critical=["2:1 b", "2:2 c"]),
        _appends("on an emptied server a producer that registers again sends all that it has kept as a new epoch", [
            _append(1, "a", "b", answer=["ok", 2]), {"do": "empty"},
            {"do": "register", "producer": "p", "by": 2, "answer": 2},
            _append(1, "a", "b", "c", epoch=2, answer=["ok", 3])], critical=["2:1 a", "2:2 b", "2:3 c"]),
    ]  # fmt: skip


def _command(command_id: str, name: str, args: dict[str, Any] | None = None, user: str = "ann") -> dict[str, str]:
    return {
        "command_id": command_id, "name": name, "args": json.dumps(args or {}), "user": user,
        "expires_ms": str(NOW_MS + commands.EXPIRES_MS),
    }  # fmt: skip


def _hears(fields: dict[str, str], *says: list[Any], now_ms: int = NOW_MS) -> dict[str, Any]:
    return {"now_ms": now_ms, "hears": fields, "says": list(says)}


def _appends(name: str, steps: list[dict[str, Any]], **holds: list[str]) -> dict[str, Any]:
    return {"name": name, "steps": [{"do": "register", "producer": "p", "answer": 1}, *steps], "holds": holds}


def _append(
    seq: int, *data: str, answer: list[Any], producer: str = "p", epoch: int = 1, lane: str = "critical", limit: int = 0
) -> dict[str, Any]:
    return {
        "do": "append", "producer": producer, "epoch": epoch, "lane": lane, "limit": limit, "seq": seq,
        "data": list(data), "answer": answer,
    }  # fmt: skip


def _text(vectors: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(vector, ensure_ascii=False, allow_nan=False) for vector in vectors) + "\n]\n"


if __name__ == "__main__":
    for file_name, text in files().items():
        (FOLDER / file_name).write_text(text, "utf-8")
