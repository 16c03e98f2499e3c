"""Makes one Cluster of servers that were started for it: `join_cluster.py HOST…`, first masters, then as many replicas.

The password is REDIS_PASSWORD. Ends with status 0 when the Cluster is whole, also if it was so before.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any, Final

import redis

SLOTS: Final = 16_384
WITHIN_S: Final = 60.0


def main(hosts: list[str]) -> int:
    """Join them; returns the exit status."""
    nodes = [redis.Redis(host, 6379, password=os.environ["REDIS_PASSWORD"], decode_responses=True) for host in hosts]
    deadline_s = time.monotonic() + WITHIN_S
    wait(deadline_s, "the servers do not answer", lambda: all(node.ping() for node in nodes))
    masters = len(nodes) // 2
    if info(nodes[0])["cluster_slots_assigned"] != str(SLOTS):
        for place, node in enumerate(nodes[:masters]):
            node.execute_command("CLUSTER ADDSLOTSRANGE", SLOTS * place // masters, SLOTS * (place + 1) // masters - 1)
        for host in hosts[1:]:
            nodes[0].execute_command("CLUSTER MEET", socket.gethostbyname(host), 6379)
        wait(
            deadline_s,
            "they do not meet",
            lambda: all(int(info(node)["cluster_known_nodes"]) == len(nodes) for node in nodes),
        )
        ids = [node.execute_command("CLUSTER MYID") for node in nodes[:masters]]
        for place, node in enumerate(nodes[masters:]):
            node.execute_command("CLUSTER REPLICATE", ids[place % masters])
    wait(deadline_s, "the Cluster is not whole", lambda: all(info(node)["cluster_state"] == "ok" for node in nodes))
    sys.stdout.write(f"{len(nodes)} servers are a Cluster\n")
    return 0


def info(node: Any) -> dict[str, str]:
    """CLUSTER INFO of one server, which redis-py gives as text or as a map."""
    found: Any = node.execute_command("CLUSTER INFO")
    if isinstance(found, dict):
        return {str(name): str(value) for name, value in found.items()}
    return dict(line.split(":", 1) for line in found.splitlines() if ":" in line)


def wait(deadline_s: float, trouble: str, done: Any) -> None:
    """Ask again and again until it is so; leaves with what is wrong when it is too late."""
    while True:
        try:
            if done():
                return
            error = ""
        except (redis.RedisError, OSError) as failure:
            error = f": {failure}"
        if time.monotonic() > deadline_s:
            raise SystemExit(f"join_cluster: {trouble}{error}")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
