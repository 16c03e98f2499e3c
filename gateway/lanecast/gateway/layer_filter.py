"""Frames with some of their layers only, made once for all viewers who want the same ones. Pure.

Offsets and the chain stay as they are: a delta that says nothing of the wanted layers is still sent, for the next one
follows it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

Layers = frozenset[str]

MAX_NAMES: Final = 64
_to_msgpack: Final = msgspec.msgpack.Encoder()
_parts: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


def only(payload: bytes | memoryview, layers: Layers) -> bytes:
    """A frame's message with no other layers than these; nothing else in it is looked at, or copied twice.

    Raises:
        msgspec.DecodeError, msgspec.ValidationError: it is no message of a worker's.
    """
    message: dict[str, Any] = dict(_parts.decode(payload))
    if "layers" in message:
        found = _parts.decode(message["layers"])
        message["layers"] = {name: layer for name, layer in found.items() if name in layers}
    return _to_msgpack.encode(message)
