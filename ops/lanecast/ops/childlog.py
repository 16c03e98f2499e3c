"""The output of children, as lines of the parent's log. Pure.

Children write JSON lines (`broker.logs`) or plain text (the embedded server). On a terminal they become short lines for
people, elsewhere JSON lines with the child's name.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_SERVER_LINE = re.compile(r"\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.\-*#]) (.*)")
_SERVER_LEVELS: Final = {".": "debug", "-": "info", "*": "info", "#": "warning"}
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_COLOURS: Final = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_RESET: Final = "\x1b[0m"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")


def parse(line: str) -> dict[str, Any]:
    """One line as a log entry with at least `event` and `level`."""
    try:
        entry = msgspec.json.decode(line)
    except msgspec.DecodeError:
        entry = None
    if isinstance(entry, dict) and "event" in entry:
        return {**entry, "event": str(entry["event"]), "level": str(entry.get("level", "info"))}
    match = _SERVER_LINE.fullmatch(line)
    if match:
        return {"event": match[2], "level": _SERVER_LEVELS[match[1]]}
    return {"event": line, "level": "info"}


def at_least(entry: dict[str, Any], level: str) -> bool:
    """Whether an entry is as important as `level`; one of an unknown level is."""
    known = entry["level"] in LEVELS
    return not known or LEVELS.index(entry["level"]) >= LEVELS.index(level)


def for_people(name: str, entry: dict[str, Any]) -> str:
    """`worker-1   lease_taken run=city epoch=3`, coloured by level; control characters are taken out."""
    hidden = ("event", "level", "timestamp", "exception", "traceback")
    fields = " ".join(f"{key}={value}" for key, value in entry.items() if key not in hidden)
    exception = _trace(entry.get("exception"))
    text = _CONTROL.sub("?", " ".join(part for part in (entry["event"], fields, exception) if part))
    colour = _COLOURS.get(entry["level"], "")
    return f"\x1b[2m{name:<10}{_RESET} {colour}{text}{_RESET if colour else ''}"


def for_machines(name: str, entry: dict[str, Any]) -> str:
    """The entry as one line of JSON with `process`."""
    return msgspec.json.encode({**entry, "process": name}, enc_hook=str).decode()


def _trace(exception: Any) -> str:
    """The last line of an exception that structlog wrote as a list of dictionaries."""
    if isinstance(exception, list) and exception and isinstance(exception[0], dict):
        return f"{exception[0].get('exc_type', '')}: {exception[0].get('exc_value', '')}"
    return str(exception).strip().rpartition("\n")[2] if exception else ""
