"""Real environments, wrapped: published, paused, stopped; and a real training loop."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import redis
from tests.producer.reading import payloads_of, read_lane, send, wait_until

from lanecast.broker import demand, keys
from lanecast.broker.demand import Demand
from lanecast.producer.adapters.gymnasium import Cast, Stopped
from lanecast.producer.adapters.training import TrainingCallback

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning:pygame")]


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def watch(db: redis.Redis, run: str) -> None:
    db.xadd(keys.demand(run), Demand("n", "high", 1).to_fields())  # type: ignore[arg-type]


@pytest.fixture
def environment() -> Iterator[gymnasium.Env[Any, Any]]:
    env: gymnasium.Env[Any, Any] = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    yield env
    env.close()


def test_a_wrapped_environment_behaves_as_the_bare_one(redis_url: str, environment: Any) -> None:
    bare = gymnasium.make("CartPole-v1")
    with Cast(environment, "sim", url=redis_url) as live:
        assert np.array_equal(live.reset(seed=3)[0], bare.reset(seed=3)[0])
        for action in (0, 1, 1, 0):
            mine, theirs = live.step(action), bare.step(action)
            assert np.array_equal(mine[0], theirs[0])
            assert mine[1:] == theirs[1:]
    bare.close()


def test_episodes_are_published_with_observations_rewards_and_layers(redis_url: str, db: redis.Redis) -> None:
    example("gymnasium_cartpole").main(episodes=1, url=redis_url)
    frame = payloads_of(db, "cartpole", "high", "frame")[-1]
    assert sorted(frame.layers) == ["bodies", "observation"]
    assert frame.layers["bodies"].columns["type"].to_list() == ["cart", "pole"]
    assert frame.layers["observation"].ids == ["cart_x", "cart_speed", "pole_angle", "pole_speed"]
    told: dict[str, float] = {}
    for metrics in payloads_of(db, "cartpole", "normal", "metrics"):
        told |= metrics.values
    assert {"reward", "episode.number", "observation.pole_angle"} <= told.keys()
    first = payloads_of(db, "cartpole", "critical", "lifecycle")[0]
    assert (first.title, first.kind, first.metadata) == ("CartPole-v1", "rl", {"environment": "CartPole-v1"})


def test_pictures_are_rendered_only_while_somebody_watches(redis_url: str, db: redis.Redis, environment: Any) -> None:
    with Cast(environment, "sim", url=redis_url, rate=100) as live:
        live.reset(seed=1)
        wait_until(lambda: live.run.stats.published.get("low"), "the picture from before anything was known")
        wait_until(lambda: not live.run.watched, "the first answer")
        for _ in range(5):
            live.reset()
            live.step(0)
        assert len(read_lane(db, "sim", "low")) == 1
        watch(db, "sim")
        wait_until(lambda: live.run.watched, "a viewer")

        def shown() -> Any:
            live.reset()
            live.step(1)
            return payloads_of(db, "sim", "low", "image")[1:]

        picture = wait_until(shown, "a picture")[-1]
        assert (picture.camera, picture.mime, picture.width, picture.height) == ("render", "image/x-raw", 600, 400)
    assert demand.TTL_S > 1  # the one word above lasted


def test_a_pause_holds_the_environment_and_a_stop_ends_the_block(
    redis_url: str, db: redis.Redis, environment: Any
) -> None:
    steps: list[int] = []
    ended = threading.Event()

    def play() -> None:
        with Cast(environment, "sim", url=redis_url) as live:
            while True:
                live.reset(seed=1)
                over = False
                while not over:
                    over = live.step(1)[2]
                    steps.append(1)
        ended.set()

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    wait_until(lambda: steps and db.exists(keys.alive("sim")), "the first steps")
    send(db, "sim", "pause", "c1")
    wait_until(lambda: [said.paused for said in payloads_of(db, "sim", "critical", "control")][-1], "the pause")
    wait_until(lambda: payloads_of(db, "sim", "critical", "lifecycle")[-1].state == "paused", "the state")
    count = len(steps)
    send(db, "sim", "step", "c2", steps=3)
    wait_until(lambda: len(steps) == count + 3, "three steps")
    send(db, "sim", "stop", "c3")
    assert ended.wait(5)
    thread.join(5)
    assert len(steps) == count + 3
    assert payloads_of(db, "sim", "critical", "lifecycle")[-1].state == "ended"
    assert not [said for said in payloads_of(db, "sim", "critical", "status") if said.level == "error"]


def test_without_the_block_a_stop_is_an_error_of_its_own_kind(redis_url: str, environment: Any) -> None:
    live = Cast(environment, "sim", url=redis_url)
    live.reset()
    live.run.stop()
    with pytest.raises(Stopped):
        live.step(0)
    live.close()


@pytest.mark.filterwarnings("ignore")  # of the environment's own dependencies
def test_a_driving_environment_shows_its_vehicles_as_columns(redis_url: str, db: redis.Redis) -> None:
    import highway_env  # noqa: F401 - it registers its environments

    env: gymnasium.Env[Any, Any] = gymnasium.make("highway-v0", render_mode="rgb_array")
    features = ["presence", "x", "y", "vx", "vy"]
    with Cast(env, "highway", url=redis_url, names=features) as live:
        live.reset(seed=1)
        watch(db, "highway")
        wait_until(lambda: live.run.viewers, "a viewer")
        for _ in range(3):
            live.step(1)
    frame = payloads_of(db, "highway", "high", "frame")[-1]
    assert sorted(frame.layers["observation"].columns) == sorted(features)
    figures = {name for told in payloads_of(db, "highway", "normal", "metrics") for name in told.values}
    assert "info.speed" in figures
    assert payloads_of(db, "highway", "low", "image")[-1].camera == "render"


def test_a_training_shows_its_returns_and_stops_when_told(redis_url: str, db: redis.Redis) -> None:
    train = example("train_cartpole")
    with TrainingCallback("training", url=redis_url, reports_per_s=50) as callback:
        thread = threading.Thread(target=lambda: train.CrossEntropy().learn(10_000, callback), daemon=True)
        thread.start()
        wait_until(lambda: db.exists(keys.alive("training")) and callback._episodes > 40, "some episodes", 20)
        send(db, "training", "stop", "c1")
        thread.join(5)
        assert not thread.is_alive()
    curve = payloads_of(db, "training", "high", "frame")[-1].layers["returns"]
    assert len(curve) == callback._episodes
    figures = payloads_of(db, "training", "normal", "metrics")[-1].values
    assert figures["episode.number"] == callback._episodes
    assert figures["episode.mean_length"] == figures["episode.mean_return"]  # CartPole pays 1 a step


def test_returns_are_added_up_where_no_monitor_does_and_logged_figures_are_passed_on(redis_url: str) -> None:
    class Logger:
        def __init__(self) -> None:
            self.name_to_value = {"train/loss": np.float32(0.5), "train/odd": "text", "train/nan": float("nan")}

    class Model:
        num_timesteps = 8
        logger = Logger()

    figures: list[dict[str, float]] = []
    with TrainingCallback("sim", url=redis_url, reports_per_s=float("inf")) as callback:
        callback.run.metrics = lambda values, **_: figures.append(values)  # type: ignore[method-assign]
        for done in ([False, False], [True, False], [False, True]):
            assert callback({"self": Model, "rewards": [1.0, 2.0], "dones": done, "infos": [{}, {}]})
    assert list(callback._returns) == [(1, 2.0), (2, 6.0)]
    assert figures[2]["train.loss"] == 0.5
    assert not {"train.odd", "train.nan"} & figures[2].keys()
    assert figures[2]["episode.mean_return"] == 4.0
