"""A real Chromium for tests: pages by their `data-testid`s, and the history of what each has shown."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("driver.mjs")
ANSWER_S = 30.0


class Browser:
    """One Chromium; each page has a profile of its own."""

    def __init__(self, chromium: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_env(chromium)
        )
        self._ids = itertools.count(1)
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def call(self, op: str, **args: Any) -> Any:
        """Do one operation of the driver and return its value."""
        assert self._process.stdin is not None
        number = next(self._ids)
        self._process.stdin.write(json.dumps({"id": number, "op": op, **args}) + "\n")
        self._process.stdin.flush()
        try:
            answer = json.loads(self._answers.get(timeout=ANSWER_S))
        except queue.Empty:
            raise AssertionError(f"the browser does not answer to {op} within {ANSWER_S} s") from None
        assert answer["id"] == number
        if "error" in answer:
            raise AssertionError(f"{op} {args}: {answer['error']}")
        return answer["value"]

    def open(self, url: str, width: int = 1440, height: int = 900) -> Page:
        return Page(self, self.call("open", url=url, width=width, height=height))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Page:
    """One page."""

    def __init__(self, browser: Browser, number: int) -> None:
        self._browser = browser
        self._number = number

    def call(self, op: str, **args: Any) -> Any:
        return self._browser.call(op, page=self._number, **args)

    def evaluate(self, script: str) -> Any:
        return self.call("evaluate", script=script)

    def in_engine(self, script: str) -> Any:
        """Evaluate in the Web Worker that draws."""
        return self.call("inEngine", script=script)

    def shown(self, testid: str, name: str = "state") -> str:
        """The attribute `data-NAME` of an element; '' if there is none."""
        selector = json.dumps(_by(testid))
        return str(self.evaluate(f"document.querySelector({selector})?.getAttribute('data-{name}') ?? ''"))

    def number(self, testid: str, name: str = "value") -> float:
        """The attribute as a number; -1 if it is not there yet."""
        return float(self.shown(testid, name) or -1)

    def click(self, testid: str) -> float:
        """Click; returns the Unix time in seconds at which the page got it."""
        self.call("click", selector=_by(testid))
        return float(self.evaluate("globalThis.lanecastClicks.at(-1)")) / 1000

    def enter(self, testid: str, value: str) -> None:
        """Type a value into a field and confirm it."""
        self.call("fill", selector=_by(testid), value=value)
        self.call("press", selector=_by(testid), value="Enter")

    def choose(self, testid: str, value: str) -> None:
        self.call("select", selector=_by(testid), value=value)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other, on whatever has the focus."""
        self.call("keys", keys=keys)

    def axe(self) -> list[str]:
        """What axe finds wrong with the page as it is now."""
        violations: list[str] = self.call("axe")
        return violations

    def resize(self, width: int, height: int, scheme: str = "dark") -> None:
        self.call("resize", width=width, height=height, scheme=scheme)

    def condition(self) -> str:
        """The state that the scene says it is in."""
        return str(self.evaluate("document.querySelector('.overlay')?.dataset.condition ?? ''"))

    def focused(self) -> str:
        """What has the focus: its `data-testid`, its id, its name or its words."""
        return str(
            self.evaluate(
                "(({dataset, id, ariaLabel, textContent}) => dataset.testid ?? (id || ariaLabel || textContent))"
                "(document.activeElement)"
            )
        )

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> float:
        """Wait until something is shown; returns how many seconds it took."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > within_s:
                raise AssertionError(f"not within {within_s} s: {what}; last shown: {self.history()[-3:]}")
            time.sleep(0.02)
        return time.monotonic() - started

    def history(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """What the page has shown since a Unix time; each entry is what `record` in the driver keeps."""
        entries: list[dict[str, Any]] = self.evaluate("globalThis.lanecastHistory")
        return [entry for entry in entries if entry["at_ms"] >= since_s * 1000]

    def times(self, since_s: float = 0.0) -> list[float]:
        """The simulation times shown since a Unix time, in order."""
        return [entry["simTime"] for entry in self.history(since_s) if entry["simTime"] is not None]

    def box(self, testid: str) -> dict[str, float]:
        """Where an element is on the page."""
        selector = json.dumps(_by(testid))
        script = f"(({{x, y, width, height}}) => ({{x, y, width, height}}))(document.querySelector({selector}).getBoundingClientRect())"  # noqa: E501
        box: dict[str, float] = self.evaluate(script)
        return box

    def screenshot(self, path: Path, clip: dict[str, float] | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.call("screenshot", path=str(path), clip=clip)
        return path

    def errors(self) -> list[str]:
        """What the page has complained about on its console."""
        errors: list[str] = self.call("errors")
        return errors

    def close(self) -> None:
        self.call("close")


def _by(testid: str) -> str:
    return f'[data-testid="{testid}"]'


def _env(chromium: str) -> dict[str, str]:
    import os

    return {**os.environ, "CHROMIUM": chromium}
