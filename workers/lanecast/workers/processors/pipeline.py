"""The processors of one run: called when it is their turn, contained when they fail. Pure but for a stopwatch.

A processor that only looks may use `SHARE` of the run's time: one that is slower is called less often. One that
fails `FAILURES` times in a row, taking longer than `LONGEST_S` included, is switched off for as long as this
worker owns the run, and viewers are told so once. Metrics and layers of a processor that is off are gone.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import structlog

from lanecast.broker.payloads import LEVELS, Events
from lanecast.broker.rendition import LayerState
from lanecast.workers.budget import Budget
from lanecast.workers.plugins import PluginError
from lanecast.workers.processors.contract import PROCESSORS, Additions, Alert, Beat, Context, Processor, Tick

log = structlog.get_logger()

SHARE: Final = 0.05
LONGEST_S: Final = 0.25
FAILURES: Final = 5
PAUSE_S: Final = 1.0
"""After a failure."""
MAX_METRICS: Final = 256
MAX_LAYERS: Final = 8
MAX_NAME: Final = 64
MAX_TEXT: Final = 500
MAX_KEPT: Final = 1_024
"""Beats, and batches of events, that wait for a processor's turn; older ones are let go."""


def chosen(setting: str) -> list[str]:
    """The names in `LANECAST_PROCESSORS`: `all`, `none`, or names with commas; `-NAME` leaves one out of all.

    Raises:
        PluginError: nobody has registered one of them.
    """
    words = [word.strip() for word in setting.split(",") if word.strip()]
    without = {word[1:] for word in words if word.startswith("-")}
    names = [word for word in words if not word.startswith("-") and word not in {"all", "none"}]
    for name in (*names, *sorted(without)):
        if name not in PROCESSORS:
            raise PluginError(
                f"LANECAST_PROCESSORS names {name!r}, which is none of {', '.join(sorted(PROCESSORS))}; install its "
                "package, or leave it out"
            )
    if "all" in words or not names:
        names = [] if "none" in words else list(PROCESSORS)
    return [name for name in dict.fromkeys(names) if name not in without]


@dataclass(slots=True)
class Slot:
    """One processor and what it has said; `off` once it is not called any more."""

    name: str
    processor: Processor
    due: float = -math.inf
    again_at: float = math.inf
    seen: int = -1
    cost_s: float = 0.0
    failures: int = 0
    off: bool = False
    beats: deque[Beat] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    events: deque[Events] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    added: Additions = field(default_factory=Additions)

    def deadline(self, version: int) -> float:
        """When it is to be called next, the state being of `version`."""
        if self.off:
            return math.inf
        return min(self.again_at, self.due if version != self.seen else math.inf)


