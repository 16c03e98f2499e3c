"""The examples of four languages, live side by side on one page."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.browser import Browser, Page
from tests.ops.system import system
from tests.sdk.languages import LANGUAGES, Language, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_runs_from_four_languages_are_drawn_on_one_page(
    browser: Browser, open_page: Callable[..., Page], screenshots: Path, tmp_path: Path
) -> None:
    chosen = [language for language in reversed(LANGUAGES) if why_not(language) is None][:4]
    if len(chosen) < 2:
        pytest.skip("the toolchains of two languages are not installed")
    runs = [language.example[0] for language in chosen]
    with contextlib.ExitStack() as stack:
        up = stack.enter_context(system(tmp_path))
        for language in chosen:
            stack.callback(_end, _start(language, up.redis_url))
        for run in runs:
            up.until(lambda run=run: up.info(run).get("state") == "running", 120, f"{run} runs")  # type: ignore[misc]
        page = open_page(f"{up.url}/#/run/{'+'.join(runs)}", width=1800, height=1100)
        page.until(lambda: _drawn(page) == len(runs), 30, "every run is drawn")
        page.until(lambda: page.number("sim-time") > 10, 30, "some time passes")
        page.screenshot(screenshots / "languages-1800x1100.png")
        assert page.errors() == []


def _drawn(page: Page) -> int:
    """Scenes that show entities."""
    scenes = "[...document.querySelectorAll('[data-testid=\"scene\"]')]"
    return int(page.evaluate(f"{scenes}.filter((scene) => Number(scene.getAttribute('data-entities')) > 0).length"))


def _start(language: Language, redis_url: str) -> subprocess.Popen[bytes]:
    environment = os.environ | language.environment | {"LANECAST_REDIS_URL": redis_url}
    return subprocess.Popen(language.example[1], cwd=language.folder, env=environment, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the command may have started others
    process.wait()
