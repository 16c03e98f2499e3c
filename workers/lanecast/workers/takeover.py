"""Taking over a run: everything its last owner knew, read back from Redis.

The checkpoint holds the state as it was at the cursors `at:LANE`; what was committed since, up to `cursor:LANE`, is
replayed silently, because its output is there already. Work goes on from `cursor:LANE`. So the new owner's state is
the old one's at its last commit, and nothing is told twice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from lanecast.broker import keys, payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import LANES
from lanecast.broker.offsets import Offset
from lanecast.broker.payloads import Frame
from lanecast.broker.runs import RunInfo, read_info
from lanecast.workers import reading
from lanecast.workers.aggregate import RunState
from lanecast.workers.desk import Place
from lanecast.workers.entries import Entry, parse_id
from lanecast.workers.errors import Damaged
from lanecast.workers.newest import pick

log = structlog.get_logger()


@dataclass(slots=True)
class Memory:
    """What this process knows of a run that it owned until just now: its last commit that was acknowledged."""

    commit: tuple[int, int]
    state: RunState


@dataclass(slots=True)
class Inheritance:
    """What the new owner begins with.

    Attributes:
        fresh: the output streams begin a new run epoch, which viewers must be told of.
        critical: offset of the last message in the critical output stream.
        now_ms: Redis's clock, Unix milliseconds.
        processors: what the last owner's have saved.
    """

    info: RunInfo
    fresh: bool
    state: RunState
    place: Place
    critical: Offset
    now_ms: float
    processors: bytes | None = None


async def take_over(client: Any, run: str, epoch: int, memory: Memory | None) -> Inheritance:
    """Read all that is known of a run; `epoch` is the lease's, under which the caller will write.

    Raises:
        Damaged: the lease's epoch is not above those used before; the next one will be.
        what `connect.TRANSIENT` names: begin again.
    """
    seen = await reading.survey(client, run)
    kept: dict[bytes, bytes] = await client.hgetall(keys.checkpoint(run))
    info = _info(run, await client.get(keys.info(run)))
    if memory is not None and memory.commit <= seen.commit:
        memory = None  # the server knows all that we do, or more
    used = max(seen.commit[0], *(parse_id(stream.last)[0] for stream in seen.outputs.values()))
    if used >= epoch:
        # The fence went back, or an earlier life of this very worker holds the lease: offsets must go on rising.
        await client.incrby(keys.fence(run), used - epoch)
        raise Damaged(f"run {run}: epoch {epoch} is not above {used}, which was used already")
    fresh = not info.epoch or seen.commit == (0, 0) or memory is not None
    if fresh:
        info.epoch = secrets.token_hex(4)
        info.created_ms = info.created_ms or seen.now_ms
    state = _state(run, kept.get(b"state"))
    at = {lane: _cursor(kept, f"at:{lane}", seen.lanes[lane]) for lane in LANES}
    cursors = {lane: _cursor(kept, f"cursor:{lane}", seen.lanes[lane], at[lane]) for lane in LANES}
    for lane in LANES:
        await _replay(client, run, lane, at[lane], cursors[lane], state)
    if memory is not None:
        log.warning("server_went_back", run=run, known=memory.commit, found=seen.commit)
        state.adopt(memory.state)
    await reading.ensure_groups(client, run, cursors)
    last = Offset(*parse_id(seen.outputs["critical"].last))
    return Inheritance(info, fresh, state, Place(cursors, at), last, seen.now_ms, kept.get(b"processors"))


def start_of(lane: reading.Stream, cursor: str) -> str:
    """A cursor that makes sense in the stream as it is: behind its end nothing would ever be read."""
    return "0-0" if parse_id(cursor) > parse_id(lane.last) else cursor


def _cursor(kept: dict[bytes, bytes], name: str, lane: reading.Stream, default: str = "0-0") -> str:
    found = kept.get(name.encode())
    return start_of(lane, found.decode() if found else default)


def _info(run: str, text: bytes | None) -> RunInfo:
    try:
        return read_info(run, text)
    except msgspec.MsgspecError as error:
        log.warning("info_unreadable", run=run, error=str(error))
        return RunInfo(run, "")


def _state(run: str, data: bytes | None) -> RunState:
    if data is None:
        return RunState()
    try:
        return RunState.from_bytes(data)
    except InvalidMessage as error:
        log.warning("checkpoint_unreadable", run=run, error=str(error))
        return RunState()


async def _replay(client: Any, run: str, lane: str, after: str, to: str, state: RunState) -> None:
    while parse_id(after) < parse_id(to):
        entries = await reading.between(client, run, lane, after, to)
        if not entries:
            return
        _apply(lane, entries, state)
        state.read[lane] = state.read.get(lane, 0) + len(entries)
        after = entries[-1].id


def _apply(lane: str, entries: list[Entry], state: RunState) -> None:
    """As the last owner did, but silently; what it has put aside is put aside again."""
    if lane == "high":
        picked = pick(entries, lane, lambda message, frame, entry: state.judge(message, frame, entry)[0] is None)
        for entry, message, frame in picked.frames:
            _try(message, frame, entry, state)
        return
    for entry in entries:
        try:
            message = wire.from_fields(entry.fields, lane)
            if LANES[lane].lossless and state.admit(lane, message, entry) is not None:
                continue
            payload = payloads.read(message)
        except InvalidMessage:
            continue
        _try(message, payload, entry, state)


def _try(message: wire.Message, payload: payloads.Payload | Frame, entry: Entry, state: RunState) -> None:
    try:
        state.apply(message, payload, entry)
    except Exception as error:  # noqa: BLE001 - whatever it is, the last owner has put the message aside for it
        log.debug("replay_skipped", entry=entry.id, error=repr(error))
