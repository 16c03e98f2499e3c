"""Watch a planner in a driving simulator, without the simulator ever noticing.

from lanecast.producer.driving import load_callback

callback = load_callback("driving.yaml")          # or StreamingVisualizationCallback("my-run", transport="http")
callback.on_simulation_start(setup)
for ...:
    callback.on_step_start(setup, planner)
    callback.on_planner_start(setup, planner)
    ...
    callback.on_planner_end(setup, planner, trajectory)
    callback.on_step_end(setup, planner, sample)  # a DrivingState, or what `read_sample` understands
callback.on_simulation_end(setup, planner, history)
"""

from lanecast.producer.driving.callback import StreamingVisualizationCallback
from lanecast.producer.driving.config import load_callback
from lanecast.producer.driving.replay import read_replay
from lanecast.producer.driving.state import DrivingState, read_sample, roads_scene

__all__ = [
    "DrivingState",
    "StreamingVisualizationCallback",
    "load_callback",
    "read_replay",
    "read_sample",
    "roads_scene",
]
