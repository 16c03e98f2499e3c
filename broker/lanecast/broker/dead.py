"""Dead letters: messages that could not be handled, each kept with its reason until somebody looks.

Guarantees: a requeued message is on its lane and no dead letter any more, or nothing has changed (`dead.lua`, atomic);
it keeps its fields but, on a lossless lane, its numbers, and comes after everything that the lane holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker import keys, scripts, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import LANES

PAGE: Final = 200
AT_ONCE: Final = 100
"""Letters that one script call takes: it holds the server up for as long as it runs."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        id: among the run's dead letters; what `requeue` and `drop` are given.
        lane: that it was on, with `entry`, its id there.
        reason: why it could not be handled.
        at_ms: when it was put aside, Unix ms.
        cut: only a part of it was kept, so it cannot be requeued.
        fields: of the message, as far as they were kept.
    """

    run: str
    id: str
    lane: str
    entry: str
    reason: str
    at_ms: float
    cut: bool
    fields: Mapping[bytes, bytes]

    @property
    def kind(self) -> str:
        """What the message says it is, '' if it does not."""
        return self.fields.get(b"kind", b"").decode("utf-8", "replace")

    def to_dict(self) -> dict[str, Any]:
        """What a list shows of it, as plain values."""
        return {
            "run": self.run, "id": self.id, "lane": self.lane, "entry": self.entry, "kind": self.kind,
            "reason": self.reason, "at_ms": self.at_ms, "cut": self.cut,
            "bytes": sum(len(value) for value in self.fields.values()),
        }  # fmt: skip

    def payload(self) -> Any:
        """The payload as plain values; None where it cannot be decoded."""
        data, enc = self.fields.get(b"data"), self.fields.get(b"enc", b"msgpack").decode("ascii", "replace")
        if data is None or enc not in wire.ENCODINGS:
            return None
        try:
            return wire.decode(data, enc)
        except InvalidMessage:
            return None


def read(run: str, entry_id: bytes, raw: Mapping[bytes, bytes]) -> Letter:
    """Read an entry of the run's dead stream, whoever wrote it."""

    def text(name: bytes) -> str:
        return raw.get(name, b"").decode("utf-8", "replace")

    fields = {name[6:]: value for name, value in raw.items() if name.startswith(b"field:")}
    at_ms = float(entry_id.split(b"-")[0])
    return Letter(run, entry_id.decode(), text(b"lane"), text(b"id"), text(b"reason"), at_ms, b"cut" in raw, fields)


async def letters(client: Any, run: str) -> AsyncIterator[Letter]:
    """The dead letters of a run, oldest first."""
    after = "-"
    while rows := await client.xrange(keys.dead(run), after, "+", count=PAGE):
        for entry_id, raw in rows:
            yield read(run, entry_id, raw)
        after = f"({rows[-1][0].decode()}"


async def get(client: Any, run: str, letter_id: str) -> Letter | None:
    """One dead letter; None if there is none of this id.

    Raises:
        InvalidMessage: `letter_id` is no id.
    """
    rows = await client.xrange(keys.dead(run), _an_id(letter_id), letter_id)
    return read(run, *rows[0]) if rows else None


async def requeue(client: Any, run: str, ids: Sequence[str]) -> Counter[str]:
    """Put letters back onto their lanes, in the order given.

    Returns how many ended `done`, `missing`, `cut`, `full` (the lane takes no more now) or `unknown` (no such lane).

    Raises:
        InvalidMessage: one of `ids` is no id; nothing was done.
    """
    return await _take(client, run, "requeue", ids)


async def drop(client: Any, run: str, ids: Sequence[str]) -> Counter[str]:
    """Delete letters; returns how many were `done` or `missing`.

    Raises:
        InvalidMessage: one of `ids` is no id; nothing was done.
    """
    return await _take(client, run, "drop", ids)


async def _take(client: Any, run: str, action: str, ids: Sequence[str]) -> Counter[str]:
    for letter_id in ids:
        _an_id(letter_id)
    limits = ",".join(str(lane.max_entries if lane.lossless else -lane.max_entries) for lane in LANES.values())
    streams = (keys.dead(run), *(keys.lane(run, name) for name in LANES))
    done: Counter[str] = Counter()
    for start in range(0, len(ids), AT_ONCE):
        call = scripts.Call(scripts.DEAD, streams, (action, limits, *LANES, *ids[start : start + AT_ONCE]))
        done.update(status.decode() for status in await scripts.run(client, call))
    return done


def _an_id(text: str) -> str:
    ms, dash, n = text.partition("-")
    if not (dash and ms.isdecimal() and n.isdecimal() and text.isascii() and len(text) <= 41):
        raise InvalidMessage("id", f"{text[:60]!r} is not the id of a dead letter, such as 1795172577026-0")
    return text
