"""The thread that carries messages from a run's buffers to Redis, through everything that may happen to the server.

Guarantees: `put` and `put_frame` never block and never raise because of Redis. Messages of the lossless lanes arrive
each once and in order as long as this process lives and their buffers do not overflow: they are numbered, appended by
the fenced script, and sent again from the number that the server asks for. Of frames the newest arrives: an older one
that could not be sent in time is dropped and counted. Camera pictures are sent last, once each. Once a newer producer
has taken over, nothing more is sent.

Only this thread uses the connection.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import redis
import structlog

from lanecast.broker import append, demand, flow, images, keys, register, scripts
from lanecast.broker.backoff import Backoff
from lanecast.broker.errors import Fenced, InvalidMessage
from lanecast.broker.flow import Flow
from lanecast.broker.lanes import CRITICAL, HIGH, LOW, NORMAL, Lane
from lanecast.broker.wire import Message, encode
from lanecast.producer.buffers import Newest, Outgoing, Pictures, Replay
from lanecast.producer.link import AWAY, Link
from lanecast.producer.stats import Counters, Stats
from lanecast.producer.throttle import Throttle

POLL_S: Final = 0.002
"""How often the buffers are looked at while the simulation publishes: waking this thread costs the simulation 10-24 us
a message, letting it look costs nothing."""
BUSY_S: Final = 0.5
"""How long after the last message this thread keeps looking before it has to be woken."""
TICK_S: Final = 1.0
FULL_WAIT_S: Final = 0.05
NO_MEMORY_WAIT_S: Final = 0.25
CATCH_UP_MESSAGES: Final = 500
CATCH_UP_BYTES: Final = 1024 * 1024

log = structlog.get_logger()

Announcement = Callable[[], list[tuple[str, bytes]]]


class Publisher:
    """Publishes one run under one producer's name."""

    def __init__(
        self,
        run: str,
        producer: str,
        url: str,
        *,
        batch: int = 10,
        batch_ms: float = 10.0,
        announce: Announcement = list,
        on_fenced: Callable[[], None] = lambda: None,
        time_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Nothing is sent before `start`.

        Args:
            run: id of the run.
            producer: who publishes; a newer one of the same name takes over.
            url: of the server.
            batch: lossless messages that are sent without waiting for more.
            batch_ms: how long fewer of them may wait.
            announce: kinds and payloads that tell a server about the run which does not know it (any more).
            time_s: the simulation's time, for what the publisher itself has to tell viewers.
            on_fenced: called once, on the thread, when a newer producer has taken over.

        Raises:
            InvalidMessage: the URL is none.
        """
        self.epoch = 0
        self.fenced = False
        self.viewers: int | None = None
        self._throttle = Throttle()
        self._memory_refused = False
        self._run = run
        self._producer = producer
        self._announce = announce
        self._batch = batch
        self._batch_ms = batch_ms
        self._on_fenced = on_fenced
        self._time_s = time_s
        self._link = Link(url)
        self._lanes = {lane.name: (lane, Replay()) for lane in (CRITICAL, NORMAL)}
        self._frames = Newest()
        self._pictures = Pictures()
        self._counters = Counters()
        self._full_until: dict[str, float] = {}
        self._reconnects = 0
        self._connected = False
        self._away_since: float | None = None
        self._next_tick = 0.0
        self._backoff = Backoff()
        self._idle = False
        self._awake_until = 0.0
        self._wake = threading.Event()
        self._acknowledged = threading.Condition()
        self._deadline: float | None = None
        self._last_words: Callable[[Any], None] | None = None
        self._thread = threading.Thread(target=self._work, name=f"lanecast-publish-{run}", daemon=True)

    @property
    def flow(self) -> Flow:
        """What may be sent now."""
        return self._throttle.flow

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, lane: str, kind: str, data: bytes) -> None:
        """Take a message for a lossless lane."""
        if self.fenced:
            self._counters.dropped(lane, "fenced")
            return
        if lane == LOW.name and self.flow.shed_low:
            self._counters.dropped(lane, "flow")
            return
        message = Message(kind, data, t_ms=time.time() * 1000)
        self._counters.dropped(lane, "buffer_full", self._lanes[lane][1].put(message))
        if self._idle:
            self._wake.set()

    def put_frame(self, data: bytes, layers: frozenset[str], *, partial: bool = False) -> None:
        """Take a frame, which replaces unsent ones of the same layers unless it is partial."""
        if self.fenced:
            self._counters.dropped(HIGH.name, "fenced")
            return
        dropped = self._frames.put(Outgoing(data, time.time() * 1000, layers, partial))
        if dropped:
            self._counters.dropped(HIGH.name, "superseded" if self.flow.max_rate_hz is None else "flow", dropped)
        if self._idle:
            self._wake.set()

    def put_image(self, camera: str, data: bytes) -> None:
        """Take a picture, which replaces an unsent one of the same camera."""
        if self.fenced:
            self._counters.dropped(LOW.name, "fenced")
            return
        self._counters.dropped(LOW.name, "superseded", self._pictures.put(camera, data, time.time() * 1000))
        if self._idle:
            self._wake.set()

    def left_out(self, lane: str) -> None:
        """Count a message that was not even made, because the run's flow state sheds its lane."""
        self._counters.dropped(lane, "flow")

    def wait_until_below(self, waiting: int, timeout_s: float | None = None) -> bool:
        """Wait until fewer than `waiting` messages are buffered; False if `timeout_s` was over, or fenced, before."""
        with self._acknowledged:
            self._acknowledged.wait_for(lambda: self.fenced or self._buffered() < waiting, timeout_s)
        return not self.fenced and self._buffered() < waiting

    def close(self, timeout_s: float, last_words: Callable[[Any], None] | None = None) -> bool:
        """Send what is buffered, at most for `timeout_s`, then end the thread; False if something stayed behind.

        `last_words` is called with the connection at the very end, if there is one.
        """
        self._last_words = last_words
        self._deadline = time.monotonic() + timeout_s
        self._wake.set()
        self._thread.join(timeout_s + 0.25)  # a thread that hangs in a socket is left to its time limit
        left = self._buffered()
        for name, (_, replay) in self._lanes.items():
            self._counters.dropped(name, "unsent", len(replay))
        self._counters.dropped(HIGH.name, "unsent", len(self._frames))
        self._counters.dropped(LOW.name, "unsent", self._pictures.clear())
        return left == 0

    def stats(self) -> Stats:
        """What became of everything so far."""
        published, dropped = self._counters.snapshot()
        gone = self._deadline is not None and not self._thread.is_alive()
        buffered = {name: 0 if gone else len(replay) for name, (_, replay) in self._lanes.items()}
        buffered[HIGH.name] = 0 if gone else len(self._frames)
        buffered[LOW.name] = 0 if gone else len(self._pictures)
        return Stats(
            published, dropped, buffered, self._reconnects, self._connected, self.epoch, self.fenced, self.viewers
        )

    def _buffered(self) -> int:
        return len(self._frames) + len(self._pictures) + sum(len(replay) for _, replay in self._lanes.values())

    def _work(self) -> None:
        while not self._over():
            try:
                if not self._connected:
                    self._settle()
                if time.monotonic() >= self._next_tick:
                    self._tick()
                sent = self._send()
                if self._away_since is not None and (sent or not self._buffered()):
                    self._back()
                if not sent and not self._over():
                    self._rest()
            except Fenced as fenced:
                self._stop_for_good(fenced)
            except (*AWAY, InvalidMessage) as error:
                self._lost(error)
            except Exception as error:
                log.exception("publishing_failed", run=self._run)
                self._lost(error)
        self._finish()

    def _closing(self) -> bool:
        return self._deadline is not None

    def _over(self) -> bool:
        if self.fenced:
            return True
        return self._deadline is not None and (not self._buffered() or time.monotonic() > self._deadline)

    def _settle(self) -> None:
        """Find out, on a new connection, what the server has of us, and go on from there."""
        client = self._link.client()
        # These only connect, in a Cluster to both nodes that are needed. From here on every answer is of one server.
        client.hget(keys.producers(self._run), self._producer)
        client.sismember(keys.RUNS, self._run)
        self._link.sealed = True
        if not self.epoch:
            scripts.run_sync(client, register.run(self._run))
            self._begin_epoch()
        else:
            self._tick()
            self._ask()
        self._connected = True

    def _back(self) -> None:
        """The server takes what it is sent again; only now is it told, and the next wait a short one."""
        self._backoff.reset()
        if self._away_since is not None:
            away_s = time.monotonic() - self._away_since
            self._away_since = None
            self._reconnects += 1
            log.warning("redis_back", run=self._run, away_s=round(away_s, 1), buffered=self._buffered())

    def _tick(self) -> None:
        """Make sure that the server still knows the run and that nobody newer publishes it."""
        self._next_tick = time.monotonic() + TICK_S
        client = self._link.client()
        added = scripts.run_sync(client, register.run(self._run))
        newest = client.hget(keys.producers(self._run), self._producer)
        if newest is not None and int(newest) > self.epoch:
            raise Fenced(f"producer {self._producer!r} of run {self._run!r}", self.epoch, int(newest))
        if newest is None:  # the server came back empty, or the run was deleted: begin anew with all that is kept
            self._begin_epoch(by=self.epoch + 1)
        elif added:  # an append was quicker than we: it was told what is lost, the other lane may have nothing to send
            self._ask()
        if newest is None or added:
            now_ms = time.time() * 1000
            messages = [Message(kind, data, t_ms=now_ms) for kind, data in self._announce()]
            self._lanes[CRITICAL.name][1].put_first(messages)
            log.warning("run_announced_again", run=self._run, reason="the server does not know it any more")
        self._obey(flow.from_fields(client.hgetall(keys.flow(self._run))))
        self.viewers = demand.watchers_answer(scripts.run_sync(client, demand.watchers_call(self._run)))

    def _ask(self) -> None:
        """Ask in each lane whether the server still has what it acknowledged; if not, it is sent again from there."""
        for lane, replay in self._lanes.values():
            self._append(lane, replay, *replay.last())

    def _obey(self, wanted: Flow) -> None:
        """Take the run's flow state; its beginning and its end are told once."""
        told = self._throttle.obey(wanted)
        if told is None:
            return
        level, text = told
        log.log(logging.getLevelName(level.upper()), "flow", run=self._run, state=wanted.state, text=text)
        self.put(CRITICAL.name, "status", encode({"level": level, "text": text, "time_s": self._time_s()}))

    def _begin_epoch(self, by: int = 1) -> None:
        self.epoch = int(scripts.run_sync(self._link.client(), register.epoch(self._run, self._producer, by)))
        for _, replay in self._lanes.values():
            replay.renumber()
        self._frames.renumber()

    def _send(self) -> bool:
        """One round over the lanes in order of priority; whether anything was sent."""
        critical, normal = self._lanes[CRITICAL.name], self._lanes[NORMAL.name]
        sent = self._send_lossless(*critical)
        sent = self._send_frame() or sent
        sent = self._send_lossless(*normal) or sent
        return self._send_image() or sent

    def _send_lossless(self, lane: Lane, replay: Replay) -> bool:
        now = time.monotonic()
        if now < self._full_until.get(lane.name, 0.0) or not self._throttle.may_send_messages(now):
            return False
        if not replay.due(time.time() * 1000, self._batch, 0.0 if self._deadline is not None else self._batch_ms):
            return False
        return self._append(lane, replay, *replay.batch(max(self._batch, CATCH_UP_MESSAGES), CATCH_UP_BYTES))

    def _append(self, lane: Lane, replay: Replay, seq: int, batch: list[Message]) -> bool:
        if not batch:
            return False
        call = append.call(self._run, lane, self._producer, self.epoch, seq, batch)
        try:
            answer = append.answer(scripts.run_sync(self._link.client(), call))
        except redis.exceptions.OutOfMemoryError:
            self._without_memory(lane)
            return False
        self._throttle.take_messages(len(batch))
        if lane is not CRITICAL:
            self._memory_refused = False
        if answer.status == "fenced":
            raise Fenced(f"producer {self._producer!r} of run {self._run!r}", self.epoch, answer.seq)
        if answer.status == "gap":
            lost = replay.rewind(answer.seq)
            log.warning("sending_again", run=self._run, lane=lane.name, first=answer.seq, not_kept=lost)
            if lost:
                # The server lacks messages that are not kept any more; only a new epoch can go on without them.
                self._begin_epoch()
            return True
        self._counters.published(lane.name, replay.acknowledge(answer.seq))
        if answer.status == "full":
            if lane.name not in self._full_until:
                log.warning("lane_full", run=self._run, lane=lane.name, limit=lane.max_entries, remedy="start a worker")
            self._full_until[lane.name] = time.monotonic() + FULL_WAIT_S
        else:
            self._full_until.pop(lane.name, None)
        self._tell_waiting()
        return True

    def _send_frame(self) -> bool:
        now = time.monotonic()
        if not len(self._frames) or now < self._full_until.get(HIGH.name, 0.0):
            return False
        if not self._throttle.take_frame(now, last=self._closing()):
            return False
        frame = self._frames.take()
        if frame is None:
            return False
        message = Message("frame", frame.data, "msgpack", frame.t_ms, self._producer, self.epoch, frame.seq)
        stream = keys.lane(self._run, HIGH.name)
        try:
            self._link.client().xadd(stream, message.to_fields(), maxlen=HIGH.max_entries, approximate=True)
        except redis.exceptions.OutOfMemoryError:
            self._frames.done()
            self._counters.dropped(HIGH.name, "oom")
            self._without_memory(HIGH)
            return False
        self._frames.done()
        self._memory_refused = False
        self._counters.published(HIGH.name)
        self._tell_waiting()
        return True

    def _send_image(self) -> bool:
        """Send one picture, once: it is worth less than the time that it would take to find out what became of it."""
        if self.flow.shed_low:
            self._counters.dropped(LOW.name, "flow", self._pictures.clear())
            return False
        if time.monotonic() < self._full_until.get(LOW.name, 0.0):
            return False
        picture = self._pictures.take()
        if picture is None:
            return False
        data, t_ms = picture
        fields = Message("image", data, "msgpack", t_ms, self._producer).to_fields()
        kept = images.entries_kept(len(data), LOW.max_entries)
        try:
            self._link.client().xadd(keys.lane(self._run, LOW.name), fields, maxlen=kept, approximate=True)
        except redis.exceptions.OutOfMemoryError:
            self._counters.dropped(LOW.name, "oom")
            self._without_memory(LOW)
            return False
        except BaseException:
            self._counters.dropped(LOW.name, "away")
            raise
        self._memory_refused = False
        self._counters.published(LOW.name)
        self._tell_waiting()
        return True

    def _without_memory(self, lane: Lane) -> None:
        """The server has reached its `maxmemory`: try this lane again later; the critical one is still taken."""
        self._full_until[lane.name] = time.monotonic() + NO_MEMORY_WAIT_S
        if not self._memory_refused:
            self._memory_refused = True
            remedy = "raise maxmemory; the critical lane goes on, other messages wait, frames are dropped"
            log.warning("server_without_memory", run=self._run, lane=lane.name, remedy=remedy)

    def _tell_waiting(self) -> None:
        self._awake_until = time.monotonic() + BUSY_S
        with self._acknowledged:
            self._acknowledged.notify_all()

    def _rest(self) -> None:
        if self._buffered() or time.monotonic() < self._awake_until:
            time.sleep(POLL_S)
            return
        self._wake.clear()
        self._idle = True
        try:
            if not self._buffered() and self._deadline is None:
                self._wake.wait(max(0.0, self._next_tick - time.monotonic()))
        finally:
            self._idle = False

    def _lost(self, error: BaseException) -> None:
        self._counters.dropped(HIGH.name, "superseded", self._frames.put_back())
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning(
                "redis_away",
                run=self._run,
                server=self._link.address,
                error=f"{type(error).__name__}: {error}",
                remedy="the simulation goes on, messages are buffered and sent when the server is back",
            )
        self._connected = False
        self._link.drop()
        wait_s = self._backoff.next_s()
        if self._deadline is not None:
            time.sleep(max(0.0, min(wait_s, self._deadline - time.monotonic())))
            return
        self._wake.clear()
        until = time.monotonic() + wait_s
        # Only `close` may cut the wait short: a busy simulation must not make us hammer a server that is down.
        while not self._closing() and (left := until - time.monotonic()) > 0:
            self._wake.wait(left)

    def _stop_for_good(self, fenced: Fenced) -> None:
        self.fenced = True
        log.error(
            "producer_fenced",
            run=self._run,
            producer=self._producer,
            epoch=fenced.held,
            newest=fenced.current,
            remedy="another simulation publishes this run; give one of them another run id",
        )
        for name, (_, replay) in self._lanes.items():
            self._counters.dropped(name, "fenced", len(replay))
        self._counters.dropped(HIGH.name, "fenced", len(self._frames))
        self._counters.dropped(LOW.name, "fenced", self._pictures.clear())
        self._lanes = {name: (lane, Replay()) for name, (lane, _) in self._lanes.items()}
        self._frames = Newest()
        self._tell_waiting()
        self._on_fenced()

    def _finish(self) -> None:
        if self._connected and not self.fenced and self._last_words is not None:
            with contextlib.suppress(*AWAY):  # they only tidy up; the server forgets by itself in three seconds
                self._last_words(self._link.client())
        self._link.drop()
