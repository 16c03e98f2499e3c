"""Generated WebSocket frames, valid ones and broken ones, the same for the same seed. Pure."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec

MASK: Final = b"\x11\x22\x33\x44"
_TYPES: Final = (
    "auth", "subscribe", "unsubscribe", "command", "keyframe", "ping", "report", "pause", "resume", "stop", "step",
    "set_params", "dance",
)  # fmt: skip
_FIELDS: Final = (
    "run", "tier", "epoch", "offset", "layers", "freshness_ms", "images", "t", "token", "name", "args", "params",
    "steps", "command_id", "fps", "decode_ms", "age_ms",
)  # fmt: skip


def frames(seed: int) -> Iterator[tuple[bytes, bool]]:
    """Endless: the bytes of one frame, and whether the connection should survive it."""
    chance = random.Random(seed)
    while True:
        kind = chance.random()
        if kind < 0.7:
            yield frame(0x82, _message(chance)), True
        elif kind < 0.85:
            yield frame(0x82, chance.randbytes(chance.randrange(200))), True
        elif kind < 0.93:
            yield frame(0x89 if chance.random() < 0.5 else 0x8A, chance.randbytes(chance.randrange(126))), True
        elif kind < 0.96:
            yield frame(chance.randrange(256), chance.randbytes(chance.randrange(300))), False
        elif kind < 0.98:
            yield chance.randbytes(chance.randrange(1, 400)), False
        else:
            size = chance.choice((65_537, 2**31, 2**62, 2**63 + 5))
            yield bytes([0x82, 0xFF]) + struct.pack("!Q", size) + MASK, False


def frame(first: int, payload: bytes) -> bytes:
    """A masked frame with this first byte."""
    size = len(payload)
    head = bytes([first, 0x80 | size]) if size < 126 else struct.pack("!BBH", first, 0x80 | 126, size)
    repeated = (MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)
    return head + MASK + masked


def _message(chance: random.Random) -> bytes:
    message: dict[Any, Any] = {"type": chance.choice(_TYPES)}
    for name in chance.sample(_FIELDS, chance.randrange(5)):
        message[name] = _value(chance, 0)
    return msgspec.msgpack.encode(message)


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(9)
    if kind == 0:
        return chance.choice(("fuzzed", "auto", "low", "high", "3-120", "../etc", "", "ü" * 40))
    if kind == 1:
        return chance.choice((0, -1, 1, 2**53, 2**64 - 1, -(2**63)))
    if kind == 2:
        return chance.choice((0.5, float("nan"), float("inf"), -1e308))
    if kind == 3:
        return chance.choice((None, True, False))
    if kind == 4:
        return chance.randbytes(chance.randrange(60))
    if kind == 5 and depth < 3:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(5))]
    if kind == 6 and depth < 3:
        return {str(n): _value(chance, depth + 1) for n in range(chance.randrange(4))}
    return "x" * chance.randrange(200)
