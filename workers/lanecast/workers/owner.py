"""The owner of one run: reads its lanes, lets the desk handle them, commits, until told to stop or fenced off.

Guarantees: everything it writes goes through commits under its lease; a commit whose answer was lost is sent again as
it was; nothing is written once the lease has not been renewed for half its TTL, until it is. Waiting is done by two
blocking reads, one for what must never wait (critical lane, demand) and one for the rest, which begins only when a
tick is over; deadlines are kept by this process, because a server ends a blocked read up to 100 ms late.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from lanecast.broker import demand, keys, lag, lease, scripts, tasks
from lanecast.broker.commit import Commit
from lanecast.broker.errors import Fenced
from lanecast.broker.lanes import LANES, LOW
from lanecast.workers import reading
from lanecast.workers.appetite import Appetite
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.desk import Desk
from lanecast.workers.effort import Effort
from lanecast.workers.entries import Entry, parse_id
from lanecast.workers.errors import Damaged, WentBack
from lanecast.workers.images.pool import Pool
from lanecast.workers.images.stage import Stage
from lanecast.workers.labour import Labour
from lanecast.workers.outage import Outage, backoff, is_transient
from lanecast.workers.priority import Priority
from lanecast.workers.processors import Context, Pipeline, chosen
from lanecast.workers.quality import PRESETS
from lanecast.workers.render import Renderers
from lanecast.workers.settings import WorkerSettings
from lanecast.workers.stats import Stats
from lanecast.workers.strain import Process, Strain
from lanecast.workers.takeover import Memory, start_of, take_over
from lanecast.workers.vigil import Vigil

log = structlog.get_logger()
T = TypeVar("T")

LOOK_S: Final = 0.5
WEIGH_S: Final = 1.0
HALF_TTL_S: Final = lease.TTL_MS / 2000
LAST_WORDS_S: Final = 1.5
LOW_AT_ONCE: Final = 4
"""Messages of the lane `low` between two looks at those above it."""
_GROUP_IS_MISSING: Final = ("NOGROUP", "requires the key to exist")


class Owner:
    """One run under one lease.

    Args:
        client: of Redis; shared.
        run: the run's id.
        epoch: of the lease, just taken.
        images: makes the pictures of its cameras.
        taken_at: when taking the lease was asked for, seconds of the monotonic clock.
        memory: what this process knows of the run from owning it before.
        process: the worker process, measured for all its runs.
    """

    def __init__(
        self, client: Any, run: str, epoch: int, taken_at: float, settings: WorkerSettings, stats: Stats,
        outage: Outage, images: Pool, memory: Memory | None = None, process: Process | None = None,
    ) -> None:  # fmt: skip
        self.run = run
        self.epoch = epoch
        self._client = client
        self._settings = settings
        self._stats = stats
        self._outage = outage
        self._images = images
        self._stage: Stage | None = None
        self._memory = memory
        self._renewed_at = taken_at
        self._acknowledged = (0, 0)
        self._stopping = False
        self._fenced: Fenced | None = None
        self._wake = asyncio.Event()
        self._desk: Desk | None = None
        self._clock_ms = 0.0
        self._hand: dict[str, list[Entry]] = {}
        self._full: set[str] = set()
        self._priority = Priority()
        self._urgent: asyncio.Task[dict[str, list[Entry]]] | None = None
        self._rest: asyncio.Task[dict[str, list[Entry]]] | None = None
        self._bulk: asyncio.Task[dict[str, list[Entry]]] | None = None
        self._rest_has_low = False
        self._appetite = Appetite()
        self._demand_cursor = "0-0"
        self._tick_at = -math.inf
        self._look_at = -math.inf
        self._weigh_at = -math.inf
        self._effort = Effort()
        self._strain = Strain()
        self._taking, self._finishing = Labour(), Labour()
        self._process = Process() if process is None else process
        self._log = log.bind(run=run, epoch=epoch)

    @property
    def memory(self) -> Memory | None:
        """What to remember should the run come back to this process; None if nothing was written yet."""
        if self._desk is None or self._acknowledged == (0, 0):
            return self._memory
        return Memory(self._acknowledged, self._desk.state)

    def stop(self) -> None:
        """End soon: last commit with a checkpoint, then the lease is given back."""
        self._stopping = True
        self._wake.set()

    async def renew(self) -> None:
        """Keep the lease; when it is lost, the owner ends.

        Raises:
            Fenced: it is somebody else's.
        """
        at = time.monotonic()
        held = lease.answer(
            await scripts.run(self._client, lease.renew(self.run, self._settings.worker_id, self.epoch))
        )
        if held != lease.Lease(self.epoch, self._settings.worker_id):
            self._fenced = Fenced(f"run {self.run}", self.epoch, held.epoch)
            self._wake.set()
            raise self._fenced
        self._renewed_at = at

    async def work(self) -> None:
        """Own the run until `stop`.

        Raises:
            Fenced: the lease is lost; nothing was written since.
            WentBack: Redis has lost what it had acknowledged; take the run over again.
            Damaged: the run's keys are not what they should be; take it over again.
        """
        try:
            self._desk = await self._take_over()
            while not self._stopping:
                await self._turn(self._desk)
            await self._leave(self._desk)
        finally:
            await self._stop_reading()
            if self._stage is not None:
                await self._stage.close()

    async def _take_over(self) -> Desk:
        found = await self._patiently(lambda: take_over(self._client, self.run, self.epoch, self._memory))
        now = time.monotonic()
        self._set_clock(found.now_ms, now)
        self._demand_cursor = f"{max(0, int(found.now_ms - demand.TTL_S * 1000))}-0"
        bulletin = Bulletin(found.info, self.epoch, found.critical)
        if found.fresh:
            bulletin.announce(found.now_ms)
        self._stage = self._images.open(self._client, self.run, self.epoch, found.info.epoch)
        self._appetite = Appetite(await self._patiently(lambda: reading.size_of_last(self._client, self.run, LOW.name)))
        self._stats.add("takeovers")
        self._log.info("run_taken", step=found.state.step, fresh=found.fresh)
        renderers = Renderers(self.epoch, self._settings.keyframe_s, found.state.version)
        pipeline = Pipeline(chosen(self._settings.processors), Context(self.run, self._settings.significance))
        pipeline.load(found.processors)
        vigil = Vigil(known=found.state.obeys, now=now)
        return Desk(
            self.run, found.state, bulletin, found.place, renderers, vigil, self._stats,
            epoch=self.epoch, checkpoint_s=self._settings.checkpoint_s, pipeline=pipeline,
            preset=PRESETS[self._settings.preset],
        )  # fmt: skip

    async def _turn(self, desk: Desk) -> None:
        """Wait for something to do, do it, commit."""
        try:
            await self._await_work(desk)
            self._effort.begin(time.monotonic())
            if self._fenced is not None:
                raise self._fenced
            await self._gather(desk)
            if time.monotonic() >= self._look_at:
                await self._look(desk)
            if time.monotonic() >= self._weigh_at:
                await self._weigh(desk)
            await self._handle(desk)
            now = time.monotonic()
            self._show(desk, now)
            commit = await self._finishing.do(partial(desk.finish, now, self._now_ms(now)))
            if commit is not None:
                self._strain.rendered(self._finishing.last_s)
                await self._commit(commit)
            self._effort.end(time.monotonic())
        except Exception as error:
            if not is_transient(error):
                raise
            await self._recover(desk, error)

    async def _await_work(self, desk: Desk) -> None:
        now = time.monotonic()
        self._start_reading(desk, now)
        deadline = min(desk.deadline(), self._look_at)
        if self._rest is None or self._low_is_unread():
            deadline = min(deadline, self._tick_at)
        if any(entries and not desk.waits(lane, now) for lane, entries in self._hand.items()):
            deadline = now  # what is in hand was kept waiting by a higher lane only
        reads = {task for task in (self._urgent, self._rest, self._bulk) if task is not None}
        if deadline > now and not any(task.done() for task in reads):
            waking = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait({*reads, waking}, timeout=deadline - now, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
        else:
            await asyncio.sleep(0)

    def _start_reading(self, desk: Desk, now: float) -> None:
        cursors = desk.place.cursors
        if self._urgent is None:
            wanted = {keys.demand(self.run): self._demand_cursor}
            if not self._hand.get("critical"):
                wanted[keys.lane(self.run, "critical")] = cursors["critical"]
            self._urgent = asyncio.ensure_future(reading.wait(self._client, wanted))
        if self._rest is None and now >= self._tick_at:
            wanted = {
                keys.lane(self.run, lane): cursor
                for lane, cursor in cursors.items()
                if lane != "critical" and not self._hand.get(lane)
            }
            if self._bulk is not None or not self._appetite.hearty:
                wanted.pop(keys.lane(self.run, LOW.name), None)
            if wanted:
                self._rest_has_low = keys.lane(self.run, LOW.name) in wanted
                self._rest = asyncio.ensure_future(reading.wait(self._client, wanted))
        if now >= self._tick_at and self._low_is_unread():
            # Large entries are read few at a time, by a read of their own that delays no other lane.
            reading_low = {keys.lane(self.run, LOW.name): cursors[LOW.name]}
            self._bulk = asyncio.ensure_future(reading.wait(self._client, reading_low, self._appetite.count))

    def _low_is_unread(self) -> bool:
        """Whether the lane `low` needs a read of its own, and has none."""
        read = self._bulk is not None or (self._rest is not None and self._rest_has_low)
        return not read and not self._hand.get(LOW.name) and (self._rest is not None or not self._appetite.hearty)

    async def _gather(self, desk: Desk) -> None:
        """Take what the reads have brought into the hand."""
        for name in ("_urgent", "_rest", "_bulk"):
            task: asyncio.Task[dict[str, list[Entry]]] | None = getattr(self, name)
            if task is None or not task.done():
                continue
            setattr(self, name, None)
            got = task.result()
            wanted = got.pop(keys.demand(self.run), [])
            if wanted:
                self._demand_cursor = wanted[-1].id
                desk.hear(wanted, time.monotonic())
            for lane in LANES:
                entries = got.get(keys.lane(self.run, lane))
                if entries:
                    self._hand[lane] = entries
                    if lane == LOW.name:
                        self._appetite.eat(entries)
                    if len(entries) >= reading.BATCH:
                        self._full.add(lane)

    async def _handle(self, desk: Desk) -> None:
        """Hand over to the desk what is in hand and whose turn it is."""
        backlog = paced = False
        now = time.monotonic()
        ready = {lane for lane, entries in self._hand.items() if entries and not desk.waits(lane, now)}
        for lane in self._priority.turn(ready, self._full & ready):
            entries = self._hand.pop(lane)
            if lane == LOW.name and len(entries) > LOW_AT_ONCE:  # what is critical may come in between
                self._hand[lane] = entries[LOW_AT_ONCE:]
                entries = entries[:LOW_AT_ONCE]
            more = lane in self._full
            self._full.discard(lane)
            names: dict[str, str] = {}
            if lane == "high" and more:
                entries = await self._skip_to_newest(desk, entries)
            elif lane == "critical":
                names = await self._names(entries)
            now = time.monotonic()
            taken = await self._taking.do(partial(desk.take, lane, entries, now, self._now_ms(now), names))
            self._strain.spent(self._taking.last_s)
            if taken < len(entries):  # the next one has failed, and its lane waits for it
                self._hand[lane] = entries[taken:]
                if more:
                    self._full.add(lane)
                more = False
            paced = paced or lane != "critical"
            backlog = backlog or (more and LANES[lane].lossless)
        if paced:  # what comes soon after is taken together; a backlog is worked off without a pause
            # A run that takes long for a round leaves as long to its neighbours.
            round_s = self._taking.usual_s + self._finishing.usual_s if self._stats.runs > 1 else 0.0
            self._tick_at = time.monotonic() + (0 if backlog else max(round_s, self._settings.tick_ms / 1000))

    def _show(self, desk: Desk, now: float) -> None:
        """Hand what has come of cameras to the stage, and who watches them."""
        if self._stage is None:
            return
        sources, desk.pictures = desk.pictures, []
        fresh, desk.fresh_images = desk.fresh_images, set()
        self._stage.take(sources, desk.audience.image_tiers, now)
        for tier in fresh:
            self._stage.again(tier)
        failures, self._stage.failures = self._stage.failures, []
        desk.recount(self._stage.collect(), failures, now, self._now_ms(now))

    async def _skip_to_newest(self, desk: Desk, entries: list[Entry]) -> list[Entry]:
        """The lane holds more than a batch: leave out what is between the batch and the newest few."""
        added, newest = await reading.newest(self._client, self.run, "high", entries[-1].id)
        if newest:
            desk.pass_over("high", added - desk.state.read.get("high", 0) - len(entries) - len(newest))
        return entries + newest

    async def _names(self, entries: list[Entry]) -> dict[str, str]:
        """What the commands are called that these entries answer, if any do."""
        answers = [entry for entry in entries if entry.fields.get(b"kind") == b"result"]
        return await reading.command_names(self._client, self.run) if answers else {}

    async def _look(self, desk: Desk) -> None:
        """See after the producer, and whether entries were trimmed unread."""
        self._look_at = time.monotonic() + LOOK_S
        seen = await reading.survey(self._client, self.run)
        now = time.monotonic()
        self._set_clock(seen.now_ms, now)
        if seen.epoch != self.epoch:
            raise Fenced(f"run {self.run}", self.epoch, seen.epoch)
        desk.look(seen.alive, now, seen.now_ms)
        self._fit_cursors(desk, seen)
        for lane, stream in seen.lanes.items():
            if not self._hand.get(lane):
                desk.survey(lane, stream.added, stream.length)

    async def _weigh(self, desk: Desk) -> None:
        """Measure how far behind the run is and how full the server, for the desk to decide what may be sent."""
        self._weigh_at = time.monotonic() + WEIGH_S
        gauge = await lag.of_inputs(self._client, self.run)
        now = time.monotonic()
        load = self._effort.load(gauge, desk.state.read.get("high", 0), now)
        if load is not None:
            desk.weigh(load, now, gauge.now_ms)
            measure = self._strain.measure(load, self._process, self._stats.runs, desk.failures, now)
            if measure is not None:
                desk.grade(measure, now, gauge.now_ms)

    async def _commit(self, commit: Commit) -> None:
        """Make a commit, however often it must be sent.

        Raises:
            Fenced: the lease is lost, and nothing was written.
        """
        if time.monotonic() - self._renewed_at > HALF_TTL_S:
            await self._patiently(self.renew)
        started = time.perf_counter()
        call = commit.call()
        reply = await self._patiently(lambda: scripts.run(self._client, call))
        errors = commit.check(reply)
        self._acknowledged = (self.epoch, commit.n)
        self._stats.add("commits")
        self._stats.add("commit_ms", round((time.perf_counter() - started) * 1000))
        if errors:
            await self._heal(errors)

    async def _heal(self, errors: list[str]) -> None:
        if self._desk is not None and all(any(word in error for word in _GROUP_IS_MISSING) for error in errors):
            self._log.warning("group_made_again", errors=errors[:3])
            cursors = self._desk.place.cursors
            await self._patiently(lambda: reading.ensure_groups(self._client, self.run, cursors))
            return
        raise Damaged(f"run {self.run}: {'; '.join(errors[:3])}")

    async def _leave(self, desk: Desk) -> None:
        """The last commit, and the lease back; Redis being away, the lease ends by itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                now = time.monotonic()
                commit = desk.finish(now, self._now_ms(now), last=True)
                if commit is not None:
                    await self._commit(commit)
                await self._patiently(
                    lambda: scripts.run(self._client, lease.release(self.run, self._settings.worker_id, self.epoch))
                )
        self._log.info("run_left", step=desk.state.step)

    async def _patiently(self, operation: Callable[[], Awaitable[T]]) -> T:
        """The outcome of an operation that may be repeated, once the server does it."""
        waits, again = backoff(), False
        while True:
            try:
                if again and self._desk is not None:
                    await self._check(self._desk)
                result = await operation()
            except Exception as error:
                if not is_transient(error):
                    raise
                self._outage.down(error)
                self._effort.forget()
            else:
                self._outage.up()
                return result
            again = True
            await asyncio.sleep(waits.next_s())
            if self._fenced is not None:
                raise self._fenced
            if self._stopping and self._desk is None:
                raise Fenced(f"run {self.run}", self.epoch, 0)

    async def _recover(self, desk: Desk, error: Exception) -> None:
        """After a read failed: wait until the server is back and what we know still holds, then read on."""
        self._outage.down(error)
        await self._stop_reading()
        self._hand.clear()
        self._full.clear()
        await asyncio.sleep(backoff().next_s())
        if not self._stopping:
            await self._patiently(lambda: self._check(desk))

    async def _check(self, desk: Desk) -> None:
        """Whether the server that answers again is the one we knew.

        Raises:
            Fenced: the lease is lost.
            WentBack: commits that it had acknowledged are missing.
        """
        seen = await reading.survey(self._client, self.run)
        if seen.commit < self._acknowledged:
            raise WentBack(f"run {self.run}: commit {self._acknowledged} was acknowledged, {seen.commit} is there")
        if seen.epoch != self.epoch:
            raise Fenced(f"run {self.run}", self.epoch, seen.epoch)
        self._set_clock(seen.now_ms, time.monotonic())
        self._fit_cursors(desk, seen)

    @staticmethod
    def _fit_cursors(desk: Desk, seen: reading.Survey) -> None:
        """Nothing is ever read behind a stream's end: where a stream was made anew, begin with it."""
        for lane, stream in seen.lanes.items():
            cursor = desk.place.cursors[lane]
            fitting = start_of(stream, cursor)
            if parse_id(fitting) != parse_id(cursor):
                desk.rewind(lane, fitting)

    async def _stop_reading(self) -> None:
        reads = [task for task in (self._urgent, self._rest, self._bulk) if task is not None]
        self._urgent = self._rest = self._bulk = None
        await tasks.cancel(*reads)

    def _set_clock(self, server_ms: float, now: float) -> None:
        self._clock_ms = server_ms - now * 1000

    def _now_ms(self, now: float) -> float:
        """Redis's clock, Unix milliseconds: all that a run's worker says of time is said by one clock."""
        return self._clock_ms + now * 1000
