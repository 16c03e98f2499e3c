"""Commands and what they do to a run; the server is not needed for this."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from lanecast.broker.commands import Command
from lanecast.broker.errors import InvalidMessage
from lanecast.producer.live import Live
from lanecast.producer.params import Param, Values, describe
from lanecast.producer.steering import KEPT_RESULTS, Steering


class Heard:
    """Collects what a steering says."""

    def __init__(self, **params: Any) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.steering = Steering(describe(params), lambda kind, payload: self.said.append((kind, dict(payload))))

    def command(self, name: str, command_id: str = "c", now_ms: float = 0.0, **args: Any) -> dict[str, Any]:
        self.steering.handle(Command(command_id, name, args, "me", 1_000.0), now_ms)
        return self.said[-1][1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for said, payload in self.said if said == kind]


def test_a_change_is_told_by_a_control_and_answered_by_a_result() -> None:
    heard = Heard(gain=1.0)
    heard.command("set_params", params={"gain": 2})
    assert heard.said == [
        ("control", {"paused": False, "stopping": False, "params": {"gain": 2.0}}),
        ("result", {"command_id": "c", "ok": True}),
    ]


def test_a_new_value_is_seen_from_the_next_turn_on() -> None:
    heard = Heard(gain=1.0)
    heard.steering.turn()
    heard.command("set_params", params={"gain": 2})
    assert heard.steering.values == {"gain": 1.0}
    heard.steering.turn()
    assert heard.steering.values == {"gain": 2.0}


def test_one_bad_value_refuses_the_whole_set() -> None:
    heard = Heard(gain=Param(1.0, max=5), mode=Param("a", choices=["a", "b"]))
    result = heard.command("set_params", params={"mode": "b", "gain": 6})
    assert result == {
        "command_id": "c",
        "ok": False,
        "error": "6.0 is above the maximum 5",
        "field": "args.params.gain",
    }
    heard.steering.turn()
    assert heard.steering.values == {"gain": 1.0, "mode": "a"}
    assert not heard.of("control")


@pytest.mark.parametrize(
    ("name", "args", "field"),
    [
        ("fly", {}, "name"),
        ("step", {"steps": 0}, "args.steps"),
        ("step", {"steps": True}, "args.steps"),
        ("step", {"steps": 10**9}, "args.steps"),
        ("set_params", {}, "args.params"),
        ("set_params", {"params": {"pitch": 1}}, "args.params.pitch"),
    ],
)
def test_a_bad_command_is_refused_by_the_field(name: str, args: dict[str, Any], field: str) -> None:
    assert Heard().command(name, **args)["field"] == field


def test_a_command_is_not_done_after_its_time() -> None:
    heard = Heard()
    assert heard.command("stop", now_ms=1_000.0)["ok"]
    late = Heard()
    assert late.command("stop", now_ms=2_500.0)["error"] == "the command expired 1.5 s ago by the simulation's clock"
    assert late.steering.turn()


def test_a_repeated_command_gets_the_first_answer_even_after_its_time() -> None:
    heard = Heard()
    heard.steering.turn()
    first = heard.command("pause", "c1")
    heard.command("resume", "c2")
    assert heard.command("pause", "c1", now_ms=9_999.0) == first
    assert heard.steering.turn(), "the pause was not done again"


def test_only_so_many_answers_are_kept() -> None:
    heard = Heard()
    for number in range(KEPT_RESULTS + 10):
        heard.command("resume", f"c{number}")
    assert len(heard.steering._results) == KEPT_RESULTS


def test_turn_waits_while_paused_and_wakes_at_once() -> None:
    heard = Heard()
    heard.steering.turn()
    heard.command("pause", "c1")
    woke: list[float] = []

    def ask() -> None:
        heard.steering.turn()
        woke.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    while heard.steering.state != "paused":
        time.sleep(0.001)
    asked = time.monotonic()
    heard.command("resume", "c2")
    thread.join(2)
    assert woke[0] - asked < 0.09, "earlier than a mere look every 0.1 s would have it"
    assert [payload["state"] for payload in heard.of("lifecycle")] == ["running", "paused", "running"]


def test_a_sleep_ends_when_a_command_comes() -> None:
    heard = Heard()
    heard.steering.turn()
    assert heard.steering.sleep(0.01)
    timer = threading.Timer(0.02, heard.command, ("pause",))
    timer.start()
    started = time.monotonic()
    assert not heard.steering.sleep(5.0)
    assert time.monotonic() - started < 1.0
    timer.join()


def test_an_interrupt_ends_a_pause_and_a_sleep() -> None:
    heard = Heard()
    heard.steering.turn()
    heard.command("pause")
    threading.Timer(0.02, heard.steering.interrupt).start()
    assert not heard.steering.turn()
    assert not heard.steering.sleep(5.0)


def test_after_stop_nothing_but_the_end_follows() -> None:
    heard = Heard()
    heard.steering.turn()
    heard.command("stop", "c1")
    assert not heard.steering.turn()
    assert not heard.command("pause", "c2")["ok"]
    heard.steering.end()
    assert heard.command("stop", "c3")["error"] == "the simulation has ended"
    assert [payload["state"] for payload in heard.of("lifecycle")] == ["running", "stopping", "ended"]


def test_parameters_are_described_by_their_first_value() -> None:
    described = describe(
        {"f": 1.0, "i": 1, "b": True, "c": Param("x", choices=("x", "y"), title="C"), "n": Param(2, unit="m")}
    )
    assert described == {
        "f": {"type": "float", "value": 1.0},
        "i": {"type": "int", "value": 1},
        "b": {"type": "bool", "value": True},
        "c": {"type": "choice", "value": "x", "choices": ["x", "y"], "title": "C"},
        "n": {"type": "int", "value": 2, "unit": "m"},
    }


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"p": "text"}, "params.p.value"),
        ({"p": Param(7, max=5)}, "params.p.value"),
        ({"p": Param("z", choices=["x"])}, "params.p.value"),
        ({"p": Param(1.0, min=float("nan"))}, "params.p.min"),
        ({"": 1}, "params"),
    ],
)
def test_a_wrong_parameter_is_refused_by_the_field(params: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        describe(params)
    assert caught.value.field == field


def test_values_are_read_only_and_say_what_there_is() -> None:
    values = Values({"gain": 1.0})
    assert (dict(values), len(values), "gain" in values) == ({"gain": 1.0}, 1, True)
    with pytest.raises(KeyError, match=r"no parameter 'pitch' \(gain\)"):
        values["pitch"]


def test_the_program_itself_may_pause_step_and_stop() -> None:
    heard = Heard()
    heard.steering.turn()
    heard.steering.ask("pause")
    assert heard.steering.paused
    assert heard.steering.try_turn() is None
    heard.steering.ask("step", {"steps": 2})
    assert [heard.steering.try_turn() for _ in range(3)] == [True, True, None]
    heard.steering.ask("resume")
    assert heard.steering.try_turn()
    heard.steering.ask("stop")
    assert heard.steering.try_turn() is False
    assert heard.of("result") == []
    assert [said["stopping"] for said in heard.of("control")] == [False, False, False, True]


def test_waiting_for_a_change_gives_what_was_set_and_puts_it_in_force() -> None:
    heard = Heard(gain=1.0, mode=Param("a", choices=["a", "b"]))
    called: list[float] = []
    heard.steering.on_param("gain", called.append)
    heard.command("set_params", "c1", params={"mode": "b", "gain": 2})
    assert heard.steering.wait_for_change(["gain"], 5.0) == {"gain": 2.0}
    assert (heard.steering.values, called) == ({"gain": 2.0, "mode": "b"}, [2.0])
    assert heard.steering.wait_for_change([], 0.0) == {}
    with pytest.raises(InvalidMessage):
        heard.steering.wait_for_change(["nothing"], 0.0)


def test_a_stop_ends_the_waiting_for_a_change() -> None:
    heard = Heard(gain=1.0)
    done: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: done.append(heard.steering.wait_for_change([], None)))
    thread.start()
    heard.command("stop")
    thread.join(5)
    assert done == [{}]


def test_a_parameter_is_a_typed_value_that_follows() -> None:
    heard = Heard(gain=1.0, on=True)
    gain = Live(heard.steering, "gain", float)
    changes: list[float] = []
    gain.on_change(changes.append)
    heard.command("set_params", params={"gain": 3})
    assert gain.value == 1.0
    heard.steering.turn()
    assert (gain.value, changes) == (3.0, [3.0])
    with pytest.raises(InvalidMessage, match="is a bool, not a float"):
        Live(heard.steering, "on", float)
    with pytest.raises(InvalidMessage, match="no such parameter"):
        Live(heard.steering, "off", bool)
