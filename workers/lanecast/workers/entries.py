"""One entry of an input lane as it was read, and the times it carries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from lanecast.broker.wire import Message

EntryId = tuple[int, int]
"""A stream's entry id as two numbers, so that ids compare as Redis compares them."""


class Stamp(NamedTuple):
    """When a message was published and when Redis took it, both Unix milliseconds."""

    pub_ms: float
    in_ms: float


_FIELDS: Final = (b"kind", b"enc", b"v", b"t_ms", b"producer", b"epoch", b"seq", b"data")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a lane: `id` is what Redis gave it (`MS-N`), `fields` what the publisher wrote."""

    id: str
    fields: Mapping[bytes, bytes]

    @property
    def in_ms(self) -> float:
        """When Redis took it, Unix milliseconds."""
        return float(parse_id(self.id)[0])

    def stamp(self, message: Message) -> Stamp:
        """The times of `message`, which was read from this entry."""
        in_ms = self.in_ms
        return Stamp(in_ms if message.t_ms is None else message.t_ms, in_ms)


def parse_id(text: str | bytes) -> EntryId:
    """Read an entry id; one that is incomplete (`5`) means its first (`5-0`)."""
    if isinstance(text, bytes):
        text = text.decode("ascii")
    ms, _, n = text.partition("-")
    return int(ms), int(n or 0)


def read_reply(rows: list[tuple[bytes, Mapping[bytes, bytes] | None]]) -> list[Entry]:
    """Entries of an XRANGE or XREAD reply; those that were deleted meanwhile come without fields and are left out."""
    return [Entry(entry_id.decode(), fields) for entry_id, fields in rows if fields]


def kept_fields(fields: Mapping[bytes, bytes], most: int, longest_bytes: int) -> tuple[dict[bytes, bytes], bool]:
    """What is kept of a message that was put aside, the fields of the wire first, and whether that is not all of it."""
    names = [name for name in _FIELDS if name in fields]
    names += [name for name in fields if name not in _FIELDS]
    kept = {name[:64]: fields[name] for name in names[:most]}
    short = {
        name: value if len(value) <= longest_bytes else value[:1024] + b"... cut: too long to be kept"
        for name, value in kept.items()
    }
    return short, short != fields
