"""The engines that tests run against, each a set of child processes on loopback: embedded Valkey, a local Redis, a
Cluster of three masters and three replicas, Sentinel with a master and a replica; and the first two in containers."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redis.sentinel

from lanecast.broker import keys
from tests.support import containers
from tests.support.proxy import Faults, Proxy
from tests.support.servers import embedded_binary, free_port

NODE_TIMEOUT_MS = 2_000
DOWN_AFTER_MS = 1_000


def redis_binary() -> str | None:
    """A local redis-server, if there is one."""
    return shutil.which("redis-server")


def any_binary() -> str:
    """A server that can be a Cluster's node and a sentinel: a local Redis, else the embedded Valkey."""
    binary = redis_binary() or embedded_binary()
    assert binary, "`make setup` installs a server"
    return binary


@dataclass
class Node:
    """One server process of an engine."""

    port: int
    command: list[str]
    announced: int
    process: subprocess.Popen[bytes] | None = None
    host: str = "127.0.0.1"

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            if self.process.poll() is None:
                self.kill()

    def client(self, *, readonly: bool = False) -> Any:
        """Of this very node; `readonly`: to read from a Cluster's replica."""
        client = redis.Redis(self.host, self.port, socket_timeout=2, single_connection_client=readonly)
        if readonly:
            client.execute_command("READONLY")
        return client


@dataclass
class Engine:
    """A running engine.

    Attributes:
        url: what Lanecast is given.
        nodes: its processes by the port that clients are told, which is a proxy's if there is one.
        proxies: in front of the nodes that keep data, if faults are wanted.
    """

    what: str
    url: str
    nodes: dict[int, Node] = field(default_factory=dict)
    proxies: list[Proxy] = field(default_factory=list)

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()
        for proxy in self.proxies:
            proxy.__exit__(None, None, None)

    def fault(self, faults: Faults) -> None:
        """From now on every proxy makes these faults."""
        for proxy in self.proxies:
            proxy.faults = faults

    @property
    def made(self) -> Counter[str]:
        """The faults that were made."""
        return sum((proxy.made for proxy in self.proxies), Counter())

    @property
    def alive(self) -> list[Node]:
        """The nodes whose processes run."""
        return [node for node in self.nodes.values() if node.process is not None and node.process.poll() is None]

    def master_of(self, run: str) -> Node:
        """The node that takes the run's writes now."""
        if self.is_cluster:
            client = self.alive[0].client()
            slot = int(client.execute_command("CLUSTER KEYSLOT", keys.info(run)))
            for address, node in client.execute_command("CLUSTER NODES").items():
                if "master" in node["flags"] and any(
                    int(part[0]) <= slot <= int(part[-1]) for part in node["slots"] if part[0].isdigit()
                ):
                    return self.nodes[int(address.partition("@")[0].rpartition(":")[2])]
            raise AssertionError(f"no node serves slot {slot}")
        for node in self.alive:
            if "--sentinel" in node.command:
                return self.nodes[int(node.client().sentinel_get_master_addr_by_name("lanecast")[1])]
        return self.alive[0]

    def replica_of(self, master: Node) -> Node:
        """The node that follows `master`."""
        for node in self.alive:
            if "--sentinel" not in node.command:
                replication = node.client().info("replication")
                if replication["role"] == "slave" and replication["master_port"] == master.announced:
                    return node
        raise AssertionError(f"nobody follows {master.announced}")

    @property
    def is_cluster(self) -> bool:
        """Whether it is a Redis Cluster."""
        return self.url.startswith("redis+cluster:")

    @property
    def surviving_url(self) -> str:
        """The URL without nodes that were killed: who is there has got to know the others, a newcomer cannot."""
        if not self.is_cluster:
            return self.url
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.announced}" for node in self.alive)


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Poll until `ready()`; a connection error means not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if ready():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.05)


class Fronts:
    """Makes a proxy in front of each node that it is asked for, or none."""

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
        self.proxies: list[Proxy] = []

    def of(self, port: int) -> int:
        """The port that clients are told."""
        if self.seed is None:
            return port
        self.proxies.append(Proxy(port, self.seed + len(self.proxies)).__enter__())
        return self.proxies[-1].port


def _node(binary: str, folder: Path, fronts: Fronts, *options: str) -> Node:
    port = free_port()
    data = folder / str(port)
    data.mkdir(parents=True)
    command = [
        binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--appendonly", "yes", "--save", "",
        "--repl-diskless-sync-delay", "0", *options,
    ]  # fmt: skip
    return Node(port, command, fronts.of(port))


