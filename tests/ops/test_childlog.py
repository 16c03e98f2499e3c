import json

import pytest

from lanecast.ops.childlog import at_least, for_machines, for_people, parse


def test_a_json_line_is_a_log_entry() -> None:
    entry = parse('{"event": "lease_taken", "level": "warning", "run": "city"}')
    assert entry == {"event": "lease_taken", "level": "warning", "run": "city"}


@pytest.mark.parametrize("line", ["plain text", "[1, 2]", '{"a": 1}', "{", "12", ""])
def test_any_other_line_is_an_entry_of_its_own(line: str) -> None:
    assert parse(line) == {"event": line, "level": "info"}


def test_the_servers_own_lines_have_their_level() -> None:
    line = "123:M 20 Nov 2026 10:00:00.123 # Failed listening on port 6379 (tcp), aborting."
    assert parse(line) == {"event": "Failed listening on port 6379 (tcp), aborting.", "level": "warning"}


def test_levels_are_ordered_and_an_unknown_one_is_never_hidden() -> None:
    assert at_least({"event": "", "level": "error"}, "warning")
    assert not at_least({"event": "", "level": "info"}, "warning")
    assert at_least({"event": "", "level": "strange"}, "critical")


def test_people_see_name_event_and_fields_but_no_control_characters() -> None:
    text = for_people("worker-1", {"event": "bad\x1b[2J", "level": "info", "timestamp": "now", "run": "city"})
    assert "worker-1" in text
    assert "bad?[2J run=city" in text
    assert "now" not in text


def test_people_see_the_last_line_of_an_exception() -> None:
    entry = {"event": "failed", "level": "error", "exception": [{"exc_type": "ValueError", "exc_value": "no"}]}
    assert "failed ValueError: no" in for_people("demo", entry)


def test_machines_get_the_entry_with_the_name_of_the_process() -> None:
    assert json.loads(for_machines("demo", {"event": "x", "level": "info"})) == {
        "event": "x",
        "level": "info",
        "process": "demo",
    }
