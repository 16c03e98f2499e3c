"""Chaos: what every scenario has; rows are written to the report when the session ends.

Scenarios are started by `make chaos` and by name, never by `make test`.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chaos import report
from tests.chaos.stage import Stage, playing
from tests.support.engines import Engine, any_binary, running, start_single
from tests.support.servers import embedded_binary

_rows: list[dict[str, Any]] = []

Play = Callable[..., contextlib.AbstractContextManager[Stage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is chaos."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.chaos)


def pytest_sessionfinish() -> None:
    """Keep the rows of what was run."""
    if _rows:
        report.keep(_rows)


@pytest.fixture(scope="session", autouse=True)
def many_sockets() -> None:
    """Thousands of viewers want as many descriptors, here and in the gateways."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Plays a scenario: `with play("9", "cause", limit_s=3, …) as stage:`; its row is kept whatever happens.

    The judge is called by the scenario; what it has found fails the test when the block ends.
    """

    @contextlib.contextmanager
    def play(
        scenario: str, cause: str, *, limit_s: float, engine: Engine | None = None, **options: Any
    ) -> Iterator[Stage]:
        row: dict[str, Any] = {"scenario": scenario, "cause": cause, "limit_s": limit_s, "recovered_s": -1.0}
        row |= dict.fromkeys(("lost", "duplicates", "back"), -1)
        row |= dict.fromkeys(("log", "metric", "saw"), "") | {"passed": False}
        _rows.append(row)
        own = contextlib.nullcontext(engine) if engine else running(start_single(tmp_path, server_binary(), seed=1))
        with own as there, playing(tmp_path, there, **options) as stage:
            yield stage
            verdict = stage.verdict
            row |= {name: getattr(verdict, name) for name in row if hasattr(verdict, name)}
            row["passed"] = not verdict.problems
            assert not verdict.problems, "; ".join(verdict.problems) + f" [viewers: {verdict.saw}]"

    return play


def server_binary() -> str:
    """The embedded server, else a local one."""
    return embedded_binary() or any_binary()
