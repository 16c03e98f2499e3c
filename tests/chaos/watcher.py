"""What one viewer has seen, and whether it was what was promised. Pure: bytes of messages in, findings out.

Only the fields that promises are about are decoded; a `deep` watcher takes the state itself as well, and looks whether
every frame shows the state of the step that it names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.chaos.simulation import ENTITIES

from lanecast.broker.rendition import View
from lanecast.broker.tiers import TIERS


class Head(msgspec.Struct):
    """The fields of a message that promises are about."""

    type: str
    epoch: str | None = None
    offset: str | None = None
    prev: str | None = None
    recovered: bool | None = None
    tier: str | None = None
    key: bool = False
    life: int = 0
    step: int = 0
    time_s: float = 0.0
    hops: dict[str, float] = {}
    level: str = ""
    text: str = ""
    code: str = ""
    skipped: int = 0


REASONS = 3
REDRAW_S = 0.5
_head = msgspec.msgpack.Decoder(Head)


@dataclass
class Findings:
    """What was found in all that one viewer was sent.

    Attributes:
        lost, duplicates: numbered statuses that are missing, or came again, without the viewer having been told that
            the streams begin anew (`recovered: false`).
        unchained: lossless messages that do not follow the one before.
        back: frames that are earlier than one before, or do not show the state of their step.
        anew: how often the viewer was told that the streams begin anew, after its first subscription.
        notices: texts of notices, and of statuses that are not numbers.
    """

    lost: int = 0
    duplicates: int = 0
    unchained: int = 0
    back: int = 0
    anew: int = 0
    frames: int = 0
    why: list[str] = field(default_factory=list)
    """The first few of what was wrong, in words."""
    notices: Counter[str] = field(default_factory=Counter)


class Watcher:
    """Takes the messages of one viewer's connections, one after the other."""

    def __init__(self, *, deep: bool = False) -> None:
        self.found = Findings()
        self.place: dict[str, str] = {}
        """What a resume is asked by: `epoch` and `offset`."""
        self.said: dict[int, int] = {}
        """Life of the producer -> its last status that came."""
        self.pub_ms = 0.0
        """When the newest frame was published."""
        self.longest_gap_s = 0.0
        self._unsure = True
        self._offset: str | None = None
        self._frame: tuple[str | None, str | None] = (None, None)
        self._state: tuple[str | None, int, int, float] = (None, 0, 0, 0.0)
        self._view = View() if deep else None
        self._frame_at: float | None = None
        self._redrawn_at: float | None = None

    def connected(self) -> None:
        """A new connection: its first frame is a keyframe."""
        self._frame = (None, None)
        self._redrawn_at = None

    def begin(self) -> None:
        """Measure the longest gap between frames from now on."""
        self.longest_gap_s = 0.0

    def silence_s(self, now_s: float) -> float:
        """How long there has been no frame, at a time of the monotonic clock."""
        return 0.0 if self._frame_at is None else now_s - self._frame_at

    def take(self, data: bytes, now_s: float) -> Head:
        """One message, which has come now (seconds of the monotonic clock)."""
        head = _head.decode(data)
        if head.type == "frame":
            self._take_frame(head, data, now_s)
        elif head.type == "subscribed":
            self._take_place(head)
        elif head.type in ("status", "run", "control_state", "result"):
            if head.offset is not None:
                self.found.unchained += head.prev != self._offset
                self._offset = head.offset
                self.place["offset"] = head.offset
            if head.type == "status":
                self._take_status(head.text)
        elif head.type == "notice":
            self.found.notices[head.text] += 1
        return head

    def _take_place(self, head: Head) -> None:
        assert head.epoch is not None
        assert head.offset is not None
        if not head.recovered:
            self.found.anew += bool(self.place)
            self._unsure = True
            self._state = (None, 0, 0, 0.0)  # "what was known of the run is void"
        elif self.place and self.place["epoch"] == head.epoch and self.place["offset"] != head.offset:
            self.found.unchained += 1
        self._offset = head.offset
        self.place = {"epoch": head.epoch, "offset": head.offset}

    def _take_status(self, text: str) -> None:
        life, _, number = text.partition(":")
        if not (life.isdigit() and number.isdigit()):
            self.found.notices[text] += 1
            return
        which, n = int(life), int(number)
        last = self.said.get(which)
        if last is None:
            self.found.lost += 0 if self._unsure else n - 1
        elif n <= last:
            self.found.duplicates += not self._unsure
        else:
            hole = 0 if self._unsure else n - last - 1
            self.found.lost += hole
            if hole:
                self._note(f"{text} after {last}, told that it begins anew {self.found.anew} times")
        self.said[which] = max(n, last or 0)
        self._unsure = self._unsure and last is not None and n <= last

    def _take_frame(self, head: Head, data: bytes, now_s: float) -> None:
        if not head.key and self._frame != (head.tier, head.prev):
            return  # as every viewer does: it waits for the next keyframe
        redraw = self._frame[0] != head.tier
        self._frame = (head.tier, head.offset)
        self.found.frames += 1
        epoch, life, step, time_s = self._state
        same = (epoch, life) == (head.epoch, head.life)
        if same and head.step < step and (redraw or self._redrawn_at is not None):
            # The picture is drawn anew, from the newest keyframe on: what is earlier than what was there is not shown,
            # for the rest follows in the same write.
            self._redrawn_at = now_s if redraw else self._redrawn_at
            if now_s - (self._redrawn_at or now_s) > REDRAW_S:
                self._back(f"{head.tier} {head.offset}: still at {head.step}, not {step}, after a redraw")
            if self._view is not None:
                self._view.apply(msgspec.msgpack.decode(data))
            return
        self._redrawn_at = None
        if (same and (head.step < step or head.time_s < time_s)) or (epoch == head.epoch and head.life < life):
            self._back(
                f"{head.tier} {head.offset}: {(head.epoch, head.life, head.step, head.time_s)} after {self._state}"
            )
        self._state = (head.epoch, head.life, head.step, head.time_s)
        if self._frame_at is not None:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._frame_at)
        self._frame_at = now_s
        self.pub_ms = max(self.pub_ms, head.hops.get("pub_ms", 0.0))
        if self._view is not None and not self._shows_its_step(msgspec.msgpack.decode(data)):
            self._back(f"{head.tier} {head.offset}: not the state of step {head.step}")

    def _back(self, why: str) -> None:
        self.found.back += 1
        self._note(why)

    def _note(self, why: str) -> None:
        if len(self.found.why) < REASONS:
            self.found.why.append(why)

    def _shows_its_step(self, frame: dict[str, Any]) -> bool:
        view = self._view
        assert view is not None
        if not view.apply(frame):
            return False
        layer = view.layers.get("cars")
        if layer is None:
            return not frame["step"]
        off = abs(layer.column("x").data - frame["step"]).max()
        return len(layer.ids) == ENTITIES and bool(off <= TIERS[frame["tier"]].position_step / 2 + 1e-6)
