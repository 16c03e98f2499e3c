"""The flow policy on traces, and the hash that publishers read."""

from __future__ import annotations

from typing import Any

import pytest

from lanecast.broker import flow, keys, lease, scripts
from lanecast.broker.commit import Commit
from lanecast.broker.flow import CALM, LIMITS, OK, Flow, Load, Policy, judge

IDLE = Load(frames_hz=30.0)


def lane(name: str, entries: int = 0, age_s: float = 0.0) -> Load:
    return Load({name: (entries, age_s)}, frames_hz=30.0)


@pytest.mark.parametrize(
    ("load", "state", "word"),
    [
        (IDLE, "ok", ""),
        (lane("low", 49), "shed", "lane low"),
        (lane("low", 1, 1.6), "shed", "lane low"),
        (lane("high", 1, 1.1), "slow", "lane high"),
        (lane("normal", 10_001), "slow", "lane normal"),
        (lane("critical", 5, 2.1), "slow", "lane critical"),
        (Load(busy=0.95), "slow", "busy 95%"),
        (Load(memory=0.81), "shed", "81%"),
        (Load(memory=0.91), "slow", "91%"),
        (Load(memory=0.98), "stop_bulk", "98%"),
        (Load(refused=3), "stop_bulk", "refused 3"),
    ],
)
def test_each_measurement_asks_for_its_state_and_says_why(load: Load, state: str, word: str) -> None:
    found, reason = judge(load, LIMITS)
    assert found == state
    assert word in reason
    assert judge(load, CALM)[0] == state, "what begins a state does not end it"


def run(policy: Policy, loads: list[Load], start: float = 0.0) -> list[Flow]:
    return [policy.update(load, start + second) for second, load in enumerate(loads)]


def test_down_at_once_and_up_only_step_by_step() -> None:
    policy = Policy()
    trace = run(policy, [IDLE, lane("high", 200, 3.0), lane("high", 200, 3.0), lane("high", 100, 0.9)])
    assert [now.state for now in trace] == ["ok", "slow", "slow", "slow"]
    assert [now.max_rate_hz for now in trace] == [None, 15.0, 10.5, 10.5], "halved, cut further, and held"
    assert all(now.shed_low for now in trace[1:])
    up = run(policy, [IDLE] * 20, 10.0)
    rates = [now.max_rate_hz for now in up if now.max_rate_hz is not None]
    assert rates == sorted(rates)
    assert rates[:2] == [15.75, 23.62]
    states = [now.state for now in up]
    assert states == sorted(states, key=["slow", "shed", "ok"].index)
    assert states.count("shed") == 3
    assert up[-1] == OK


def test_a_load_between_the_limits_changes_nothing() -> None:
    policy = Policy()
    between = lane("high", 100, 0.7)
    assert {now.state for now in run(policy, [between] * 20)} == {"ok"}
    policy.update(lane("high", 200, 2.0), 30.0)
    assert {now.state for now in run(policy, [between] * 20, 31.0)} == {"slow"}
    assert policy.flow.max_rate_hz == 15.0


def test_a_load_that_swings_does_not_make_the_state_swing() -> None:
    policy = Policy()
    states = [now.state for now in run(policy, [lane("low", 60), IDLE] * 10)]
    assert set(states) == {"shed"}


def test_the_rate_is_never_cut_below_what_shows_that_the_run_lives() -> None:
    policy = Policy()
    run(policy, [lane("normal", 50_000, 60.0)] * 30)
    assert policy.flow.max_rate_hz == flow.LOWEST_HZ


def test_a_full_server_stops_bulk_and_frames_come_back_slowly() -> None:
    policy = Policy()
    assert run(policy, [Load(memory=0.99, frames_hz=30.0)])[0] == Flow(
        "stop_bulk", 0.0, True, "the server's memory is 99% full"
    )
    back = run(policy, [Load(memory=0.5, frames_hz=0.0)] * 20, 1.0)
    assert [now.state for now in back[:4]] == ["stop_bulk"] * 3 + ["slow"]
    assert back[3].max_rate_hz == flow.LOWEST_HZ
    assert back[-1] == OK


def test_a_fast_run_is_first_cut_to_what_can_be_seen() -> None:
    policy = Policy()
    assert policy.update(Load({"high": (200, 2.0)}, frames_hz=500.0), 0.0).max_rate_hz == 30.0


@pytest.mark.parametrize("state", [OK, Flow("shed", None, True, "why"), Flow("slow", 7.5, True, "why, über"),
                                   Flow("stop_bulk", 0.0, True, "")])  # fmt: skip
def test_what_is_written_is_what_is_read(state: Flow) -> None:
    fields = {name.encode(): value.encode() for name, value in state.to_fields().items()}
    assert flow.from_fields(fields) == state


@pytest.mark.parametrize(
    "fields",
    [{}, {b"state": b"later"}, {b"state": b"\xff"}, {b"state": b"ok", b"max_rate_hz": b"3"}],
)
def test_what_a_publisher_does_not_know_limits_nothing(fields: dict[bytes, bytes]) -> None:
    assert flow.from_fields(fields) == OK


def test_a_rate_that_is_none_is_no_limit() -> None:
    assert flow.from_fields({b"state": b"slow", b"max_rate_hz": b"fast"}).max_rate_hz is None
    assert flow.from_fields({b"state": b"slow", b"max_rate_hz": b"-1"}).max_rate_hz == 0.0


async def test_a_flow_state_runs_out_by_itself_and_ok_takes_it_away(client: Any) -> None:
    held = lease.answer(await scripts.run(client, lease.acquire("r", "w")))
    commit = Commit("r", held.epoch, 1)
    commit.flow(Flow("slow", 7.5, True, "why"))
    assert commit.check(await scripts.run(client, commit.call())) == []
    assert flow.from_fields(await client.hgetall(keys.flow("r"))) == Flow("slow", 7.5, True, "why")
    assert 0 < await client.pttl(keys.flow("r")) <= flow.TTL_MS
    commit = Commit("r", held.epoch, 2)
    commit.flow(OK)
    assert commit.check(await scripts.run(client, commit.call())) == []
    assert not await client.exists(keys.flow("r"))
