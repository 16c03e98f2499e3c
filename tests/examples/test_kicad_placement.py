"""The example that places a real board; skipped where the board cannot be had."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("kiutils")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
kicad: Any = importlib.import_module("kicad_board")
placement: Any = importlib.import_module("kicad_placement")


@pytest.fixture(scope="module")
def board() -> Any:
    try:
        return kicad.read_board(kicad.find_demo())
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_the_board_is_read_with_its_sheets_nets_and_outline(board: Any) -> None:
    assert len(board.refs) == len(set(board.refs)) == 68
    assert set(board.modules) == {"root", "ampli_ht_vertical", "ampli_ht_horizontal"}
    assert np.ptp(board.outline, axis=0) == pytest.approx([100.695, 80.026], abs=0.05)
    assert board.pad_net.max() == board.nets - 1
    low, high = board.outline.min(axis=0), board.outline.max(axis=0)
    assert ((board.centres > low) & (board.centres < high)).all(), "as it was drawn, all is inside"


def test_it_ends_without_overlaps_and_with_less_wire_than_it_began(board: Any) -> None:
    placer, iterations = placement.Placer(board), 1000
    wires, overlaps = [], []
    for iteration in range(1, iterations + 1):
        phase = placement.phase_of(iteration, iterations)
        _, measure = placer.iterate(1.0, 4.0, 0.08, phase, iteration / iterations)
        wires.append(measure.wire_length)
        overlaps.append(measure.overlaps)
    assert overlaps[0] > 50
    assert overlaps[-1] <= 2
    assert wires[-1] < 0.8 * wires[0]
    assert (placer.angles % 90 == 0).all()


@pytest.mark.integration
def test_one_command_runs_it_from_start_to_export(board: Any, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "kicad_placement.py"), "--iterations", "30", "--pace", "0.01"]
    done = subprocess.run(
        [*command, "--linger", "0"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "/#/run/kicad-placement" in done.stdout
    assert (tmp_path / "kicad_placement.html").stat().st_size > 10_000
    assert (tmp_path / "kicad-placement-viewer.html").exists()
