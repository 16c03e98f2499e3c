"""The state of one run: the latest of every layer, and what it takes to tell old from new. Pure.

Guarantees: a message changes the state completely or not at all; within a producer's epoch step and time never go
back; a message of an older epoch, or one that was taken already, changes nothing. What is dropped is named by its
reason, for the caller to count: `fenced`, `duplicate`, `out_of_order`, `unknown_event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import HIGH
from lanecast.broker.payloads import Events, Frame, Layer, Lifecycle, Metrics, Payload
from lanecast.broker.rendition import LayerState
from lanecast.broker.wire import Message
from lanecast.workers import layers
from lanecast.workers.entries import Entry, Stamp
from lanecast.workers.layers import LayerTable
from lanecast.workers.limits import DEFAULT, Limits
from lanecast.workers.reducers import REDUCERS

FORMAT: Final = 1
SILENCE_MS: Final = HIGH.ttl_ms
"""A producer without an epoch that was silent for this long may begin again at an earlier step."""


@dataclass(slots=True)
class Source:
    """What is known of one producer.

    Attributes:
        epoch: its newest; 0 if it numbers nothing.
        step: of its last frame, with `time_s`; -1 before the first.
        since_ms: where its present life begins; frames that Redis took before belong to the one before.
        frame_ms: when Redis took its last frame.
        seqs: lane -> number of the last message taken.
        anew: it has begun again, and its next frame begins with nothing; until then its last state stays.
    """

    epoch: int = 0
    step: int = -(2**53)
    time_s: float = -np.inf
    since_ms: float = 0.0
    frame_ms: float = 0.0
    seqs: dict[str, int] = field(default_factory=dict)
    anew: bool = False

    def begin_again(self, epoch: int, since_ms: float) -> None:
        """A new life: steps start anew, and numbers where the epoch is another."""
        if epoch != self.epoch:
            self.seqs = {}
        self.epoch, self.since_ms = epoch, since_ms
        self.step, self.time_s = -(2**53), -np.inf
        self.anew = True


class RunState:
    """The latest state of one run.

    Attributes:
        step: the furthest of the frames shown in this life, with `time_s` (simulation seconds).
        stamp: the times of the message that changed the state last.
        version: rises with every change that viewers should see.
        lives: how often frames began anew; within one life step and time never go back.
        declared: a producer has said by `lifecycle` what state the run is in.
        obeys: its producer has been seen listening for commands.
        read: lane -> how many entries of its stream were read or skipped, ever; finds what was trimmed unread.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.metrics: dict[str, float] = {}
        self.phases: dict[str, float] = {}
        self.step = 0
        self.time_s = 0.0
        self.stamp = Stamp(0.0, 0.0)
        self.version = 0
        self.lives = 1
        self.declared = False
        self.obeys = False
        self.read: dict[str, int] = {}
        self._limits = limits
        self._layers: dict[str, LayerTable] = {}
        self._sources: dict[str, Source] = {}
        self._renewals = 0

    @property
    def generation(self) -> int:
        """Rises when only a keyframe tells viewers the truth, though the layers look alike."""
        return self._renewals + sum(table.generation for table in self._layers.values())

    def snapshot(self) -> dict[str, LayerState]:
        """All layers as they are now; later changes leave it alone."""
        return {name: table.state for name, table in self._layers.items()}

    def schema(self) -> dict[str, dict[str, Any]]:
        """The layers' columns, as the run's info describes them."""
        return {name: {"columns": layers.schema(table.state)} for name, table in self._layers.items()}

    def admit(self, lane: str, message: Message, entry: Entry) -> str | None:
        """Whether a message of a lossless lane may be handled: None, or why not. Call it once, in the lane's order.

        What fails after that and is to be tried again must be withdrawn first.
        """
        if not message.epoch:
            return None
        source = self._source(message)
        if message.epoch < source.epoch:
            return "fenced"
        if message.epoch > source.epoch:
            self._begin_again(message.producer or "", message.epoch, entry.in_ms)
        elif message.seq <= source.seqs.get(lane, 0):
            return "duplicate"
        source.seqs[lane] = message.seq
        return None

    def withdraw(self, lane: str, message: Message) -> None:
        """Handling a message that was admitted has failed and will be tried again: by then it is no duplicate."""
        if message.epoch:
            self._source(message).seqs[lane] = message.seq - 1

    def apply(self, message: Message, payload: Payload, entry: Entry) -> str | None:
        """Take what changes the state; None, or why it was dropped. Other kinds change nothing here.

        Raises:
            InvalidMessage: it contradicts the state, or its reducer refuses it.
            TooLarge: the run would hold more than its limits.
        """
        if isinstance(payload, Frame):
            return self._apply_frame(message, payload, entry)
        if isinstance(payload, Events):
            return self._apply_events(message, payload, entry)
        if isinstance(payload, Metrics):
            return self._apply_metrics(message, payload, entry)
        if isinstance(payload, Lifecycle):
            self.declared = True
            if payload.state == "created" and not message.epoch:
                self._begin_again(message.producer or "", 0, entry.in_ms)
        return None

    def judge(self, message: Message, frame: Frame, entry: Entry) -> tuple[str | None, bool]:
        """Why a frame must be dropped (None: it may be taken), and whether it begins a new life of its producer."""
        source = self._sources.get(message.producer or "")
        if source is None:
            return None, False
        if message.epoch:
            if message.epoch < source.epoch:
                return "fenced", False
            if message.epoch > source.epoch:
                return None, True
        elif entry.in_ms < source.since_ms:
            return "fenced", False
        if frame.step >= source.step and frame.time_s >= source.time_s:
            return None, source.anew
        if message.epoch or entry.in_ms - source.frame_ms < SILENCE_MS:
            return "out_of_order", False
        return None, True

    def _apply_frame(self, message: Message, frame: Frame, entry: Entry) -> str | None:
        reason, again = self.judge(message, frame, entry)
        if reason is not None:
            return reason
        producer = message.producer or ""
        outcome = self._outcome(frame.layers, frame.gone, producer, partial=frame.partial, again=again)
        source = self._source(message)
        if again:
            if not source.anew or message.epoch > source.epoch:
                self._begin_again(producer, message.epoch, entry.in_ms)
            source.anew = False
            others = self._others(producer)
            # The generations of the tables that go are kept in the sum, or it might come out as it was.
            left = (table.generation for name, table in self._layers.items() if name not in others)
            self._renewals += 1 + sum(left)
            self._layers = others
            self.lives += 1
        self._assign(outcome, producer)
        source.step, source.time_s, source.frame_ms = frame.step, frame.time_s, entry.in_ms
        self.phases = frame.phases
        if again:
            self.step, self.time_s = frame.step, frame.time_s
        else:  # other producers may be further: what viewers are shown never goes back within one life
            self.step, self.time_s = max(self.step, frame.step), max(self.time_s, frame.time_s)
        self._changed(entry.stamp(message))
        return None

    def _apply_events(self, message: Message, events: Events, entry: Entry) -> str | None:
        reduce = REDUCERS.get(events.type)
        if reduce is None:
            return "unknown_event"
        producer = message.producer or ""
        self._assign(self._outcome(reduce(events), {}, producer, partial=True), producer)
        self._changed(entry.stamp(message))
        return None

    def _apply_metrics(self, message: Message, metrics: Metrics, entry: Entry) -> str | None:
        merged = {**self.metrics, **metrics.values}
        if len(merged) > self._limits.metrics:
            raise TooLarge("values", len(merged), self._limits.metrics, "different metrics in one run")
        self.metrics = merged
        self._changed(entry.stamp(message))
        return None

    def _outcome(
        self,
        changed: Mapping[str, Layer],
        gone: Mapping[str, Any],
        producer: str,
        *,
        partial: bool,
        again: bool = False,
    ) -> list[tuple[LayerTable, LayerState]]:
        """What a message makes of each layer that it touches; nothing is changed yet."""
        base = self._others(producer) if again else self._layers
        outcome: list[tuple[LayerTable, LayerState]] = []
        for name in {**changed, **gone}:
            table, layer = base.get(name), changed.get(name)
            if table is None:
                if layer is None:
                    continue
                table = LayerTable(name, self._limits)
            if partial:
                outcome.append((table, table.updated(layer, gone.get(name))))
            elif layer is not None:
                outcome.append((table, table.replaced(layer)))
        total = {name: table.state for name, table in base.items()}
        total.update((table.name, state) for table, state in outcome)
        if len(total) > self._limits.layers:
            raise TooLarge("layers", len(total), self._limits.layers, "layers in one run")
        cells = sum(len(state.ids) * (1 + len(state.columns)) for state in total.values())
        if cells > self._limits.cells:
            raise TooLarge("layers", cells, self._limits.cells, "values in one run")
        return outcome

    def _assign(self, outcome: list[tuple[LayerTable, LayerState]], producer: str) -> None:
        for table, state in outcome:
            table.state = state
            table.producer = producer
            table.tidy()
            self._layers[table.name] = table

    def _others(self, producer: str) -> dict[str, LayerTable]:
        """The layers that stay when `producer` begins again; those without a name count as everybody's."""
        return {name: table for name, table in self._layers.items() if table.producer not in {producer, ""}}

    def _changed(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self.version += 1

    def _source(self, message: Message) -> Source:
        producer = message.producer or ""
        source = self._sources.get(producer)
        if source is None:
            if len(self._sources) >= self._limits.producers:
                silent = min(self._sources, key=lambda name: self._sources[name].frame_ms)
                del self._sources[silent]
            source = self._sources[producer] = Source(epoch=message.epoch)
        return source

    def _begin_again(self, producer: str, epoch: int, since_ms: float) -> None:
        """A producer starts a new life: steps and metrics begin anew, and layers with its next frame.

        Frames may come without their producer's name, so those that carry none begin again too.
        """
        for name in {producer, ""}:
            source = self._sources.get(name)
            if source is not None:
                source.begin_again(epoch if name == producer else source.epoch, since_ms)
        self.metrics = {}
        self._renewals += 1

    def to_bytes(self) -> bytes:
        """The state as it goes into a checkpoint, exact."""
        return _encoder.encode(
            {
                "v": FORMAT,
                **{name: getattr(self, name) for name in _PLAIN},
                "renewals": self._renewals,
                "stamp": tuple(self.stamp),
                "sources": {
                    name: (s.epoch, s.step, s.time_s, s.since_ms, s.frame_ms, s.seqs, s.anew)
                    for name, s in self._sources.items()
                },
                "layers": {name: _pack(table) for name, table in self._layers.items()},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits = DEFAULT) -> RunState:
        """The state of a checkpoint.

        Raises:
            InvalidMessage: it was written by an incompatible version, or is no checkpoint.
        """
        try:
            raw = msgspec.msgpack.decode(data)
            if raw["v"] != FORMAT:
                raise InvalidMessage("state", f"a checkpoint of format {raw['v']!r}, this worker reads {FORMAT}")
            state = cls(limits)
            for name in _PLAIN:
                setattr(state, name, raw[name])
            state._renewals = raw["renewals"]
            state.stamp = Stamp(*raw["stamp"])
            state._sources = {name: Source(*values) for name, values in raw["sources"].items()}
            state._layers = {name: _unpack(name, limits, table) for name, table in raw["layers"].items()}
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidMessage("state", f"not a checkpoint: {error!r:.200}") from None
        return state

    def adopt(self, newer: RunState) -> None:
        """Show what `newer` showed, but remember the producers' numbers and the places read as this state does.

        For a server that came back older than it was: what viewers saw stays, what the server lost is taken again.
        """
        for name in ("metrics", "phases", "step", "time_s", "stamp", "version", "lives", "declared", "obeys"):
            setattr(self, name, getattr(newer, name))
        self._layers = newer._layers
        self._renewals = newer._renewals + 1
        for name, source in newer._sources.items():
            mine = self._sources.get(name)
            self._sources[name] = source
            if mine is None or mine.epoch < source.epoch:
                source.seqs = {}
            elif mine.epoch == source.epoch:
                source.seqs = mine.seqs


_PLAIN: Final = ("metrics", "phases", "step", "time_s", "version", "lives", "declared", "obeys", "read")
_encoder: Final = msgspec.msgpack.Encoder()


def _pack(table: LayerTable) -> dict[str, Any]:
    state = table.state
    return {
        "producer": table.producer,
        "generation": table.generation,
        "next": table.next_number,
        "ids": state.ids.tobytes(),
        "names": state.names,
        "columns": {
            key: (column.data.dtype.str, column.data.tobytes(), column.values) for key, column in state.columns.items()
        },
    }


def _unpack(name: str, limits: Limits, raw: Mapping[str, Any]) -> LayerTable:
    columns = {
        key: Column(np.frombuffer(data, np.dtype(dtype)), values)
        for key, (dtype, data, values) in raw["columns"].items()
    }
    state = LayerState(np.frombuffer(raw["ids"], np.uint32), columns, raw["names"])
    return LayerTable.restored(name, limits, raw["producer"], state, raw["next"], raw["generation"])
