import subprocess
import sys
from pathlib import Path

import pytest

from lanecast.ops import demos
from lanecast.ops.problem import Problem


def test_an_unknown_demo_names_those_that_there_are() -> None:
    with pytest.raises(Problem) as raised:
        demos.check("atlantis")
    assert "atlantis" in str(raised.value)
    assert "cologne8" in raised.value.hint
    assert "ingolstadt21" in raised.value.hint


def test_a_configuration_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no file"):
        demos.check(str(tmp_path / "my.sumocfg"))


def test_a_library_that_sumo_misses_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demos, "why_sumo_cannot_be_loaded", lambda: "ImportError: libGL.so.1: cannot open")
    with pytest.raises(Problem, match=r"libGL\.so\.1") as raised:
        demos.check("cologne8")
    assert "libgl1" in raised.value.hint


def test_sumo_can_be_loaded_here() -> None:
    assert demos.why_sumo_cannot_be_loaded() is None


@pytest.mark.parametrize(
    ("demo", "run"),
    [("cologne8", "cologne8"), ("/a/b/My Town.sumocfg", "My-Town"), ("x/__.sumocfg", "sumo"), ("é1.sumocfg", "1")],
)
def test_a_demo_names_its_run_in_characters_that_an_id_may_have(demo: str, run: str) -> None:
    assert demos.run_id(demo) == run


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["sumo"], "wants --config"), (["cologne8", "--config", "x.sumocfg"], "takes no --config"),
     (["sumo", "--config", "nowhere.sumocfg"], "no file")],
)  # fmt: skip
def test_a_configuration_is_for_the_demos_that_take_one(arguments: list[str], problem: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lanecast.ops", "demo", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert problem in done.stderr
