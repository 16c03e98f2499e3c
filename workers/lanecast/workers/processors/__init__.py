"""Processors: plug-ins that look at a run's state and add to it. Pure; they do no I/O and read no clock.

    @processor("queues")
    class Queues(Processor): ...

`contract` says what one is given and may return, `pipeline` runs those of one run and contains their
failures. Built in:

    statistics      counts, means, percentiles and totals of what the layers hold
    significance    what has changed less than its threshold is not sent
    congestion      where traffic stands: alerts, a metric, and cells to draw
    energy, waste   nodes over their capacity and bins that are full: alerts
    cadence         frames a second, steps that were left out, a producer that has stalled
    pace            how fast simulated time passes, and where the producer's step spends its time
"""

from lanecast.workers.processors import cadence, congestion, pace, significance, statistics, thresholds
from lanecast.workers.processors.contract import PROCESSORS, Additions, Alert, Beat, Context, Processor, Tick, processor
from lanecast.workers.processors.pipeline import Pipeline, chosen

BUILT_IN = (statistics, significance, congestion, thresholds, cadence, pace)

__all__ = [
    "BUILT_IN",
    "PROCESSORS",
    "Additions",
    "Alert",
    "Beat",
    "Context",
    "Pipeline",
    "Processor",
    "Tick",
    "chosen",
    "processor",
]
