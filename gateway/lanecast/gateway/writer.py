"""Writers: how one frame gets into many sockets. The seam has two implementations that pass the same tests.

Contract: a writer is given only sockets that take state frames. `NATIVE` sends past the transports, so it is given only
such behind whose transport nothing waits; what a socket does not take is handed back, and whoever called queues it
through the transport, which also finds out for itself what is wrong with a socket that refuses. `PYTHON` leaves all of
that to the transports. Neither waits, and neither keeps the frame from being shared.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from lanecast.gateway.errors import GatewayError

Write = Callable[[bytes | memoryview], None]
"""A transport's."""
Incomplete = Sequence[tuple[int, int]]
"""(place, bytes that were taken, or -errno) of every socket that did not take all."""


class Writer(Protocol):
    """Writes one frame to many."""

    name: str

    def broadcast(self, fds: array[int], writes: list[Write], frame: bytes, start: int, stop: int) -> Incomplete:
        """Write to the places `start` to `stop`, which are those of both lists, and hand back what is incomplete."""

    def all_arrived(self, fds: array[int]) -> Iterable[int]:
        """Places whose viewers have acknowledged all that was written, as far as that is known without asking each."""


class PythonWriter:
    """Through the transports, one call for each."""

    name = "python"

    def broadcast(  # noqa: D102 - the contract is the protocol's
        self, fds: array[int], writes: list[Write], frame: bytes, start: int, stop: int,  # noqa: ARG002
    ) -> Incomplete:  # fmt: skip
        for write in writes[start:stop]:
            write(frame)
        return ()

    def all_arrived(self, fds: array[int]) -> Iterable[int]:  # noqa: ARG002, D102
        return ()  # something may wait in the transports, too


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

    def broadcast(  # noqa: D102 - the contract is the protocol's
        self, fds: array[int], writes: list[Write], frame: bytes, start: int, stop: int,  # noqa: ARG002
    ) -> Incomplete:  # fmt: skip
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
