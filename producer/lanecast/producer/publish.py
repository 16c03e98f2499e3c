"""Lines of JSON -> a run: the core of `lanecast publish`.

A line is one message: `{"kind": "metrics", "values": {"loss": 0.1}}`, or with its payload apart from the kind,
`{"kind": "scene", "data": {"kind": "roads", …}}`. A line without `kind` is a frame. What a line says is published as it
stands: nothing is added, and nothing is dropped. If Redis is away or nobody reads, the caller waits.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

import msgspec

from lanecast.broker import keys, payloads, wire
from lanecast.broker.checks import a_map
from lanecast.broker.connect import DEFAULT_URL
from lanecast.broker.errors import Fenced, InvalidMessage
from lanecast.broker.lanes import KINDS, lane_of
from lanecast.producer.publisher import Publisher

MAX_WAITING: Final = 1_000
"""Lossless messages that may be under way before the next line is read."""

FLUSH_S: Final = 2.0


@dataclass(slots=True)
class PublishReport:
    """What became of the lines.

    Attributes:
        published: kind -> messages that Redis has acknowledged.
        refused: lines that were not what the wire asks for; each was named on `errors`.
    """

    published: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    @property
    def exit_status(self) -> int:
        """0 if every line was published, else 1."""
        return 1 if self.refused else 0


def publish_lines(
    run_id: str,
    lines: Iterable[str],
    url: str | None = None,
    *,
    producer: str | None = None,
    errors: TextIO | None = None,
) -> PublishReport:
    """Publish each line; a line that is refused is told on `errors` (default: standard error) and skipped.

    Args:
        run_id: id of the run, which is registered if it is new.
        lines: JSON, one message each; empty ones are skipped.
        url: of Redis or Valkey; default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0.
        producer: who publishes; default: the run's id.
        errors: where refused lines are told, as `line 7: layers.points.x[3]: …`.

    Raises:
        InvalidMessage: the run's or the producer's id is not well-formed.
        Fenced: a newer producer of the same name has taken over.
    """
    keys.check_id(run_id)
    name = keys.check_id(producer or run_id, "producer")
    report = PublishReport()
    out = errors or sys.stderr
    publisher = Publisher(run_id, name, url or os.environ.get("LANECAST_REDIS_URL") or DEFAULT_URL, batch_ms=0.0)
    publisher.start()
    complete = False
    try:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                kind, payload, data = read_line(line)
            except InvalidMessage as refused:
                report.refused += 1
                print(f"line {number}: {refused}", file=out)
                continue
            _publish(publisher, kind, payload, data)
            if publisher.fenced:
                break
            report.published[kind] += 1
        publisher.wait_until_below(1)
        complete = True
    finally:
        publisher.close(FLUSH_S if complete else 0.0)
    if publisher.fenced:
        raise Fenced(f"producer {name!r} of run {run_id!r}", publisher.epoch, publisher.epoch + 1)
    return report


def read_line(line: str) -> tuple[str, payloads.Payload, bytes]:
    """Kind, checked payload and encoded payload of one line.

    Raises:
        InvalidMessage: with the path of what is wrong.
    """
    try:
        message = a_map(msgspec.json.decode(line), "line")
    except msgspec.DecodeError as error:
        raise InvalidMessage("line", f"not JSON: {error}") from None
    kind = message.get("kind", "frame")
    if kind not in KINDS:
        raise InvalidMessage("kind", f"{str(kind)[:40]!r} is not one of {', '.join(KINDS)}")
    raw: Any = message["data"] if isinstance(message.get("data"), dict) else None
    if raw is None:
        if kind == "scene":
            raise InvalidMessage("data", 'missing; a scene has a kind of its own: {"kind": "scene", "data": {…}}')
        raw = {name: value for name, value in message.items() if name != "kind"}
    payload = payloads.read_payload(kind, raw)
    return kind, payload, wire.encode(raw)


def _publish(publisher: Publisher, kind: str, payload: payloads.Payload, data: bytes) -> None:
    if isinstance(payload, payloads.Frame):
        # Newest wins would drop frames that come faster than they can be sent: whoever sends a file wants them all.
        publisher.wait_until_below(1)
        publisher.put_frame(data, frozenset(payload.layers), partial=payload.partial)
        return
    publisher.wait_until_below(MAX_WAITING)
    publisher.put(lane_of(kind).name, kind, data)
