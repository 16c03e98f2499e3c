"""Does what a page says, block by block, in a folder that looks like a fresh clone.

`python play.py ROOT FOLDER`, the blocks as JSON on standard input. It is meant to run in namespaces of its own (network
and processes): then the page's ports are free, whatever else runs on the machine, and nothing outlives it. A page that
uses a system and starts none has a `lanecast up` beside it. The first block that does not do what the page says ends it
with status 1 and its output.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 45.0
OWN: Final = {".venv", "build", "data", ".git", "node_modules", "dist"}
USES_SYSTEM: Final = re.compile(r":8080|redis-cli|lanecast (runs|lag|watch|dead|jobs|publish)|Run\(")
STARTS_SYSTEM: Final = re.compile(r"lanecast up|make demo")
READY: Final = "curl -sf -o /dev/null http://localhost:8080/readyz"
UP: Final = {"page": "", "line": 0, "lang": "sh", "text": "lanecast up\n", "verb": "runs until", "rest": READY}

MAKE: Final = """#!/bin/sh
# `make demo` builds, and then does this; what other targets would do is only asked for: they are run by hand and in CI.
if [ "$1" = demo ]; then eval "set -- ${2#ARGS=}"; exec lanecast up --demo cologne8 "$@"; fi
exec /usr/bin/make --dry-run "$@" >/dev/null
"""
PIP: Final = """#!{python}
# Installs nothing: looks whether what is to be installed exists.
import importlib.metadata, pathlib, re, sys
known = set(importlib.metadata.metadata("lanecast").get_all("Provides-Extra"))
for word in sys.argv[2:]:
    extras = re.fullmatch(r"(?:lanecast|\\.)\\[(.*)\\]", word)
    assert word in ("-e", "-c", "-q") or word == "lanecast" or pathlib.Path(word).exists() or (
        extras and set(extras[1].split(",")) <= known), f"pip would not know {{word}}"
"""


class Failed(Exception):
    """A block did not do what the page says."""


def main(root: Path, folder: Path) -> None:
    """Play the blocks on standard input."""
    loopback_up()
    steps = json.load(sys.stdin)
    prepare(root, folder)
    env = environment(folder)
    text = "\n".join(step["text"] for step in steps)
    if USES_SYSTEM.search(text) and not STARTS_SYSTEM.search(text):
        steps.insert(0, UP)
    for number, step in enumerate(steps):
        began = time.monotonic()
        try:
            play(step, number, folder, env)
        except Failed as failed:
            sys.exit(f"{step['page']}:{step['line']}: {failed}\n--- the block\n{step['text']}")
        print(f"{step['page']}:{step['line']} ok, {time.monotonic() - began:.1f} s", flush=True)


def play(step: dict[str, Any], number: int, folder: Path, env: dict[str, str]) -> None:
    """Do one block.

    Raises:
        Failed: it did something else than the page says.
    """
    if step["verb"] == "saved as":
        (folder / step["rest"]).write_text(step["text"])
        return
    output = folder / f".block-{number}.log"
    if step["lang"] == "python":
        script = folder / f"block_{number}.py"
        script.write_text(step["text"])
        command = [str(folder / ".venv/bin/python"), script.name]
    else:
        # What one block exports, the next one has, as in a terminal.
        text = f"set -e\n[ ! -f .session ] || . ./.session\n{step['text']}\nexport -p >.session\n"
        command = ["bash", "-c", text]
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if step["verb"] == "runs until":
        until(step["rest"], process, output, folder, env)
        return
    try:
        status = process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"it has not ended after {PATIENCE_S} s\n{output.read_text()}") from None
    said = output.read_text()
    if step["verb"] == "fails":
        if status == 0 or step["rest"] not in said:
            raise Failed(f"it should fail and say {step['rest']!r}; status {status}\n{said}")
    elif status != 0:
        raise Failed(f"status {status}\n{said}")


def until(condition: str, process: subprocess.Popen[bytes], output: Path, folder: Path, env: dict[str, str]) -> None:
    """Wait until a command succeeds, while the process lives."""
    deadline = time.monotonic() + PATIENCE_S
    while subprocess.run(
        ["bash", "-c", condition], cwd=folder, env=env | {"OUT": str(output)}, capture_output=True, check=False
    ).returncode:
        if process.poll() is not None:
            raise Failed(f"it ended with status {process.returncode}\n{output.read_text()}")
        if time.monotonic() > deadline:
            raise Failed(f"not within {PATIENCE_S} s: {condition}\n{output.read_text()}")
        time.sleep(0.1)


def prepare(root: Path, folder: Path) -> None:
    """Make the folder look like a clone in which `make setup` was run."""
    for entry in root.iterdir():
        if entry.name not in OWN:
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    shims = folder / ".shims"
    shims.mkdir()
    for name, text in {"make": MAKE, "pip": PIP.format(python=sys.executable)}.items():
        (shims / name).write_text(text)
        (shims / name).chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """That of a user who has set nothing, with the environment of Python activated."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")}
    env["PATH"] = f"{folder}/.shims:{folder}/.venv/bin:{env['PATH']}"
    return env | {"NO_PROXY": "*", "no_proxy": "*", "NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb"}


def loopback_up() -> None:
    """Bring up the loopback of a fresh network namespace; elsewhere it is up already."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sh", b"lo", 0)))[1]  # SIOCGIFFLAGS
        if not flags & 1:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", flags | 1))  # SIOCSIFFLAGS: up


if __name__ == "__main__":
    if shutil.which("curl") is None:
        sys.exit("curl is needed")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
