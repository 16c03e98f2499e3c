from lanecast.ops.backoff import Backoff


def test_a_part_that_keeps_dying_is_waited_for_longer_and_longer_up_to_two_seconds() -> None:
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_part_that_has_held_for_a_while_comes_back_quickly_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(0.1)
    assert backoff.after(10.0) == 0.2
    assert backoff.after(0.1) == 0.4
