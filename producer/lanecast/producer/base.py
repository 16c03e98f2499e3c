"""What `Run` and `AsyncRun` have in common: opening, closing, parameters, control, forks."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from lanecast.broker import keys
from lanecast.broker.connect import DEFAULT_URL
from lanecast.broker.errors import InvalidMessage
from lanecast.producer import payloads
from lanecast.producer.listener import Listener
from lanecast.producer.live import Live
from lanecast.producer.params import Param, Value, Values, describe
from lanecast.producer.publisher import Publisher
from lanecast.producer.publishing import Publishing
from lanecast.producer.stats import Counters

T = TypeVar("T", float, int, bool, str)

log = structlog.get_logger()

_open_runs: weakref.WeakSet[BaseRun] = weakref.WeakSet()


class BaseRun(Publishing):
    """One run; how a simulation waits for its viewers' commands is up to the subclass."""

    def __init__(
        self,
        run_id: str,
        *,
        title: str = "",
        kind: str = "generic",
        params: Mapping[str, Param | Value] | None = None,
        metadata: Mapping[str, str | float | bool] | None = None,
        producer: str | None = None,
        url: str | None = None,
        flush_s: float = 2.0,
        batch: int = 10,
        batch_ms: float = 10.0,
        report: bool | None = None,
    ) -> None:
        """Nothing is sent before the block is entered (or `start` called).

        Args:
            run_id: 1 to 64 characters of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
            title: as viewers see it; default: the id.
            kind: what it simulates, such as `traffic`; the dashboard may show kinds in their own way.
            params: what viewers may change: name -> `Param`, or a plain value.
            metadata: anything else worth showing: strings, numbers, booleans.
            producer: who publishes, written like a run id; default: the run's id. Of two producers of one name the
                younger one takes over, and the older one stops publishing: so a restarted simulation follows itself.
            url: of Redis or Valkey; default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0.
            flush_s: how long leaving the block may take to send what is buffered.
            batch: messages of a lossless lane that are sent without waiting for more.
            batch_ms: how long fewer of them wait for more.
            report: print the profile (see `profile`) to standard error at the end; default: if that is a terminal, and
                the simulation has measured phases.

        Raises:
            InvalidMessage: an id, a name, a parameter or a value is not what the wire asks for.
        """
        self.id = keys.check_id(run_id)
        self._producer = keys.check_id(producer or run_id, "producer")
        super().__init__(payloads.description(title or run_id, kind, dict(metadata or {}), describe(params or {})))
        self._flush_s = flush_s
        self._report = report
        url = url or os.environ.get("LANECAST_REDIS_URL") or DEFAULT_URL
        self.params: Mapping[str, Any] = Values(self._steering.values)
        self._listener = Listener(self.id, self._producer, url, self._steering.handle)
        self._publisher = Publisher(
            self.id,
            self._producer,
            url,
            batch=batch,
            batch_ms=batch_ms,
            announce=self._announcement,
            on_fenced=self._listener.stop,
            time_s=lambda: self._time(None),
        )

    @property
    def state(self) -> str:
        """`created`, `running`, `paused`, `stopping` or `ended`."""
        return self._steering.state

    @property
    def paused(self) -> bool:
        """Whether the next `running()` waits."""
        return self._steering.paused

    @property
    def stopping(self) -> bool:
        """Whether somebody has asked the simulation to stop, or it has ended."""
        return self._steering.stopping

    def pause(self) -> None:
        """Pause, as a viewer's command would: the next `running()` waits.

        Raises:
            InvalidMessage: the run is stopping.
        """
        self._ask("pause")

    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            InvalidMessage: the run is stopping.
        """
        self._ask("resume")

    def step(self, steps: int = 1) -> None:
        """Take so many more steps (1 to 100,000), then pause.

        Raises:
            InvalidMessage: the run is stopping, or `steps` is out of range.
        """
        self._ask("step", {"steps": steps})

    def stop(self) -> None:
        """Stop: the next `running()` is False."""
        self._ask("stop")

    def interrupt(self) -> None:
        """Make `running()` False and end `sleep`, within 0.1 s; the one method that a signal handler may call."""
        self._steering.interrupt()

    def on_param(self, name: str, callback: Callable[[Any], None]) -> None:
        """Call `callback(value)` on the simulation's thread, inside `running()`, after a viewer has changed `name`.

        An exception in it is logged and told to the viewers as an error; the simulation goes on.

        Raises:
            InvalidMessage: the run has no such parameter.
        """
        self._steering.on_param(name, callback)

    def param(self, name: str, kind: type[T]) -> Live[T]:
        """A parameter as a value of the type `kind` (`float`, `int`, `bool`, `str`) that follows what viewers set.

        Raises:
            InvalidMessage: the run has no such parameter, or it is of another type.
        """
        return Live(self._steering, name, kind)

    def _open(self) -> None:
        if self._started:
            raise RuntimeError(f"run {self.id!r} was started before; make a new {type(self).__name__}")
        self._started = True
        self._began_s = time.monotonic()
        self._say("lifecycle", {"state": "created", **self._description})
        self._say("control", self._steering.control())
        self._publisher.start()
        self._listener.start()
        _open_runs.add(self)
        atexit.register(self._shut)

    def _shut(self) -> None:
        if self._closed or not self._started or self._forked is not None:
            return
        self._closed = True
        atexit.unregister(self._shut)
        self._listener.stop()
        self._steering.end()
        complete = self._publisher.close(self._flush_s, lambda client: client.delete(keys.alive(self.id)))
        if not complete:
            log.warning("run_closed_with_messages_unsent", run=self.id, dropped=self.stats.dropped)
        wanted = self._profile.measured and sys.stderr.isatty() if self._report is None else self._report
        if wanted:
            print(self.profile(), file=sys.stderr)

    def _gone(self) -> bool:
        return self._closed or self._forked is not None

    def _tell_failure(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        if kind is not None and issubclass(kind, Exception):
            text = f"the simulation failed: {kind.__name__}: {error}"
            with contextlib.suppress(InvalidMessage, RuntimeError):  # whatever it is, the first error is the user's
                self.status("error", text[: payloads.MAX_TEXT])

    def _ask(self, name: str, args: dict[str, Any] | None = None) -> None:
        if self._forked is None:
            self._steering.ask(name, args)

    def _turned(self, asked_s: float, *, may: bool) -> bool:
        if may:
            self._profile.turn(asked_s, time.perf_counter())
        else:
            self._profile.stop(asked_s)
        return may

    def _after_fork(self) -> None:
        # Threads and connections stayed with the parent; whatever lock they held is held for ever.
        self._forked = Counters()
        atexit.unregister(self._shut)


def _after_fork_in_child() -> None:
    for run in list(_open_runs):
        run._after_fork()  # noqa: SLF001
    _open_runs.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
