"""A training, live: a callback of the form that Stable-Baselines3 calls, and that other loops can call as easily.

    with TrainingCallback("ppo-cartpole") as callback:
        model.learn(100_000, callback=callback)

Stable-Baselines3 is not needed to import this. It takes any callable `callback(locals, globals) -> bool` and calls it
after each step of the environments; what is looked for in `locals` is `self` (the model: `num_timesteps`, and `logger`
with `name_to_value`), `infos` (with `episode` of a `Monitor`: `r` return, `l` length), `rewards` and `dones`. Whatever
is missing is left out. A viewer's pause makes it wait, a stop makes it return False, by which the training ends.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from lanecast.producer.adapters.cadence import Cadence
from lanecast.producer.run import Run

SHOWN: Final = 500
"""Episodes whose returns are drawn."""
RECENT: Final = 100
"""Episodes over which means are taken, as Stable-Baselines3 does."""
REPORTS_PER_S: Final = 5.0


class TrainingCallback:
    """Publishes a training: returns as a curve (layer `returns`: `x` the episode, `y` the return), figures as metrics.

    Metrics: `train.timesteps`, `train.steps_per_s`, `episode.number`, `episode.return`, `episode.mean_return` and
    `episode.mean_length` of the last 100 episodes, and what the model logs (`train/loss` as `train.loss`).
    """

    def __init__(self, run_id: str, *, title: str = "", reports_per_s: float = REPORTS_PER_S, **more: Any) -> None:
        """`reports_per_s`: how often, in wall time, at most; `more`: of `Run`."""
        self.run = Run(run_id, title=title or run_id, kind=more.pop("kind", "rl"), **more)
        self._reports = Cadence(reports_per_s)
        self._returns: deque[tuple[int, float]] = deque(maxlen=SHOWN)
        self._lengths: deque[float] = deque(maxlen=RECENT)
        self._running_returns: dict[int, tuple[float, int]] = {}
        self._episodes = 0
        self._steps = 0
        self._before: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        self.run.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._report(time.monotonic(), {})
        self.run.__exit__(kind, error, traceback)

    def __call__(self, locals_: Mapping[str, Any], globals_: Mapping[str, Any] | None = None) -> bool:
        """Take one step of the training; False: end it."""
        del globals_
        if not self.run.running():
            return False
        model = locals_.get("self")
        self._steps = max(self._steps + 1, int(getattr(model, "num_timesteps", 0)))
        self._count_episodes(locals_)
        now_s = time.monotonic()
        if self._reports.due(now_s):
            self._report(now_s, getattr(getattr(model, "logger", None), "name_to_value", {}))
        return True

    def episode(self, total: float, length: int) -> None:
        """An episode has ended, for loops that know it themselves: its return, and its length in steps."""
        self._episodes += 1
        self._returns.append((self._episodes, float(total)))
        self._lengths.append(float(length))

    def _count_episodes(self, locals_: Mapping[str, Any]) -> None:
        told = [info["episode"] for info in locals_.get("infos", ()) if "episode" in info]
        for episode in told:
            self.episode(episode["r"], int(episode["l"]))
        if told or "rewards" not in locals_ or "dones" not in locals_:
            return
        # Without a Monitor: added up here, environment by environment.
        for index, (reward, done) in enumerate(zip(locals_["rewards"], locals_["dones"], strict=True)):
            total, length = self._running_returns.get(index, (0.0, 0))
            total, length = total + float(reward), length + 1
            if done:
                self.episode(total, length)
                total, length = 0.0, 0
            self._running_returns[index] = (total, length)

    def _report(self, now_s: float, logged: Mapping[str, Any]) -> None:
        figures: dict[str, float] = {"train.timesteps": self._steps, "episode.number": self._episodes}
        if self._before is not None and now_s > self._before[0]:
            figures["train.steps_per_s"] = (self._steps - self._before[1]) / (now_s - self._before[0])
        self._before = (now_s, self._steps)
        if self._returns:
            recent = [total for _, total in self._returns][-RECENT:]
            figures["episode.return"] = recent[-1]
            figures["episode.mean_return"] = float(np.mean(recent))
            figures["episode.mean_length"] = float(np.mean(self._lengths))
        for name, value in logged.items():
            if isinstance(value, int | float | np.number) and np.isfinite(value):
                figures[str(name).replace("/", ".")[:64]] = float(value)
        numbers = np.asarray([number for number, _ in self._returns], np.uint32)
        curve = {
            "id": numbers,
            "x": numbers.astype(np.float32),
            "y": np.asarray([total for _, total in self._returns], np.float32),
            "path": np.zeros(len(numbers), np.uint8),
        }
        self.run.frame({"returns": curve}, step=self._steps)  # its time is wall time: a training has no other
        self.run.metrics(figures, step=self._steps)
