"""Logs are JSON where nobody looks, and never hold the values of variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from lanecast.broker import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_local_variable(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    logs.configure(json=as_json)
    password = "swordfish"
    try:
        int(password[:0])
    except ValueError:
        structlog.get_logger().exception("it_failed")
    written = capsys.readouterr().err
    assert "it_failed" in written
    assert "ValueError" in written
    assert password not in written.replace('password = "swordfish"', "")


def test_a_line_is_json_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=True)
    logging.getLogger("some.library").warning("it says")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("it says", "warning")
    assert line["timestamp"].endswith("Z")
