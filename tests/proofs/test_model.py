"""The promises as a model, and a real server: whatever happens in whatever order, the two agree.

A producer, two workers and the server do what the contract says and fail wherever they can: replies get lost, owners
die or go on after their lease has passed to somebody else, lanes are trimmed, the server is killed and comes back.

- every critical message is in the output exactly once and in order, and all of them in the end;
- a commit is there as a whole or not at all: outputs, cursor and state always speak of the same message;
- cursors never go back;
- who is fenced off writes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.servers import Server, start_server

from lanecast.broker import append, keys, lease, scripts
from lanecast.broker.commit import Commit
from lanecast.broker.errors import Fenced
from lanecast.broker.lanes import CRITICAL
from lanecast.broker.offsets import Offset, parse
from lanecast.broker.wire import Message

pytestmark = [pytest.mark.integration, pytest.mark.proof]

WORKERS = ("w1", "w2")
_numbers = itertools.count(1)


@dataclass
class Owner:
    """What a worker believes: its lease, its place, and the commit whose reply it has not got."""

    epoch: int
    cursor: str
    count: int
    last: Offset
    n: int = 0
    unanswered: Commit | None = None
    then: tuple[str, int, Offset] | None = None


class Promises(RuleBasedStateMachine):
    """One run, from its producer to its output."""

    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        self.db: Any = redis.Redis.from_url(self.server.url)
        self.name = f"model-{next(_numbers)}"
        self.lane, self.out = keys.lane(self.name, CRITICAL.name), keys.out(self.name, "critical")
        self.epoch = 1
        self.made = 0  # numbers 1 … made exist
        self.base = 0  # numbers up to here were sent under older epochs
        self.acked = 0
        self.owners: dict[str, Owner] = {}
        self.furthest = (0, 0)

    @initialize()
    def register(self) -> None:
        self.db.hset(keys.producers(self.name), "p", 1)
        self.db.xgroup_create(self.lane, keys.WORKER_GROUP, "0", mkstream=True)

    # --- the producer ---

    @rule(n=st.integers(1, 5), lost=st.booleans())
    def publish(self, n: int, lost: bool) -> None:
        """New messages are sent together with all that were not answered; the reply may get lost."""
        self.made += n
        self.send(lost=lost)

    @rule(lost=st.booleans())
    def send(self, lost: bool) -> None:
        first = self.acked + 1
        batch = [Message("status", b"%d" % number, t_ms=1.0) for number in range(first, self.made + 1)]
        if batch:
            answer = self._append(self.epoch, first - self.base, batch)
            assert (answer.status, answer.seq) == ("ok", self.made - self.base)
            if not lost:
                self.acked = self.made

    @precondition(lambda self: self.acked == self.made)
    @rule()
    def restart_producer(self) -> None:
        """All was acknowledged; the next life has a new epoch and counts from one."""
        self.epoch = int(self.db.hincrby(keys.producers(self.name), "p", 1))
        self.base = self.made

    @precondition(lambda self: self.epoch > 1)
    @rule(seq=st.integers(1, 9))
    def old_producer_wakes(self, seq: int) -> None:
        before = self.db.xlen(self.lane)
        assert self._append(self.epoch - 1, seq, [Message("status", b"0", t_ms=1.0)]).status == "fenced"
        assert self.db.xlen(self.lane) == before

    def _append(self, epoch: int, seq: int, batch: list[Message]) -> append.Appended:
        return append.answer(scripts.run_sync(self.db, append.call(self.name, CRITICAL, "p", epoch, seq, batch)))

    # --- the workers ---

    @rule(name=st.sampled_from(WORKERS))
    def take(self, name: str) -> None:
        """Take the lease if nobody has it, and what the last owner has left."""
        held = lease.answer(scripts.run_sync(self.db, lease.acquire(self.name, name)))
        if held.owner == name and (name not in self.owners or self.owners[name].epoch != held.epoch):
            kept = self.db.hgetall(keys.checkpoint(self.name))
            newest = self.db.xrevrange(self.out, count=1)
            last = parse(newest[0][0]) if newest else Offset(0, 0)
            if last.epoch >= held.epoch:  # an earlier life of this very worker holds the lease
                self.db.delete(keys.lease(self.name))
                self.owners.pop(name, None)
                return
            cursor = kept.get(b"cursor:critical", b"0-0").decode()
            self.owners[name] = Owner(held.epoch, cursor, int(kept.get(b"state", b"0")), last)

    @rule(name=st.sampled_from(WORKERS), most=st.integers(1, 6), lost=st.booleans())
    def step(self, name: str, most: int, lost: bool) -> None:
        """Read, and commit what follows; a commit whose reply got lost is sent again as it was."""
        owner = self.owners.get(name)
        if owner is None:
            return
        if owner.unanswered is None and not self._prepare(owner, most):
            return
        assert owner.unanswered is not None
        assert owner.then is not None
        before = self._everything()
        rightful = self._holder() == owner.epoch
        try:
            errors = owner.unanswered.check(scripts.run_sync(self.db, owner.unanswered.call()))
        except Fenced:
            assert not rightful
            assert self._everything() == before, "who is fenced off has written"
            del self.owners[name]
            return
        assert rightful, "a lease that has passed to nobody or somebody else was taken for valid"
        assert errors == []
        if not lost:
            owner.cursor, owner.count, owner.last = owner.then
            owner.unanswered = None

    def _prepare(self, owner: Owner, most: int) -> bool:
        rows = self.db.xrange(self.lane, f"({owner.cursor}", "+", count=most)
        if not rows:
            return False
        owner.n += 1
        commit, last = Commit(self.name, owner.epoch, owner.n), owner.last
        for _, fields in rows:
            last = Offset(owner.epoch, last.n + 1 if last.epoch == owner.epoch else 1)
            commit.lossless(last, "status", fields[b"data"])
        cursor, count = rows[-1][0].decode(), owner.count + len(rows)
        commit.cursor(CRITICAL.name, cursor)
        commit.checkpoint(b"%d" % count, {})
        owner.unanswered, owner.then = commit, (cursor, count, last)
        return True

    @rule(name=st.sampled_from(WORKERS))
    def kill_worker(self, name: str) -> None:
        """It forgets everything; its lease stays until it runs out."""
        self.owners.pop(name, None)

    @rule()
    def lease_runs_out(self) -> None:
        """Its owner does not know yet: it was asleep."""
        self.db.delete(keys.lease(self.name))

    def _holder(self) -> int:
        return int(self.db.hget(keys.lease(self.name), "epoch") or 0)

    def _everything(self) -> Any:
        names = (self.lane, self.out, keys.checkpoint(self.name))
        return [self.db.dump(name) for name in names]

    # --- the server ---

    @rule()
    def trim_what_was_handled(self) -> None:
        cursor = self.db.hget(keys.checkpoint(self.name), "cursor:critical")
        if cursor:
            self.db.xtrim(self.lane, minid=cursor.decode(), approximate=False)

    @rule(sure=st.integers(0, 5))
    def kill_server(self, sure: int) -> None:
        """It comes back with its log; a lease may have run out meanwhile. One try in six, for it takes its time."""
        if sure == 0:
            self.server.kill()
            self.server.start()

    # --- the promises ---

    @invariant()
    def each_once_and_in_order(self) -> None:
        kept = self.db.hgetall(keys.checkpoint(self.name))
        told = [int(fields[b"data"]) for _, fields in self.db.xrange(self.out)]
        assert told == list(range(1, len(told) + 1))
        assert len(told) <= self.made
        assert int(kept.get(b"state", b"0")) == len(told), "a commit is there by half"
        cursor = kept.get(b"cursor:critical", b"0-0").decode()
        ms, _, n = cursor.partition("-")
        assert (int(ms), int(n)) >= self.furthest, "a cursor has gone back"
        self.furthest = (int(ms), int(n))
        behind = self.db.xrange(self.lane, f"({cursor}", "+")
        appended = [int(fields[b"data"]) for _, fields in behind]
        assert appended == list(range(len(told) + 1, len(told) + 1 + len(appended)))

    def teardown(self) -> None:
        """Everything works again: everything arrives."""
        self.send(lost=False)
        self.db.delete(keys.lease(self.name))
        self.owners.clear()
        self.take("w1")
        while self._told() < self.made:
            before = self._told()
            self.step("w1", 6, lost=False)
            assert self._told() > before, "messages are stuck"
        self.each_once_and_in_order()
        self.db.close()

    def _told(self) -> int:
        return int(self.db.xlen(self.out))


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    started = start_server(tmp_path)
    yield started
    started.stop()


def test_the_promises_hold_in_whatever_order_things_happen(server: Server) -> None:
    Promises.server = server
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=250, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
