"""Publish a simulation, and obey its viewers: `Run` is all that most simulations need.

    from lanecast.producer import Param, Run

    with Run("my-sim", params={"gain": Param(1.0, min=0, max=5)}) as run:
        while run.running():
            ...
            run.frame({"points": {"id": ids, "x": xs, "y": ys}}, step=i, time_s=t)

`AsyncRun` is the same for coroutines. Works with the base dependencies alone; NumPy columns are
understood when the simulation brings NumPy along.
"""

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.async_run import AsyncRun
from lanecast.producer.live import Live
from lanecast.producer.params import Param
from lanecast.producer.profile import Report
from lanecast.producer.run import Run
from lanecast.producer.stats import Stats

__all__ = ["AsyncRun", "InvalidMessage", "Live", "Param", "Report", "Run", "Stats"]
