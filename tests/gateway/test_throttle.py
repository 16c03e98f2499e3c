"""How much may be posted, without a server."""

from __future__ import annotations

from lanecast.broker.flow import OK, Flow
from lanecast.broker.lanes import HIGH, LOW, NORMAL, Lane
from lanecast.broker.wire import Message
from lanecast.gateway.throttle import Throttle, Wait


def items(lane: Lane, count: int = 1, producer: str | None = None) -> list[tuple[Lane, Message]]:
    return [(lane, Message(lane.kinds[0], b"", producer=producer))] * count


def status(wait: Wait | None) -> str | None:
    return None if wait is None else wait.status


def test_a_run_has_a_rate_and_a_second_of_it_at_once() -> None:
    throttle = Throttle(100, 1_000)
    assert throttle.admit("r", items(NORMAL, 100), 0.0) is None
    wait = throttle.admit("r", items(NORMAL), 0.0)
    assert wait is not None
    assert (wait.status, wait.retry_after, wait.reason) == ("rate", "1", "more than 100 messages a second of this run")
    assert throttle.admit("other", items(NORMAL), 0.0) is None
    assert throttle.admit("r", items(NORMAL), 0.02) is None


def test_a_large_request_is_taken_whole_and_waited_for_afterwards() -> None:
    throttle = Throttle(100, 1_000)
    assert throttle.admit("r", items(NORMAL, 600), 0.0) is None
    wait = throttle.admit("r", items(NORMAL), 0.0)
    assert wait is not None
    assert wait.retry_after == "6"
    assert throttle.admit("r", items(NORMAL), 6.0) is None


def test_one_producer_does_not_take_the_others_share() -> None:
    throttle = Throttle(1_000, 10)
    assert throttle.admit("r", items(NORMAL, 10, "a"), 0.0) is None
    assert status(throttle.admit("r", items(NORMAL, 1, "a"), 0.0)) == "rate"
    assert throttle.admit("r", items(NORMAL, 1, "b"), 0.0) is None


def test_what_is_refused_costs_nothing() -> None:
    throttle = Throttle(10, 5)
    throttle.admit("r", items(NORMAL, 5, "a"), 0.0)
    for _ in range(100):
        assert status(throttle.admit("r", items(NORMAL, 1, "a"), 0.0)) == "rate"
    assert throttle.admit("r", items(NORMAL, 5, "b"), 0.0) is None


def test_the_flow_state_is_obeyed_for_frames_and_bulk_and_nothing_else() -> None:
    throttle = Throttle(1_000, 1_000)
    throttle.tell_flow("r", Flow("slow", 2.0, True, "why"), 0.0)
    assert throttle.admit("r", items(HIGH), 0.0) is None
    assert status(throttle.admit("r", items(HIGH), 0.1)) == "flow"
    assert throttle.admit("r", items(HIGH), 0.6) is None
    assert status(throttle.admit("r", items(LOW), 0.6)) == "flow"
    assert throttle.admit("r", items(NORMAL, 10), 0.6) is None
    throttle.tell_flow("r", Flow("stop_bulk", 0.0, True, "no memory"), 1.0)
    wait = throttle.admit("r", items(HIGH), 9.0)
    assert wait is not None
    assert "no memory" in wait.reason
    throttle.tell_flow("r", OK, 10.0)
    assert throttle.admit("r", items(HIGH, 5), 10.0) is None


def test_a_flow_state_is_asked_for_again_after_a_second() -> None:
    throttle = Throttle(1_000, 1_000)
    assert not throttle.knows_flow("r", 0.0)
    throttle.tell_flow("r", OK, 0.0)
    assert throttle.knows_flow("r", 0.9)
    assert not throttle.knows_flow("r", 1.0)
