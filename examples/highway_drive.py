"""Drives highway-env with a planner, live: `python examples/highway_drive.py`.

The ego vehicle, its planned trajectory, tracked vehicles and the rendered camera; viewers set its speed and caution,
pause and stop it. Needs `pip install 'lanecast[examples]'` and a server: `lanecast up`, in another terminal.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # no window: the camera is rendered into memory
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
sys.path.insert(0, str(Path(__file__).parent))

import gymnasium
import highway_env
from lattice_planner import Car, Plan, plan

from lanecast.producer.driving import DrivingState, StreamingVisualizationCallback, load_callback, roads_scene

CONFIG = Path(__file__).with_name("driving.yaml")
LANES, LANE_WIDTH = 4, 4.0
STEER_LIMIT = math.pi / 8
ACCELERATION_LIMIT = 5.0


def make_env(seconds: int, seed: int) -> Any:
    """Four lanes of traffic, steered by acceleration and angle."""
    highway_env.register_highway_envs() if hasattr(highway_env, "register_highway_envs") else None
    config = {
        "action": {
            "type": "ContinuousAction",
            "steering_range": [-STEER_LIMIT, STEER_LIMIT],
            "acceleration_range": [-ACCELERATION_LIMIT, ACCELERATION_LIMIT],
        },
        "lanes_count": LANES, "vehicles_count": 40, "vehicles_density": 1.0, "duration": seconds,
        "policy_frequency": 5, "simulation_frequency": 15, "screen_width": 640, "screen_height": 160, "scaling": 5.0,
    }  # fmt: skip
    env = gymnasium.make("highway-v0", config=config, render_mode="rgb_array").unwrapped
    env.reset(seed=seed)
    return env


def state_of(env: Any, chosen: Plan, step: int, picture: Any | None) -> DrivingState:
    """What is shown. highway-env's y points down the screen; here it points up, and angles turn counter-clockwise."""
    ego = env.vehicle
    return DrivingState(
        ego=_shown(ego),
        objects=[{**_shown(car), "id": f"car-{number}"} for number, car in enumerate(_near(env))],
        trajectory=[(x, -y) for x, y in chosen.points],
        step=step,
        images={} if picture is None else {"front": picture},
        metrics={"plan.cost": min(chosen.cost, 1e4), "plan.lane": chosen.lane},
    )


def act(ego: Any, chosen: Plan, lanes: list[float]) -> list[float]:
    """Follow the plan: acceleration and steering, each -1 to 1."""
    acceleration = (chosen.speed - ego.speed) / 1.0
    ahead = max(8.0, 0.8 * ego.speed)
    bearing = math.atan2(lanes[chosen.lane] - ego.position[1], ahead) - ego.heading
    steering = math.atan2(2 * ego.LENGTH * math.sin(bearing), ahead)
    return [_clip(acceleration / ACCELERATION_LIMIT), _clip(steering / STEER_LIMIT)]


def drive(
    callback: StreamingVisualizationCallback, steps: int, *, seed: int = 1, camera_every: int = 2, pace_s: float = 0.2
) -> tuple[int, bool]:
    """Drive one scenario; returns how many steps were driven, and whether it ended in a crash."""
    env = make_env(max(60, steps), seed)
    lanes = [LANE_WIDTH * lane for lane in range(LANES)]
    step = 0
    callback.on_initialization_start({"name": f"seed {seed}"}, plan)
    callback.on_initialization_end()
    with callback.simulation({"name": f"seed {seed}"}):
        due_s = time.monotonic()
        for step in range(1, steps + 1):
            callback.on_step_start()
            if callback.stop_requested:
                callback.status("warning", "stopped by a viewer")
                break
            callback.on_planner_start()
            params = callback.params
            others = [_car(car) for car in _near(env)]
            chosen = plan(_car(env.vehicle), others, lanes, params["desired_speed"], params["caution"])
            callback.on_planner_end(None, None, chosen)
            env.step(act(env.vehicle, chosen, lanes))
            picture = env.render() if camera_every and step % camera_every == 0 else None
            callback.on_step_end(None, None, state_of(env, chosen, step, picture))
            if env.vehicle.crashed:
                callback.status("error", f"crashed at step {step}")
                break
            due_s = max(due_s + pace_s, time.monotonic() - pace_s)
            time.sleep(max(0.0, due_s - time.monotonic()))
    crashed = bool(env.vehicle.crashed)
    env.close()
    return step, crashed


def scene() -> dict[str, Any]:
    """The road: straight, as long as highway-env makes it."""
    lanes = [[(0.0, -LANE_WIDTH * lane), (10_000.0, -LANE_WIDTH * lane)] for lane in range(LANES)]
    return roads_scene(lanes, width=LANE_WIDTH, bounds=[0, -60, 1500, 60])


def _near(env: Any, within_m: float = 150.0) -> list[Any]:
    ego = env.vehicle
    return [car for car in env.road.vehicles if car is not ego and abs(car.position[0] - ego.position[0]) < within_m]


def _car(vehicle: Any) -> Car:
    x, y = map(float, vehicle.position)
    return Car(x, y, float(vehicle.speed), vehicle.LENGTH, vehicle.WIDTH)


def _shown(vehicle: Any) -> dict[str, Any]:
    return {
        "x": float(vehicle.position[0]), "y": -float(vehicle.position[1]), "heading": -float(vehicle.heading),
        "speed": float(vehicle.speed), "length": vehicle.LENGTH, "width": vehicle.WIDTH,
        "type": "crashed" if vehicle.crashed else "car",
    }  # fmt: skip


def _clip(value: float) -> float:
    return max(-1.0, min(1.0, value))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Drive highway-env with a planner, live.")
    parser.add_argument("--config", type=Path, default=CONFIG, help="YAML of the callback")
    parser.add_argument("--transport", choices=("redis", "http"), help="instead of what the configuration says")
    parser.add_argument("--url", help="of Redis, or of the gateway for http")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1, help="which traffic")
    parser.add_argument("--pace", type=float, default=0.2, help="seconds for a step; 0: as fast as it goes")
    parser.add_argument("--camera-every", type=int, default=2, help="a picture every so many steps; 0: none")
    parser.add_argument("--save", type=Path, help="replay data, such as drive.jsonl.gz")
    args = parser.parse_args()
    given = {"transport": args.transport, "url": args.url, "save": args.save}
    overrides = {name: value for name, value in given.items() if value is not None}
    callback = load_callback(args.config, scene=scene(), **overrides)
    began_s = time.monotonic()
    steps, crashed = drive(callback, args.steps, seed=args.seed, camera_every=args.camera_every, pace_s=args.pace)
    ended = "a crash" if crashed else "the end"
    print(f"{steps} steps in {time.monotonic() - began_s:.1f} s to {ended}; {callback.errors} errors of the display")


if __name__ == "__main__":
    main()
