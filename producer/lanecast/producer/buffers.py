"""What waits on the way from the simulation to Redis. Pure: no I/O, no clock.

`Replay` keeps the messages of a lossless lane with their numbers until the server has them, and the last ones a while
longer, so that a server that comes back with less than it had acknowledged gets them again. `Newest` keeps only
those frames that no newer frame replaces, `Pictures` the newest picture of each camera. All are bounded and safe to use
from several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from lanecast.broker.images import MAX_CAMERAS
from lanecast.broker.wire import Message

MAX_MESSAGES: Final = 100_000
MAX_BYTES: Final = 64 * 1024 * 1024
KEPT_MESSAGES: Final = 10_000
KEPT_BYTES: Final = 8 * 1024 * 1024
MAX_FRAMES: Final = 32
MAX_PICTURE_BYTES: Final = 32 * 1024 * 1024


class Replay:
    """The numbered messages of one lossless lane.

    A message gets its number when it is first sent: messages that were never sent can be dropped from a full buffer
    without leaving a gap. Numbers run 1, 2, 3, … within an epoch.
    """

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._kept: deque[Message] = deque()  # acknowledged; the last one has number `_acked`
        self._flight: deque[Message] = deque()  # numbered, outcome not known; the first one has `_acked + 1`
        self._waiting: deque[Message] = deque()  # never sent
        self._acked = 0
        self._bytes = 0  # of flight and waiting
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._flight) + len(self._waiting)

    def put(self, message: Message) -> int:
        """Take a message; returns how many had to be dropped for it, the oldest of those never sent."""
        size = len(message.data)
        dropped = 0
        with self._lock:
            while self._waiting and (
                len(self._flight) + len(self._waiting) >= self._max_messages or self._bytes + size > self._max_bytes
            ):
                self._bytes -= len(self._waiting.popleft().data)
                dropped += 1
            self._waiting.append(message)
            self._bytes += size
        return dropped

    def put_first(self, messages: Sequence[Message]) -> None:
        """Take messages that have to come before all those never sent."""
        with self._lock:
            self._waiting.extendleft(reversed(messages))
            self._bytes += sum(len(message.data) for message in messages)

    def due(self, now_ms: float, count: int, age_ms: float) -> bool:
        """Whether it is time to send: a repetition is under way, `count` are there, or one waits for `age_ms`."""
        with self._lock:
            if self._flight or len(self._waiting) >= count:
                return True
            if not self._waiting:
                return False
            waited_ms = now_ms - (self._waiting[0].t_ms or 0.0)
            return waited_ms >= age_ms or waited_ms < 0  # the clock was set back

    def batch(self, max_messages: int, max_bytes: int) -> tuple[int, list[Message]]:
        """Number of the first message to send, and the messages (at least one if there are any)."""
        with self._lock:
            while self._waiting and len(self._flight) < max_messages:
                self._flight.append(self._waiting.popleft())
            batch: list[Message] = []
            size = 0
            for message in islice(self._flight, max_messages):
                size += len(message.data)
                if batch and size > max_bytes:
                    break
                batch.append(message)
            return self._acked + 1, batch

    def last(self) -> tuple[int, list[Message]]:
        """What to ask a server with whether it still has what it acknowledged: the last such message, numbered."""
        with self._lock:
            return self._acked, list(islice(reversed(self._kept), 1))

    def acknowledge(self, seq: int) -> int:
        """The server has everything up to `seq`; returns how many of these are news."""
        news = 0
        with self._lock:
            while self._acked < seq and self._flight:
                message = self._flight.popleft()
                self._bytes -= len(message.data)
                self._kept_bytes += len(message.data)
                self._kept.append(message)
                self._acked += 1
                news += 1
            while len(self._kept) > KEPT_MESSAGES or (self._kept_bytes > KEPT_BYTES and len(self._kept) > 1):
                self._kept_bytes -= len(self._kept.popleft().data)
        return news

    def rewind(self, seq: int) -> int:
        """The server expects `seq` next: take what is kept from there back. Returns how many are not kept any more."""
        with self._lock:
            while self._acked >= seq and self._kept:
                self._take_back()
            return max(0, self._acked + 1 - seq)

    def renumber(self) -> None:
        """Begin a new epoch, on a server that has nothing of what is kept: all of it is sent again, from number 1."""
        with self._lock:
            while self._kept:
                self._take_back()
            self._acked = 0
            # Numbers of this epoch have not been used: what was in flight may wait again.
            self._waiting.extendleft(reversed(self._flight))
            self._flight.clear()

    def _take_back(self) -> None:
        message = self._kept.pop()
        self._kept_bytes -= len(message.data)
        self._bytes += len(message.data)
        self._flight.appendleft(message)
        self._acked -= 1


@dataclass(slots=True, eq=False)
class Outgoing:
    """A frame on its way; `seq` is 0 until it is first sent."""

    data: bytes
    t_ms: float
    layers: frozenset[str]
    partial: bool = False
    seq: int = 0


class Newest:
    """Frames, newest wins: a full frame replaces all unsent frames that tell nothing of any other layer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Outgoing] = deque()
        self._flying: Outgoing | None = None
        self._seq = 0

    def __len__(self) -> int:
        return len(self._frames) + (self._flying is not None)

    def put(self, frame: Outgoing) -> int:
        """Take a frame; returns how many older ones were dropped for it."""
        with self._lock:
            frames = self._frames
            before = len(frames)
            if frames and not frame.partial:
                if before == 1:  # by far the most frequent case
                    if frames[0].layers <= frame.layers:
                        frames.clear()
                else:
                    self._frames = frames = deque(older for older in frames if not older.layers <= frame.layers)
            if len(frames) >= MAX_FRAMES:
                frames.popleft()
            dropped = before - len(frames)
            frames.append(frame)
            return dropped

    def take(self) -> Outgoing | None:
        """The frame to send next; it is to be `done` with or `put_back`."""
        with self._lock:
            if self._flying is None and self._frames:
                self._flying = self._frames.popleft()
                if not self._flying.seq:
                    self._seq += 1
                    self._flying.seq = self._seq
            return self._flying

    def done(self) -> None:
        """The frame that was taken is sent."""
        with self._lock:
            self._flying = None

    def put_back(self) -> int:
        """The frame that was taken may not have arrived; returns 1 if a newer one makes sending it again needless."""
        with self._lock:
            frame, self._flying = self._flying, None
            if frame is None:
                return 0
            if any(not newer.partial and frame.layers <= newer.layers for newer in self._frames):
                return 1
            self._frames.appendleft(frame)
            return 0

    def renumber(self) -> None:
        """Begin a new epoch."""
        with self._lock:
            self._seq = 0
            for frame in self._in_order():
                frame.seq = 0

    def _in_order(self) -> Iterable[Outgoing]:
        return [*([self._flying] if self._flying else []), *self._frames]


