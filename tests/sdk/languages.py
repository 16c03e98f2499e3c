"""The SDKs: how each is built, and how its own tests are started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SDK = ROOT / "producer" / "sdk"
BUILD = ROOT / "build" / "sdk"


@dataclass(frozen=True)
class Language:
    """One SDK.

    Attributes:
        name: of its folder.
        tools: programs that have to be there.
        build: commands that build it, run in its folder.
        test: its own tests.
        rehearse: its program for the tests here.
        example: id of its example's run, and the command that starts it.
        files: what has to be installed besides, path -> what to install.
        unreachable: how its build says that the packages it needs cannot be had here.
    """

    name: str
    tools: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    test: tuple[str, ...]
    rehearse: tuple[str, ...]
    example: tuple[str, tuple[str, ...]]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return SDK / self.name

    def missing(self) -> str | None:
        """What is not there, if anything."""
        absent = [tool for tool in self.tools if shutil.which(tool) is None]
        absent += [package for path, package in self.files.items() if not Path(path).exists()]
        return f"{self.name}: {', '.join(absent)} not installed" if absent else None

    def run(self, command: tuple[str, ...], timeout_s: float = 300) -> str:
        """Run a command in the SDK's folder; AssertionError with what it said if it fails."""
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | self.environment, timeout=timeout_s, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)} in {self.folder}:\n{done.stdout[-6000:]}"
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the rehearsal."""
        return subprocess.Popen(
            [*self.rehearse, *arguments], cwd=self.folder, env=os.environ | self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


JAVASCRIPT = Language(
    name="javascript",
    tools=("node", "npm"),
    build=(
        ("sh", "-c", "test node_modules/.package-lock.json -nt package-lock.json || npm ci --loglevel=error"),
        ("npm", "run", "--silent", "build"),
    ),
    test=("npm", "test"),
    rehearse=("node", "dist/tools/rehearse.js"),
    example=("boids", ("npm", "run", "example")),
)

GO = Language(
    name="go",
    tools=("go",),
    build=(("go", "vet", "./..."), ("go", "test", "-c", "-o", str(BUILD / "go-rehearse"), ".")),
    test=("go", "test", "./..."),
    rehearse=(str(BUILD / "go-rehearse"),),
    example=("queues", ("go", "run", "./examples/queues")),
    environment={"GOTOOLCHAIN": "local"},
)

RUST = Language(
    name="rust",
    tools=("cargo",),
    build=(
        ("cargo", "test", "--quiet", "--locked", "--no-run"),
        ("cargo", "build", "--quiet", "--locked", "--examples"),
    ),
    test=("cargo", "test", "--quiet", "--locked", "--lib", "--tests"),
    rehearse=(str(BUILD / "rust" / "debug" / "examples" / "rehearse"),),
    example=("bodies", ("cargo", "run", "--quiet", "--locked", "--example", "bodies")),
    environment={"CARGO_TARGET_DIR": str(BUILD / "rust")},
)

_CPP = BUILD / "cpp"
CPP = Language(
    name="cpp",
    tools=("cmake", "c++"),
    files={"/usr/include/hiredis/hiredis.h": "libhiredis-dev", "/usr/include/nlohmann/json.hpp": "nlohmann-json3-dev"},
    build=(
        ("cmake", "-S", ".", "-B", str(_CPP), "-DCMAKE_BUILD_TYPE=Release"),
        ("cmake", "--build", str(_CPP)),
    ),
    test=(str(_CPP / "tests"), "../../spec/vectors"),
    rehearse=(str(_CPP / "rehearse"),),
    example=("tank", (str(_CPP / "tank"),)),
)

_JAVA = SDK / "java" / "target"
JAVA = Language(
    name="java",
    tools=("javac", "mvn"),
    build=(("mvn", "-q", "-B", "test-compile"),),
    test=("mvn", "-q", "-B", "test"),
    rehearse=(
        *(
            "sh",
            "-c",
            f'exec java -cp "{_JAVA}/test-classes:{_JAVA}/classes:$(cat {_JAVA}/classpath)" lanecast.Rehearse "$@"',
        ),
        "rehearse",
    ),
    example=(
        "lifts",
        (
            "sh",
            "-c",
            f'mvn -q -B compile && exec java -cp "{_JAVA}/classes:$(cat {_JAVA}/classpath)" examples/Lifts.java',
        ),
    ),
    unreachable=("Could not transfer artifact", "Could not resolve", "Could not find artifact", "offline mode"),
)

LANGUAGES = (JAVASCRIPT, GO, RUST, CPP, JAVA)
