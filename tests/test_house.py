"""The guards of the namespace layout."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import lanecast

PACKAGES = ("broker", "producer", "workers", "gateway", "ops")


def test_lanecast_is_a_namespace_without_a_file_of_its_own() -> None:
    assert getattr(lanecast, "__file__", None) is None


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_is_imported_from_this_checkout_and_typed(root: Path, name: str) -> None:
    package = importlib.import_module(f"lanecast.{name}")
    folder = root / name / "lanecast" / name
    assert Path(str(package.__file__)).parent == folder
    assert (folder / "py.typed").exists()
    assert not (folder.parent / "__init__.py").exists()


def test_every_lua_script_says_which_keys_it_touches(root: Path) -> None:
    for script in (root / "broker/lanecast/broker/scripts").glob("*.lua"):
        text = script.read_text()
        used = set(re.findall(r"KEYS\[(\d+)\]", re.sub(r"--.*", "", text)))
        told = set(re.findall(r"KEYS\[(\d+)", "\n".join(re.findall(r"--.*", text))))
        assert used <= told, f"{script.name}: KEYS {sorted(used - told)} are not in its head"
