"""What a worker process tells Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lanecast.broker.exposition import Family, Sample
from lanecast.workers.stats import NAMES, Stats
from lanecast.workers.strain import Process

RUNS: Final = Family("lanecast_worker_runs", "gauge", "Runs that this worker owns.")
CPU: Final = Family("lanecast_worker_cpu", "gauge", "Share of a core that this process takes, smoothed.")
MEMORY: Final = Family("lanecast_worker_memory", "gauge", "Share of its memory limit in use; 0 without a limit.")
QUALITY: Final = Family(
    "lanecast_worker_quality_level", "gauge", "How much of a run's quality is given up; 0 is nothing.", ("run",)
)
IMAGES: Final = Family(
    "lanecast_worker_images_level", "gauge", "Of how many of the best tiers it has no time to make camera pictures."
)
AGE: Final = Family(
    "lanecast_worker_frame_age_seconds", "histogram",
    "Age of state frames, since published, at a hop: `redis` (appended) or `worker` (given out); for each tier.",
    ("hop",),
)  # fmt: skip
TOTALS: Final = {
    "messages": "Messages read and handled.",
    "frames": "State frames given out, all tiers.",
    "frame_bytes": "Bytes of them.",
    "lossless": "Lossless messages given out.",
    "commits": "Commits made.",
    "commit_ms": "Milliseconds waited for commits.",
    "takeovers": "Runs taken over.",
    "fenced": "Runs lost to another worker by its fence.",
    "restarts": "Runs begun again after a failure.",
    "outages": "Times that Redis went away.",
    "reaped": "Groups of dead gateways removed.",
    "images": "Camera pictures given out, all tiers.",
    "image_bytes": "Bytes of them.",
    "image_ms": "Milliseconds spent on making them.",
}
"""What `stats.NAMES` mean; those with causes are told by cause instead."""
BY_CAUSE: Final = {
    "dropped": (
        Family("lanecast_worker_dropped_total", "counter", "Messages not handled, by cause.", ("lane", "cause"))
    ),
    "rejected": (Family("lanecast_worker_rejected_total", "counter", "Messages refused, by cause.", ("lane", "cause"))),
    "retried": Family("lanecast_worker_retried_total", "counter", "Messages tried again.", ("lane",)),
    "trimmed": Family("lanecast_worker_trimmed_total", "counter", "Entries trimmed before they were read.", ("lane",)),
    "failed": (
        Family("lanecast_worker_failed_total", "counter", "Failures of plug-ins and of rendering.", ("kind", "name"))
    ),
    "quality": Family(
        "lanecast_worker_quality_changes_total", "counter", "Decisions of the quality policy, by new level.", ("to",)
    ),
    "flow": Family(
        "lanecast_worker_flow_changes_total", "counter", "Decisions of flow control, by new state.", ("to",)
    ),
}
"""Families of the runs' counters `PREFIX:LABEL[:LABEL]`."""
COUNTERS: Final = {
    name: Family(f"lanecast_worker_{name}_total", "counter", TOTALS[name]) for name in NAMES if name in TOTALS
}
FAMILIES: Final = (RUNS, CPU, MEMORY, QUALITY, IMAGES, AGE, *COUNTERS.values(), *BY_CAUSE.values())


def samples(stats: Stats, process: Process) -> Iterable[Sample]:
    """All there is to tell."""
    yield Sample(RUNS, {}, stats.runs)
    yield Sample(CPU, {}, process.cpu)
    yield Sample(MEMORY, {}, process.memory)
    for run, level in sorted(stats.quality.copy().items()):
        yield Sample(QUALITY, {"run": run}, level)
    yield Sample(IMAGES, {}, stats.images_level)
    for hop, ages in sorted(stats.ages.copy().items()):
        yield Sample(AGE, {"hop": hop}, ages)
    for name, family in COUNTERS.items():
        yield Sample(family, {}, stats.totals[name])
    # Sorted, so that the samples of a family stand together.
    for event, count in sorted(stats.events.copy().items()):
        prefix, _, rest = event.partition(":")
        family_of = BY_CAUSE.get(prefix)
        if family_of is not None:
            values = rest.split(":", len(family_of.labels) - 1)
            values += [""] * (len(family_of.labels) - len(values))
            yield Sample(family_of, dict(zip(family_of.labels, values, strict=True)), count)
