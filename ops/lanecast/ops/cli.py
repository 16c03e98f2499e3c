"""The console script `lanecast`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; it comes with the extra `server`, and says so where that is missing."""
    try:
        from lanecast.ops.app import app
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("lanecast"):
            raise
        sys.exit(f"lanecast: the command line needs {missing.name}; install it with `pip install 'lanecast[server]'`")
    app(prog_name="lanecast")
