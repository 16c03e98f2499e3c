"""The arithmetic of lag, as tables."""

from __future__ import annotations

import pytest

from lanecast.broker.backlog import TIER, Alarm, Backlog, Facts, Reader, Threshold, behind, parse_id, threshold

STREAM = Facts(10, "1000-0", 7.0, "2000-0")
EMPTY = Facts(0, "", None, "2000-0")


@pytest.mark.parametrize(
    ("why", "stream", "reader", "entries", "since_ms", "at_least"),
    [
        ("everything was read", STREAM, Reader("g", "2000-0"), 0, None, False),
        ("nothing was read", STREAM, Reader("g", "0-0"), 10, 1000.0, False),
        ("what it has read was trimmed", STREAM, Reader("g", "999-9"), 10, 1000.0, False),
        ("the end was counted", STREAM, Reader("g", "1500-0", 3, True, 0, False, "1501-0"), 3, 1501.0, False),
        ("the beginning was counted", STREAM, Reader("g", "1500-0", 4, False, 4, True, "1501-0"), 6, 1501.0, False),
        ("neither was", STREAM, Reader("g", "1500-0", 4, False, 4, False, "1501-0"), 4, 1501.0, True),
        ("all behind it was deleted", STREAM, Reader("g", "1500-0", 0, True), 0, None, False),
        ("the stream is empty", EMPTY, Reader("g", "1500-0"), 0, None, False),
        ("the stream was made anew", STREAM, Reader("g", "2000-1"), 10, 1000.0, False),
        ("the stream was made anew and is empty", EMPTY, Reader("g", "9000-0"), 0, None, False),
        ("ids are compared as numbers", STREAM, Reader("g", "1000-0", 9, True, 0, False, "1001-10"), 9, 1001.0, False),
    ],
)
def test_the_backlog_is_what_can_still_be_read(
    why: str, stream: Facts, reader: Reader, entries: int, since_ms: float | None, at_least: bool
) -> None:
    assert behind(stream, reader, timed=True) == Backlog(entries, since_ms, at_least), why


def test_offsets_are_no_times_so_an_output_is_timed_by_its_fields() -> None:
    assert behind(STREAM, Reader("g", "0-0"), timed=False).since_ms == 7.0
    inside = Reader("g", "1500-0", 3, True, 0, False, "1501-0", 8.5)
    assert behind(STREAM, inside, timed=False).since_ms == 8.5
    assert behind(Facts(1, "1-0", None, "1-0"), Reader("g", "0-0"), timed=False).age_s(1e12) == 0.0


def test_an_age_is_never_negative_and_nothing_has_none() -> None:
    assert Backlog(3, 5_000.0).age_s(7_500.0) == 2.5
    assert Backlog(3, 5_000.0).age_s(4_000.0) == 0.0
    assert Backlog(0, None).age_s(4_000.0) == 0.0


def test_ids_compare_as_redis_compares_them() -> None:
    assert parse_id("10-2") > parse_id("9-10")
    assert parse_id("9-10") > parse_id("9-9")
    assert parse_id("5") == (5, 0)
    assert parse_id("") == (0, 0)


def test_every_stream_has_a_threshold_and_tiers_share_one() -> None:
    assert threshold("out:ultra_low") is threshold("out:high") is TIER
    assert threshold("in:critical").age_s < threshold("in:normal").age_s


def test_an_alarm_is_raised_at_once_and_cleared_only_after_a_calm_while() -> None:
    alarm = Alarm(Threshold(100, 2.0))
    told = []
    trace = [
        (0, 0.0),
        (101, 0.1),
        (99, 0.1),
        (40, 0.1),
        (60, 0.1),
        (40, 1.0),
        (40, 1.1),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
    ]
    for second, (entries, age_s) in enumerate(trace):
        if alarm.update(entries, age_s, float(second)):
            told.append((second, alarm.raised))
    assert told == [(1, True), (10, False)], "raised at 101 entries; calm from second 7 on"


def test_an_old_entry_raises_an_alarm_however_few_there_are() -> None:
    alarm = Alarm(Threshold(100, 2.0))
    assert alarm.update(1, 2.1, 0.0)
    assert not alarm.update(1, 3.1, 1.0), "told once"
