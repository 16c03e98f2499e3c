"""What a processor is given, and what it may add. Pure.

Guarantees to a processor: one object serves one run under one owner; its calls do not overlap; `Tick.now` never goes
back; layers and metrics are those of one moment, and nobody changes them. What it must keep to: change nothing that it
was given, return within its budget (see `pipeline`), and decide by `Tick.time_s` what should be the same however fast
the simulation runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from lanecast.broker.payloads import Events
from lanecast.broker.rendition import LayerState
from lanecast.workers.plugins import Registry


@dataclass(frozen=True, slots=True)
class Context:
    """What is known when a run gets its processors: its id, and the thresholds that hold for all runs of this worker.

    Attributes:
        significance: `COLUMN` or `LAYER.COLUMN` -> the change below which a value is not sent.
    """

    run: str
    significance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beat:
    """One frame that was taken.

    Attributes:
        pub_ms: when it was published, Unix milliseconds by the publisher's clock.
        phases: how long parts of the step took, ms.
        again: it is the first of a new life of its producer; step and time may have gone back.
    """

    step: int
    time_s: float
    pub_ms: float
    phases: Mapping[str, float]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """The state at one moment, and what came since this processor was called last.

    Attributes:
        now: seconds of a monotonic clock.
        time_s: simulation seconds.
        layers: the producers' layers, without what processors add.
        metrics: the producers' metrics.
        beats: frames, oldest first.
        events: batches of events, oldest first; only for a processor that `hears_events`.
        state: of the run, such as `running`.
        metadata: of the run; `number` reads settings from it.
    """

    now: float
    step: int
    time_s: float
    layers: Mapping[str, LayerState]
    metrics: Mapping[str, float]
    beats: Sequence[Beat] = ()
    events: Sequence[Events] = ()
    state: str = "running"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """A setting of the run: the metadata `name` if it is a number, else `default`."""
        value = self.metadata.get(name)
        return default if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


@dataclass(frozen=True, slots=True)
class Alert:
    """A line for the viewers' event log: `warning` where something begins, `info` where it has ended."""

    text: str
    level: str = "warning"


@dataclass(frozen=True, slots=True)
class Additions:
    """What a processor adds to what viewers see.

    `metrics` and `layers` are all of its own: they take the place of what it has said before. A metric of a producer of
    the same name counts more; a layer of that name only a processor that `filters` may give.

    Attributes:
        alerts: told once, in order.
        again_s: call again after so many seconds, even if nothing has changed by then.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, LayerState] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    again_s: float | None = None


class Processor:
    """The base of all processors; `process` is what each must have.

    Attributes:
        every_s: no more often than this.
        filters: its layers take the place of the producers' own; it is called before every frame that is made, and
            switched off at its first failure, for then viewers are better shown the state as it is.
        hears_events: it wants `Tick.events`.
    """

    every_s: ClassVar[float] = 0.5
    filters: ClassVar[bool] = False
    hears_events: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context

    def process(self, tick: Tick) -> Additions | None:
        """Look at the state; None leaves everything that was added before as it is."""
        raise NotImplementedError

    def save(self) -> Any:
        """What the run's next owner must know, as plain values that MessagePack can hold; small. None: nothing."""
        return None

    def load(self, saved: Any) -> None:
        """Go on from what `save` has returned, perhaps in another process; called before the first `process`."""


PROCESSORS: Final[Registry[Callable[[Context], Processor]]] = Registry("processor", "lanecast.processors")
"""Name -> what makes the processor of one run."""


def processor(name: str, *, replace: bool = False) -> Callable[[type[Processor]], type[Processor]]:
    """Make the decorated class a processor that `LANECAST_PROCESSORS` may name.

    Raises:
        PluginError: there is one of this name already.
    """

    def register(found: type[Processor]) -> type[Processor]:
        PROCESSORS.register(name, replace=replace)(found)
        return found

    return register
