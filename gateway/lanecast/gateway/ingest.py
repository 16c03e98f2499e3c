"""What producers without a Redis client post: read and fully checked. Pure.

One message or a list of up to 1,000, JSON or MessagePack: `{kind, data, lane?, t_ms?, producer?, epoch?, seq?}`. All
are checked before any is taken, so that an error means that nothing was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker import keys, payloads, wire
from lanecast.broker.checks import an_integer
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import KINDS, LANES, Lane, lane_of
from lanecast.broker.wire import Message

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_MESSAGES: Final = 1_000
ENCODINGS: Final[dict[str, str]] = {
    "application/json": "json",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
}


class InvalidItem(InvalidMessage):
    """Message number `index` (from 0) of the list is wrong; None: there was no list."""

    def __init__(self, error: InvalidMessage, index: int | None) -> None:
        super().__init__(error.field, error.problem)
        self.cause = error.cause
        self.index = index


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages for one lane that go in one call; `numbered` ones through the fenced append, in order."""

    lane: Lane
    messages: list[Message]
    numbered: bool


def read_body(body: bytes, enc: str) -> list[tuple[Lane, Message]]:
    """Read a request's body.

    Raises:
        InvalidItem: with field, problem and index of the first message that is wrong.
        InvalidMessage: the body as a whole is wrong.
    """
    raw = wire.decode(body, enc)
    if not isinstance(raw, list):
        return [_read(raw, None)]
    if len(raw) > MAX_MESSAGES:
        raise TooLarge("messages", len(raw), MAX_MESSAGES, "messages")
    return read_items(raw)


def read_items(raw: list[Any]) -> list[tuple[Lane, Message]]:
    """Read messages that are decoded already.

    Raises:
        InvalidItem: with field, problem and index of the first message that is wrong.
    """
    return [_read(item, index) for index, item in enumerate(raw)]


def batches(items: list[tuple[Lane, Message]]) -> Iterator[Batch]:
    """Group neighbours that can go in one call: the same lane, and numbers that follow one another."""
    batch: Batch | None = None
    for lane, message in items:
        if batch is not None and batch.lane is lane and _follows(batch.messages[-1], message):
            batch.messages.append(message)
            continue
        if batch is not None:
            yield batch
        batch = Batch(lane, [message], numbered=bool(message.seq))
    if batch is not None:
        yield batch


def _follows(last: Message, message: Message) -> bool:
    if not last.seq:
        return not message.seq
    return (message.producer, message.epoch, message.seq) == (last.producer, last.epoch, last.seq + 1)


def _read(raw: Any, index: int | None) -> tuple[Lane, Message]:
    try:
        return _message(raw)
    except InvalidMessage as error:
        raise InvalidItem(error, index) from None


def _message(raw: Any) -> tuple[Lane, Message]:
    if not isinstance(raw, Mapping):
        raise InvalidMessage("message", f"expected a map with kind and data, got {type(raw).__name__}")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidMessage("kind", f"{kind!r:.60} is not one of {', '.join(KINDS)}")
    name = raw.get("lane")
    if name is not None and not isinstance(name, str):
        raise InvalidMessage("lane", f"{name!r:.60} is not one of {', '.join(LANES)}")
    lane_name = name or lane_of(kind).name
    wire.check_kind(kind, lane_name)
    if "data" not in raw:
        raise InvalidMessage("data", "missing")
    payloads.read_payload(kind, raw["data"])
    producer = None if raw.get("producer") is None else keys.check_id(raw["producer"], "producer")
    epoch, seq = (_positive(raw, field) for field in ("epoch", "seq"))
    if bool(epoch) != bool(seq) or (epoch and producer is None):
        raise InvalidMessage("seq", "producer, epoch and seq go together")
    if seq and not LANES[lane_name].lossless:
        raise InvalidMessage("seq", f"lane {lane_name!r} is not numbered: newest wins there")
    return LANES[lane_name], Message(kind, wire.encode(raw["data"]), "msgpack", _time(raw), producer, epoch, seq)


def _time(raw: Mapping[str, Any]) -> float | None:
    t_ms = raw.get("t_ms")
    if t_ms is None:
        return None
    if isinstance(t_ms, bool) or not isinstance(t_ms, int | float) or not 0 < t_ms < 1e14:
        raise InvalidMessage("t_ms", f"{t_ms!r:.60} is not a time in Unix milliseconds")
    return float(t_ms)


def _positive(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    return 0 if value is None else an_integer(value, name, 1)
