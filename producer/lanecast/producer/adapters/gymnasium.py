"""Any Gymnasium environment, live: `Cast` wraps it, and whoever trains or plays it need not know.

    from lanecast.producer.adapters.gymnasium import Cast

    with Cast(gymnasium.make("CartPole-v1", render_mode="rgb_array"), "cartpole") as env:
        observation, info = env.reset()
        while True:
            observation, reward, terminated, truncated, info = env.step(policy(observation))
            if terminated or truncated:
                observation, info = env.reset()

A viewer's pause makes `step` wait; a stop makes it raise `Stopped`, which ends the `with` block without an error. The
environment's own results are never changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import gymnasium
import numpy as np

from lanecast.broker.errors import InvalidMessage, LanecastError
from lanecast.producer.adapters.cadence import Cadence
from lanecast.producer.adapters.observation import Seen, numbers, see
from lanecast.producer.pace import Pace
from lanecast.producer.params import Param
from lanecast.producer.run import Run

FRAMES_PER_S: Final = 30.0
REPORTS_PER_S: Final = 5.0
PICTURES_PER_S: Final = 15.0
FASTEST: Final = 1_000.0

Layers = Callable[[gymnasium.Env[Any, Any], Any], Mapping[str, Any]]


class Stopped(LanecastError):
    """A viewer has stopped the run, or it was interrupted; there is no next step."""


class Cast(gymnasium.Wrapper[Any, Any, Any, Any]):  # type: ignore[misc]  # it has no types where it is not installed
    """An environment whose steps are published.

    What viewers get: the observation (see `observation`), the layers of `layers`; metrics `reward` (the mean since the
    last report), `episode.number`, `episode.return` and `episode.length` of the last that ended, `episode.mean_return`
    of those since the last report, and the numbers of `info`; rendered pictures as the camera `render`, where the
    environment renders to arrays (`render_mode="rgb_array"`) and somebody watches. All of it by wall time, at most
    `FRAMES_PER_S`, `REPORTS_PER_S` and `PICTURES_PER_S`, however fast the environment is.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        run_id: str,
        *,
        title: str = "",
        url: str | None = None,
        rate: float = 0.0,
        names: Sequence[str] = (),
        layers: Layers | None = None,
        step_s: float | None = None,
        pictures_per_s: float = PICTURES_PER_S,
        **more: Any,
    ) -> None:
        """Nothing is published before the block is entered, or the first `reset`.

        Args:
            env: the environment.
            run_id: as for `Run`.
            title: default: the environment's id.
            url: of Redis or Valkey; default: as for `Run`.
            rate: steps a second of wall time at the beginning; 0: as fast as it goes. Viewers may change it.
            names: of the observation's numbers, or of its columns.
            layers: `layers(env, observation)`, what an observation does not show: name -> layer, as for `Run.frame`;
                the observation's numbers then are not drawn as bars.
            step_s: simulation seconds of one step; default: by the environment's `render_fps`, else 1.
            pictures_per_s: rendered at most so often; 0: never.
            more: of `Run`: `kind` (default `rl`), `metadata`, `params`, `producer`, …
        """
        super().__init__(env)
        spec = getattr(env, "spec", None)
        known_as = spec.id if spec is not None else type(env.unwrapped).__name__
        fps = env.metadata.get("render_fps")
        self._step_s = step_s if step_s is not None else 1.0 / fps if fps else 1.0
        params = {
            "rate": Param(float(rate), min=0, max=FASTEST, step=1, unit="steps/s", title="Steps per second (0: all)"),
            **more.pop("params", {}),
        }
        metadata = {"environment": known_as, **more.pop("metadata", {})}
        self.run = Run(
            run_id,
            title=title or known_as,
            kind=more.pop("kind", "rl"),
            params=params,
            metadata=metadata,
            url=url,
            **more,
        )
        self._names = names
        self._layers = layers
        self._pace = Pace(rate, time.monotonic()) if rate else None
        self._frames, self._reports = Cadence(FRAMES_PER_S), Cadence(REPORTS_PER_S)
        self._pictures = Cadence(pictures_per_s if env.render_mode == "rgb_array" else 0)
        self._steps = 0
        self._episode = 0
        self._return, self._length = 0.0, 0
        self._rewards: list[float] = []
        self._returns: list[float] = []
        self._last: dict[str, float] = {}
        self._refused: set[str] = set()
        self._started = False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None and not isinstance(error, Stopped):
            self.run.__exit__(kind, error, traceback)
        self.close()
        return isinstance(error, Stopped)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see `gymnasium.Env.reset`."""
        self._start()
        observation, info = self.env.reset(**options)
        self._episode += 1
        self._return, self._length = 0.0, 0
        self._show(observation, info, now_s=time.monotonic())
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step, as soon as viewers let it; see `gymnasium.Env.step`.

        Raises:
            Stopped: a viewer has stopped the run.
        """
        self._start()
        if not self.run.running():
            raise Stopped(f"the run {self.run.id!r} was stopped")
        with self.run.phase("step"):
            observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        self._return += float(reward)
        self._length += 1
        self._rewards.append(float(reward))
        ended = terminated or truncated
        if ended:
            self._returns.append(self._return)
            self._last = {"episode.return": self._return, "episode.length": self._length}
        now_s = time.monotonic()
        self._show(observation, info, now_s=now_s)
        if self._pace is not None:
            self.run.sleep(self._pace.wait_s(time.monotonic()))
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """End the run, and the environment."""
        if self._started:
            self.run.close()
        self.env.close()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self.run.on_param("rate", self._set_rate)
            self.run.start()

    def _set_rate(self, rate: float) -> None:
        self._pace = Pace(rate, time.monotonic()) if rate else None

    def _show(self, observation: Any, info: Mapping[str, Any], *, now_s: float) -> None:
        time_s = self._steps * self._step_s
        frame, report = self._frames.due(now_s), self._reports.due(now_s)
        seen = see(observation, self._names, bars=self._layers is None) if frame or report else Seen()
        if frame:
            layers = dict(seen.layers)
            if self._layers is not None:
                layers |= self._layers(self.env, observation)
            self.run.frame(layers, step=self._steps, time_s=time_s)
            self._show_pictures(seen, time_s, now_s)
        if report:
            self.run.metrics(self._figures() | seen.metrics | numbers(info, "info"), step=self._steps, time_s=time_s)

    def _show_pictures(self, seen: Seen, time_s: float, now_s: float) -> None:
        if not self.run.watched or not self._pictures.due(now_s):
            return
        with self.run.phase("render"):
            picture: Any = self.env.render()
        for camera, data in (("render", picture), *seen.pictures.items()):
            try:
                if isinstance(data, np.ndarray) and data.dtype == np.uint8:
                    self.run.image(camera, data, step=self._steps, time_s=time_s)
            except InvalidMessage as error:  # too large, most likely; no reason to end a training
                if camera not in self._refused:
                    self._refused.add(camera)
                    self.run.status("warning", f"pictures of {camera} are left out: {error}"[:4096])

    def _figures(self) -> dict[str, float]:
        figures = {"episode.number": float(self._episode), **self._last}
        if self._rewards:
            figures["reward"] = float(np.mean(self._rewards))
        if self._returns:
            figures["episode.mean_return"] = float(np.mean(self._returns))
        self._rewards.clear()
        self._returns.clear()
        return figures
