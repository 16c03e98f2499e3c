"""The capacity model: its arithmetic, where its figures come from, and a live system that it is held against."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import redis
from tests.gateway.gateways import Start, start_gateway
from tests.gateway.stage import RawViewer, wait_until
from tests.ops.system import ENV, LANECAST

from lanecast.broker import keys, wire
from lanecast.broker.tiers import TIERS
from lanecast.broker.wire import Message
from lanecast.ops.bench.machine import child
from lanecast.ops.bench.worker import crowd
from lanecast.ops.capacity import costs, model
from lanecast.ops.capacity.model import Costs, Load, Node, plan
from lanecast.ops.problem import Problem

__all__ = ["start_gateway"]

COSTS = Costs(
    delivery_us=10.0, delivery_byte_ns=1.0, viewer_bytes=4_096, worker_frame_us=5_000, worker_entity_us=0.5,
    redis_frame_us=200, redis_reader_us=40, published_entity_bytes=20, entity_bytes=dict.fromkeys(TIERS, 10.0),
)  # fmt: skip


def test_deliveries_and_their_bytes_make_the_cores_of_gateways() -> None:
    made = plan(Load(viewers=6_000, rate_hz=20, entities=1_000), COSTS, Node())
    assert made.frame_bytes == 10_000
    assert made.gateways["deliveries_per_s"] == 120_000
    # 10 us and 10,000 bytes at 1 ns each, 120,000 times a second.
    assert made.gateways["cores"] == pytest.approx(2.4)
    assert made.gateways["processes"] == 4
    assert made.gateways["gbit_per_s"] == pytest.approx(120_000 * (10_010 + 7 * 90) * 8 / 1e9)


def test_no_tier_is_shown_faster_than_it_may_be() -> None:
    for name, tier in TIERS.items():
        assert plan(Load(10, 120, 10, name), COSTS, Node()).shown_hz == tier.fps


def test_a_crowd_at_a_tier_of_cells_takes_no_more_than_its_cells() -> None:
    few, many = (plan(Load(10, 10, n, "ultra_low"), COSTS, Node()).frame_bytes for n in (400, 400_000))
    assert few == many


def test_whatever_is_scarcest_decides_how_many_nodes_there_are_and_one_is_to_spare() -> None:
    load = Load(viewers=10_000, rate_hz=25, entities=1_000)
    by_network = plan(load, COSTS, Node(cores=64, gbit=1))
    by_cores = plan(load, COSTS, Node(cores=1, gbit=1_000))
    by_memory = plan(replace(load, rate_hz=0.1), COSTS, Node(cores=64, gbit=1_000, memory_gib=0.1))
    assert [made.gateways["bound_by"] for made in (by_network, by_cores, by_memory)] == ["network", "cores", "memory"]
    assert by_cores.gateways["nodes"] == by_cores.gateways["processes"] + 1
    assert by_network.gateways["processes"] >= by_network.gateways["nodes"] - 1, "each node has a process"


def test_more_of_anything_never_takes_less() -> None:
    small = Load(viewers=100, rate_hz=5, entities=100, runs=2)
    before = plan(small, COSTS, Node())
    for more in ({"viewers": 100_000}, {"rate_hz": 20.0}, {"entities": 10_000}, {"runs": 20}):
        after = plan(replace(small, **more), COSTS, Node())
        for part in ("gateways", "workers", "redis"):
            for name in ("cores", "gbit_per_s", "memory_gib", "processes", "nodes"):
                if name in getattr(before, part):
                    assert getattr(after, part)[name] >= getattr(before, part)[name] * 0.999, (more, part, name)


def test_what_no_number_of_machines_can_carry_is_said_with_what_would_help() -> None:
    assert plan(Load(1_000, 30, 1_000), COSTS, Node()).limits == []
    (worker,) = plan(Load(10, 30, 200_000), COSTS, Node()).limits
    assert "one run takes 3.1 cores of its worker" in worker
    assert "at most 10 frames a second" in worker
    assert any("Redis" in limit for limit in plan(Load(3_000_000, 30, 1_000), COSTS, Node()).limits)


def test_runs_spread_over_shards_but_one_run_does_not() -> None:
    heavy = Load(viewers=1_000_000, rate_hz=25, entities=1_000)
    assert plan(heavy, COSTS, Node()).redis["shards"] == 1
    assert plan(replace(heavy, runs=100), COSTS, Node()).redis["shards"] > 1


def test_without_benches_the_shipped_figures_count_and_say_where_they_are_from(tmp_path: Path) -> None:
    known = costs.load(tmp_path)
    assert known.costs.entity_bytes.keys() == TIERS.keys()
    assert all(figure.machine and figure.at and figure.source for figure in known.figures.values())


def test_what_benches_have_left_takes_their_place(tmp_path: Path) -> None:
    def left(name: str, rows: list[dict[str, object]]) -> None:
        text = msgspec.json.encode({"rows": rows, "machine": "a fast one", "at": "2026-12-24T10:00:00+00:00"})
        (tmp_path / f"{name}.json").write_bytes(text)

    left("bytes", [{"tier": tier, "bytes": 7.5} for tier in TIERS])
    left("worker", [{"entities": n, "updates_per_core_s": n / (0.002 + n * 1e-7)} for n in (100, 1_000, 100_000)])
    left("fanout", [
        {"server": "lanecast, python writer", "cpu_us_per_delivery": 9.0, "bytes_per_idle_viewer": 3_000},
        {"server": "lanecast, native writer", "cpu_us_per_delivery": 6.0, "bytes_per_idle_viewer": 2_500},
    ])  # fmt: skip
    known = costs.load(tmp_path)
    assert set(known.costs.entity_bytes.values()) == {7.5}
    assert known.costs.worker_entity_us == pytest.approx(0.1)
    assert known.costs.worker_frame_us == pytest.approx(2_000)
    assert known.costs.viewer_bytes == 2_500
    assert 5 < known.costs.delivery_us < 6
    assert known.figures["viewer_bytes"].machine == "a fast one"
    assert known.figures["redis_reader_us"].machine != "a fast one"


@pytest.mark.parametrize("text", ["", "{}", '{"rows": [], "machine": "", "at": ""}'])
def test_a_file_that_is_no_result_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "fanout.json").write_text(text)
    with pytest.raises(Problem, match=r"fanout\.json is not what `lanecast bench fanout` writes"):
        costs.load(tmp_path)


def test_the_command_answers_with_its_figures_and_assumptions(tmp_path: Path) -> None:
    words = ["capacity", "--viewers", "1000000", "--rate", "30", "--entities", "5000"]
    done = subprocess.run(
        [*LANECAST, *words, "--json"], cwd=tmp_path, env=ENV, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer["gateways"]["deliveries_per_s"] == 25_000_000
    assert answer["assumptions"] == list(model.ASSUMPTIONS)
    assert answer["figures"]["delivery_us"]["source"]
    shown = subprocess.run(
        [*LANECAST, *words], cwd=tmp_path, env=ENV, capture_output=True, text=True, check=True
    ).stdout
    assert "25,000,000" in shown
    assert all(assumption in " ".join(shown.split()) for assumption in model.ASSUMPTIONS)


@contextmanager
def traffic(redis_url: str, run: str, entities: int) -> Iterator[None]:
    """A worker, and a simulation that publishes 20 frames a second until the block ends."""
    done = threading.Event()

    def publish() -> None:
        frames, step = crowd(entities), itertools.count(1)
        with redis.Redis.from_url(redis_url) as client:
            client.sadd(keys.RUNS, run)
            while not done.wait(0.05):
                n = next(step)
                data = wire.encode({"step": n, "time_s": n / 20, "layers": {"vehicles": next(frames)}})
                client.xadd(keys.lane(run, "high"), Message("frame", data, t_ms=time.time() * 1000).to_fields())

    source = threading.Thread(target=publish)
    with child(sys.executable, "-m", "lanecast.ops", "worker", "--redis", redis_url):
        source.start()
        try:
            with redis.Redis.from_url(redis_url) as client:
                wait_until(lambda: client.exists(keys.out(run, "critical")), "the worker has taken the run")
            yield
        finally:
            done.set()
            source.join()


def frames_of(viewer: RawViewer, count: int) -> list[int]:
    """The sizes of the next frames."""
    sizes: list[int] = []
    while len(sizes) < count:
        opcode, payload = viewer.frame()
        if opcode == 2 and msgspec.msgpack.decode(payload).get("type") == "frame":
            sizes.append(len(payload))
    return sizes


@pytest.mark.integration
def test_bytes_and_memory_of_a_live_system_are_what_the_model_says_within_a_factor(
    redis_url: str, start_gateway: Start, tmp_path: Path
) -> None:
    known = costs.load(tmp_path).costs
    viewers, entities = 300, 500
    gateway = start_gateway()
    with traffic(redis_url, "live", entities), ExitStack() as stack:

        def viewer() -> RawViewer:
            one = RawViewer(gateway.port)
            stack.callback(one.close)
            one.send_message(type="subscribe", run="live", tier="high")
            return one

        first = viewer()
        sizes = frames_of(first, 60)  # one second of keyframes' time and more
        expected = model.frame_bytes(Load(viewers, 20, entities), known)
        assert expected / 2.5 < sum(sizes) / len(sizes) < expected * 2.5
        before = gateway.rss_bytes()
        others = [viewer() for _ in range(viewers)]
        for one in others:
            frames_of(one, 1)
        each = (gateway.rss_bytes() - before) / viewers
        # What the kernel keeps for a connection is not in it; allocators take memory by the page and by the arena.
        assert known.viewer_bytes / 4 < each < known.viewer_bytes * 4
