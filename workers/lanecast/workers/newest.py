"""Newest wins: which frames of the `high` lane are worth reading in full. Pure.

Frames are looked at from the newest back. One is skipped if every layer that it names is replaced by a newer full
frame; of such a frame only the names are read, not the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from lanecast.broker import payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.payloads import Frame
from lanecast.broker.wire import Message
from lanecast.workers.entries import Entry


@dataclass(slots=True)
class Picked:
    """What became of a batch.

    Attributes:
        frames: to be applied, oldest first.
        superseded: skipped for a newer frame.
        rejected: not readable, with the reason.
    """

    frames: list[tuple[Entry, Message, Frame]] = field(default_factory=list)
    superseded: list[Entry] = field(default_factory=list)
    rejected: list[tuple[Entry, InvalidMessage]] = field(default_factory=list)


def pick(entries: Sequence[Entry], lane: str, usable: Callable[[Message, Frame, Entry], bool]) -> Picked:
    """Choose among `entries` (oldest first); a frame that is not `usable` takes nobody's place."""
    picked = Picked()
    covered: set[str] = set()
    for entry in reversed(entries):
        try:
            message = wire.from_fields(entry.fields, lane)
            if covered and _names(message) <= covered:
                picked.superseded.append(entry)
                continue
            frame = payloads.read(message)
        except InvalidMessage as error:
            picked.rejected.append((entry, error))
            continue
        if not isinstance(frame, Frame):
            picked.rejected.append((entry, InvalidMessage("kind", f"{message.kind!r} is not a frame")))
            continue
        picked.frames.append((entry, message, frame))
        if not frame.partial and usable(message, frame, entry):
            covered.update(frame.layers)
    picked.frames.reverse()
    picked.rejected.reverse()
    return picked


class _Peek(msgspec.Struct):
    layers: dict[str, msgspec.Raw] = {}
    gone: dict[str, msgspec.Raw] = {}


_PEEK: Final[dict[str, Any]] = {"json": msgspec.json.Decoder(_Peek), "msgpack": msgspec.msgpack.Decoder(_Peek)}


def _names(message: Message) -> set[str]:
    """The layers that a frame names.

    Raises:
        InvalidMessage: it is not shaped like a frame.
    """
    try:
        peek: _Peek = _PEEK[message.enc].decode(message.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Whoever reads it in full says what is wrong, and by the field's name.
        payloads.read(message)
        raise InvalidMessage("data", "not a frame") from None
    return {*peek.layers, *peek.gone}
