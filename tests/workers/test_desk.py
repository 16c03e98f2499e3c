"""The desk: from entries to commits, without a server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.workers.rig import cars, entry, frame

from lanecast.broker import messages, scripts, wire
from lanecast.broker.demand import Demand
from lanecast.broker.flow import Load
from lanecast.broker.offsets import START
from lanecast.broker.rendition import Chain
from lanecast.broker.runs import RunInfo
from lanecast.workers.aggregate import RunState
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.desk import CHECKPOINT_BYTES_PER_S, Desk, Place
from lanecast.workers.entries import Entry
from lanecast.workers.render import Renderers
from lanecast.workers.retries import TRIES
from lanecast.workers.stats import Stats
from lanecast.workers.vigil import Vigil

LANES = ("critical", "high", "normal", "low")


class Rig:
    """A desk with a clock, and what its commits say in plain words."""

    def __init__(self) -> None:
        start = dict.fromkeys(LANES, "0-0")
        bulletin = Bulletin(RunInfo("r", "e"), 3, START)
        self.stats = Stats()
        self.desk = Desk(
            "r", RunState(), bulletin, Place(start, dict(start)), Renderers(3, 2.0), Vigil(known=False, now=0.0),
            self.stats, epoch=3, checkpoint_s=1.0,
        )  # fmt: skip
        self.now, self.ms = 0.0, 0
        self.commands: list[list[Any]] = []

    def send(self, lane: str, kind: str, payload: Any, **fields: Any) -> None:
        self.ms += 1
        self.put(lane, entry(self.ms, kind, payload, **fields))

    def put(self, lane: str, *entries: Entry, now_ms: float | None = None) -> int:
        return self.desk.take(lane, entries, self.now, self.ms if now_ms is None else now_ms, {"c1": "pause"})

    def watch(self, *tiers: str) -> None:
        entries = []
        for tier in tiers:
            fields = Demand("n1", tier, 1).to_fields()
            entries.append(Entry("1-0", {k.encode(): str(v).encode() for k, v in fields.items()}))
        self.desk.hear(entries, self.now)

    def finish(self, pass_s: float = 0.1, *, last: bool = False) -> scripts.Call | None:
        """Make the commit; its commands are then in `commands`."""
        commit = self.desk.finish(self.now, float(self.ms), last=last)
        self.now += pass_s
        self.commands = []
        if commit is None:
            return None
        call = commit.call()
        words = list(call.args[2:])
        while words:
            n = int(words[0])
            self.commands.append(words[1 : 1 + n])
            words = words[1 + n :]
        return call

    def told(self) -> list[dict[str, Any]]:
        return [messages.decode(c[-1]) for c in self.commands if c[0] == "XADD" and c[1].endswith(":out:critical")]

    def frames(self, tier: str = "high") -> list[dict[str, Any]]:
        return [messages.decode(c[-1]) for c in self.commands if c[0] == "XADD" and c[1].endswith(f":out:{tier}")]

    def counted(self) -> dict[str, int]:
        return {c[2]: c[3] for c in self.commands if c[0] == "HINCRBY"}

    def cursors(self) -> dict[str, str]:
        return {c[2][7:]: c[3] for c in self.commands if c[0] == "HSET" and str(c[2]).startswith("cursor:")}

    def kept(self) -> bool:
        return any(c[0] == "HSET" and c[2] == "state" for c in self.commands)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_nothing_taken_is_nothing_to_commit(rig: Rig) -> None:
    assert rig.finish() is None


def test_one_commit_moves_the_cursor_and_brings_all_that_follows_from_it(rig: Rig) -> None:
    rig.watch("high", "low")
    rig.send("critical", "status", {"text": "hello"})
    rig.send("high", "frame", frame(4, cars(4)))
    call = rig.finish()
    assert call is not None
    assert (call.args[0], call.args[1]) == (3, 1)
    assert rig.cursors() == {"critical": "1-0", "high": "2-0"}
    assert [message["type"] for message in rig.told()] == ["status", "run"]
    assert [message["offset"] for message in rig.told()] == ["3-1", "3-2"]
    assert [message["prev"] for message in rig.told()] == ["0-0", "3-1"]
    assert rig.told()[-1]["info"]["state"] == "running"
    assert [found["step"] for found in rig.frames("high") + rig.frames("low")] == [4, 4]
    assert rig.frames()[0]["life"] == 1
    assert rig.frames()[0]["hops"] == {"pub_ms": 2.0, "in_ms": 2.0, "out_ms": 2.0}
    assert rig.kept()


def test_commits_are_numbered_and_an_empty_one_uses_no_number(rig: Rig) -> None:
    numbers = []
    for _ in range(3):
        rig.send("critical", "status", {"text": "x"})
        for _ in range(2):
            call = rig.finish()
            numbers += [call.args[1]] if call else []
    assert numbers == [1, 2, 3]


def test_the_checkpoint_comes_each_checkpoint_s_and_at_the_end(rig: Rig) -> None:
    kept = []
    for _ in range(25):
        rig.send("normal", "metrics", {"values": {"a": 1.0}})
        rig.finish(0.1)
        kept.append(rig.kept())
    assert [n for n, was in enumerate(kept) if was] == pytest.approx([0, 10, 20], abs=1)
    rig.finish(last=True)
    assert rig.kept()


def test_a_large_state_is_kept_less_often(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunState, "to_bytes", lambda _: bytes(5 * CHECKPOINT_BYTES_PER_S))
    kept = []
    for _ in range(6):
        rig.send("normal", "metrics", {"values": {"a": 1.0}})
        rig.finish(1.0)
        kept.append(rig.kept())
    assert kept == [True, False, False, False, False, True]


def test_superseded_and_expired_frames_are_told_apart(rig: Rig) -> None:
    rig.put("high", *(entry(ms, "frame", frame(ms, cars(1))) for ms in (1, 4_000, 6_000, 6_001)), now_ms=6_001.0)
    rig.finish()
    assert rig.counted() == {"dropped:high:superseded": 2, "dropped:high:expired": 1}
    assert rig.desk.state.step == 6_001


def test_the_newest_state_is_shown_however_old_it_is(rig: Rig) -> None:
    rig.watch("high")
    rig.put("high", entry(1, "frame", frame(1, cars(1))), now_ms=60_000.0)
    rig.finish()
    assert len(rig.frames()) == 1


def test_what_is_over_its_time_on_normal_and_low_is_dropped_and_counted(rig: Rig) -> None:
    rig.put("normal", entry(1, "metrics", {"values": {"a": 1.0}}), now_ms=60_002.0)
    rig.put("low", entry(1, "log", {"text": "x"}), now_ms=2_002.0)
    rig.finish()
    assert rig.counted() == {"dropped:normal:expired": 1, "dropped:low:expired": 1}
    assert rig.told() == []


def test_what_was_read_of_low_alone_waits_a_little_to_be_committed_with_what_comes_next(rig: Rig) -> None:
    rig.send("high", "frame", frame(1, cars(1)))
    rig.finish()
    rig.send("low", "events", {"type": "noise", "time_s": 0.0, "items": {"v": [1]}})
    assert rig.finish(0.01) is None
    assert rig.desk.deadline() < rig.now + 0.033
    rig.send("critical", "status", {"text": "hello"})
    rig.finish(0.01)
    assert rig.cursors() == {"critical": "3-0", "low": "2-0"}
    assert rig.counted() == {"dropped:low:unknown_event": 1}
    rig.send("low", "events", {"type": "noise", "time_s": 0.0, "items": {"v": [1]}})
    assert rig.finish(0.05) is None
    assert rig.finish() is not None
    assert rig.cursors() == {"low": "4-0"}


def test_a_repeated_or_fenced_message_is_not_told_again(rig: Rig) -> None:
    for seq, epoch in ((1, 2), (1, 2), (2, 2), (9, 1)):
        rig.send("critical", "status", {"text": f"{epoch}-{seq}"}, producer="sim", epoch=epoch, seq=seq)
    rig.finish()
    assert [message["text"] for message in rig.told()] == ["2-1", "2-2"]
    assert rig.counted() == {"dropped:critical:duplicate": 1, "dropped:critical:fenced": 1}


def test_an_unforeseen_failure_puts_the_message_aside_and_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunState, "apply", lambda *_: 1 / 0)
        poison = entry(1, "metrics", {"values": {"a": 1.0}})
        for _ in range(TRIES - 1):
            assert rig.put("normal", poison) == 0
            rig.now = rig.desk.deadline()
        assert rig.put("normal", poison) == 1
    rig.send("normal", "metrics", {"values": {"a": 2.0}})
    rig.finish()
    assert rig.counted() == {"rejected:normal:internal": 1, "retried:normal": TRIES - 1}
    assert rig.now < 1.0
    assert rig.desk.state.metrics == {"a": 2.0}
    assert "this worker failed on it" in rig.told()[0]["text"]


def numbered(seq: int, values: dict[str, float]) -> Entry:
    return entry(seq, "metrics", {"values": values}, producer="sim", epoch=1, seq=seq)


def test_a_failure_that_passes_costs_nothing_and_its_lane_keeps_its_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, failing, behind = numbered(1, {"a": 1.0}), numbered(2, {"a": 2.0}), numbered(3, {"a": 3.0})
    apply = RunState.apply

    def fails_on_the_second(state: RunState, message: Any, *args: Any) -> Any:
        return 1 / 0 if message.seq == 2 else apply(state, message, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunState, "apply", fails_on_the_second)
        assert rig.put("normal", first, failing, behind) == 1
        assert rig.put("normal", failing, behind) == 0, "before it is due nothing is tried"
        rig.send("critical", "status", {"text": "others go on"})
        rig.finish(0.0)
    assert rig.cursors() == {"normal": "1-0", "critical": "1-0"}
    assert rig.desk.state.metrics == {"a": 1.0}
    kept = RunState.from_bytes(rig.desk.state.to_bytes())
    rig.now = rig.desk._retries.deadline
    assert rig.put("normal", failing, behind) == 2
    rig.finish()
    assert rig.desk.state.metrics == {"a": 3.0}
    assert rig.counted() == {}
    message = wire.from_fields(failing.fields, "normal")
    assert kept.admit("normal", message, failing) is None, "the next owner does not take it for a duplicate"


def test_a_lane_full_of_poison_moves_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunState, "apply", lambda *_: 1 / 0)
    entries = [numbered(seq, {"a": 1.0}) for seq in range(1, 101)]
    while entries:
        entries = entries[rig.put("normal", *entries) :]
        if entries:
            rig.now = max(rig.now, rig.desk._retries.deadline)
    rig.finish()
    assert rig.counted()["rejected:normal:internal"] == 100
    assert rig.now < 3.0


def test_frames_are_not_tried_again_for_newer_ones_follow(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunState, "apply", lambda *_: 1 / 0)
    assert rig.put("high", entry(1, "frame", frame(1, cars(1)))) == 1
    rig.finish()
    assert rig.counted() == {"rejected:high:internal": 1}


def test_the_flow_state_is_written_when_it_changes_and_repeated_before_it_runs_out(rig: Rig) -> None:
    def written(load: Load) -> list[Any]:
        rig.desk.weigh(load, rig.now, float(rig.ms))
        rig.finish(1.0)
        return [command[0] for command in rig.commands if command[1].endswith(":flow")]

    assert written(Load()) == [], "nothing is said while nothing is limited"
    behind = Load({"high": (100, 0.7)})
    assert written(Load({"high": (200, 2.0)}, frames_hz=30.0)) == ["HSET", "PEXPIRE"]
    assert rig.counted()["flow:slow"] == 1
    said = [written(behind) for _ in range(6)]
    assert said.count(["HSET", "PEXPIRE"]) == 3, "every two seconds"
    over = [written(Load()) for _ in range(20)]
    assert ["DEL"] in over
    assert over[-1] == []


def test_a_critical_lane_that_is_read_late_is_told_to_viewers_once_and_so_is_its_end(rig: Rig) -> None:
    texts = []
    for entries, age_s in [(0, 0.0), (5, 2.5), (5, 3.5), (0, 0.0), (0, 0.0), (0, 0.0), (0, 0.0)]:
        rig.desk.weigh(Load({"critical": (entries, age_s)}), rig.now, float(rig.ms))
        rig.finish(1.0)
        texts += [(message["level"], message["text"]) for message in rig.told()]
    assert texts == [
        ("warning", "control and status messages are read late: 5 are waiting, the oldest for 2.5 s"),
        ("info", "control and status messages are read in time again"),
    ]


def test_a_tier_that_cannot_be_rendered_is_counted_and_the_other_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.watch("high", "low")
    keyframe = Chain.keyframe

    def fail(chain: Chain, *args: Any) -> Any:
        return 1 / 0 if chain._tier.name == "low" else keyframe(chain, *args)

    monkeypatch.setattr(Chain, "keyframe", fail)
    rig.send("high", "frame", frame(1, cars(1)))
    rig.finish()
    assert len(rig.frames("high")) == 1
    assert rig.counted() == {"failed:render:low": 1}


def test_warnings_to_viewers_are_few_and_say_how_many_there_were(rig: Rig) -> None:
    for _ in range(50):
        rig.send("normal", "metrics", {"values": {"a": "much"}})
    rig.finish(10.0)
    warnings = [message["text"] for message in rig.told()]
    assert len(warnings) == 3
    assert "values.a" in warnings[0]
    rig.send("normal", "metrics", {"values": {"a": "much"}})
    rig.finish()
    assert "(47 more since the last warning)" in rig.told()[0]["text"]


def test_a_flood_of_log_lines_is_cut_and_counted_and_statuses_are_not(rig: Rig) -> None:
    for _ in range(150):
        rig.send("normal", "log", {"text": "x"})
        rig.send("critical", "status", {"text": "y"})
    rig.finish()
    assert [message["text"] for message in rig.told()].count("x") == 100
    assert [message["text"] for message in rig.told()].count("y") == 150
    assert rig.counted() == {"dropped:normal:rate": 50}


def test_a_dead_letter_holds_no_more_than_is_bearable(rig: Rig) -> None:
    fields = {b"kind": b"status", b"data": b"x" * 5_000_000, **{b"f%d" % n: b"y" for n in range(9_000)}}
    rig.put("critical", Entry("1-0", fields))
    rig.finish()
    (dead,) = (c for c in rig.commands if c[0] == "XADD" and c[1].endswith(":dead"))
    assert len(dead) < 100
    assert b"field:data" in dead
    assert sum(len(word) for word in dead if isinstance(word, bytes)) < 10_000


def test_the_state_follows_what_the_producer_says_and_does(rig: Rig) -> None:
    def state() -> str:
        return rig.desk.bulletin.info.state

    rig.send("critical", "lifecycle", {"state": "created"})
    rig.send("high", "frame", frame(0, cars(0)))
    assert state() == "created", "its first picture does not start a run that says it is only created"
    rig.send("high", "frame", frame(1, cars(1)))
    assert state() == "running"
    for control, expected in (({"paused": True}, "paused"), ({}, "running"), ({"stopping": True}, "stopping")):
        rig.send("critical", "control", control)
        assert state() == expected
    rig.send("critical", "lifecycle", {"state": "ended"})
    rig.send("critical", "control", {})
    rig.send("high", "frame", frame(2, cars(2)))
    assert state() == "ended", "a frame that was under way does not wake it"
    rig.ms += 10_000
    rig.send("high", "frame", frame(0, cars(0)))
    assert state() == "running"


def test_an_info_that_viewers_cannot_be_told_changes_nothing(rig: Rig) -> None:
    rig.send("critical", "lifecycle", {"state": "running", "title": "ok"})
    before = rig.desk.bulletin.info.to_json()
    read = entry(9, "control", {})
    data = msgspec.json.encode({"params": {"n": 1}}).replace(b"1", b"1" + b"0" * 40)
    rig.put("critical", Entry("9-0", {**read.fields, b"enc": b"json", b"data": data}))
    rig.send("critical", "lifecycle", {"state": "running", "metadata": {f"m{n}": "x" * 4_000 for n in range(40)}})
    assert rig.desk.bulletin.info.to_json() == before
    rig.finish()
    assert rig.counted() == {"rejected:critical:invalid": 1, "rejected:critical:too_large": 1}


def test_columns_that_change_with_every_frame_are_told_once_a_second(rig: Rig) -> None:
    told = 0
    for n in range(40):
        rig.send("high", "frame", frame(n, {"cars": {"id": [1], f"c{n % 2}": [1.0]}}))
        rig.finish(0.1)
        told += sum(message["type"] == "run" for message in rig.told())
    assert told <= 6


def test_entries_trimmed_unread_are_counted_once(rig: Rig) -> None:
    rig.put("critical", *(entry(ms, "status", {"text": "x"}) for ms in (1, 2, 3)))
    rig.desk.survey("critical", added=10, length=5)
    rig.desk.survey("critical", added=10, length=5)
    rig.finish()
    assert rig.counted() == {"trimmed:critical": 2}
    rig.desk.survey("critical", added=2, length=1)
    assert rig.desk.state.read["critical"] == 1, "the stream was made anew"


def test_stated_units_stand_in_the_run_info_also_where_they_come_before_or_after_the_layer(rig: Rig) -> None:
    def units() -> dict[str, Any]:
        rig.now += 10
        rig.finish()
        return {
            layer: {name: column["unit"] for name, column in told["columns"].items()}
            for layer, told in rig.desk.bulletin.info.layers.items()
        }

    rig.send("critical", "lifecycle", {"state": "running", "units": {"tanks": {"level": "m", "x": "km"}}})
    rig.send("high", "frame", frame(1, {"tanks": {"id": [1], "x": [0.0], "y": [0.0], "level": [2.0]}}))
    assert units() == {"tanks": {"x": "km", "y": "m", "level": "m"}}
    rig.send(
        "critical", "lifecycle", {"state": "running", "units": {"pumps": {"load": "kW"}, "tanks": {"level": "cm"}}}
    )
    assert units() == {"tanks": {"x": "m", "y": "m", "level": "cm"}}
    assert rig.desk.bulletin.info.units == {"tanks": {"level": "cm"}, "pumps": {"load": "kW"}}
