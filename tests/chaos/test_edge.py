"""Between viewers and gateways, and between gateways and the server: 26 to 29."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.balancers import balancing, why_not
from tests.chaos.conftest import Play, server_binary
from tests.support.engines import running, start_single

RESUMED_S = 2.0
STORM_S = 5.0
FRESH_S = 1.0
"""The freshness budget, and a keyframe's way."""


@pytest.mark.parametrize(("name", "letter"), [("nginx", "a"), ("haproxy", "b")])
def test_a_balancer_that_is_reloaded_costs_viewers_nothing_that_they_miss(
    play: Play, tmp_path: Path, name: str, letter: str
) -> None:
    if reason := why_not(name):
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        cause = f"{name} is reloaded, then loses one of two gateways by kill -9"
        balancers = []

        def before(ports: list[int]) -> list[int]:
            balancers.append(stack.enter_context(balancing(name, tmp_path, ports)))
            return [balancers[0].port]

        with play(
            f"26{letter}",
            cause,
            limit_s=RESUMED_S,
            viewers=40,
            ports=lambda stage: before([g.port for g in stage.gateways]),
        ) as stage:
            with stage.cause(RESUMED_S):
                balancers[0].reload()
                time.sleep(1)
                stage.settle()
            reloaded_s = stage.verdict.recovered_s
            with stage.cause(RESUMED_S, since_begin=True):
                stage.gateways[0].kill()
            stage.verdict.recovered_s = max(reloaded_s, stage.verdict.recovered_s)
            stage.known_by(metric="lanecast_gateway_viewers")
            stage.judge()


def test_viewers_who_stop_reading_harm_nobody_else(play: Play) -> None:
    cause = "10 % of the viewers stop reading for 8 s (SO_RCVBUF 4 KB)"
    with play("27", cause, limit_s=RESUMED_S, viewers=40, rcvbuf=4096) as stage:
        viewers = stage.audience.viewers
        slow = viewers[9::10]
        with stage.cause(RESUMED_S):
            stage.audience.each(lambda viewer: viewer.read(on=viewer not in slow))
            time.sleep(8)
            others = max(viewer.watcher.longest_gap_s for viewer in viewers if viewer not in slow)
            stage.audience.each(lambda viewer: viewer.read(on=True))
        assert others < FRESH_S, f"another viewer's picture stood still for {others:.2f} s"
        stage.known_by(metric="lanecast_gateway_dropped_total")
        stage.judge()


def test_everybody_coming_back_at_once_is_let_in(play: Play) -> None:
    with play("28", "2,000 viewers are cut and come back at once", limit_s=STORM_S, viewers=2000, hz=5.0) as stage:
        with stage.cause(STORM_S, since_begin=True):
            stage.audience.each(lambda viewer: viewer.cut())
        assert all(viewer.ends["cut"] for viewer in stage.audience.viewers)
        stage.known_by(metric="lanecast_gateway_viewers")
        stage.judge()


class Apart:
    """A network namespace with a server in it that is reached at two addresses, either of which can be cut off."""

    def __init__(self) -> None:
        number = os.getpid() % 200 + 20
        self.name = f"lanecast-{os.getpid()}"
        self.link = f"lc{os.getpid()}"[:13]
        self.here, self.there, self.other = (f"10.211.{number}.{host}" for host in (1, 2, 3))
        self.under = ("ip", "netns", "exec", self.name)

    def make(self) -> None:
        """Make it.

        Raises:
            CalledProcessError: this is not root, or the kernel does not have what it takes.
        """
        self._run("ip", "netns", "add", self.name)
        self._run(
            "ip", "link", "add", f"{self.link}a", "type", "veth", "peer", "name", f"{self.link}b", "netns", self.name
        )
        self._run("ip", "addr", "add", f"{self.here}/24", "dev", f"{self.link}a")
        self._run("ip", "link", "set", f"{self.link}a", "up")
        for address in (self.there, self.other):
            self._run(*self.under, "ip", "addr", "add", f"{address}/24", "dev", f"{self.link}b")
        self._run(*self.under, "ip", "link", "set", f"{self.link}b", "up")
        self._run(*self.under, "ip", "link", "set", "lo", "up")
        self._run(*self.under, "iptables", "-L", "-n")

    def cut(self, address: str, *, on: bool) -> None:
        """Drop every packet to and from an address, or do not any more."""
        word = "-I" if on else "-D"
        self._run(*self.under, "iptables", word, "INPUT", "-d", address, "-j", "DROP")
        self._run(*self.under, "iptables", word, "OUTPUT", "-s", address, "-j", "DROP")

    def remove(self) -> None:
        """Remove it, as far as it is there."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", f"{self.link}a"], check=False, stderr=subprocess.DEVNULL)

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def apart() -> Iterator[Apart]:
    namespace = Apart()
    try:
        try:
            namespace.make()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespace with iptables can be made: {error}")
        yield namespace
    finally:
        namespace.remove()


def test_a_gateway_cut_off_from_the_server_says_so_and_goes_on(play: Play, tmp_path: Path, apart: Apart) -> None:
    options = ("--bind", apart.there, apart.other, "--protected-mode", "no")
    started = start_single(tmp_path, server_binary(), options=options, under=apart.under, host=apart.there)
    with running(started) as engine:
        urls = (engine.url, engine.url.replace(apart.there, apart.other))
        with play(
            "29", "iptables drops all between one gateway and the server for 8 s", limit_s=RESUMED_S,
            engine=engine, gateway_urls=urls,
        ) as stage:  # fmt: skip
            with stage.cause(RESUMED_S):
                apart.cut(apart.other, on=True)
                time.sleep(8)
                spared = max(v.watcher.longest_gap_s for v in stage.audience.viewers[::2])
                apart.cut(apart.other, on=False)
            assert spared < FRESH_S, f"viewers of the other gateway waited {spared:.2f} s"
            stage.known_by(log="redis_gone")
            stage.told("Redis does not answer", "Redis is back")
            stage.judge()