class Pipeline:
    """The processors of one run.

    Args:
        names: of those to use, in the order in which filters follow one another.
        context: of the run.
        clock: seconds, for measuring how long they take.
    """

    def __init__(self, names: Iterable[str], context: Context, clock: Callable[[], float] = time.perf_counter) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._alerts: list[Alert] = []
        self._lines = Budget(per_s=1.0, burst=20)
        self._slots: list[Slot] = []
        self._filters: list[Slot] = []
        self._log = log.bind(run=context.run)
        for name in names:
            try:
                slot = Slot(name, PROCESSORS[name](context))
            except Exception as error:  # noqa: BLE001 - a plug-in's failure is its own
                self._switch_off(Slot(name, Processor(context)), error, "could not be made")
                continue
            (self._filters if slot.processor.filters else self._slots).append(slot)

    def beat(self, beat: Beat) -> None:
        """A frame was taken."""
        for slot in self._slots:
            if not slot.off:
                slot.beats.append(beat)

    def hear(self, events: Events) -> None:
        """A batch of events was taken."""
        for slot in self._slots:
            if slot.processor.hears_events and not slot.off:
                slot.events.append(events)

    def follow(self, before: int, version: int) -> None:
        """The state has got a new version by what was added, and is the same otherwise."""
        for slot in self._slots:
            if slot.seen == before:
                slot.seen = version

    def __bool__(self) -> bool:
        return bool(self._slots or self._filters)

    def deadline(self, version: int) -> float:
        """When a processor is to be called though nothing may have come; infinity if none is."""
        return min((slot.deadline(version) for slot in self._slots), default=math.inf)

    def run(self, tick: Tick, version: int) -> bool:
        """Call those whose turn it is; whether viewers see something else now. Alerts are then in `alerts`."""
        changed = False
        for slot in self._slots:
            if slot.deadline(version) <= tick.now:
                before = slot.added
                slot.seen, slot.again_at = version, math.inf
                self._call(slot, replace(tick, beats=tuple(slot.beats), events=tuple(slot.events)))
                slot.beats.clear()
                slot.events.clear()
                slot.due = max(slot.due, tick.now + max(slot.processor.every_s, slot.cost_s / SHARE))
                changed = changed or _differs(before, slot.added)
        return changed

    def filtered(self, tick: Tick, version: int) -> Mapping[str, LayerState]:
        """The layers of `tick` as viewers are to see them, those that processors add included."""
        layers = dict(tick.layers)
        for slot in self._filters:
            if slot.seen != version and not slot.off:
                slot.seen = version
                self._call(slot, replace(tick, layers=layers))
            layers |= slot.added.layers
        for slot in self._slots:
            layers |= {name: layer for name, layer in slot.added.layers.items() if name not in tick.layers}
        return layers

    def metrics(self, own: Mapping[str, float]) -> Mapping[str, float]:
        """The producers' metrics and those that processors add."""
        added: dict[str, float] = {}
        for slot in self._slots:
            added |= slot.added.metrics
        return {**added, **own} if added else own

    @property
    def layers(self) -> Mapping[str, LayerState]:
        """The layers that processors add."""
        return {name: layer for slot in self._slots for name, layer in slot.added.layers.items()}

    def alerts(self, now: float) -> list[Alert]:
        """What is to be told to viewers, once; a plug-in gone wild is cut short, and that is counted."""
        told = []
        for alert in self._alerts:
            if self._lines.take(now):
                told.append(alert)
            else:
                self.counts["dropped:alerts"] += 1
        self._alerts = []
        return told

    def save(self) -> bytes:
        """What the next owner must know of them."""
        kept: dict[str, Any] = {}
        for slot in (*self._slots, *self._filters):
            if not slot.off:
                try:
                    saved = slot.processor.save()
                    msgspec.msgpack.encode(saved)
                except Exception as error:  # noqa: BLE001 - a plug-in's failure is its own
                    self._failed(slot, error, -math.inf)
                else:
                    kept[slot.name] = saved
        return msgspec.msgpack.encode(kept)

    def load(self, data: bytes | None) -> None:
        """Go on from what another owner has saved; what cannot be read is as if nothing had been saved."""
        if data is None:
            return
        try:
            kept = msgspec.msgpack.decode(data, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            self._log.warning("processors_unreadable", error=str(error))
            return
        for slot in (*self._slots, *self._filters):
            if kept.get(slot.name) is not None:
                try:
                    slot.processor.load(kept[slot.name])
                except Exception as error:  # noqa: BLE001 - a plug-in's failure is its own
                    self._failed(slot, error, -math.inf)

    def _call(self, slot: Slot, tick: Tick) -> None:
        started = self._clock()
        try:
            added = slot.processor.process(tick)
            spent_s = self._clock() - started
            if added is not None:
                _check(added, tick.layers, filters=slot.processor.filters)
            if spent_s > LONGEST_S:
                raise TimeoutError(f"took {spent_s * 1000:.0f} ms, allowed are {LONGEST_S * 1000:.0f}")
        except Exception as error:  # noqa: BLE001 - a plug-in's failure is its own
            self._failed(slot, error, tick.now)
            return
        slot.failures = 0
        slot.cost_s += 0.2 * (spent_s - slot.cost_s)
        if added is None:
            return
        slot.added = replace(added, metrics={name: float(value) for name, value in added.metrics.items()})
        self._alerts += added.alerts
        if added.again_s is not None:
            slot.again_at = tick.now + max(0.0, added.again_s)

    def _failed(self, slot: Slot, error: Exception, now: float) -> None:
        self.counts[f"failed:processor:{slot.name}"] += 1
        slot.failures += 1
        slot.due = now + PAUSE_S
        self._log.warning("processor_failed", processor=slot.name, error=repr(error)[:MAX_TEXT], exc_info=error)
        if slot.processor.filters or slot.failures >= FAILURES:
            times = "" if slot.failures == 1 else f" {slot.failures} times in a row"
            self._switch_off(slot, error, f"has failed{times}")

    def _switch_off(self, slot: Slot, error: Exception, what: str) -> None:
        slot.off, slot.added = True, Additions()
        slot.beats.clear()
        slot.events.clear()
        text = f"the processor {slot.name} {what} and is switched off: {error!r}"[:MAX_TEXT]
        self._alerts.append(Alert(text))
        self._log.error("processor_off", processor=slot.name, reason=text)


def _differs(before: Additions, after: Additions) -> bool:
    if before is after:
        return False
    layers = before.layers.keys() != after.layers.keys() or any(
        after.layers[name] is not layer for name, layer in before.layers.items()
    )
    return layers or before.metrics != after.metrics


def _check(added: Any, own: Mapping[str, LayerState], *, filters: bool) -> None:
    """What a processor returns goes to every viewer: see that it can."""
    if not isinstance(added, Additions):
        raise TypeError(f"expected Additions or None, got {type(added).__name__}")
    if len(added.metrics) > MAX_METRICS or (len(added.layers) > MAX_LAYERS and not filters):
        raise ValueError(
            f"{len(added.metrics)} metrics and {len(added.layers)} layers, allowed are {MAX_METRICS} and {MAX_LAYERS}"
        )
    for name, value in added.metrics.items():
        if not 0 < len(name) <= MAX_NAME or not math.isfinite(value):
            raise ValueError(
                f"metric {name!r:.80}: {value!r}; names have 1 to {MAX_NAME} characters, values are finite"
            )
    for name, layer in added.layers.items():
        if not 0 < len(name) <= MAX_NAME or not isinstance(layer, LayerState):
            raise TypeError(f"layer {name!r:.80}: expected a LayerState, got {type(layer).__name__}")
        if name in own and not filters:
            raise ValueError(f"layer {name}: it is a producer's; only a processor that filters may replace it")
        if any(len(column) != len(layer.ids) for column in layer.columns.values()):
            raise ValueError(f"layer {name}: its columns are not all as long as its ids")
    _check_alerts(added.alerts)


def _check_alerts(alerts: Sequence[Any]) -> None:
    for alert in alerts:
        if not isinstance(alert, Alert) or alert.level not in LEVELS or not 0 < len(alert.text) <= MAX_TEXT:
            raise ValueError(
                f"alert {alert!r:.100}: expected a level of {', '.join(LEVELS)} and 1 to {MAX_TEXT} characters"
            )
