"""What `lanecast up` tells: for people on a terminal, as log lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Final

import structlog
from rich.markup import escape

from lanecast.ops import childlog, console
from lanecast.ops.supervise import Event

_NOISE: Final = ("Memory overcommit must be enabled", "Transparent Huge Pages", "scheduling shutdown", "bye bye")
"""The embedded server's advice for large installations, which is of no use to somebody who tries Lanecast, and its
goodbye, which is said by `up` itself.
"""


_FIGURES: Final = "worker_stats"
"""A line of figures every few seconds: for logs, and in the way on a terminal."""


class Report:
    """Prints what happens. `details` maps a part's name to what is said when it is ready."""

    def __init__(self, *, level: str = "info", terminal: bool | None = None) -> None:
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._level = level if level in childlog.LEVELS else "info"
        self._log = structlog.get_logger()
        self.details: dict[str, str] = {}
        self.ending = False

    def line(self, name: str, text: str) -> None:
        """A line that a child has written."""
        entry = childlog.parse(text)
        if not text or not childlog.at_least(entry, self._level) or any(noise in text for noise in _NOISE):
            return
        if self._terminal and entry["event"] == _FIGURES:
            return
        render = childlog.for_people if self._terminal else childlog.for_machines
        _write(lambda: sys.stderr.write(render(name, entry) + "\n"))

    def event(self, event: Event) -> None:
        """Something that has happened to a part."""
        match event.kind:
            case "ready":
                details = self.details.get(event.part, "ready")
                self._say("green", "✓", f"{event.part:<10} {details} ({event.seconds:.1f} s)", "part_ready", event)
            case "died":
                text = f"{event.part} (process {event.pid}) {event.how}; starting it again in {event.seconds:.1f} s"
                self._say("yellow", "!", text, "part_died", event)
            case "back":
                self._say("green", "✓", f"{event.part} is back after {event.seconds:.1f} s", "part_back", event)
            case "done":
                self._say("cyan", "•", f"{event.part} has come to its end; the rest goes on", "part_done", event)
            case "killed":
                text = f"{event.part} did not end within {event.seconds:.0f} s and was killed"
                self._say("yellow", "!", text, "part_killed", event)
            case "stopped" if self.ending:
                self._say("dim", "-", f"{event.part} ended", "part_stopped", event)
            case _:
                pass

    def say(self, text: str) -> None:
        """A line of `up` itself."""
        if self._terminal:
            _write(lambda: console.err.print(f"[dim]{escape(text)}[/]"))
        else:
            _write(lambda: self._log.info(text))

    def live(self, url: str, redis_url: str, run: str | None) -> None:
        """Everything runs: where to look. Goes to standard output, as the result that it is."""
        lines = [f"Lanecast is live: {url}{f'/#/run/{run}' if run else ''}"]
        if self._terminal:
            secret_free = "@" not in redis_url
            lines += [
                f"  a viewer for terminals:  lanecast watch {run or 'RUN'} --url {url}",
                *([f"  publish your own run to:  {redis_url}"] if secret_free else []),
                "  Ctrl-C ends everything.",
            ]
        _write(lambda: console.out.print(escape("\n".join(lines))))

    def _say(self, style: str, mark: str, text: str, name: str, event: Event) -> None:
        if self._terminal:
            _write(lambda: console.err.print(f"[{style}]{mark}[/] {escape(text)}"))
            return
        fields = {
            "part": event.part,
            "pid": event.pid,
            "seconds": round(event.seconds, 2),
            "text": " ".join(text.split()),
        }
        log = self._log.warning if event.kind in ("died", "killed") else self._log.info
        _write(lambda: log(name, **fields))


def _write(write: Callable[[], object]) -> None:
    """A reader of our output that has gone away (`… | head`) is no reason to stop serving."""
    with contextlib.suppress(OSError):
        write()
