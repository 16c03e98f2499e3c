from __future__ import annotations

from rich.console import Console
from tests.ops.test_session import NOW_MS, Gateway, connect

from lanecast.ops.screen import Screen
from lanecast.ops.session import Session


def picture(screen: Screen) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(screen.render(NOW_MS / 1000))
        return console.export_text()


def test_before_the_first_frame_it_says_that_it_waits() -> None:
    shown = picture(Screen(Session("city")))
    assert "waiting for the first frame" in shown
    assert "connecting" in shown


def test_it_shows_time_layers_metrics_and_the_last_words() -> None:
    session, gateway = Session("city", "high"), Gateway()
    connect(session, gateway)
    session.take(gateway.frame(12, 1.0, key=True), NOW_MS)
    screen = Screen(session, link="connected")
    screen.note({"type": "status", "level": "warning", "text": "jam [north]"})
    screen.note({"type": "control_state", "paused": True, "params": {"rate": 2}})
    screen.note({"type": "result", "name": "stop", "ok": False, "error": "nobody listens"})
    screen.note({"type": "result", "name": "stop", "ok": True})
    shown = picture(screen)
    for text in (
        "running",
        "step 12",
        "age 30 ms",
        "cars",
        "x, kind",
        "n",
        "warning: jam [north]",
        "now paused rate=2",
    ):
        assert text in shown
    assert "stop refused: nobody listens" in shown


def test_a_lost_connection_is_said() -> None:
    assert "connection lost: cut" in picture(Screen(Session("city"), link="connection lost: cut"))
