"""Figures as Prometheus text (exposition format 0.0.4). Pure.

The text is written here because it is three line shapes of a stable format; a client library would bring global
registries and a lock for each sample to say the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
AGE_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of all durations, so that they can be compared."""

Labels = Mapping[str, str]


class Family(NamedTuple):
    """What a metric is called and means.

    Attributes:
        kind: `counter`, `gauge` or `histogram`.
        text: one sentence, for `# HELP` and docs/metrics.md.
        labels: names of its labels; every sample has all of them.
    """

    name: str
    kind: str
    text: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One value of a family."""

    family: Family
    labels: Labels
    value: float | Histogram


class Histogram:
    """How often a duration (seconds) fell into each bucket. Not locked: one thread observes."""

    __slots__ = ("_counts", "total_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(AGE_BOUNDS_S) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count a duration; a negative one (clocks of two machines) counts as none."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(AGE_BOUNDS_S, seconds)] += times
        self.total_s += seconds * times

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self._counts)

    def lines(self, name: str, labels: Labels) -> Iterable[str]:
        """Its samples, buckets cumulated."""
        so_far = 0
        for bound, count in zip((*AGE_BOUNDS_S, math.inf), self._counts, strict=True):
            so_far += count
            edge = "+Inf" if bound == math.inf else f"{bound:g}"
            yield f"{name}_bucket{_braces({**labels, 'le': edge})} {so_far}"
        yield f"{name}_sum{_braces(labels)} {self.total_s:.6g}"
        yield f"{name}_count{_braces(labels)} {so_far}"


def render(samples: Iterable[Sample]) -> str:
    """The text; samples of one family have to stand together.

    Raises:
        ValueError: a sample's labels are not those of its family.
    """
    lines: list[str] = []
    last: Family | None = None
    for family, labels, value in samples:
        if set(labels) != set(family.labels):
            raise ValueError(f"{family.name} has labels {sorted(family.labels)}, not {sorted(labels)}")
        if family is not last:
            lines += (f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}")
            last = family
        if isinstance(value, Histogram):
            lines += value.lines(family.name, labels)
        else:
            lines.append(f"{family.name}{_braces(labels)} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    escape = {92: chr(92) * 2, 34: chr(92) + chr(34), 10: chr(92) + "n"}
    return "{" + ",".join(f'{name}="{value.translate(escape)}"' for name, value in labels.items()) + "}"
