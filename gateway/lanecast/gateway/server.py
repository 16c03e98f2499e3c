"""Runs a gateway: binds, serves, and drains when it is told to end."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import threading
from collections.abc import Iterator

import structlog
import uvicorn

from lanecast.broker import logs
from lanecast.gateway import writer
from lanecast.gateway.app import build
from lanecast.gateway.errors import GatewayError, UnsafeBinding
from lanecast.gateway.handover import HandoverProtocol
from lanecast.gateway.settings import GatewaySettings

BACKLOG = 4_096
GRACE_S = 1

log = structlog.get_logger()


def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain: viewers are told to come back, and the call returns within 2 s.

    Raises:
        UnsafeBinding: another address than loopback without a secret.
        GatewayError: the address cannot be listened on.
    """
    if settings.secret is None and not settings.on_loopback:
        raise UnsafeBinding(settings.host)
    logs.configure(settings.log_level)
    # uvicorn logs the URLs of WebSockets with their queries; what is worth knowing is logged here.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    chosen = writer.choose(settings.writer)
    listener = _listen(settings)
    config = uvicorn.Config(
        build(settings),
        loop="uvloop",
        http="httptools",
        ws=HandoverProtocol,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        ws_max_size=64 * 1024,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
    )
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    log.info("gateway_listens", url=url, node=settings.node, writer=chosen.name)
    # What is there now stays for ever: not looking through it again keeps collections short, and with them the delays.
    gc.collect()
    gc.freeze()
    # The young are looked through often: what a crowd's handshakes leave behind is 1 MB with a threshold of 10,000, and
    # the collection of 2,000 objects is not felt. The old are looked through hardly ever: that is what is felt.
    gc.set_threshold(2_000, 50, 50)
    _Server(config).run(sockets=[listener])
    log.info("gateway_stopped", node=settings.node)


class _Server(uvicorn.Server):
    """uvicorn's server, which would end the process by the signal it got; being told to end is not a failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # where signals cannot be listened to
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(settings: GatewaySettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.host.strip("[]"), settings.port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise GatewayError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
            "is another gateway running? LANECAST_PORT chooses another port"
        ) from None
    return listener
