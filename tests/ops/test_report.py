from __future__ import annotations

import json

import pytest
import structlog.testing

from lanecast.ops.report import Report
from lanecast.ops.supervise import Event

DIED = Event("died", "worker-1", 12, -9, 0.2)


def test_people_are_told_who_died_how_and_when_it_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    Report(terminal=True).event(DIED)
    assert "worker-1 (process 12) was killed by SIGKILL; starting it again in 0.2 s" in capsys.readouterr().err


def test_machines_are_told_the_same_with_fields() -> None:
    with structlog.testing.capture_logs() as entries:
        Report(terminal=False).event(DIED)
    (entry,) = entries
    assert (entry["event"], entry["part"], entry["pid"], entry["log_level"]) == ("part_died", "worker-1", 12, "warning")
    assert "killed by SIGKILL" in entry["text"]


def test_the_end_of_a_part_is_told_only_when_everything_ends(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(terminal=True)
    report.event(Event("stopped", "demo", 12))
    assert capsys.readouterr().err == ""
    report.ending = True
    report.event(Event("stopped", "demo", 12))
    assert "demo ended" in capsys.readouterr().err


def test_lines_below_the_level_and_noise_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(level="warning", terminal=True)
    report.line("worker-1", '{"event": "quiet", "level": "info"}')
    report.line("worker-1", '{"event": "loud", "level": "error"}')
    report.line("valkey", "1:M 20 Nov 2026 10:00:00.123 # WARNING Memory overcommit must be enabled! …")
    report.line("valkey", "")
    said = capsys.readouterr().err
    assert "loud" in said
    assert len(said.splitlines()) == 1


def test_figures_are_for_logs_and_not_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    line = '{"event": "worker_stats", "level": "info", "frames": 3}'
    Report(terminal=True).line("worker-1", line)
    assert capsys.readouterr().err == ""
    Report(terminal=False).line("worker-1", line)
    assert json.loads(capsys.readouterr().err)["frames"] == 3


def test_the_url_is_the_result_and_a_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Report(terminal=True).live("http://127.0.0.1:8080", "redis://:secret@host:6379/0", "city")
    shown = capsys.readouterr()
    assert "Lanecast is live: http://127.0.0.1:8080/#/run/city" in shown.out
    assert "secret" not in shown.out + shown.err


def test_a_reader_that_has_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", Gone())
    Report(terminal=True).line("worker-1", "hello")
    Report(terminal=True).event(DIED)
