"""Lua scripts that only workers call; they read and change nothing."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from lanecast.broker.scripts import Script


def _load(name: str) -> Script:
    text = resources.files(__name__).joinpath(f"{name}.lua").read_text("utf-8")
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


SURVEY: Final = _load("survey")
NEWEST: Final = _load("newest")
