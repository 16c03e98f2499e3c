"""What a gateway says on its own, in the encoding of each subprotocol. Pure. The page: `docs/protocol/viewer.md`.

What workers say (`broker.messages`) is passed on as it is; only `lanecast.json.v1` needs it in other words.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lanecast.broker import messages
from lanecast.broker.runs import RunInfo
from lanecast.gateway import framing

V1: Final = "lanecast.v1"
JSON_V1: Final = "lanecast.json.v1"
SUBPROTOCOLS: Final = (V1, JSON_V1)

_PING: Final = b"lanecast"
_PAD: Final = framing.message(framing.PONG, bytes(125))

_to_msgpack = msgspec.msgpack.Encoder()
_to_json = msgspec.json.Encoder()


def choose_subprotocol(offered: list[str]) -> str | None:
    """The first that both know; who offers none gets JSON, for that is what a person types. None: nothing in common."""
    if not offered:
        return JSON_V1
    return next((name for name in offered if name in SUBPROTOCOLS), None)


def encode(message: Mapping[str, Any], *, text: bool) -> bytes:
    """A message as one WebSocket frame."""
    if text:
        return framing.message(framing.TEXT, _to_json.encode(message))
    return framing.message(framing.BINARY, _to_msgpack.encode(message))


def pass_on(data: bytes, *, text: bool) -> bytes:
    """A worker's message as one WebSocket frame; for binary viewers its bytes are not looked at."""
    if text:
        return framing.message(framing.TEXT, _to_json.encode(messages.decode(data)))
    return framing.message(framing.BINARY, data)


class PassedOn:
    """A worker's message on its way to viewers: framed once for all who get it, in each encoding that is spoken."""

    __slots__ = ("_framed", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._framed: dict[bool, bytes] = {}

    def framed(self, *, text: bool) -> bytes:
        """As a WebSocket frame, for viewers of `lanecast.json.v1` if `text`: there binary becomes base64."""
        frame = self._framed.get(text)
        if frame is None:
            frame = self._framed[text] = pass_on(self.data, text=text)
        return frame


def welcome(protocol: str, node: str, role: str | None, *, auth: bool, limits: Mapping[str, Any]) -> dict[str, Any]:
    """The first message of a connection, and the answer to `auth`.

    `auth`: a token is waited for; `role` is None then.
    """
    return {
        "type": "welcome",
        "protocol": protocol,
        "node": node,
        "role": role,
        "server_ms": time.time() * 1000,
        "auth": auth,
        "limits": limits,
    }


def subscribed(run: str, tier: str, info: RunInfo, offset: str, *, recovered: bool) -> dict[str, Any]:
    """The answer to `subscribe`, and what follows a break of the stream."""
    return {
        "type": "subscribed",
        "run": run,
        "tier": tier,
        "epoch": info.epoch,
        "offset": offset,
        "recovered": recovered,
        "info": info.to_dict(),
    }


def notice(text: str, run: str | None = None, skipped: int = 0, tier: str | None = None) -> dict[str, Any]:
    """The gateway did something on its own; `tier` is the new one if that is what it did."""
    message = {"type": "notice", "run": run, "text": text, "skipped": skipped}
    return message if tier is None else {**message, "tier": tier}


def refresh(left_s: float) -> dict[str, Any]:
    """The viewer's token ends in `left_s` seconds, and its connection with it, unless it sends another."""
    return {"type": "refresh", "expires_in_s": left_s}


def ping(now_s: float) -> bytes:
    """A WebSocket ping that says when it was sent, by the monotonic clock; the answer brings it back."""
    return framing.message(framing.PING, _PING + struct.pack("!d", now_s))


def ping_time(payload: bytes) -> float | None:
    """When the ping of this answer was sent; None: it is no answer to `ping`."""
    if len(payload) != len(_PING) + 8 or not payload.startswith(_PING):
        return None
    sent_s: float = struct.unpack_from("!d", payload, len(_PING))[0]
    return sent_s


def padding(size: int) -> bytes:
    """About `size` bytes that mean nothing: unsolicited pongs, which every client drops (RFC 6455, 5.5.3)."""
    return _PAD * max(1, round(size / len(_PAD)))


def error(
    code: str, message: str, field: str | None = None, run: str | None = None, command_id: str | None = None
) -> dict[str, Any]:
    """A message was refused; the connection goes on."""
    return {
        "type": "error", "code": code, "message": message, "field": field, "run": run, "command_id": command_id,
    }  # fmt: skip


def result(run: str, command_id: str, name: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """A result that the gateway itself gives, not the run's critical stream: it has no offset."""
    return {
        "type": "result",
        "run": run,
        "offset": None,
        "prev": None,
        "command_id": command_id,
        "name": outcome.get("name") or name,
        "ok": bool(outcome.get("ok")),
        "error": outcome.get("error"),
        "field": outcome.get("field"),
    }


def pong(t: float) -> dict[str, Any]:
    """The answer to `ping`."""
    return {"type": "pong", "t": t, "server_ms": time.time() * 1000}
