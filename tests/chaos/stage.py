"""The stage of every scenario: a server behind a proxy, a simulation, two workers, two gateways, viewers; a judge.

Everything is a real process, and everything goes through Redis. A scenario starts a stage, makes its cause inside
`stage.cause(...)`, and leaves the rest to the judge: what must hold does so in all of them alike.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import redis
from tests.chaos.audience import Audience, Viewer
from tests.gateway.stage import GatewayProcess
from tests.support.engines import Engine, wait_until
from tests.workers.rig import WorkerProcess, Workers, workers

from lanecast.broker import keys
from lanecast.broker.connect import TRANSIENT, connect_sync

RUN = "chaos"
GROWTH_BYTES = 96 * 2**20
"""What a process may hold more at the end than before the cause."""
LAST_S = 15.0
CALM_S = 30.0
START_S = 60.0
MORE = 10


class Gateway(GatewayProcess):
    """A gateway whose log goes to a file; it may be started again on its port."""

    def __init__(self, redis_url: str, log: Path, **settings: Any) -> None:
        super().__init__(redis_url, **settings)
        self.log = log

    def launch(self) -> None:
        """Start the process; `settled` says when it is ready."""
        with self.log.open("ab") as file:
            command = [sys.executable, "-m", "lanecast.gateway"]
            self.process = subprocess.Popen(command, env=self.environment, stderr=file)

    def settled(self) -> bool:
        """Whether it serves."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False

    def again(self) -> None:
        """Start it again, and wait until it serves."""
        self.launch()
        wait_until(self.settled, "start of a gateway", START_S)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            if self.process.poll() is None:
                self.kill()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples; 0 if it has none, or nobody answers."""
        with contextlib.suppress(httpx.HTTPError):
            return total(httpx.get(f"{self.url}/metrics").text, name)
        return 0.0


@dataclass
class Simulation:
    """A simulation's process."""

    process: subprocess.Popen[bytes]
    life: int

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.communicate()

    def end(self) -> dict[str, Any]:
        """SIGTERM; what it says about its messages."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=40)
        assert out, f"the simulation ended with status {self.process.returncode}, and said nothing"
        told: dict[str, Any] = msgspec.json.decode(out.splitlines()[-1])
        return told


@dataclass
class Verdict:
    """What the judge has measured for the report."""

    recovered_s: float = 0.0
    lost: int = 0
    duplicates: int = 0
    back: int = 0
    saw: str = ""
    log: str = ""
    metric: str = ""
    problems: list[str] = field(default_factory=list)


class Stage:
    """All processes of one scenario; see the module's text."""

    def __init__(self, folder: Path, engine: Engine, pool: Workers, *, hz: float, gateway_urls: Sequence[str]) -> None:
        self.folder, self.engine, self.pool, self.hz = folder, engine, pool, hz
        self.verdict = Verdict()
        self.gateways = [
            Gateway(url, folder / f"gateway-{n}.log", node=f"g{n}", max_viewers=5000, port=quiet_port())
            for n, url in enumerate(gateway_urls)
        ]
        self.workers: list[WorkerProcess] = []
        self.worker_urls: list[str] = []
        self.simulation: Simulation
        self.audience: Audience
        self.lives = 0
        self._before: dict[str, int] = {}

    # --- beginning and end ---

    def start(self) -> None:
        """All processes but the viewers, at once."""
        for gateway in self.gateways:
            gateway.launch()
        for _ in range(2):
            self.start_worker()
        self.start_simulation()
        for gateway in self.gateways:
            wait_until(gateway.settled, "start of a gateway", START_S)
        wait_until(lambda: bool(self.workers_of_runs()), "a worker that has taken the run", START_S)

    def start_worker(self) -> WorkerProcess:
        """One more worker."""
        port = quiet_port()
        name = f"w{len(self.workers)}"
        worker = self.pool.start(name, worker_metrics_port=port)
        self.workers.append(worker)
        self.worker_urls.append(f"http://127.0.0.1:{port}")
        return worker

    def start_simulation(self) -> Simulation:
        """The simulation, or the next life of it."""
        self.lives += 1
        with (self.folder / f"simulation-{self.lives}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.simulation", self.engine.url, RUN, str(self.lives), str(self.hz)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        self.simulation = Simulation(process, self.lives)
        return self.simulation

    def workers_of_runs(self) -> list[WorkerProcess]:
        """The worker that holds the run's lease, as a list; empty while nobody does, or nobody can be asked."""
        with contextlib.suppress(*TRANSIENT, redis.RedisError), connect_sync(self.direct_url) as client:
            name: Any = client.hget(keys.lease(RUN), "owner")
            return [worker for worker in self.workers if name is not None and worker.worker_id == name.decode()]
        return []

    @property
    def direct_url(self) -> str:
        """Of the server itself, without the proxy before it; several servers: as everybody else."""
        if not self.engine.url.startswith("redis://"):
            return self.engine.surviving_url
        node = next(iter(self.engine.nodes.values()))
        return f"redis://{node.host}:{node.port}/0"

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """A client that goes past the proxies."""
        with connect_sync(self.direct_url) as client:
            yield client

    def owner(self) -> WorkerProcess:
        """The worker that holds the run's lease."""
        wait_until(lambda: bool(self.workers_of_runs()), "an owner of the run")
        return self.workers_of_runs()[0]

    def settle(self, within_s: float = CALM_S) -> None:
        """Until every viewer gets frames that are published now."""
        self.expect_fresh()
        self.await_fresh(within_s)

    # --- causes ---

    @contextlib.contextmanager
    def cause(self, within_s: float, *, since_begin: bool = False) -> Iterator[None]:
        """Make the cause inside; it has ended when the block ends. Then all viewers are live again within this time.

        `since_begin`: the time counts from the block's beginning: what dies there does so at once.
        """
        self._before = self.rss()
        self.audience.each(lambda viewer: viewer.watcher.begin())
        began = time.monotonic()
        yield
        if not since_begin:
            began = time.monotonic()
        self.expect_fresh()
        self.await_fresh(CALM_S)
        last = max(viewer.fresh_at or 0.0 for viewer in self.audience.viewers if viewer.reads)
        self.verdict.recovered_s = round(max(0.0, last - began), 2)
        if self.verdict.recovered_s > within_s:
            self.verdict.problems.append(f"live again after {self.verdict.recovered_s} s, not {within_s:g} s")

    def expect_fresh(self) -> None:
        """From now on look for the first frame of each viewer that is published from now on."""
        now_ms = time.time() * 1000
        self.audience.each(lambda viewer: viewer.await_frame_after(now_ms))

    def await_fresh(self, within_s: float) -> None:
        """Until every viewer that reads has got one."""
        viewers = self.audience.viewers

        def waiting() -> list[Viewer]:
            return [viewer for viewer in viewers if viewer.reads and viewer.fresh_at is None]

        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not waiting(), "frames", within_s)
        if left := waiting():
            ends = sum((viewer.ends for viewer in left), left[0].ends.__class__())
            raise AssertionError(
                f"{len(left)} of {len(viewers)} viewers get no frames after {within_s:g} s; ends of theirs: {ends}"
            )

    # --- what the judge looks at ---

    def rss(self) -> dict[str, int]:
        """Resident memory of the processes that live, by name and process id, bytes."""
        processes = {f"gateway {n}": gateway.process for n, gateway in enumerate(self.gateways)}
        processes |= {worker.worker_id: worker.process for worker in self.workers}
        found = {}
        for name, process in processes.items():
            if process is not None and process.poll() is None:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text("ascii").split()[1])
                found[f"{name} {process.pid}"] = pages * os.sysconf("SC_PAGE_SIZE")
        return found

    def logged(self, event: str) -> int:
        """How often all processes together have logged this event."""
        text = "".join(path.read_text("utf-8", "replace") for path in self.folder.glob("*.log"))
        return len(re.findall(rf'"event": ?"(?:{event})"', text))

    def metric(self, name: str) -> float:
        """The sum of a metric over all processes that answer."""
        found = sum(gateway.metric(name) for gateway in self.gateways)
        for url in self.worker_urls:
            with contextlib.suppress(httpx.HTTPError):
                found += total(httpx.get(f"{url}/metrics").text, name)
        return found

    def known_by(self, log: str | None = None, metric: str | None = None, within_s: float = 5.0) -> None:
        """The cause is in the log under this event, and in this metric, which is above 0."""
        for what, name, ask in (("log", log, self.logged), ("metric", metric, self.metric)):
            if name is None:
                continue
            with contextlib.suppress(TimeoutError):
                wait_until(lambda ask=ask, name=name: ask(name) > 0, name, within_s)  # type: ignore[misc]
            if ask(name):
                setattr(self.verdict, what, name)
            else:
                self.verdict.problems.append(f"not in the {what}: {name}")

    def told(self, *words: str) -> None:
        """Some viewer was told each of these in a notice or a status."""
        texts = " | ".join(text for viewer in self.audience.viewers for text in viewer.watcher.found.notices)
        self.verdict.problems += [f"no viewer was told {word!r}" for word in words if word not in texts]

    def judge(self, *, anew: bool = False, dropped: bool = False) -> None:
        """End the simulation and look whether everything was as promised.

        Args:
            anew: the cause destroys the run's streams: viewers may be told that they begin anew, and are.
            dropped: the simulation may have had to drop messages that may be dropped.
        """
        verdict, viewers = self.verdict, self.audience.viewers
        self.hear_more()
        memory = self.rss()
        end = self.simulation.end()
        with contextlib.suppress(TimeoutError):
            wait_until(
                lambda: all(v.watcher.said.get(end["life"]) == end["said"] for v in viewers if v.reads), "all", LAST_S
            )
        found = [viewer.watcher.found for viewer in viewers]
        missing = [end["said"] - v.watcher.said.get(end["life"], 0) for v in viewers if v.reads]
        verdict.lost = sum(one.lost for one in found) + sum(missing)
        verdict.duplicates = sum(one.duplicates for one in found)
        verdict.back = sum(one.back for one in found)
        restarts = sum(one.anew for one in found)
        lossless = {name: n for name, n in end["dropped"].items() if name.startswith(("critical:", "normal:"))}
        must = {
            "critical messages lost": verdict.lost,
            "critical messages doubled": verdict.duplicates,
            "critical messages out of their chain": sum(one.unchained for one in found),
            "frames that step back or show another step's state": verdict.back,
            "viewers told that the streams begin anew": 0 if anew else restarts,
            "messages dropped by the simulation": 0 if dropped else sum(lossless.values()),
            "lines of log that report an unexpected error": self._unexpected(),
        }
        verdict.problems += [f"{what}: {n}" for what, n in must.items() if n]
        verdict.problems += [why for one in found for why in one.why[:1]][:3]
        if anew and not restarts:
            verdict.problems.append("nobody was told that the streams begin anew")
        grown = {name: memory[name] - before for name, before in self._before.items() if name in memory}
        verdict.problems += [f"{name} has grown by {n >> 20} MiB" for name, n in grown.items() if n > GROWTH_BYTES]
        verdict.saw = self._seen(restarts)

    def hear_more(self) -> None:
        """Until every viewer has heard ten more messages: one that was told to begin anew goes on from some moment."""
        life, viewers = self.simulation.life, [viewer for viewer in self.audience.viewers if viewer.reads]
        wanted = [(viewer.watcher.said, viewer.watcher.said.get(life, 0) + MORE) for viewer in viewers]
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: all(said.get(life, 0) >= n for said, n in wanted), "messages", CALM_S)

    def _unexpected(self) -> int:
        text = "".join(path.read_text("utf-8", "replace") for path in self.folder.glob("*.log"))
        return len(re.findall(r'"level": ?"error"|Traceback', text))

    def _seen(self, restarts: int) -> str:
        viewers = self.audience.viewers
        gap = max(viewer.watcher.longest_gap_s for viewer in viewers)
        ends = sum((viewer.ends for viewer in viewers), viewers[0].ends.__class__())
        notices = sum(
            (viewer.watcher.found.notices for viewer in viewers), viewers[0].watcher.found.notices.__class__()
        )
        parts = [f"{len(viewers)} viewers; longest gap {gap:.2f} s"]
        parts += [f"closed {ends_} x{n}" for ends_, n in sorted(ends.items())]
        parts += [f"begins anew x{restarts}"] if restarts else []
        parts += [f"“{text}”" for text, _ in notices.most_common(3)]
        return "; ".join(parts)


