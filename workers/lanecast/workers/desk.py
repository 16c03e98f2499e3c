"""The desk of one run: takes what was read from its lanes, and writes the commit that follows. Pure.

The clock is handed in: `now` is seconds of a monotonic clock, `now_ms` Unix milliseconds by Redis's clock. A message
that cannot be handled is put aside with its reason and disturbs nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from lanecast.broker import demand, messages, payloads, wire
from lanecast.broker.backlog import Alarm, threshold
from lanecast.broker.commit import Commit
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.flow import REFRESH_S, Load, Policy
from lanecast.broker.lanes import LANES, LOW
from lanecast.broker.payloads import Control, Frame, Image, Lifecycle, Payload, Result, Scene, Status
from lanecast.broker.runs import RunInfo
from lanecast.broker.wire import Message
from lanecast.workers import layers
from lanecast.workers.aggregate import RunState
from lanecast.workers.audience import Audience
from lanecast.workers.budget import Budget
from lanecast.workers.bulletin import Bulletin, doing
from lanecast.workers.entries import Entry, kept_fields
from lanecast.workers.grading import Grading
from lanecast.workers.images.camera import Source
from lanecast.workers.images.codec import measure
from lanecast.workers.newest import pick
from lanecast.workers.plugins import PluginFailed
from lanecast.workers.processing import Processing
from lanecast.workers.processors import Context, Pipeline
from lanecast.workers.quality import HIGH_PERFORMANCE, Measure, Preset
from lanecast.workers.render import Renderers, TierRenderer, View
from lanecast.workers.retries import Retries
from lanecast.workers.stats import Stats
from lanecast.workers.vigil import LOSABLE, Vigil

log = structlog.get_logger()

SCHEMA_GAP_S: Final = 1.0
"""A change of the layers' columns is told no more often than this: a producer may change them with every frame."""
IDLE_S: Final = 0.033
"""How long a commit may wait in which nobody but the lane `low` has moved."""
CHECKPOINT_BYTES_PER_S: Final = 8_000_000
"""A large state is kept less often, so that keeping it does not become the work itself."""
DEAD_DATA_BYTES: Final = 64 * 1024
DEAD_FIELDS: Final = 32
DEAD_TEXT: Final = 500


@dataclass(slots=True)
class Place:
    """Where the owner is in the lanes: `cursors` as read, `kept` as in the last checkpoint."""

    cursors: dict[str, str]
    kept: dict[str, str]


