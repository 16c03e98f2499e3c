"""The demos: real simulations that come with an extra, or the user's own SUMO configuration.

No simulator is imported until one is played.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from lanecast.ops.problem import Problem

KNOWN: Final = {
    "cologne8": "the centre of Cologne: eight signalled junctions, real demand of a morning hour",
    "ingolstadt21": "Ingolstadt: 21 signalled junctions, real demand of an afternoon hour",
    "city": "Cologne again, with the energy that its electric vehicles take, and its waste bins",
}
CITY_SCENARIO: Final = "cologne8"


SUMO_REMEDY: Final = (
    "On Debian and Ubuntu: apt install libx11-6 libxext6 libxrender1 libgl1 libatomic1; elsewhere the like."
)


def check(demo: str) -> None:
    """Can this demo be run here?

    Raises:
        Problem: it is unknown, its file is missing, or SUMO is not installed.
    """
    if demo not in KNOWN:
        if not demo.endswith(".sumocfg"):
            known = ", ".join(KNOWN)
            raise Problem(
                f"there is no demo {demo!r}", f"Known: {known}; or the path of a SUMO configuration (.sumocfg)."
            )
        if not Path(demo).is_file():
            raise Problem(f"there is no file {demo}")
    missing = [name for name in ("libsumo", "sumolib", "sumo_rl") if importlib.util.find_spec(name) is None]
    if missing:
        raise Problem(
            f"the demos need SUMO ({', '.join(missing)} missing)", "Install it with `pip install 'lanecast[sumo]'`."
        )
    why = why_sumo_cannot_be_loaded()
    if why is not None:
        raise Problem(f"SUMO cannot be loaded: {why}", SUMO_REMEDY)


def why_sumo_cannot_be_loaded() -> str | None:
    """Why libsumo cannot be loaded; None: it can: its wheel leaves graphics libraries to the system."""
    try:
        load = subprocess.run(  # in a process of its own: it is large, and stays in memory once loaded
            [sys.executable, "-c", "import libsumo"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if load.returncode == 0 else load.stderr.strip().rpartition("\n")[2]


def run_id(demo: str) -> str:
    """The run's id: the demo's name, or the file's without its ending, in characters that an id may have."""
    if demo in KNOWN:
        return demo
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(demo).stem).strip("._-")[:64] or "sumo"


def play(demo: str, run: str, redis_url: str) -> None:
    """Publish a demo until it is stopped."""
    if demo == "city":
        play_city(CITY_SCENARIO, run, redis_url)
        return
    from lanecast.producer import sumo

    sumo.main(demo, run, redis_url)


def play_city(scenario: str, run: str, redis_url: str) -> None:
    """Publish a scenario of SUMO as a smart city until it is stopped."""
    from lanecast.producer.adapters import city

    city.main(scenario, run, redis_url)
