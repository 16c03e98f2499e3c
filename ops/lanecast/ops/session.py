"""A viewer's side of the protocol `lanecast.v1` (docs/protocol/viewer.md). Sans I/O: messages in, messages out.

A session outlives its connections: `connected()` after each handshake, then `take()` every message. It resumes by epoch
and offset, so that each lossless message is taken once, in order, and never shows a frame older than one it has shown.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage
from lanecast.broker.offsets import START, Offset, parse
from lanecast.broker.rendition import View
from lanecast.ops.problem import Problem

SUBPROTOCOL: Final = "lanecast.v1"
DECIMALS: Final = 6
"""Finer than any tier's quantum; hides the binary noise of `origin + scale * integer`."""


@dataclass(slots=True)
class Taken:
    """What came of one message.

    Attributes:
        send: answers, to be sent in this order.
        frame: the view holds a new state, newer than every one before.
        message: a lossless message that was not taken before, or a notice or error of the gateway.
    """

    send: list[dict[str, Any]] = field(default_factory=list)
    frame: bool = False
    message: Mapping[str, Any] | None = None


class Session:
    """One run, watched at a tier (`auto`: the gateway chooses).

    Attributes:
        view: the state as it is now.
        info: the run's info, None until the gateway has told it.
        tier: that the gateway serves now.
        clock_ahead_ms: of the gateway's clock against ours.
    """

    def __init__(self, run: str, tier: str = "auto", token: str | None = None) -> None:
        self.run = run
        self.view = View()
        self.info: dict[str, Any] | None = None
        self.tier = tier
        self.clock_ahead_ms = 0.0
        self._wanted = tier
        self._token = token
        self._epoch: str | None = None
        self._offset: Offset | None = None
        self._shown = START
        self._welcomed = False
        self._subscribed = False
        self._asked_for_key = False

    def connected(self) -> None:
        """A new connection is open; the gateway speaks first."""
        self._welcomed = False
        self._subscribed = False
        self._asked_for_key = False

    def take(self, message: Mapping[str, Any], now_ms: float) -> Taken:
        """Take one message; `now_ms` is our Unix time.

        Raises:
            Problem: the gateway refuses this session for good.
        """
        kind = message.get("type")
        if kind == "welcome":
            return self._welcome(message, now_ms)
        if kind == "pong":
            self._pong(message, now_ms)
            return Taken()
        if kind == "error" and not self._subscribed:
            raise Problem(f"the gateway refuses: {message.get('message', message.get('code'))}", self._remedy(message))
        if kind in ("notice", "error"):
            return Taken(message=message)
        if message.get("run") != self.run:
            return Taken()
        if kind == "subscribed":
            self._on_subscribed(message)
            return Taken()
        if kind == "frame":
            return self._frame(message)
        return self._lossless(message)

    def ping(self, now_ms: float) -> dict[str, Any]:
        """To be sent every few seconds: a sign of life, and the measure of the gateway's clock."""
        return {"type": "ping", "t": now_ms}

    def command(self, name: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A command to the run, with an id of its own."""
        return {
            "type": "command",
            "run": self.run,
            "command_id": uuid.uuid4().hex,
            "name": name,
            "args": dict(args or {}),
        }

    def age_ms(self, now_ms: float) -> float | None:
        """How long ago the simulation published the state in view; None before the first frame."""
        published = self.view.frame.get("hops", {}).get("pub_ms")
        return None if published is None else max(0.0, now_ms + self.clock_ahead_ms - published)

    def record(self, now_ms: float) -> dict[str, Any]:
        """The state in view as plain values: what `lanecast watch --json` prints."""
        frame, age_ms = self.view.frame, self.age_ms(now_ms)
        return {
            "run": self.run,
            "offset": frame["offset"],
            "step": frame["step"],
            "time_s": frame["time_s"],
            "age_ms": None if age_ms is None else round(age_ms, 1),
            "tier": frame["tier"],
            "layers": {name: self.columns(name) for name in self.view.layers},
            "metrics": dict(self.view.metrics),
        }

    def columns(self, layer: str) -> dict[str, list[Any]]:
        """A layer as columns of real values, `id` first: numbers, or the strings that the producer uses."""
        view = self.view.layers[layer]
        columns: dict[str, list[Any]] = {"id": list(view.ids.tolist() if view.names is None else view.names)}
        for name in view.columns:
            column = view.column(name)
            exact = column.values is not None or column.data.dtype.kind != "f"
            columns[name] = column.to_list() if exact else [round(value, DECIMALS) for value in column.data.tolist()]
        return columns

    def _welcome(self, message: Mapping[str, Any], now_ms: float) -> Taken:
        if "server_ms" in message:
            self.clock_ahead_ms = message["server_ms"] - now_ms
        if self._welcomed:  # the answer to `auth`, which says the role: everything has been asked for already
            return Taken()
        self._welcomed = True
        subscribe: dict[str, Any] = {"type": "subscribe", "run": self.run, "tier": self._wanted}
        if self._epoch is not None and self._offset is not None:
            subscribe |= {"epoch": self._epoch, "offset": str(self._offset)}
        if not message.get("auth"):
            return Taken([subscribe, self.ping(now_ms)])
        if self._token is None:
            raise Problem("this gateway asks for a token", "Put one into LANECAST_TOKEN; `lanecast token` makes it.")
        return Taken([{"type": "auth", "token": self._token}, subscribe, self.ping(now_ms)])

    def _pong(self, message: Mapping[str, Any], now_ms: float) -> None:
        sent_ms, server_ms = message.get("t"), message.get("server_ms")
        if isinstance(sent_ms, int | float) and isinstance(server_ms, int | float):
            self.clock_ahead_ms = server_ms - (sent_ms + now_ms) / 2

    def _on_subscribed(self, message: Mapping[str, Any]) -> None:
        if message["epoch"] != self._epoch:
            self._shown = START  # another incarnation of the run: its offsets have nothing to do with the old ones
        if not message.get("recovered"):
            self._offset = parse(message["offset"]) if message.get("offset") else None
        self._epoch = message["epoch"]
        self.info = dict(message["info"])
        self.tier = message.get("tier", self._wanted)
        self._subscribed = True

    def _frame(self, message: Mapping[str, Any]) -> Taken:
        try:
            other_chain = not message["key"] and message["tier"] != self.view.frame.get("tier")
            applied = not other_chain and self.view.apply(message)
        except (InvalidMessage, KeyError, IndexError):  # the chain is broken, whoever broke it
            applied = False
        if not applied:
            if self._asked_for_key:
                return Taken()
            self._asked_for_key = True
            return Taken([{"type": "keyframe", "run": self.run}])
        self._asked_for_key = False
        if message["tier"] != self.tier:
            self.tier = message["tier"]
            self._shown = START  # each tier counts for itself
        offset = parse(message["offset"])
        if offset <= self._shown:
            return Taken()
        self._shown = offset
        return Taken(frame=True)

    def _lossless(self, message: Mapping[str, Any]) -> Taken:
        if message.get("offset") is None:  # the gateway's own answer to a command
            return Taken(message=message)
        offset = parse(message["offset"])
        if self._offset is not None and offset <= self._offset:
            return Taken()
        self._offset = offset
        if message.get("type") == "run":
            self.info = dict(message["info"])
        elif message.get("type") == "control_state" and self.info is not None:
            self.info["control"] = {key: message.get(key) for key in ("paused", "stopping", "params")}
        return Taken(message=message)

    def _remedy(self, message: Mapping[str, Any]) -> str:
        if "run" in str(message.get("code", "")):
            return "`lanecast runs` lists the runs that there are."
        return ""