def start_cluster(folder: Path, binary: str, seed: int | None = None) -> Engine:
    """Three masters and three replicas, ready to serve every slot, replicas in step."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS))
    nodes: list[Node] = []
    fronts = Fronts(seed)
    while len(nodes) < 6:
        node = _node(binary, folder, fronts, *options)
        if node.port < 55_535:  # the bus listens at port + 10,000
            nodes.append(node)
            announce = {"ip": "127.0.0.1", "port": node.announced, "bus-port": node.port + 10_000}
            for name, value in announce.items():
                node.command += [f"--cluster-announce-{name}", str(value)]
    for node in nodes:
        node.start()
    for node in nodes:
        wait_until(lambda node=node: bool(node.client().ping()), f"start of {node.port}")  # type: ignore[misc]
    clients = [node.client() for node in nodes]
    for index, client in enumerate(clients[:3]):
        first, last = (16384 * index // 3, 16384 * (index + 1) // 3 - 1)
        client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
    for client in clients[1:]:
        client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
    wait_until(lambda: all(_knows(client, 6) for client in clients), "meeting of the cluster's nodes")
    for master, replica in zip(clients[:3], clients[3:], strict=True):
        replica.execute_command("CLUSTER REPLICATE", master.execute_command("CLUSTER MYID"))
    url = f"redis+cluster://127.0.0.1:{nodes[0].announced}"
    engine = Engine("Redis Cluster 3+3", url, {n.announced: n for n in nodes}, fronts.proxies)
    wait_until(lambda: all(_in_step(client) for client in clients), "cluster")
    return engine


def _knows(client: redis.Redis, n: int) -> bool:
    info: Any = client.execute_command("CLUSTER INFO")
    text = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return int(text["cluster_known_nodes"]) == n


def _in_step(client: Any) -> bool:
    info: Any = client.execute_command("CLUSTER INFO")
    text = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    replication = client.info("replication")
    return bool(text["cluster_state"] == "ok") and (
        (replication["role"] == "master" and replication["connected_slaves"] == 1)
        or replication.get("master_link_status") == "up"
    )


def start_sentinel(folder: Path, binary: str, seed: int | None = None) -> Engine:
    """A master, a replica in step, and three sentinels that agree on them under the name `lanecast`."""
    fronts = Fronts(seed)
    master = _node(binary, folder, fronts)
    replica = _node(binary, folder, fronts, "--replicaof", f"127.0.0.1 {master.announced}")
    for node in (master, replica):
        node.command += ["--replica-announce-ip", "127.0.0.1", "--replica-announce-port", str(node.announced)]
    sentinels = []
    for _ in range(3):
        port = free_port()
        config = folder / f"sentinel-{port}.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor lanecast 127.0.0.1 {master.announced} 2\n"
            f"sentinel down-after-milliseconds lanecast {DOWN_AFTER_MS}\n"
            "sentinel failover-timeout lanecast 5000\n"
        )
        sentinels.append(Node(port, [binary, str(config), "--sentinel"], port))
    nodes = [master, replica, *sentinels]
    for node in nodes:
        node.start()
        wait_until(lambda node=node: bool(node.client().ping()), f"start of {node.port}")  # type: ignore[misc]
    wait_until(lambda: replica.client().info("replication")["master_link_status"] == "up", "replication")

    def agreed() -> bool:
        states = [sentinel.client().sentinel_master("lanecast") for sentinel in sentinels]
        return all(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2 for state in states)

    wait_until(agreed, "agreement of the sentinels")
    hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
    url = f"redis+sentinel://{hosts}/lanecast/0"
    return Engine("Redis with Sentinel", url, {n.announced: n for n in nodes}, fronts.proxies)


@contextlib.contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    """Stop the engine's processes afterwards, whatever happens."""
    try:
        yield engine
    finally:
        engine.stop()


def start_single(
    folder: Path,
    binary: str,
    seed: int | None = None,
    *,
    options: Sequence[str] = (),
    under: Sequence[str] = (),
    host: str = "127.0.0.1",
) -> Engine:
    """One server, with more options, started by the command `under` if there is one (`env A=B`), reached at `host`."""
    fronts = Fronts(seed)
    node = _node(binary, folder, fronts, *options)
    node.command[:0] = under
    node.host = host
    node.start()
    wait_until(lambda: bool(node.client().ping()), f"start of {node.port}")
    url = f"redis://{host}:{node.announced}/0"
    return Engine(Path(binary).name, url, {node.announced: node}, fronts.proxies)


@dataclass(frozen=True)
class Kind:
    """An engine that tests are parametrized over; `why_not` says why it cannot be had here, None if it can."""

    name: str
    run: Callable[[Path], contextlib.AbstractContextManager[Engine]]
    why_not: Callable[[], str | None] = lambda: None


def _contained(image: str) -> Callable[[Path], contextlib.AbstractContextManager[Engine]]:
    @contextlib.contextmanager
    def run(_: Path) -> Iterator[Engine]:
        with containers.server(image) as server:
            yield Engine(server.what, server.url)

    return run


KINDS = (
    Kind("valkey", lambda folder: running(start_single(folder, embedded_binary() or any_binary()))),
    Kind(
        "redis",
        lambda folder: running(start_single(folder, any_binary())),
        lambda: None if redis_binary() else "no local redis-server",
    ),
    Kind("cluster", lambda folder: running(start_cluster(folder, any_binary()))),
    Kind("sentinel", lambda folder: running(start_sentinel(folder, any_binary()))),
    Kind("valkey-container", _contained(containers.VALKEY), lambda: containers.why_not(containers.VALKEY)),
    Kind("redis-container", _contained(containers.REDIS), lambda: containers.why_not(containers.REDIS)),
)
