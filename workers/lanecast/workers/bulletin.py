"""What viewers are told of a run besides its frames: its info, and the lossless messages. Pure.

Guarantees: messages go out in the order in which `say` was called, each naming the one before it; whatever changes the
info is first tried on a copy, so that a message that cannot be told to viewers changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lanecast.broker import messages
from lanecast.broker.commit import Commit
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.offsets import Offset
from lanecast.broker.payloads import Control, Lifecycle, Result, Scene, Status
from lanecast.broker.runs import ControlState, RunInfo
from lanecast.workers.limits import DEFAULT, Limits


class Bulletin:
    """The info of one run and its critical output stream.

    Args:
        info: as it is now.
        epoch: the lease's, under which offsets run.
        last: offset of the stream's last message.
    """

    def __init__(self, info: RunInfo, epoch: int, last: Offset, limits: Limits = DEFAULT) -> None:
        self.info = info
        self._last = last
        self._epoch = epoch
        self._limits = limits
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._scene: tuple[str, bytes] | None = None
        self._changed = False

    def say(self, kind: str, body: Mapping[str, Any]) -> None:
        """Queue a lossless message; a `run` right after a `run` takes its place."""
        if kind == "run" and self._waiting and self._waiting[-1][0] == "run":
            self._waiting.pop()
        self._waiting.append((kind, body))

    def announce(self, now_ms: float) -> None:
        """Tell the info, changed or not."""
        self.info.updated_ms = now_ms
        self._changed = True
        self.say("run", {"info": self.info.to_dict()})

    def change(self, now_ms: float, edit: Callable[[RunInfo], None]) -> bool:
        """Edit the info, and tell it if that made a difference; whether it did.

        Raises:
            InvalidMessage: the outcome cannot be written as JSON and MessagePack.
            TooLarge: it is over the limit.
        """
        candidate = msgspec.json.decode(self.info.to_json(), type=RunInfo)
        before = candidate.to_dict()
        edit(candidate)
        try:
            text = candidate.to_json()
            candidate = msgspec.json.decode(text, type=RunInfo)
            after = candidate.to_dict()
            msgspec.msgpack.encode(after)
        except (OverflowError, TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise InvalidMessage("data", f"holds what viewers cannot be told: {error}") from None
        if len(text) > self._limits.info_bytes:
            raise TooLarge("data", len(text), self._limits.info_bytes, "bytes of run info")
        if after == before:
            return False
        self.info = candidate
        self.announce(now_ms)
        return True

    def lifecycle(self, payload: Lifecycle, producer: str | None, now_ms: float) -> None:
        """A producer says what the run is, and what state it is in."""

        def edit(info: RunInfo) -> None:
            info.state = payload.state
            info.producer = producer or info.producer
            if payload.state == "created":
                info.control = ControlState(params=info.control.params)
            for name in ("title", "kind", "metadata", "params"):
                value = getattr(payload, name)
                if value is not None:
                    setattr(info, name, value)
            if payload.units is not None:  # of its own layers: those of other producers stay
                info.units |= payload.units

        self.change(now_ms, edit)

    def control(self, payload: Control, now_ms: float) -> None:
        """A producer says what it really does now; parameters that it does not name stay as they were."""

        def edit(info: RunInfo) -> None:
            info.control = ControlState(payload.paused, payload.stopping, {**info.control.params, **payload.params})
            if info.state not in {"created", "ended"} or payload.paused or payload.stopping:
                info.state = "ended" if info.state == "ended" else doing(info)

        self.change(now_ms, edit)
        body = msgspec.to_builtins(self.info.control)
        told = self._waiting.pop() if self._waiting and self._waiting[-1][0] == "run" else None
        self.say("control_state", body)  # what was said comes before what follows from it
        if told is not None:
            self.say(*told)

    def status(self, payload: Status, at_ms: float) -> None:
        """A line for the event log."""
        self.say("status", {"level": payload.level, "text": payload.text, "time_s": payload.time_s, "at_ms": at_ms})

    def result(self, payload: Result, name: str | None) -> None:
        """The answer to a command; `name` is what the command was called, None if nobody knows any more."""
        self.say(
            "result",
            {
                "command_id": payload.command_id,
                "name": name,
                "ok": payload.ok,
                "error": payload.error,
                "field": payload.field,
            },
        )

    def scene(self, payload: Scene, now_ms: float) -> None:
        """A new static map; its version is a hash of what it holds."""
        version = hashlib.sha256(payload.data).hexdigest()[:16]

        def edit(info: RunInfo) -> None:
            info.scene = version

        if self.change(now_ms, edit):
            self._scene = (version, payload.data)

    def flush(self, commit: Commit, now_ms: float) -> int:
        """Put everything queued into a commit; returns how many messages that were."""
        if self._scene is not None:
            commit.scene(*self._scene)
            self._scene = None
        if self._changed:
            commit.info(self.info.to_json())
            self._changed = False
        count = len(self._waiting)
        for kind, body in self._waiting:
            offset = Offset(self._epoch, self._last.n + 1 if self._last.epoch == self._epoch else 1)
            data = messages.lossless(kind, self.info.id, self.info.epoch, offset, self._last, body)
            commit.lossless(offset, kind, data, now_ms)
            if kind == "result":
                commit.result(body["command_id"], msgspec.json.encode(messages.decode(data)).decode())
            self._last = offset
        self._waiting.clear()
        return count


def doing(info: RunInfo) -> str:
    """The state that follows from what the simulation says it does."""
    return "stopping" if info.control.stopping else "paused" if info.control.paused else "running"
