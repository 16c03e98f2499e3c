"""Counters of one gateway process, and what they are called in Prometheus. Pure."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lanecast.broker.exposition import Family, Histogram, Sample
from lanecast.broker.lag import Lag


class Stats:
    """What happened since this process started; only ever rises."""

    __slots__ = (
        "_asked",
        "_per_s",
        "ages",
        "bytes_out",
        "changed",
        "closed",
        "commands",
        "dropped",
        "frames_out",
        "images_out",
        "ingested",
        "messages_out",
        "rejected",
        "started",
    )

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.frames_out = 0
        self.images_out = 0
        self.messages_out = 0
        self.bytes_out = 0
        self.ingested: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.ages: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._asked = (self.started, (0, 0, 0))
        self._per_s = {"frames_out": 0.0, "messages_out": 0.0, "bytes_out": 0.0}

    def rates(self, now_s: float) -> dict[str, float]:
        """What was sent per second since the last call that was at least a second before."""
        then_s, then = self._asked
        gone_s = max(1e-3, now_s - then_s)
        now = (self.frames_out, self.messages_out, self.bytes_out)
        if gone_s >= 1.0:
            self._asked = (now_s, now)
            names = ("frames_out", "messages_out", "bytes_out")
            per_s = (round((new - old) / gone_s, 1) for new, old in zip(now, then, strict=True))
            self._per_s = dict(zip(names, per_s, strict=True))
        return self._per_s

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "uptime_s": round(time.monotonic() - self.started, 3),
            "frames_out": self.frames_out,
            "images_out": self.images_out,
            "messages_out": self.messages_out,
            "bytes_out": self.bytes_out,
            "ingested": dict(self.ingested),
            "commands": dict(self.commands),
            "dropped": dict(self.dropped),
            "rejected": dict(self.rejected),
            "closed": dict(self.closed),
            "changed": dict(self.changed),
        }


_NODE: Final = ("node",)
UP: Final = Family("lanecast_gateway_up", "gauge", "1 while Redis answers.", _NODE)
VIEWERS: Final = Family("lanecast_gateway_viewers", "gauge", "Open viewer connections.", _NODE)
RUNS: Final = Family("lanecast_gateway_watched_runs", "gauge", "Runs that somebody watches here.", _NODE)
SUBSCRIPTIONS: Final = Family(
    "lanecast_gateway_subscriptions", "gauge", "Viewers by run and tier.", ("node", "run", "tier")
)
UPTIME: Final = Family("lanecast_gateway_uptime_seconds", "gauge", "Age of the process.", _NODE)
FRAMES: Final = Family("lanecast_gateway_frames_total", "counter", "State frames written to viewers.", _NODE)
IMAGES: Final = Family("lanecast_gateway_images_total", "counter", "Camera pictures written to viewers.", _NODE)
MESSAGES: Final = Family("lanecast_gateway_messages_total", "counter", "Lossless messages written to viewers.", _NODE)
BYTES: Final = Family(
    "lanecast_gateway_bytes_total", "counter",
    "Bytes of state frames, camera pictures and lossless messages written to viewers.", _NODE,
)  # fmt: skip
INGESTED: Final = Family(
    "lanecast_gateway_ingested_total", "counter", "Messages taken by HTTP, by kind.", ("node", "kind")
)
COMMANDS: Final = Family(
    "lanecast_gateway_commands_total", "counter", "Commands by what became of them.", ("node", "outcome")
)
DROPPED: Final = Family(
    "lanecast_gateway_dropped_total", "counter", "State frames and camera pictures not written, by cause.",
    ("node", "cause"),
)  # fmt: skip
REJECTED: Final = Family(
    "lanecast_gateway_rejected_total", "counter", "Requests and messages refused, by cause.", ("node", "cause")
)
CLOSED: Final = Family(
    "lanecast_gateway_closed_total", "counter", "Viewer connections closed, by close code.", ("node", "code")
)
CHANGES: Final = Family(
    "lanecast_gateway_tier_changes_total", "counter", "Changes of tier by the policy, up and down.", ("node", "to")
)
AGE: Final = Family(
    "lanecast_gateway_frame_age_seconds", "histogram",
    "Age of state frames, since they were published, when they are handed to viewers, by tier.", ("node", "tier"),
)  # fmt: skip
_READER: Final = ("run", "stream", "reader")
LAG_ENTRIES: Final = Family(
    "lanecast_lag_entries", "gauge", "Entries of a stream that a reader has still to read.", _READER
)
LAG_SECONDS: Final = Family("lanecast_lag_seconds", "gauge", "How long the oldest of them has been waiting.", _READER)
FAMILIES: Final = (
    UP, VIEWERS, RUNS, SUBSCRIPTIONS, UPTIME, FRAMES, IMAGES, MESSAGES, BYTES, INGESTED, COMMANDS, DROPPED, REJECTED,
    CLOSED, CHANGES, AGE, LAG_ENTRIES, LAG_SECONDS,
)  # fmt: skip


def samples(
    stats: Stats, *, node: str, up: bool, viewers: int, runs: int, subscriptions: Iterable[tuple[str, str, int]],
    lags: Sequence[Lag] = (),
) -> list[Sample]:  # fmt: skip
    """All there is to tell. `subscriptions` are (run, tier, viewers).

    What counts in one process says its node: of several on one port, a scrape reaches any.
    """
    own = {"node": node}
    single = (
        (UP, int(up)), (VIEWERS, viewers), (RUNS, runs), (UPTIME, round(time.monotonic() - stats.started, 3)),
        (FRAMES, stats.frames_out), (IMAGES, stats.images_out), (MESSAGES, stats.messages_out),
        (BYTES, stats.bytes_out),
    )  # fmt: skip
    counted = (
        (INGESTED, stats.ingested), (COMMANDS, stats.commands), (DROPPED, stats.dropped), (REJECTED, stats.rejected),
        (CLOSED, stats.closed), (CHANGES, stats.changed),
    )  # fmt: skip
    readers = [({"run": row.run, "stream": row.stream, "reader": row.reader}, row) for row in lags]
    return [
        *(Sample(family, own, value) for family, value in single),
        *(Sample(SUBSCRIPTIONS, {**own, "run": run, "tier": tier}, n) for run, tier, n in subscriptions),
        *(
            Sample(family, {**own, family.labels[1]: name}, n)
            for family, counter in counted
            for name, n in counter.items()
        ),
        *(Sample(AGE, {**own, "tier": tier}, ages) for tier, ages in sorted(stats.ages.items())),
        *(Sample(LAG_ENTRIES, labels, row.entries) for labels, row in readers),
        *(Sample(LAG_SECONDS, labels, round(row.age_s, 3)) for labels, row in readers),
    ]
