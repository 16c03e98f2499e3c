"""A policy learns to balance CartPole by the cross-entropy method, live. Needs `pip install 'lanecast[gym]'`.

    lanecast up                          # in one terminal: prints the dashboard's address
    python examples/train_cartpole.py    # in another

The callback is called as Stable-Baselines3 calls it: there, `model.learn(100_000, callback=callback)` does.
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np

from lanecast.producer.adapters.training import TrainingCallback


class CrossEntropy:
    """A linear policy: of each generation the best fifth decides about the next."""

    def __init__(self, seed: int = 0) -> None:
        self.num_timesteps = 0
        self.generation = 0
        self._rng = np.random.default_rng(seed)
        self._env = gymnasium.make("CartPole-v1")
        self._mean, self._spread = np.zeros(4), np.ones(4)

    def learn(self, generations: int, callback: TrainingCallback, size: int = 20) -> Any:
        """Train, until the callback says no; returns the policy's weights."""
        for _ in range(generations):
            tried = self._rng.normal(self._mean, self._spread, (size, 4))
            totals = []
            for weights in tried:
                total = self._play(weights, callback)
                if total is None:
                    return self._mean
                totals.append(total)
            best = tried[np.argsort(totals)[-size // 5 :]]
            self._mean, self._spread = best.mean(axis=0), best.std(axis=0) + 0.02
            self.generation += 1
            callback.run.log(f"generation {self.generation}: mean return {np.mean(totals):.1f}")
        return self._mean

    def _play(self, weights: Any, callback: TrainingCallback) -> float | None:
        observation, _ = self._env.reset(seed=int(self._rng.integers(2**31)))
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = self._env.step(int(observation @ weights > 0))
            over = terminated or truncated
            total += float(reward)
            self.num_timesteps += 1
            infos = [{"episode": {"r": total, "l": int(total)}}] if over else [{}]
            if not callback({"self": self, "infos": infos}):
                return None
        return total


def main(generations: int = 1_000, url: str | None = None) -> None:
    """Train until a viewer stops it."""
    with TrainingCallback("train-cartpole", title="CartPole learns", url=url) as callback:
        CrossEntropy().learn(generations, callback)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