@contextlib.contextmanager
def playing(
    folder: Path,
    engine: Engine,
    *,
    viewers: int = 8,
    hz: float = 30.0,
    gateway_urls: Sequence[str] = (),
    ports: Callable[[Stage], Sequence[int]] | None = None,
    rcvbuf: int = 0,
) -> Iterator[Stage]:
    """A stage on which everything runs and every viewer gets frames; all its processes end with the block.

    Args:
        folder: for logs.
        engine: that runs.
        viewers: how many.
        hz: steps of the simulation a second.
        gateway_urls: of the server, one for each gateway; default: two with the engine's.
        ports: that viewers connect to; default: the gateways'.
        rcvbuf: SO_RCVBUF of every tenth viewer, bytes.
    """
    urls = gateway_urls or (engine.url, engine.url)
    with workers(engine.url, folder) as pool:
        stage = Stage(folder, engine, pool, hz=hz, gateway_urls=urls)
        try:
            stage.start()
            where = ports(stage) if ports else [gateway.port for gateway in stage.gateways]
            with Audience(where, RUN, viewers, rcvbuf=rcvbuf) as stage.audience:
                stage.settle()
                stage.hear_more()
                yield stage
        finally:
            if stage.simulation.process.poll() is None:
                stage.simulation.kill()
            for gateway in stage.gateways:
                gateway.end()


def total(text: str, name: str) -> float:
    """The sum of a metric's samples in Prometheus' text; `name` may carry labels, such as `a{cause="b"}`. Pure."""
    bare, _, labels = name.partition("{")
    wanted = labels.rstrip("}")
    found = 0.0
    for line in text.splitlines():
        key, _, value = line.rpartition(" ")
        if key.partition("{")[0] == bare and wanted in key:
            found += float(value)
    return found


def quiet_port() -> int:
    """A free port that no outgoing connection takes: those of thousands of viewers take any other."""
    while True:
        port = random.randrange(12_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
