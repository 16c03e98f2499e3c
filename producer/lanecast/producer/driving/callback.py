"""`StreamingVisualizationCallback`: what planners and driving simulators call, step by step."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, cast

import structlog

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.driving.http import HttpTransport
from lanecast.producer.driving.replay import ReplayWriter
from lanecast.producer.driving.state import DrivingState, layers_of, read_sample
from lanecast.producer.driving.transport import RedisTransport, Transport
from lanecast.producer.params import Param, Value

GATEWAY: Final = "http://127.0.0.1:8080"
P = ParamSpec("P")
StateReader = Callable[[Any, Any, Any], DrivingState]

log = structlog.get_logger()


def _guarded(
    method: Callable[Concatenate[Any, P], None],
) -> Callable[Concatenate[Any, P], None]:
    """Nothing that goes wrong in showing a simulation may end it: told of once for each kind, and counted."""

    @functools.wraps(method)
    def guarded(self: Any, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.errors += 1
            kind = f"{method.__name__}: {type(error).__name__}"
            if kind not in self._told:
                self._told.add(kind)
                log.exception("not_shown", callback=method.__name__, remedy="the simulation goes on")

    return cast("Callable[Concatenate[Any, P], None]", guarded)


class StreamingVisualizationCallback:
    """Shows ego, planned trajectory and tracked objects of each step, and how long planner and simulator took.

    No method raises or waits for a server, whatever happens to it. By Redis viewers steer: `on_step_start` waits while
    one has paused the run (unless `steer` is False), and `stop_requested` says that one wants it to end.
    """

    def __init__(
        self,
        run_id: str = "driving",
        title: str = "",
        transport: str = "redis",
        url: str | None = None,
        *,
        token: str | None = None,
        step_s: float = 0.1,
        params: Mapping[str, Param | Value] | None = None,
        scene: Mapping[str, Any] | None = None,
        state: StateReader = read_sample,
        steer: bool = True,
        save: Path | str | None = None,
    ) -> None:
        """Nothing is sent before a simulation starts.

        Args:
            run_id: of the run; `{scenario}` in it becomes the scenario's name. Without it the next simulation follows
                the last one in the same run.
            title: as viewers see it, may have `{scenario}` too; default: run and scenario.
            transport: `redis` or `http`.
            url: of Redis (default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0) or of a gateway (default:
                http://127.0.0.1:8080).
            token: for a gateway with a secret; role `publisher`.
            step_s: simulation seconds of a step, where the simulator does not say the time.
            params: what viewers may change, by Redis.
            scene: the static map; see `roads_scene`.
            state: makes a `DrivingState` from what `on_step_end` gets (setup, planner, sample).
            steer: whether viewers may pause it.
            save: file for replay data (`.jsonl.gz`), may have `{scenario}`.

        Raises:
            InvalidMessage: `transport` is neither of the two.
        """
        if transport not in ("redis", "http"):
            raise InvalidMessage("transport", f"{transport!r:.40} is not redis or http")
        self._run_id, self._title, self._kind, self._url, self._token = run_id, title, transport, url, token
        self._step_s, self._params, self._scene, self._state = step_s, dict(params or {}), scene, state
        self._steer, self._save = steer, save
        self._transport: Transport | None = None
        self._replay: ReplayWriter | None = None
        self._told: set[str] = set()
        self._phases: dict[str, float] = {}
        self._began_s: dict[str, float] = {}
        self._step = -1
        self.scenario = ""
        self.errors = 0
        self.stop_requested = False

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters as viewers have set them; the given ones while no run is open or by HTTP."""
        if isinstance(self._transport, RedisTransport):
            return self._transport.run.params
        return {name: param.value if isinstance(param, Param) else param for name, param in self._params.items()}

    @_guarded
    def on_simulation_manager_start(self, *_: Any) -> None:
        """Before the first of several simulations: nothing to do yet."""

    @_guarded
    def on_simulation_manager_end(self, *_: Any) -> None:
        """After the last of several simulations: whatever is open still is closed."""
        self._close()

    @_guarded
    def on_initialization_start(self, setup: Any = None, planner: Any = None) -> None:
        """Before the planner is set up: opens the run, so that viewers can see that it begins."""
        self._open(setup)
        self._begin("initialization")
        self._status("info", f"setting up {_name(planner)}")

    @_guarded
    def on_initialization_end(self, _setup: Any = None, _planner: Any = None) -> None:
        """After that."""
        self._end("initialization")

    @_guarded
    def on_simulation_start(self, setup: Any = None) -> None:
        """Before the first step."""
        self._open(setup)
        self._status("info", f"scenario {self.scenario}" if self.scenario else "the simulation starts")

    @_guarded
    def on_step_start(self, _setup: Any = None, _planner: Any = None) -> None:
        """Before each step; waits while a viewer has paused the run."""
        if self._transport is not None and self._steer and not self._transport.turn():
            self.stop_requested = True
        self._began_s.pop("simulate", None)
        self._begin("step")

    @_guarded
    def on_planner_start(self, _setup: Any = None, _planner: Any = None) -> None:
        """Before the planner plans: phase `planner`."""
        self._begin("planner")

    @_guarded
    def on_planner_end(self, _setup: Any = None, _planner: Any = None, _trajectory: Any = None) -> None:
        """After that; what follows until the step's end is phase `simulate`."""
        self._end("planner")
        self._begin("simulate")

    @_guarded
    def on_step_end(self, setup: Any = None, planner: Any = None, sample: Any = None) -> None:
        """After each step: it is shown."""
        self._end("simulate")
        step_ms = self._end("step")
        phases, self._phases = self._phases, {}
        if self._transport is None:
            return
        state = self._state(setup, planner, sample)
        # Numbers of a step may not go back; a simulator that counts each scenario from 0 has a run for each.
        self._step = self._step + 1 if state.step is None else int(state.step)
        time_s = self._step * self._step_s if state.time_s is None else float(state.time_s)
        layers = layers_of(state)
        self._transport.frame(layers, self._step, time_s, phases)
        for camera, picture in state.images.items():
            self._transport.image(camera, picture)
        metrics = {"ego.speed": layers["ego"]["speed"][0], "objects.tracked": len(layers["objects"]["id"])}
        if step_ms:
            metrics["step_ms"] = step_ms
        self._transport.metrics({**metrics, **state.metrics})
        if self._replay is not None:
            line = {"step": self._step, "time_s": time_s, "scenario": self.scenario, "layers": layers}
            self._replay.write({**line, "phases": phases, "metrics": {**metrics, **state.metrics}})

    @_guarded
    def on_simulation_end(self, _setup: Any = None, _planner: Any = None, _history: Any = None) -> None:
        """After the last step: the run ends, and what is left is sent, for at most 2 s."""
        self._status("complete", f"{self._step + 1} steps")
        self._close()

    def status(self, level: str, text: str) -> None:
        """Tell every viewer something: level `info`, `warning`, `error` or `complete`."""
        with contextlib.suppress(InvalidMessage, RuntimeError):
            self._status(level, text)

    @contextlib.contextmanager
    def simulation(self, setup: Any = None) -> Iterator[StreamingVisualizationCallback]:
        """A `with` block around one simulation, for loops that have no callbacks of their own."""
        self.on_simulation_start(setup)
        try:
            yield self
        finally:
            self.on_simulation_end(setup)

    def _open(self, setup: Any) -> None:
        if self._transport is not None:
            return
        self.scenario = _scenario(setup)
        self.stop_requested, self._step = False, -1
        run_id = re.sub(r"[^A-Za-z0-9._-]", "-", self._run_id.replace("{scenario}", self.scenario or "run"))[:64]
        title = (self._title or f"{run_id} {self.scenario}").replace("{scenario}", self.scenario).strip()[:256]
        about = {"scenario": self.scenario[:4096], "step_s": self._step_s}
        transport: Transport
        if self._kind == "redis":
            transport = RedisTransport(run_id, title=title, metadata=about, params=self._params, url=self._url)
        else:
            transport = HttpTransport(run_id, title=title, metadata=about, url=self._url or GATEWAY, token=self._token)
        transport.start()
        self._transport = transport
        if self._save is not None:
            self._replay = ReplayWriter(str(self._save).replace("{scenario}", self.scenario or "run"))
        if self._scene is not None:
            transport.scene(self._scene)

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        replay, self._replay = self._replay, None
        if replay is not None:
            replay.close()
        if transport is not None:
            transport.close()

    def _status(self, level: str, text: str) -> None:
        if self._transport is not None:
            self._transport.status(level, text[:4096])

    def _begin(self, phase: str) -> None:
        self._began_s[phase] = time.perf_counter()

    def _end(self, phase: str) -> float:
        began_s = self._began_s.pop(phase, None)
        if began_s is None:
            return 0.0
        ms = (time.perf_counter() - began_s) * 1000
        if phase != "step":
            self._phases[phase] = self._phases.get(phase, 0.0) + ms
        return ms


def _scenario(setup: Any) -> str:
    """The scenario's name: `setup` itself if it is a string, else the first name or token found in it."""
    if isinstance(setup, str):
        return setup
    for thing in (getattr(setup, "scenario", None), setup):
        for name in ("scenario_name", "name", "token"):
            value = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
            if isinstance(value, str):
                return value
    return ""


def _name(planner: Any) -> str:
    name = getattr(planner, "name", None)
    name = name() if callable(name) else name
    return name if isinstance(name, str) else "the planner" if planner is None else type(planner).__name__
