"""TCP ports: is one free, and which one to take."""

from __future__ import annotations

import errno
import random
import socket

from lanecast.ops.problem import Problem

OWN_PORTS = range(20_000, 32_000)
"""Where free ports are looked for: below the range from which systems take ports for outgoing connections. A client
that waits for a dead server on a port of that range may, by chance, end up connected to itself, and then the
server cannot come back.
"""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now.

    Raises:
        Problem: `host` is no address of this machine, or the port may not be used by this user.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: what lingers of closed connections is no obstacle, a listener is.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise Problem(f"host {host!r} is not known", "Give an address of this machine, such as 127.0.0.1.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno == errno.EACCES:
            raise Problem(
                f"port {port} needs more rights than this user has", "Choose one above 1023 with --port."
            ) from None
        raise Problem(f"{host}:{port} cannot be used: {error.strerror}", "Choose another --host or --port.") from None
    return True


def free_port(preferred: int | None = None) -> int:
    """A port of loopback on which nobody listens now: `preferred` if that is free.

    Raises:
        Problem: there is none.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    for port in random.sample(OWN_PORTS, 200):
        if is_free(port):
            return port
    raise Problem(f"no free port between {OWN_PORTS.start} and {OWN_PORTS.stop}", "Stop what listens there.")
