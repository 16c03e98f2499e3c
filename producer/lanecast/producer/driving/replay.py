"""Replay data: one JSON line for each step, compressed; readable with `zcat`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

log = structlog.get_logger()


class ReplayWriter:
    """Writes `{step, time_s, scenario, layers, phases, metrics}` a line. A disk that fails is told of once; it never raises."""  # noqa: E501

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.failed = False
        self._file: TextIO | None = None

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a step."""
        if self.failed:
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = cast("TextIO", gzip.open(self.path, "wt", compresslevel=1, encoding="utf-8"))  # noqa: SIM115
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        except (OSError, TypeError, ValueError) as error:
            self._give_up(error)

    def close(self) -> None:
        """End the file. Safe to repeat."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.failed = True
        log.warning("replay_not_saved", path=str(self.path), error=repr(error), remedy="the simulation goes on")


def read_replay(path: Path | str) -> Iterator[dict[str, Any]]:
    """The lines of a replay; one that was cut by a crash ends with its last whole line."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (EOFError, json.JSONDecodeError):
        return
