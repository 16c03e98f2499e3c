"""Who is let in: tokens and roles, origins, hosts. And how a gateway starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import redis.asyncio
import websockets
from tests.gateway.gateways import Start, gateway, start_gateway
from tests.gateway.stage import SECRET, GatewayProcess, RawViewer, RunOwner, receive, register, send, until

from lanecast.broker import keys

__all__ = ["gateway", "start_gateway"]
pytestmark = pytest.mark.integration


def token(role: str = "viewer", runs: Any = "*", *, lasts_s: float = 60, key: str = SECRET, **claims: Any) -> str:
    wanted = {"sub": "ann", "role": role, "runs": runs, "exp": time.time() + lasts_s, "aud": "lanecast", **claims}
    return jwt.encode(wanted, key, "HS256")


async def close_code(socket: Any) -> int:
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await receive(socket)
    code: int = socket.close_code
    return code


async def test_with_a_secret_every_door_asks_for_a_token(start_gateway: Start, client: redis.asyncio.Redis) -> None:
    await RunOwner(client, "demo").begin()
    await register(client, "other")
    gateway = start_gateway(secret=SECRET, auth_timeout_s=0.5)

    async with gateway.connect("/ws/demo") as socket:
        welcome = await receive(socket)
        assert (welcome["auth"], welcome["role"]) == (True, None)
        await send(socket, type="auth", token=token("viewer", ["demo"]))
        welcome = await receive(socket)
        assert (welcome["type"], welcome["auth"], welcome["role"]) == ("welcome", False, "viewer")
        assert (await receive(socket))["type"] == "subscribed", "the run of the path, once it is known who asks"
        await send(socket, type="subscribe", run="other")
        assert (await until(socket, "error", code="forbidden"))["field"] == "run"
        for _ in range(19):
            await send(socket, type="command", run="demo", name="pause")
        assert await close_code(socket) == 4403

    async with gateway.connect("/ws/demo", additional_headers={"Authorization": f"Bearer {token()}"}) as socket:
        welcome = await receive(socket)
        assert (welcome["auth"], welcome["role"]) == (False, "viewer")
        await until(socket, "subscribed")
        await send(socket, type="auth", token=token("controller"))
        assert (await until(socket, "welcome"))["role"] == "controller", "a new token may bring another role"

    async with gateway.connect() as silent:
        assert await close_code(silent) == 4408
    for bad, code in (
        (token(key="another secret of thirty-two characters"), 4401),
        (token(lasts_s=-5), 4410),
        (token(aud="elsewhere"), 4401),
        (token("king"), 4401),
        ("no token at all", 4401),
    ):
        async with gateway.connect() as socket:
            await send(socket, type="auth", token=bad)
            assert await close_code(socket) == code
    async with gateway.connect() as socket:
        await send(socket, type="subscribe", run="demo")
        assert await close_code(socket) == 4401, "the first message must be `auth`"
    async with gateway.connect() as socket:
        await send(socket, type="auth", token=token(lasts_s=1.0))
        assert await close_code(socket) == 4410, "while it is open"


async def test_roles_and_runs_hold_for_http_too(start_gateway: Start, client: redis.asyncio.Redis) -> None:
    for run in ("demo", "other"):
        await register(client, run)
    gateway = start_gateway(secret=SECRET)
    status = {"kind": "status", "data": {"text": "x"}}
    async with httpx.AsyncClient(base_url=gateway.url) as http:

        async def ask(method: str, path: str, given: str | None, **body: Any) -> int:
            headers = {"Authorization": f"Bearer {given}"} if given else {}
            return (await http.request(method, path, headers=headers, **body)).status_code

        for path in ("/api/runs", "/api/runs/demo", "/api/lag", "/api/stats", "/metrics", "/api/runs/demo/scene"):
            assert await ask("GET", path, None) == 401
            assert await ask("GET", path, token(lasts_s=-5)) == 401
        assert await ask("GET", "/healthz", None) == 200
        assert await ask("GET", "/api/runs/demo", token(runs=["demo"])) == 200
        assert await ask("GET", "/api/runs/other", token(runs=["demo"])) == 403
        listed = await http.get("/api/runs", headers={"Authorization": f"Bearer {token(runs=['demo'])}"})
        assert [run["id"] for run in listed.json()["runs"]] == ["demo"]
        for role, ingest, command in (
            ("viewer", 403, 403), ("controller", 403, 200), ("publisher", 202, 403), ("admin", 202, 200),
        ):  # fmt: skip
            assert await ask("POST", "/api/runs/demo/ingest", token(role), json=status) == ingest
            assert await ask("POST", "/api/runs/demo/commands", token(role), json={"name": "pause"}) == command
        assert await ask("POST", "/api/runs/third/ingest", token("publisher", ["demo"]), json=status) == 403
        assert not await client.sismember(keys.RUNS, "third")  # type: ignore[misc]


async def test_where_there_is_no_secret_everybody_is_admin_and_a_token_is_not_looked_at(
    gateway: GatewayProcess,
) -> None:
    async with gateway.connect() as socket:
        for _ in range(2):
            welcome = await receive(socket)
            assert (welcome["type"], welcome["auth"], welcome["role"]) == ("welcome", False, "admin")
            await send(socket, type="auth", token="anything")  # noqa: S106 - it is none


async def test_one_user_has_a_bounded_number_of_connections(start_gateway: Start) -> None:
    gateway = start_gateway(secret=SECRET, max_per_user=2)
    headers = {"Authorization": f"Bearer {token()}"}
    async with gateway.connect(additional_headers=headers), gateway.connect(additional_headers=headers) as second:
        async with gateway.connect(additional_headers=headers) as third:
            assert await close_code(third) == 4409
        await second.close()
        async with gateway.connect(additional_headers=headers) as again:
            await send(again, type="ping", t=1)
            await until(again, "pong")


async def test_a_full_gateway_says_so_before_the_handshake(start_gateway: Start) -> None:
    gateway = start_gateway(max_viewers=1)
    async with gateway.connect() as socket:
        await until(socket, "welcome")
        refused = RawViewer(gateway.port)
        assert refused.status == 503
        refused.close()


def test_browsers_from_elsewhere_strange_hosts_and_tokens_in_urls_are_refused(start_gateway: Start) -> None:
    gateway = start_gateway(origins="https://dash.example.org, http://localhost:5173", hosts="lanecast.test")
    own = f"http://127.0.0.1:{gateway.port}"
    for origin, status in (
        (own, 101),
        ("https://dash.example.org", 101),
        ("http://localhost:5173", 101),
        ("https://dash.example.org.evil.example", 403),
        ("http://dash.example.org", 403),
        ("https://evil.example", 403),
        ("null", 403),
        (f"http://127.0.0.1:{gateway.port}1", 403),
    ):
        viewer = RawViewer(gateway.port, Origin=origin)
        viewer.close()
        assert viewer.status == status, origin
        if origin.startswith("http"):
            answer = httpx.post(f"{own}/api/runs/a/commands", json={"name": "pause"}, headers={"Origin": origin})
            assert answer.status_code == (404 if status == 101 else 403), origin
    assert httpx.get(f"{own}/api/runs", headers={"Origin": "https://evil.example"}).status_code == 200, "a GET is safe"
    for host, status in (
        ("localhost", 101),
        (f"127.0.0.1:{gateway.port}", 101),
        ("[::1]:80", 101),
        ("lanecast.test:1234", 101),
        ("evil.example", 421),
        (f"evil.example:{gateway.port}", 421),
        ("localhost.evil.example", 421),
    ):
        viewer = RawViewer(gateway.port, Host=host)
        viewer.close()
        assert viewer.status == status, host
        assert httpx.get(f"{own}/healthz", headers={"Host": host}).status_code == (200 if status == 101 else 421)
    for query in ("token=abc", "access_token=abc", "x=1&TOKEN=abc"):
        viewer = RawViewer(gateway.port, f"/ws?{query}")
        viewer.close()
        assert viewer.status == 400
        assert httpx.get(f"{own}/api/runs?{query}").status_code == 400
    viewer = RawViewer(gateway.port, Sec_WebSocket_Protocol="chat")
    viewer.close()
    assert viewer.status == 400
    code, log = gateway.stop()
    assert code == 0
    assert "abc" not in log, "a token in a URL is not logged either"


def test_without_a_secret_only_loopback_is_listened_on(redis_url: str) -> None:
    for settings, words in (
        ({"LANECAST_HOST": "0.0.0.0"}, "refusing to listen on 0.0.0.0 without a secret"),  # noqa: S104
        ({"LANECAST_HOST": "0.0.0.0", "LANECAST_SECRET": "short"}, "LANECAST_SECRET"),  # noqa: S104
        ({"LANECAST_ORIGINS": "*"}, "LANECAST_ORIGINS"),
    ):
        environment = {**os.environ, "LANECAST_REDIS_URL": redis_url, **settings}
        ended = subprocess.run(
            [sys.executable, "-m", "lanecast.gateway"], env=environment, capture_output=True, timeout=20, check=False
        )
        error = ended.stderr.decode()
        assert ended.returncode == 2
        assert words in error
        assert len(error.strip().splitlines()) == 1, error


def test_a_port_that_is_taken_is_said_in_one_line(gateway: GatewayProcess, redis_url: str) -> None:
    environment = {**os.environ, "LANECAST_REDIS_URL": redis_url, "LANECAST_PORT": str(gateway.port)}
    command = [sys.executable, "-m", "lanecast.gateway"]
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert "LANECAST_PORT" in ended.stderr.decode()


async def test_sigterm_sends_viewers_away_for_a_moment_and_ends_within_two_seconds(
    start_gateway: Start, client: redis.asyncio.Redis
) -> None:
    gateway = start_gateway(node="leaving")
    await RunOwner(client, "demo").begin()
    sockets = [await gateway.connect("/ws/demo") for _ in range(20)]
    deaf = RawViewer(gateway.port, "/ws/demo")  # never answers the goodbye
    for socket in sockets:
        await until(socket, "subscribed")
    start_s = time.monotonic()
    stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
    reasons = set()
    for socket in sockets:
        assert await close_code(socket) == 1012
        reasons.add(socket.close_reason)
    code, log = await stopping
    assert time.monotonic() - start_s < 2
    assert code == 0, log
    waits_ms = [int(reason.removeprefix("retry_ms=")) for reason in reasons]
    assert len(waits_ms) > 10, "spread, or they would all come back at once"
    assert max(waits_ms) <= 2_000
    assert b"leaving" not in await client.zrange(keys.GATEWAYS, 0, -1)
    deaf.close()


def test_the_dashboard_is_served_or_its_absence_explained(start_gateway: Start, tmp_path: Path) -> None:
    gateway = start_gateway(web_root=tmp_path)
    page = httpx.get(gateway.url + "/")
    assert page.status_code == 503
    assert "make web" in page.text
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>built</title>")
    (tmp_path / "assets" / "app-4f3a.js").write_text("1")
    page = httpx.get(gateway.url + "/")
    assert "built" in page.text, "without a restart"
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self' 'wasm-unsafe-eval'" in page.headers["content-security-policy"]
    asset = httpx.get(gateway.url + "/assets/app-4f3a.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert httpx.get(gateway.url + "/assets/../../etc/passwd").status_code == 404
