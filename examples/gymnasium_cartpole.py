"""CartPole, balanced by a hand-made rule, live. Needs `pip install 'lanecast[gym]' 'gymnasium[classic-control]'`.

lanecast up                              # in one terminal: prints the dashboard's address
python examples/gymnasium_cartpole.py    # in another
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np

from lanecast.producer.adapters.gymnasium import Cast

NAMES = ["cart_x", "cart_speed", "pole_angle", "pole_speed"]


def cart_and_pole(env: gymnasium.Env[Any, Any], observation: Any) -> dict[str, Any]:
    """The cart and its pole as rotated rectangles, in metres."""
    cart_x, _, tilt, _ = (float(value) for value in observation)
    half = float(getattr(env.unwrapped, "length", 0.5))
    return {
        "bodies": {
            "id": ["cart", "pole"],
            "x": [cart_x, cart_x + half * np.sin(tilt)],
            "y": [0.0, half * np.cos(tilt)],
            "angle": [0.0, 90.0 - float(np.degrees(tilt))],
            "length": [0.5, 2 * half],
            "width": [0.3, 0.08],
            "type": ["cart", "pole"],
        }
    }


def main(episodes: int | None = None, url: str | None = None) -> None:
    """Play until a viewer stops it, or so many episodes were played."""
    env = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    with Cast(env, "cartpole", rate=50, names=NAMES, layers=cart_and_pole, url=url) as live:
        played = 0
        while episodes is None or played < episodes:
            observation, _ = live.reset(seed=played)
            over = False
            while not over:
                _, _, tilt, turning = observation
                observation, _, terminated, truncated, _ = live.step(int(tilt + 0.3 * turning > 0))
                over = terminated or truncated
            played += 1


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
