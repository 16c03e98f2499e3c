"""Writers: how one frame gets into many sockets. The seam has two implementations that pass the same tests.

Contract: a writer sends past the transports, so it is given only sockets behind whose transport nothing waits. It never
waits; what a socket does not take is handed back, and whoever called queues it through the transport, which also finds
out for itself what is wrong with a socket that refuses.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from fcntl import ioctl
from typing import Final, Protocol

from lanecast.gateway.errors import GatewayError

SIOCOUTQ: Final = 0x5411
"""Linux: how many bytes of a socket the peer has not acknowledged."""
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})

Write = Callable[[bytes | memoryview], None]
"""A transport's."""
Incomplete = Sequence[tuple[int, int]]
"""(place, bytes that were taken, or -errno) of every socket that did not take all."""


class Writer(Protocol):
    """Writes one frame to many."""

    name: str

    def broadcast(self, fds: array[int], frame: bytes, start: int, stop: int) -> Incomplete:
        """Write to the places `start` to `stop` and hand back what is incomplete."""

    def all_arrived(self, fds: array[int]) -> Iterable[int]:
        """Places whose viewers have acknowledged all that was written."""


class PythonWriter:
    """A system call for each, from Python. Cheaper than `transport.write`, which queues before it calls."""

    name = "python"

    def broadcast(self, fds: array[int], frame: bytes, start: int, stop: int) -> Incomplete:  # noqa: D102
        size, write = len(frame), os.write
        incomplete: list[tuple[int, int]] = []
        for place, fd in enumerate(fds[start:stop], start):
            try:
                taken = write(fd, frame)
            except OSError as error:
                number = error.errno or errno.EIO
                taken = 0 if number in _FULL else -number
            if taken != size:
                incomplete.append((place, taken))
        return incomplete

    def all_arrived(self, fds: array[int]) -> Iterable[int]:  # noqa: D102
        nothing, waiting = bytes(4), bytearray(4)
        arrived = []
        for place, fd in enumerate(fds):
            try:
                ioctl(fd, SIOCOUTQ, waiting)
            except OSError:
                continue
            if waiting == nothing:
                arrived.append(place)
        return arrived


class NativeWriter:
    """By the extension of the distribution `lanecast-native`: one call for all, without the GIL.

    Raises:
        ImportError: it is not installed.
    """

    name = "native"

    def __init__(self) -> None:
        import lanecast_native

        self._send = lanecast_native.broadcast
        self._waiting = lanecast_native.waiting

    def broadcast(self, fds: array[int], frame: bytes, start: int, stop: int) -> Incomplete:  # noqa: D102
        return self._send(fds, frame, start, stop)

    def all_arrived(self, fds: array[int]) -> Iterable[int]:  # noqa: D102
        waiting = {place for place, _ in self._waiting(fds)}
        return range(len(fds)) if not waiting else (place for place in range(len(fds)) if place not in waiting)


def choose(name: str) -> Writer:
    """The writer of this name; `auto`: the native one where it is installed.

    Raises:
        GatewayError: `native` is asked for and cannot be loaded.
    """
    if name == "python":
        return PythonWriter()
    try:
        return NativeWriter()
    except ImportError as error:
        if name == "auto":
            return PythonWriter()
        raise GatewayError(
            f"LANECAST_WRITER=native, and it cannot be loaded ({error}); "
            "`pip install ./gateway/native` builds it, `auto` goes on without it"
        ) from None
