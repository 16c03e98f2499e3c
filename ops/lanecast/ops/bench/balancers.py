"""nginx and HAProxy before gateways on this machine, by the configurations in `ops/nginx` and `ops/haproxy`.

Only what these leave open is filled in: where to listen, and the list of gateways, which may be changed while they run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

from lanecast.ops import ports, tether
from lanecast.ops.problem import Problem

OPS: Final = Path(__file__).parents[3]
START_S: Final = 10.0
PER_ADDRESS: Final = 60_000
"""All viewers of a bench come from one address."""


class Balancer(ABC):
    """A load balancer on loopback.

    Args:
        folder: for its configuration and its log; it stays.
        gateways: their ports.
        per_address: connections that one client address may have.
    """

    name: str

    def __init__(self, folder: Path, gateways: Sequence[int], per_address: int = PER_ADDRESS) -> None:
        self.port = ports.free_port()
        self.folder = folder
        self.per_address = per_address
        self.log_file = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.write(gateways)

    @classmethod
    def binary(cls) -> str | None:
        """Where it is; None: not installed."""
        # Debian keeps servers where only root looks.
        return shutil.which(cls.name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

    @abstractmethod
    def write(self, gateways: Sequence[int]) -> None:
        """Write the configuration for gateways on these ports; it holds from the next start or `reload`."""

    @abstractmethod
    def command(self, binary: str) -> list[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def reload(self) -> None:
        """Tell it to take its configuration anew; returns at once."""

    def start(self) -> None:
        """Start it, and wait until it listens.

        Raises:
            Problem: it is not installed, or does not start.
        """
        binary = self.binary()
        if binary is None:
            raise Problem(f"{self.name} is not installed", f"`apt-get install {self.name}`, or the like.")
        environment = {
            **os.environ,
            "LANECAST_LISTEN": f"127.0.0.1:{self.port}",
            "LANECAST_PER_ADDRESS": str(self.per_address),
        }
        tied = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid()), *self.command(binary)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(tied, stdout=log, stderr=log, env=environment)  # noqa: S603
        deadline = time.monotonic() + START_S
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise Problem(f"{self.name} does not start", self.log()[-500:])
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and cut whoever is connected."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process."""
        if self._process is not None:
            self._process.send_signal(number)

    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Nginx(Balancer):
    """nginx by `ops/nginx/nginx.conf.template`."""

    name = "nginx"

    def write(self, gateways: Sequence[int]) -> None:
        """Fill in the template."""
        lines = "\n    ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in gateways)
        template = Template((OPS / "nginx" / "nginx.conf.template").read_text())
        text = template.safe_substitute(
            LANECAST_LISTEN=f"127.0.0.1:{self.port}",
            LANECAST_GATEWAYS=lines,
            LANECAST_PER_ADDRESS=str(self.per_address),
        )
        (self.folder / "nginx.conf").write_text(text)

    def command(self, binary: str) -> list[str]:
        """In the foreground, with a file for its process id that is its own."""
        own = f"daemon off; pid {self.folder}/nginx.pid;"
        return [binary, "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-g", own]

    def reload(self) -> None:
        """As `nginx -s reload`."""
        self.signal(signal.SIGHUP)


class Haproxy(Balancer):
    """HAProxy by `ops/haproxy/haproxy.cfg`."""

    name = "haproxy"

    def write(self, gateways: Sequence[int]) -> None:
        """Write the list of gateways."""
        servers = "\n".join(f"  server g{n} 127.0.0.1:{port}" for n, port in enumerate(gateways, 1))
        (self.folder / "gateways.cfg").write_text(f"backend gateways\n{servers}\n")

    def command(self, binary: str) -> list[str]:
        """A master and a worker."""
        shipped = str(OPS / "haproxy" / "haproxy.cfg")
        return [binary, "-W", "-f", shipped, "-f", str(self.folder / "gateways.cfg")]

    def reload(self) -> None:
        """A new worker begins; the old one serves whom it has."""
        self.signal(signal.SIGUSR2)


@contextlib.contextmanager
def balancer(gateways: Sequence[int]) -> Iterator[Balancer]:
    """nginx, or else HAProxy, before gateways on these ports; gone with the block.

    Raises:
        Problem: neither is installed, or it does not start.
    """
    kind = next((kind for kind in (Nginx, Haproxy) if kind.binary()), None)
    if kind is None:
        raise Problem("neither nginx nor HAProxy is installed", "On Debian: apt-get install nginx-light, or haproxy.")
    if not (OPS / "nginx" / "nginx.conf.template").exists():
        raise Problem("the configurations in ops/ are not there", "This bench runs from a checkout of the repository.")
    with TemporaryDirectory(prefix="lanecast-balancer-") as folder:
        it: Balancer = kind(Path(folder), gateways)
        try:
            it.start()
            yield it
        finally:
            it.stop()