class Desk:
    """Everything about one run but the I/O.

    Args:
        run: its id.
        state: the latest state, which this desk changes.
        bulletin: its info and lossless messages.
        place: the cursors.
        renderers: of its tiers.
        vigil: over its producer.
        epoch: of the lease.
        checkpoint_s: how long a checkpoint may be behind.
        pipeline: its processors; None means no processors.
        preset: the limits of its quality.
    """

    def __init__(
        self, run: str, state: RunState, bulletin: Bulletin, place: Place, renderers: Renderers, vigil: Vigil,
        stats: Stats, *, epoch: int, checkpoint_s: float, pipeline: Pipeline | None = None,
        preset: Preset = HIGH_PERFORMANCE,
    ) -> None:  # fmt: skip
        self.state = state
        self.bulletin = bulletin
        self.place = place
        self.vigil = vigil
        self.audience = Audience()
        self.pictures: list[Source] = []
        self.fresh_images: set[str] = set()
        self._renderers = renderers
        self._processing = Processing(Pipeline((), Context(run)) if pipeline is None else pipeline, state, bulletin)
        self._run = run
        self._epoch = epoch
        self._stats = stats
        self._checkpoint_s = checkpoint_s
        self._checkpoint_due = float("-inf")
        self._schema_due = float("-inf")
        self._idle_due = float("inf")
        self._schema_version = (-1, -1)
        self._schema_units: dict[str, dict[str, str]] = {}
        self._counts: Counter[str] = Counter()
        self._moved: set[str] = set()
        self._commit = Commit(run, epoch, 1)
        self._warnings = Budget(per_s=0.2, burst=3)
        self._traces = Budget(per_s=0.2, burst=3)
        self._retries = Retries()
        self._flow = Policy()
        self._grading = Grading(preset, bulletin, renderers)
        stats.quality[run] = bulletin.info.quality.level
        self.failures = 0
        self._flow_due = 0.0
        self._alarm = Alarm(threshold("in:critical"))
        self._log_lines = Budget(per_s=20, burst=100)
        self._log = log.bind(run=run, epoch=epoch)

    def take(self, lane: str, entries: Sequence[Entry], now: float, now_ms: float, names: Mapping[str, str]) -> int:
        """Handle entries of a lane, which follow the cursor in order; returns how many of them.

        Where that is not all, the next one failed and is to be handed in again, with those behind it, once the lane no
        longer `waits`. `names` tells for the ids of commands what they are called.
        """
        if self.waits(lane, now):
            return 0
        taken = 0
        if lane == "high":
            self._take_newest(entries, now, now_ms)
            taken = len(entries)
        else:
            for entry in entries:
                if not self._take_one(lane, entry, now, now_ms, names):
                    break
                taken += 1
        if taken:
            self._stats.add("messages", taken)
            self.state.read[lane] = self.state.read.get(lane, 0) + taken
            self._move(lane, entries[taken - 1].id)
        return taken

    def waits(self, lane: str, now: float) -> bool:
        """Whether the message at the head of a lane has failed, and it is not yet time to try it again."""
        return self._retries.waits(lane, now)

    def pass_over(self, lane: str, count: int) -> None:
        """Entries of a newest-wins lane that were not even fetched, because newer ones are there."""
        if count > 0:
            self._count(f"dropped:{lane}:superseded", count)
            self.state.read[lane] = self.state.read.get(lane, 0) + count

    def survey(self, lane: str, added: int, length: int) -> None:
        """Compare what was read of a lane with what its stream ever held; everything before was read and handled."""
        removed, read = added - length, self.state.read.get(lane, 0)
        if added < read:  # the stream was made anew
            self.state.read[lane] = removed
        elif removed > read:
            self._count(f"trimmed:{lane}", removed - read)
            self.state.read[lane] = removed
            if LANES[lane].lossless:
                self._log.warning("entries_trimmed_unread", lane=lane, entries=removed - read)

    def rewind(self, lane: str, cursor: str) -> None:
        """Read a lane from another place on: its stream is not what it was."""
        self._log.warning("cursor_moved", lane=lane, before=self.place.cursors[lane], after=cursor)
        self._move(lane, cursor)

    def hear(self, entries: Sequence[Entry], now: float) -> None:
        """Take entries of the demand stream."""
        for entry in entries:
            try:
                wanted = demand.from_fields(entry.fields)
            except InvalidMessage:
                self._count("rejected:demand:invalid")
                continue
            if self.audience.hear(wanted, now):
                if wanted.images:
                    self.fresh_images.add(wanted.tier)
                else:
                    self._renderers.want_key(wanted.tier)

    def look(self, producer: str | None, now: float, now_ms: float) -> None:
        """Take the run's sign of life: who obeys commands now, or None."""
        if producer is not None:
            self.vigil.sign(now)
            self.state.obeys = True
        state = self.bulletin.info.state
        if producer is not None and (state == "lost" or self.bulletin.info.producer != producer):
            self._edit(now_ms, state=self._present_state(), producer=producer)
        elif state in LOSABLE and self.vigil.lost(now):
            self._log.warning("producer_lost", producer=self.bulletin.info.producer)
            self._edit(now_ms, state="lost")

    def weigh(self, load: Load, now: float, now_ms: float) -> None:
        """Take a measurement of the run: decide what its publishers may send, and warn of a critical lane that lags."""
        before = self._flow.flow
        flow = self._flow.update(load, now)
        if flow != before or (flow.state != "ok" and now >= self._flow_due):
            self._flow_due = now + REFRESH_S
            self._commit.flow(flow)
        if flow.state != before.state:
            self._count(f"flow:{flow.state}")
            self._log.warning("flow", state=flow.state, max_rate_hz=flow.max_rate_hz, reason=flow.reason)
        entries, age_s = load.lanes.get("critical", (0, 0.0))
        if self._alarm.update(entries, age_s, now):
            raised = self._alarm.raised
            late = f"control and status messages are read late: {entries:,} are waiting, the oldest for {age_s:.1f} s"
            text = late if raised else "control and status messages are read in time again"
            self.bulletin.status(Status("warning" if raised else "info", text, self.state.time_s), now_ms)
            self._log.warning("critical_lag", raised=raised, entries=entries, age_s=round(age_s, 1))

    def grade(self, measure: Measure, now: float, now_ms: float) -> None:
        """Take a measurement of the run and its worker: decide how often its tiers are rendered."""
        if self._grading.take(measure, now, now_ms):
            self._stats.quality[self._run] = self.bulletin.info.quality.level
            self._count(f"quality:{self.bulletin.info.quality.level}")

    def recount(
        self, counts: Mapping[str, int], failures: Sequence[tuple[str, str]], now: float, now_ms: float
    ) -> None:
        """Take what became of pictures: counters, and cameras whose picture could not be decoded, with the problem."""
        for name, by in counts.items():
            self._counts[name] += by  # which the pool's own statistics have counted
        for camera, problem in failures:
            if self._warnings.take(now):
                told = f"camera {camera}: a picture could not be shown: {problem[:DEAD_TEXT]}"
                self.bulletin.status(Status("warning", told, self.state.time_s), now_ms)
                self._log.warning("picture_refused", camera=camera, reason=problem[:DEAD_TEXT])

    def deadline(self) -> float:
        """When there is something to do though nothing has come; infinity if never."""
        due = min(
            self._renderers.deadline(self._view()), self._processing.deadline, self.audience.deadline,
            self._retries.deadline, self._idle_due,
        )  # fmt: skip
        return min(due, self._checkpoint_due) if self._unkept() else due

    def finish(self, now: float, now_ms: float, *, last: bool = False) -> Commit | None:
        """The commit of all that was taken since the last one, with the frames that are due; None if there is nothing.

        `last` adds a checkpoint in any case: the next owner then needs no replay.
        """
        commit = self._commit
        for name, by in self._processing.process(commit, now, now_ms).items():
            self._count(name, by)
        self._tell_schema(now, now_ms)
        self._stats.add("lossless", self.bulletin.flush(commit, now_ms))
        self.audience.expire(now)
        self._renderers.watch(self.audience.tiers)
        view = self._view()
        due = list(self._renderers.due(view, now))
        if due:
            view = self._processing.shown(view, now)
        for renderer in due:
            self._render(commit, renderer, view, now, now_ms)
        self._renderers.pass_by(view)
        if not last and not commit and self._may_wait(now):
            return None
        self._idle_due = float("inf")
        for name, by in self._counts.items():
            commit.count(name, by)
        self._counts.clear()
        for lane in sorted(self._moved):
            commit.cursor(lane, self.place.cursors[lane])
        self._moved.clear()
        if last or (self._unkept() and now >= self._checkpoint_due):
            data = self.state.to_bytes()
            commit.checkpoint(data, self.place.cursors)
            self._processing.keep(commit)
            self.place.kept = dict(self.place.cursors)
            self._checkpoint_due = now + max(self._checkpoint_s, len(data) / CHECKPOINT_BYTES_PER_S)
        if not commit:
            return None
        self._commit = Commit(self._run, self._epoch, commit.n + 1)
        return commit

    def _may_wait(self, now: float) -> bool:
        """Whether all there is to write is how far the lane `low` was read, and what was counted.

        A commit for that alone would only be in the way of the next critical message; it goes with what comes soon.
        """
        if not self._moved <= {LOW.name} or (self._unkept() and now >= self._checkpoint_due):
            return False
        if self._moved or self._counts:
            self._idle_due = min(self._idle_due, now + IDLE_S)
        return now < self._idle_due

    def _take_newest(self, entries: Sequence[Entry], now: float, now_ms: float) -> None:
        picked = pick(entries, "high", lambda message, frame, entry: self.state.judge(message, frame, entry)[0] is None)
        for entry in picked.superseded:
            too_old = now_ms - entry.in_ms > LANES["high"].ttl_ms
            self._count(f"dropped:high:{'expired' if too_old else 'superseded'}")
        for entry, error in picked.rejected:
            self._reject("high", entry, error, now, now_ms)
        for entry, message, frame in picked.frames:
            self._guarded("high", entry, message, frame, now, now_ms, {})

    def _take_one(self, lane: str, entry: Entry, now: float, now_ms: float, names: Mapping[str, str]) -> bool:
        """Handle one entry; False if that failed and is to be tried again later."""
        try:
            message = wire.from_fields(entry.fields, lane)
            reason = self.state.admit(lane, message, entry) if LANES[lane].lossless else None
            ttl_ms = LANES[lane].ttl_ms
            if reason is None and ttl_ms and now_ms - entry.in_ms > ttl_ms:
                reason = "expired"
            if reason is not None:
                self._count(f"dropped:{lane}:{reason}")
                self._retries.settled(lane)
                return True
            payload = payloads.read(message)
        except InvalidMessage as error:
            self._reject(lane, entry, error, now, now_ms)
            return True
        if not self._guarded(lane, entry, message, payload, now, now_ms, names):
            return False
        tries = self._retries.settled(lane)
        if tries:
            self._log.info("message_handled_after_all", lane=lane, entry=entry.id, tries=tries)
        return True

    def _guarded(
        self, lane: str, entry: Entry, message: Message, payload: Payload, now: float, now_ms: float,
        names: Mapping[str, str],
    ) -> bool:  # fmt: skip
        """Handle a message, or put it aside; False if it is to be tried again later."""
        try:
            self._handle(lane, entry, message, payload, now, now_ms, names)
        except InvalidMessage as error:
            self._reject(lane, entry, error, now, now_ms)
        except Exception as error:  # noqa: BLE001
            # What nobody foresaw may pass (a model that is loading, a file that is locked), but must not stop the run.
            if isinstance(error, PluginFailed):
                self._count(f"failed:{error.kind}:{error.name}")
            if self._traces.take(now):
                self._log.exception("message_failed", lane=lane, entry=entry.id, kind=message.kind)
            if LANES[lane].lossless and self._retries.again(lane, entry.id, now):
                self.state.withdraw(lane, message)
                self._count(f"retried:{lane}")
                return False
            self._reject(lane, entry, error, now, now_ms)
        return True

    def _handle(
        self, lane: str, entry: Entry, message: Message, payload: Payload, now: float, now_ms: float,
        names: Mapping[str, str],
    ) -> None:  # fmt: skip
        lives, had, step = self.state.lives, self.state.version, self.state.step
        reason = self.state.apply(message, payload, entry)
        if reason is not None:
            self._count(f"dropped:{lane}:{reason}")
            return
        self._processing.take(payload, entry.stamp(message), again=self.state.lives > lives)
        match payload:
            case Frame():
                self._frame_taken(
                    now, now_ms, again=self.state.lives > lives, advanced=had > 0 and self.state.step > step
                )
            case Lifecycle():
                self.bulletin.lifecycle(payload, message.producer, now_ms)
            case Control():
                self.bulletin.control(payload, now_ms)
            case Result():
                self.bulletin.result(payload, names.get(payload.command_id))
            case Scene():
                self.bulletin.scene(payload, now_ms)
            case Status() if message.kind == "log" and not self._log_lines.take(now):
                self._count(f"dropped:{lane}:rate")
            case Status():
                self.bulletin.status(payload, entry.stamp(message).pub_ms)
            case Image():
                width, height = measure(payload)
                stamp = entry.stamp(message)
                self.pictures.append(Source(payload, width, height, stamp.pub_ms, stamp.in_ms))
            case _:
                pass

    def _frame_taken(self, now: float, now_ms: float, *, again: bool, advanced: bool) -> None:
        self.vigil.published(now)
        state = self.bulletin.info.state
        begins = state == "created" and (advanced or not self.state.declared)
        if begins or state == "lost" or (state == "ended" and again):
            self._edit(now_ms, state=doing(self.bulletin.info))

    def _present_state(self) -> str:
        state = self.bulletin.info.state
        return doing(self.bulletin.info) if state == "lost" else state

    def _edit(self, now_ms: float, **values: Any) -> None:
        def edit(info: RunInfo) -> None:
            for name, value in values.items():
                setattr(info, name, value)

        self.bulletin.change(now_ms, edit)

    def _tell_schema(self, now: float, now_ms: float) -> None:
        version = (self.state.version, self.state.generation)
        units = self.bulletin.info.units
        if (version, units) == (self._schema_version, self._schema_units) or now < self._schema_due:
            return
        self._schema_version, self._schema_units = version, units
        schema = layers.with_units(self.state.schema() | self._processing.schema(), self._schema_units)
        if schema != self.bulletin.info.layers:
            self._schema_due = now + SCHEMA_GAP_S
            self._edit(now_ms, layers=schema)

    def _view(self) -> View:
        state = self.state
        return View(state.snapshot(), state.metrics, state.version, state.generation)

    def _render(self, commit: Commit, renderer: TierRenderer, view: View, now: float, now_ms: float) -> None:
        try:
            made = renderer.render(view, now)
        except Exception:  # noqa: BLE001 - one tier's failure is not the other's, nor the run's
            if self._traces.take(now):
                self._log.exception("tier_not_rendered", tier=renderer.name, version=view.version)
            self._count(f"failed:render:{renderer.name}")
            renderer.distrust(view)
            return
        # A frame that says again what is long known starts its way here: its age is not the state's.
        pub_ms, in_ms = self.state.stamp if made.fresh else (now_ms, now_ms)
        data = messages.frame(
            self._run, made.tier, self.bulletin.info.epoch, made.offset, made.prev, self.state.step, self.state.time_s,
            {"pub_ms": pub_ms, "in_ms": in_ms, "out_ms": now_ms}, made.parts, self.state.phases, life=self.state.lives,
        )  # fmt: skip
        commit.frame(made.tier, made.offset, data, pub_ms, key=made.prev is None)
        self._stats.add("frames")
        self._stats.add("frame_bytes", len(data))

    def _reject(self, lane: str, entry: Entry, error: Exception, now: float, now_ms: float) -> None:
        cause = error.cause if isinstance(error, InvalidMessage) else "internal"
        text = str(error) if isinstance(error, InvalidMessage) else f"this worker failed on it: {error!r}"
        self._count(f"rejected:{lane}:{cause}")
        self._stats.add("rejected")
        kept, cut = kept_fields(entry.fields, DEAD_FIELDS, DEAD_DATA_BYTES)
        self._commit.dead(lane, entry.id, text[:DEAD_TEXT], kept, cut=cut)
        if self._warnings.take(now):
            more = self._warnings.forgive()
            told = f"lane {lane}: a message was refused: {text[:DEAD_TEXT]}"
            if more:
                told += f" ({more} more since the last warning)"
            self.bulletin.status(Status("warning", told, self.state.time_s), now_ms)
            self._log.warning("message_rejected", lane=lane, entry=entry.id, reason=text[:DEAD_TEXT], more=more)

    def _count(self, name: str, by: int = 1) -> None:
        self._counts[name] += by
        if name.startswith("failed:") or name.endswith(":internal"):
            self.failures += by
        if name.startswith("dropped:"):
            self._stats.add("dropped", by)

    def _move(self, lane: str, cursor: str) -> None:
        self.place.cursors[lane] = cursor
        self._moved.add(lane)

    def _unkept(self) -> bool:
        return self.place.cursors != self.place.kept
