"""nginx and HAProxy before the gateways, with the least that a load balancer has to be told about WebSockets."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos.stage import quiet_port
from tests.support.engines import wait_until

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err notice;
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream gateways {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_connect_timeout 500ms;
      proxy_read_timeout 60s;
      proxy_buffering off;
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 8192
defaults
  mode http
  timeout connect 500ms
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  option redispatch 1
  retries 3
frontend viewers
  bind 127.0.0.1:{port}
  default_backend gateways
backend gateways
  balance leastconn
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
  default-server check inter 250ms fall 1 rise 1 on-marked-down shutdown-sessions
  {servers}
"""


class Balancer:
    """A running load balancer; `reload` makes it read its configuration again."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, reload: signal.Signals) -> None:
        self.process, self.port, self._reload = process, port, reload

    def reload(self) -> None:
        """Replace its workers, as an operator does who has changed something."""
        self.process.send_signal(self._reload)


def why_not(name: str) -> str | None:
    """Why a balancer cannot be had here; None if it can."""
    return None if shutil.which(name, path=_PATH) else f"{name} is not installed"


@contextlib.contextmanager
def balancing(name: str, folder: Path, ports: Sequence[int]) -> Iterator[Balancer]:
    """`nginx` or `haproxy` before gateways on these ports."""
    port, config = quiet_port(), folder / f"{name}.conf"
    if name == "nginx":
        servers = " ".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in ports)
        text, words, reload = NGINX, ["-c", str(config), "-e", str(folder / "nginx.err")], signal.SIGHUP
    else:
        servers = "\n  ".join(f"server g{each} 127.0.0.1:{each}" for each in ports)
        text, words, reload = HAPROXY, ["-W", "-q", "-f", str(config)], signal.SIGUSR2
    config.write_text(text.format(folder=folder, port=port, servers=servers))
    binary = shutil.which(name, path=_PATH)
    assert binary
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen([binary, *words], stdout=out, stderr=out)
    try:
        wait_until(lambda: _listens(port), f"start of {name}")
        yield Balancer(process, port, reload)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_PATH = "/usr/sbin:/usr/bin:/sbin:/usr/local/sbin:/usr/local/bin"


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True
