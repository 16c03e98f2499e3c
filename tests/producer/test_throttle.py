"""What a publisher may send, without a server."""

from __future__ import annotations

from lanecast.broker.flow import OK, Flow
from lanecast.broker.rates import FRAMES_PER_S
from lanecast.producer.throttle import Throttle

SLOW = Flow("slow", 4.0, shed_low=True, reason="why")
STOP = Flow("stop_bulk", 0.0, shed_low=True, reason="no memory")


def sent(throttle: Throttle, seconds: float, start: float) -> int:
    """How many frames go in some time, if there is always one."""
    return sum(throttle.take_frame(start + tick / 1000) for tick in range(int(seconds * 1000)))


def test_only_the_beginning_and_the_end_of_a_limit_are_told() -> None:
    throttle = Throttle()
    told = [throttle.obey(flow) for flow in (OK, SLOW, Flow("slow", 9.0, True, "x"), STOP, SLOW, OK, OK)]
    assert told == [
        None, ("warning", "frames are sent less often, at most 4.0 times a second: why"), None, None, None,
        ("info", "frames are sent at full rate again"), None,
    ]  # fmt: skip
    assert throttle.obey(STOP) == ("warning", "no frames are sent: no memory")
    assert Throttle().obey(Flow("shed", None, True, "why")) == ("warning", "bulk is not sent: why")


def test_frames_keep_to_the_flow_state_and_run_free_without_one() -> None:
    throttle = Throttle()
    assert sent(throttle, 1.0, 0.0) == 1000
    throttle.obey(SLOW)
    assert sent(throttle, 5.0, 10.0) in {20, 21}
    throttle.obey(SLOW)
    assert not throttle.take_frame(14.9999), "said again, it is not a new allowance"
    throttle.obey(OK)
    assert sent(throttle, 1.0, 30.0) == 1000


def test_no_frame_goes_while_bulk_is_stopped_but_the_last_ones_of_the_run() -> None:
    throttle = Throttle()
    throttle.obey(STOP)
    throttle.take_frame(0.0)
    assert sent(throttle, 5.0, 0.001) == 0
    assert throttle.take_frame(6.0, last=True)


def test_a_publisher_gone_wild_keeps_to_its_own_rates() -> None:
    throttle = Throttle()
    assert sum(throttle.take_frame(0.0) for _ in range(5_000)) == FRAMES_PER_S
    assert throttle.may_send_messages(0.0)
    throttle.take_messages(150_000)
    assert not throttle.may_send_messages(0.4)
    assert throttle.may_send_messages(0.6)