class Pictures:
    """Camera pictures, the newest of each camera; the cameras take turns.

    At most `MAX_CAMERAS` and `MAX_PICTURE_BYTES` wait; the one that has waited longest goes first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[bytes, float]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, camera: str, data: bytes, t_ms: float) -> int:
        """Take a picture; returns how many were dropped for it. A camera that waits keeps its turn."""
        with self._lock:
            older = self._waiting.get(camera)
            dropped = int(older is not None)
            self._bytes += len(data) - (len(older[0]) if older is not None else 0)
            self._waiting[camera] = (data, t_ms)
            while len(self._waiting) > 1 and (len(self._waiting) > MAX_CAMERAS or self._bytes > MAX_PICTURE_BYTES):
                first = next(name for name in self._waiting if name != camera)
                self._bytes -= len(self._waiting.pop(first)[0])
                dropped += 1
            return dropped

    def take(self) -> tuple[bytes, float] | None:
        """The picture to send next, and when it was published, Unix ms; it is sent once or not at all."""
        with self._lock:
            if not self._waiting:
                return None
            data, t_ms = self._waiting.pop(next(iter(self._waiting)))
            self._bytes -= len(data)
            return data, t_ms

    def clear(self) -> int:
        """Drop all; returns how many."""
        with self._lock:
            dropped = len(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            return dropped
