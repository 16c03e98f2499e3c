"""The Lua scripts of the contract, each a documented file in this folder, and how to call them.

A server that has reached its `maxmemory` refuses whatever would need more of it. Scripts that keep a run under control
carry the flag `allow-oom`: what they write is small or bounded, and a commit frees more than it takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError

Word = str | bytes | int | float | memoryview


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script by name; `text` is its source, `sha` what Redis knows it by."""

    name: str
    text: str
    sha: str


@dataclass(frozen=True, slots=True)
class Call:
    """A script with its keys and arguments, ready to be run by `run_sync` or `run`."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Word]


def load(package: str, name: str, head: str = "") -> Script:
    """The script `name.lua` in the folder of a package; `head` is put before it."""
    text = head + resources.files(package).joinpath(f"{name}.lua").read_text("utf-8")
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


APPEND: Final = load(__name__, "append")
APPEND_ALWAYS: Final = load(__name__, "append", "#!lua flags=allow-oom\n")
"""For the critical lane: control goes on while the server has no memory left."""
REGISTER: Final = load(__name__, "register")
EPOCH: Final = load(__name__, "epoch")
ALIVE: Final = load(__name__, "alive")
LEASE: Final = load(__name__, "lease")
COMMIT: Final = load(__name__, "commit")
HEARTBEAT: Final = load(__name__, "heartbeat")
COMMAND: Final = load(__name__, "command")
GAUGE: Final = load(__name__, "gauge")
LIVING: Final = load(__name__, "living")
DEAD: Final = load(__name__, "dead")
DEMAND: Final = load(__name__, "demand")
CLOCK: Final = load(__name__, "clock")
WATCHERS: Final = load(__name__, "watchers")
PICTURE: Final = load(__name__, "picture")


def run_sync(client: Any, call: Call) -> Any:
    """Run a call on a `redis.Redis`; the script is sent only if the server does not know it."""
    try:
        return client.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
    except NoScriptError:
        return client.eval(call.script.text, len(call.keys), *call.keys, *call.args)


async def run(client: Any, call: Call) -> Any:
    """Run a call on a `redis.asyncio.Redis`; the script is sent only if the server does not know it."""
    try:
        return await client.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
    except NoScriptError:
        return await client.eval(call.script.text, len(call.keys), *call.keys, *call.args)
