"""Commits: all that one step of a run's owner changes, written at once under its lease. Pure; `scripts` runs the call.

A commit moves the read cursors of the lanes, appends to the output streams, and keeps checkpoint, info, scene,
results and counters together. So there is no moment between output and acknowledgement in which a crash could lose or
repeat something: either the whole step has happened, or the next owner does it again from the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from lanecast.broker import keys, scripts
from lanecast.broker.errors import Fenced, TooLarge
from lanecast.broker.flow import TTL_MS, Flow
from lanecast.broker.offsets import Offset
from lanecast.broker.scripts import Word

RESULT_KEPT_S: Final = 600
CRITICAL_KEPT: Final = 10_000
FRAMES_KEPT: Final = 512
DEAD_KEPT: Final = 10_000
DEAD_FIELDS: Final = 64
MAX_WORDS: Final = 4_000
"""Of one command: Lua's `unpack` fails at some 8,000."""


class Commit:
    """Collects one step's changes; `call()` makes the script call, `check()` reads its reply."""

    def __init__(self, run: str, epoch: int, n: int) -> None:
        self.run = run
        self.epoch = epoch
        self.n = n
        self._keys: dict[str, None] = {keys.lease(run): None, keys.checkpoint(run): None}
        self._words: list[Word] = []

    def __bool__(self) -> bool:
        return bool(self._words)

    def lossless(self, offset: Offset, kind: str, data: bytes, out_ms: float = 0.0) -> None:
        """Append a message to the critical output stream; `out_ms` is now, Unix ms: readers' lag is told by it."""
        self._append("critical", CRITICAL_KEPT, offset, "kind", kind, "out_ms", f"{out_ms:.3f}", "data", data)

    def frame(self, tier: str, offset: Offset, data: bytes, pub_ms: float, *, key: bool) -> None:
        """Append a frame to a tier's output stream; a keyframe is also remembered as the newest."""
        self._append(tier, FRAMES_KEPT, offset, "key", int(key), "pub_ms", f"{pub_ms:.3f}", "data", data)
        if key:
            self._add("HSET", keys.keyframes(self.run), tier, str(offset))

    def cursor(self, lane: str, entry_id: str) -> None:
        """Move the worker group's position on a lane, and remember it as committed."""
        self._add("XGROUP SETID", keys.lane(self.run, lane), keys.WORKER_GROUP, entry_id)
        self._add("HSET", keys.checkpoint(self.run), f"cursor:{lane}", entry_id)

    def checkpoint(self, state: bytes, cursors: Mapping[str, str]) -> None:
        """Keep the state and the lane cursors that it stands for (`at:LANE`); what is behind them is trimmed."""
        words: list[Word] = ["state", state]
        for lane, entry_id in cursors.items():
            words += (f"at:{lane}", entry_id)
            self._add("XTRIM", keys.lane(self.run, lane), "MINID", entry_id)
        self._add("HSET", keys.checkpoint(self.run), *words)

    def processors(self, state: bytes) -> None:
        """Keep what the run's processors must know after a takeover, beside the checkpoint."""
        self._add("HSET", keys.checkpoint(self.run), "processors", state)

    def info(self, text: str) -> None:
        """Replace the run's info (JSON)."""
        self._add("SET", keys.info(self.run), text)

    def scene(self, version: str, data: bytes) -> None:
        """Replace the run's scene (MessagePack)."""
        self._add("HSET", keys.scene(self.run), "version", version, "data", data)

    def result(self, command_id: str, text: str) -> None:
        """Keep a command's result (JSON) for 10 minutes."""
        self._add("SET", keys.command(self.run, command_id), text, "EX", RESULT_KEPT_S)

    def count(self, name: str, by: int = 1) -> None:
        """Add to one of the run's counters."""
        self._add("HINCRBY", keys.counts(self.run), name, by)

    def flow(self, flow: Flow) -> None:
        """Say what the run's publishers may send, for `flow.TTL_MS`; `ok` is what holds when nothing is said."""
        key = keys.flow(self.run)
        if flow.state == "ok":
            self._add("DEL", key)
            return
        self._add("HSET", key, *(word for pair in flow.to_fields().items() for word in pair))
        self._add("PEXPIRE", key, TTL_MS)

    def dead(self, lane: str, entry_id: str, reason: str, fields: Mapping[bytes, bytes], *, cut: bool = False) -> None:
        """Put a message that cannot be handled aside, with the reason; `cut`: `fields` are not all of it.

        Of more fields than `DEAD_FIELDS` the first are kept: Lua cannot pass on more than some thousand words.
        """
        words: list[Word] = ["lane", lane, "id", entry_id, "reason", reason]
        if cut or len(fields) > DEAD_FIELDS:
            words += ("cut", 1)
        for name, value in islice(fields.items(), DEAD_FIELDS):
            words += (b"field:" + name, value)
        self._add("XADD", keys.dead(self.run), "MAXLEN", "~", DEAD_KEPT, "*", *words)

    def call(self) -> scripts.Call:
        """The script call that makes this commit."""
        return scripts.Call(scripts.COMMIT, tuple(self._keys), (self.epoch, self.n, *self._words))

    def check(self, reply: Any) -> list[str]:
        """Read the reply; returns the errors of single commands (none, if nobody meddles with the keys).

        Raises:
            Fenced: the lease is somebody else's, or nobody's; nothing was written.
        """
        if reply[0] == b"fenced":
            raise Fenced(f"run {self.run}", self.epoch, int(reply[1]))
        return [f"command {int(at)}: {error.decode()}" for at, error in zip(reply[1::2], reply[2::2], strict=True)]

    def _append(self, stream: str, kept: int, offset: Offset, *fields: Word) -> None:
        self._add("XADD", keys.out(self.run, stream), "MAXLEN", "~", kept, str(offset), *fields)

    def _add(self, command: str, key: str, *words: Word) -> None:
        self._keys[key] = None
        names = command.split()
        if len(names) + 1 + len(words) > MAX_WORDS:
            raise TooLarge(f"commit.{command}", len(names) + 1 + len(words), MAX_WORDS, "words in one command")
        self._words += (len(names) + 1 + len(words), *names, key, *words)
