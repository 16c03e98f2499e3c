"""From a load and the cost of each hop to nodes, cores, bandwidth and memory. Pure.

Everything is linear: a hop costs so much for a frame, so much for an entity or byte, and so much for each reader.
What the model assumes besides is in `ASSUMPTIONS`, which are part of every answer. docs/capacity.md explains it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from lanecast.broker.commit import FRAMES_KEPT
from lanecast.broker.lanes import LANES
from lanecast.broker.tiers import TIERS

CPU_USE: Final = 0.6
"""Share of a core that is planned with: the rest is for bursts, reconnects and a busy neighbour."""
NETWORK_USE: Final = 0.7
MEMORY_USE: Final = 0.7
SEGMENT_BYTES: Final = 1448
HEADERS_BYTES: Final = 90
"""Of a TCP segment on Ethernet: 8 preamble, 14 header, 4 checksum, 12 gap, 20 IP, 32 TCP with its time stamps."""
PROCESS_BYTES: Final = 100 * 2**20
MAX_VIEWERS: Final = 10_000
"""Of one gateway process, unless LANECAST_MAX_VIEWERS says otherwise."""
STREAM_OVERHEAD: Final = 1.28
"""Memory that a stream takes, over the bytes of its entries, once they are larger than 4 KB."""

ASSUMPTIONS: Final = (
    f"cores are planned to {CPU_USE:.0%}, network to {NETWORK_USE:.0%}, memory to {MEMORY_USE:.0%}",
    "costs are those of the machine that they were measured on, one core there like one core here",
    "viewers spread evenly over runs and gateway processes, and all watch the same tier",
    "entities change as recorded city traffic does: nearly all in each frame",
    "one gateway process uses one core; one Redis server uses one core for commands",
    "workers render all five tiers, whatever is watched",
    "viewers too slow for their tier are few: each takes up to 5 MiB more of its gateway",
    "camera pictures, TLS, load balancers and recording come on top",
)


@dataclass(frozen=True, slots=True)
class Costs:
    """What each hop costs, in the units of the names.

    Attributes:
        delivery_us: CPU of a gateway for one frame to one viewer, without its bytes.
        delivery_byte_ns: CPU for each byte of it.
        viewer_bytes: memory of a gateway process for one idle viewer.
        worker_frame_us, worker_entity_us: CPU of a worker for one frame, and for each entity in it.
        redis_frame_us: CPU of Redis for one frame in, read, and out to one tier, without the gateways' reading.
        redis_reader_us: CPU of Redis for one gateway process to read a frame, without its bytes.
        published_entity_bytes: of a frame as published, in typed columns.
        entity_bytes: tier -> bytes of a rendered frame for each entity, keyframes and headers included.
    """

    delivery_us: float
    delivery_byte_ns: float
    viewer_bytes: float
    worker_frame_us: float
    worker_entity_us: float
    redis_frame_us: float
    redis_reader_us: float
    published_entity_bytes: float
    entity_bytes: dict[str, float]


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be carried: viewers of all runs together, frames a second and entities of each run."""

    viewers: int
    rate_hz: float
    entities: int
    tier: str = "high"
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Node:
    """A machine for gateways."""

    cores: int = 16
    gbit: float = 10.0
    memory_gib: float = 32.0


@dataclass(slots=True)
class Plan:
    """What a load takes. `limits`: what does not fit however many machines there are, each with what would help."""

    shown_hz: float
    frame_bytes: float
    gateways: dict[str, Any]
    workers: dict[str, Any]
    redis: dict[str, Any]
    limits: list[str] = field(default_factory=list)


def frame_bytes(load: Load, costs: Costs) -> float:
    """The mean size of a frame as a viewer gets it; crowds at tiers that show cells do not grow it."""
    cells = TIERS[load.tier].cells
    return costs.entity_bytes[load.tier] * (min(load.entities, cells) if cells else load.entities)


def wire_bytes(size: float) -> float:
    """Bytes of a message on the network, with all headers."""
    return size + 10 + math.ceil((size + 10) / SEGMENT_BYTES) * HEADERS_BYTES


