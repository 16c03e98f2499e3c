"""Registries of plug-ins: what packages offer is found, and what is wrong is said with its place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lanecast.workers.plugins import PluginError, Registry

GROUP = "lanecast.tests"
Offer = Callable[..., None]


def one() -> int:
    return 1


def two() -> int:
    return 2


@pytest.fixture
def registry() -> Registry[Callable[[], int]]:
    return Registry("gadget", GROUP)


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Installs a package that offers a plug-in, as pip leaves it behind."""

    def install(package: str, code: str, **points: str) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, package, raising=False)

    return install


def test_a_name_that_is_taken_is_an_error_that_names_both(registry: Registry[Callable[[], int]]) -> None:
    registry.register("a")(one)
    registry.register("a")(one)
    with pytest.raises(PluginError, match=r"two gadgets are called 'a': .*one and .*two; rename one"):
        registry.register("a")(two)
    assert registry["a"]() == 1
    registry.register("a", replace=True)(two)
    assert registry["a"]() == 2


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_has_1_to_64_characters(registry: Registry[Callable[[], int]], name: str) -> None:
    with pytest.raises(PluginError, match="1 to 64 characters"):
        registry.register(name)(one)


def test_what_cannot_be_called_is_no_plug_in(registry: Registry[Callable[[], int]]) -> None:
    with pytest.raises(PluginError, match="'a' must be callable, got int"):
        registry.register("a")(1)  # type: ignore[arg-type]


def test_what_a_package_offers_is_taken_in_once(registry: Registry[Callable[[], int]], offer: Offer) -> None:
    offer("gadgets_a", "def three(): return 3\n", three="gadgets_a:three")
    assert registry.load() == ["three"]
    assert registry.load() == []
    assert registry["three"]() == 3


def test_a_package_that_cannot_be_imported_is_named_with_its_error(
    registry: Registry[Callable[[], int]], offer: Offer
) -> None:
    offer("gadgets_b", "1 / 0\n", broken="gadgets_b:three")
    with pytest.raises(PluginError, match=r"'broken' \(gadgets_b:three, from gadgets_b\) cannot be .*ZeroDivision"):
        registry.load()


def test_a_package_cannot_take_a_name_in_silence(registry: Registry[Callable[[], int]], offer: Offer) -> None:
    registry.register("one")(one)
    offer("gadgets_c", "def other(): return 4\n", one="gadgets_c:other")
    with pytest.raises(PluginError, match=r"from gadgets_c\): two gadgets are called 'one'"):
        registry.load()
