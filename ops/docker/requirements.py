"""Prints what an extra of pyproject.toml needs, one requirement a line: `requirements.py server`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main(extra: str) -> None:
    """The dependencies and those of the extra, without the project itself."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in (*project["dependencies"], *project["optional-dependencies"][extra]):
        sys.stdout.write(f"{requirement}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