def readers_of_a_run(load: Load, processes: int) -> float:
    """How many gateway processes have a viewer of one run, on average."""
    return processes * (1 - math.pow(1 - 1 / processes, load.viewers / load.runs))


def plan(load: Load, costs: Costs, node: Node) -> Plan:
    """What the load takes."""
    tier = TIERS[load.tier]
    hz = min(load.rate_hz, tier.fps)
    size = frame_bytes(load, costs)
    made = Plan(hz, size, {}, {}, {})
    made.gateways = _gateways(load, costs, node, hz, size)
    made.workers = _workers(load, costs, made.limits)
    made.redis = _redis(load, costs, node, hz, size, made.gateways["processes"], made.limits)
    return made


def _gateways(load: Load, costs: Costs, node: Node, hz: float, size: float) -> dict[str, Any]:
    deliveries = load.viewers * hz
    cores = deliveries * (costs.delivery_us + size * costs.delivery_byte_ns / 1e3) / 1e6
    processes = max(math.ceil(cores / CPU_USE), math.ceil(load.viewers / MAX_VIEWERS), 1)
    gbit = deliveries * wire_bytes(size) * 8 / 1e9
    memory = load.viewers * (costs.viewer_bytes + size) + processes * PROCESS_BYTES
    wanted = {
        "cores": math.ceil(processes / node.cores),
        "network": math.ceil(gbit / (node.gbit * NETWORK_USE)),
        "memory": math.ceil(memory / (node.memory_gib * 2**30 * MEMORY_USE)),
    }
    bound = max(wanted, key=lambda what: wanted[what])
    processes = max(processes, wanted[bound])
    return {
        "deliveries_per_s": deliveries,
        "cores": cores,
        "processes": processes,
        "gbit_per_s": gbit,
        "memory_gib": memory / 2**30,
        "nodes": wanted[bound] + 1,
        "bound_by": bound,
    }


def _workers(load: Load, costs: Costs, limits: list[str]) -> dict[str, Any]:
    one = load.rate_hz * (costs.worker_frame_us + load.entities * costs.worker_entity_us) / 1e6
    if one > 1:
        limits.append(
            f"one run takes {one:.1f} cores of its worker, which has one: publish at most {load.rate_hz / one:.0f} "
            "frames a second, or split the simulation into several runs"
        )
    return {"cores": one * load.runs, "processes": math.ceil(load.runs * one / CPU_USE) + 1, "cores_of_a_run": one}


def _redis(
    load: Load, costs: Costs, node: Node, hz: float, size: float, processes: int, limits: list[str]
) -> dict[str, Any]:
    readers = readers_of_a_run(load, processes)
    published = load.entities * costs.published_entity_bytes
    reading = hz * readers * (costs.redis_reader_us + size * costs.delivery_byte_ns / 1e3)
    core = (load.rate_hz * costs.redis_frame_us + reading) / 1e6
    gbit = (load.rate_hz * published + hz * readers * size) * 8 / 1e9
    memory = STREAM_OVERHEAD * (LANES["high"].max_entries * published + FRAMES_KEPT * size)
    room = node.gbit * NETWORK_USE
    if core > CPU_USE:
        limits.append(
            f"one run takes {core:.2f} of the core of its Redis server, planned with {CPU_USE}: {readers:.0f} gateway "
            "processes read it. A smaller tier or a lower rate needs fewer of them; relays between Redis and gateways "
            "are not part of Lanecast"
        )
    if gbit > room:
        limits.append(
            f"one run takes {gbit:.1f} Gbit/s of its Redis server, planned with {room:.1f}: {readers:.0f} gateway "
            "processes read it. A faster network for Redis, or a smaller tier"
        )
    shards = max(math.ceil(core * load.runs / CPU_USE), math.ceil(gbit * load.runs / room), 1)
    return {
        "readers_of_a_run": readers,
        "cores": core * load.runs,
        "gbit_per_s": gbit * load.runs,
        "memory_gib": memory * load.runs / 2**30,
        "shards": min(shards, load.runs),
        "log_mb_per_s": load.runs * (load.rate_hz * published + hz * size) / 1e6,
    }
