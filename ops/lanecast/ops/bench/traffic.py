"""Recorded traffic for benches: the vehicles of a real city by SUMO, ten frames a second, kept in a file.

A recording is a gzip of MessagePack payloads of frames, each after its length (4 bytes, little-endian): what a
producer would publish, entity for entity.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lanecast.broker import wire
from lanecast.ops.problem import Problem

SCENARIO: Final = "ingolstadt21"
HZ: Final = 10
WARM_UP_S: Final = 300.0
FOLDER: Final = Path("build/traffic")


def recorded(minutes: int, folder: Path = FOLDER) -> Path:
    """The file with so many minutes of traffic; recorded if it is not there.

    Raises:
        Problem: SUMO is not there, or fails.
    """
    path = folder / f"{SCENARIO}-{minutes}min.msgpack.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # SUMO is one per process, and takes its memory with it.
        command = [sys.executable, "-m", __name__, str(minutes), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise Problem(f"SUMO could not be recorded: {done.stderr.strip()[-300:]}", "pip install 'lanecast[sumo]'")
    return path


def payloads_in(path: Path) -> Iterator[bytes]:
    """The payloads of a recording, in order."""
    with gzip.open(path) as file:
        while size := file.read(4):
            yield file.read(int.from_bytes(size, "little"))


def record(minutes: int, path: Path) -> None:
    """Simulate, and write the file once it is whole."""
    from lanecast.producer.pack import pack_columns
    from lanecast.producer.sumo_world import World, find_scenario

    world = World(find_scenario(SCENARIO), step_length_s=1 / HZ, warm_up_s=WARM_UP_S)
    part = path.with_suffix(".part")
    with gzip.open(part, "wb", compresslevel=1) as file:
        for step in range(minutes * 60 * HZ):
            world.advance()
            vehicles = pack_columns(world.vehicles(), "vehicles", needs_id=True)
            data = wire.encode({"step": step, "time_s": step / HZ, "layers": {"vehicles": vehicles}})
            file.write(len(data).to_bytes(4, "little"))
            file.write(data)
    world.close()
    part.replace(path)


if __name__ == "__main__":
    record(int(sys.argv[1]), Path(sys.argv[2]))
