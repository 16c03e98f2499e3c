"""What viewers have asked of the simulation, and what it does about it. No I/O: `say` takes the answers away.

Commands come in on the listener's thread (`handle`) and take effect on the simulation's thread (`turn`), between
two of its steps. Each `command_id` is done once; asked for again it gets the same answer.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, Final

import structlog

from lanecast.broker.commands import MAX_STEPS, NAMES, Command
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.params import check_value

KEPT_RESULTS: Final = 10_000
INTERRUPT_S: Final = 0.1
DEAF_AFTER: Final = 3
"""A simulation that has published so many frames without asking `running()` does not obey."""

log = structlog.get_logger()

Say = Callable[[str, dict[str, Any]], None]
Callback = Callable[[Any], None]


class Steering:
    """One run's control state: running, paused (perhaps with steps to go), stopping; and its parameters."""

    def __init__(self, params: dict[str, dict[str, Any]], say: Say) -> None:
        """`params` are the wire's PARAMs; `say(kind, payload)` publishes on the critical lane."""
        self.params = params
        self.values: dict[str, Any] = {name: param["value"] for name, param in params.items()}
        self.state = "created"
        self._say = say
        self._changed = threading.Condition()
        self._asked = dict(self.values)  # as viewers have set them; `values` follows inside `turn`
        self._fresh: dict[str, Any] = {}
        self._paused = False
        self._stopping = False
        self._steps = 0
        self._obeys = False
        self._frames = 0
        self._commands = 0
        self._seen = 0
        self._interrupted = False
        self._callbacks: dict[str, list[Callback]] = {}
        self._wakers: list[Callable[[], None]] = []
        self._results: OrderedDict[str, dict[str, Any]] = OrderedDict()

    @property
    def stopping(self) -> bool:
        """Whether a viewer has asked the simulation to stop."""
        return self._stopping

    def on_param(self, name: str, callback: Callback) -> None:
        """Call `callback(value)` inside `turn` after a viewer has changed the parameter."""
        self._known(name)
        self._callbacks.setdefault(name, []).append(callback)

    @property
    def paused(self) -> bool:
        """Whether the next `turn` waits."""
        return self._paused and not self._steps and not self._stopping

    def on_command(self, wake: Callable[[], None]) -> None:
        """Call `wake()` after each command, on the thread that took it."""
        self._wakers.append(wake)

    def try_turn(self) -> bool | None:
        """As `turn`, but None where that would wait."""
        self._obeys = True
        while True:
            self._apply()
            with self._changed:
                if self._fresh:
                    continue
                self._seen = self._commands
                if self._stopping or self._interrupted:
                    return False
                if not self._paused:
                    self._become("running")
                    return True
                if self._steps:
                    self._steps -= 1
                    return True
                self._become("paused")
                return None

    def turn(self) -> bool:
        """The simulation asks whether to take its next step: waits while paused, False once it has to stop."""
        while (may := self.try_turn()) is None:
            self._wait(INTERRUPT_S)
        return may

    def poll(self) -> tuple[bool, bool]:
        """The simulation asks without waiting: (paused, stopping). What viewers have set takes effect here, too."""
        self._obeys = True
        self._apply()
        with self._changed:
            self._seen = self._commands
            return self._paused, self._stopping or self._interrupted

    def sleep(self, seconds: float) -> bool:
        """Wait on the simulation's thread; False if a command came in since the last `turn`, which ends the wait."""
        deadline = time.monotonic() + seconds
        while not self.disturbed:
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            self._wait(min(left, INTERRUPT_S))
        return False

    @property
    def disturbed(self) -> bool:
        """Whether to sleep no longer: a command came in since the last `turn`, or the simulation was interrupted."""
        return self.unseen or self._interrupted

    @property
    def unseen(self) -> bool:
        """Whether a command came in since the last `turn`."""
        return self._seen != self._commands

    @property
    def over(self) -> bool:
        """Whether `turn` is False from now on."""
        return self._stopping or self._interrupted

    def wait_for_change(self, names: Collection[str], timeout_s: float | None) -> dict[str, Any]:
        """Wait on the simulation's thread until viewers have set one of the parameters (of all, if none is named).

        Returns name -> value of those, in force from now on; empty if the time was over, or the run has to stop.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            changed = self.take_change(names)
            left = INTERRUPT_S if deadline is None else min(INTERRUPT_S, deadline - time.monotonic())
            if changed or left <= 0 or self.over:
                return changed
            self._wait(left)

    def take_change(self, names: Collection[str]) -> dict[str, Any]:
        """What viewers have set since the last `turn`, in force from now on; only of `names`, if there are any."""
        for name in names:
            self._known(name)
        self._seen = self._commands
        return {name: value for name, value in self._apply().items() if not names or name in names}

    def ask(self, name: str, args: dict[str, Any] | None = None) -> None:
        """Do what a viewer's command would, for the program itself.

        Raises:
            InvalidMessage: the run is stopping, or an argument is wrong.
        """
        with self._changed:
            if self.state == "ended":
                return
            self._carry_out(name, args or {})
        self._wake()

    def interrupt(self) -> None:
        """Let `turn` return False and `sleep` end, within `INTERRUPT_S`; takes no lock, so a signal handler may."""
        self._interrupted = True

    def frame_published(self) -> None:
        """The simulation has published a frame."""
        self._frames += 1
        if self.state == "created":
            with self._changed:
                self._become("running")

    def end(self) -> None:
        """The simulation has ended."""
        with self._changed:
            self._become("ended")
            self._stopping = True
            self._changed.notify_all()
        self._wake()

    def handle(self, command: Command, now_ms: float) -> None:
        """Do a command, or not, and say so: a `control` if something has changed, and always a `result`."""
        with self._changed:
            result = self._results.get(command.command_id)
            if result is None:
                result = {"command_id": command.command_id[:64], "ok": True}
                try:
                    self._do(command, now_ms)
                except InvalidMessage as refused:
                    result |= {"ok": False, "error": refused.problem, "field": refused.field}
                self._results[command.command_id] = result
                while len(self._results) > KEPT_RESULTS:
                    self._results.popitem(last=False)
            self._say("result", result)
        self._wake()

    def control(self) -> dict[str, Any]:
        """The wire's `control`: what the simulation does now."""
        return {"paused": self._paused, "stopping": self._stopping, "params": dict(self._asked)}

    def _do(self, command: Command, now_ms: float) -> None:
        if now_ms > command.expires_ms:
            late_s = (now_ms - command.expires_ms) / 1000
            raise InvalidMessage("expires_ms", f"the command expired {late_s:.1f} s ago by the simulation's clock")
        if command.name not in NAMES:
            raise InvalidMessage("name", f"{command.name[:40]!r} is not one of {', '.join(NAMES)}")
        if self.state == "ended":
            raise InvalidMessage("name", "the simulation has ended")
        if not self._obeys and self._frames >= DEAF_AFTER:
            raise InvalidMessage("name", "this simulation takes no commands: it never asks Run.running()")
        self._carry_out(command.name, command.args)

    def _carry_out(self, name: str, args: dict[str, Any]) -> None:
        getattr(self, f"_{name}")(args)
        self._commands += 1
        self._changed.notify_all()
        self._say("control", self.control())
        if self._stopping:
            self._become("stopping")

    def _pause(self, _args: dict[str, Any]) -> None:
        self._refuse_when_stopping()
        self._paused = True
        self._steps = 0

    def _resume(self, _args: dict[str, Any]) -> None:
        self._refuse_when_stopping()
        self._paused = False
        self._steps = 0

    def _stop(self, _args: dict[str, Any]) -> None:
        self._stopping = True

    def _step(self, args: dict[str, Any]) -> None:
        self._refuse_when_stopping()
        steps = args.get("steps", 1)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 0 < steps <= MAX_STEPS:
            raise InvalidMessage("args.steps", f"{steps!r:.40} is not an integer from 1 to {MAX_STEPS:,}")
        self._paused = True
        self._steps = min(MAX_STEPS, self._steps + steps)

    def _set_params(self, args: dict[str, Any]) -> None:
        given = args.get("params")
        if not isinstance(given, dict) or not given:
            raise InvalidMessage("args.params", "expected a map of parameter names to values")
        checked = {}
        for name, value in given.items():
            if name not in self.params:
                known = ", ".join(self.params) or "it has none"
                raise InvalidMessage(f"args.params.{name[:64]}", f"the run has no such parameter ({known})")
            checked[name] = check_value(self.params[name], value, f"args.params.{name}")
        self._asked.update(checked)
        self._fresh.update(checked)

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise InvalidMessage("name", "the simulation is stopping")

    def _known(self, name: str) -> None:
        if name not in self.params:
            raise InvalidMessage(
                f"params.{name}", f"the run has no such parameter ({', '.join(self.params) or 'none'})"
            )

    def _wait(self, seconds: float) -> None:
        """Until a command comes, at most for `seconds`."""
        with self._changed:
            if not self.unseen:
                self._changed.wait(seconds)

    def _wake(self) -> None:
        for wake in self._wakers:
            wake()

    def _apply(self) -> dict[str, Any]:
        """Make the values that viewers have set the simulation's own, outside the lock: callbacks take time."""
        with self._changed:
            fresh, self._fresh = self._fresh, {}
        for name, value in fresh.items():
            self.values[name] = value
            for callback in self._callbacks.get(name, ()):
                try:
                    callback(value)
                except Exception as error:
                    log.exception("on_param_failed", param=name)
                    text = f"setting {name} to {value} failed: {type(error).__name__}: {error}"
                    self._say("status", {"level": "error", "text": text[:4096], "time_s": 0.0})
        return fresh

    def _become(self, state: str) -> None:
        if self.state not in {state, "ended"}:
            self.state = state
            self._say("lifecycle", {"state": state})
