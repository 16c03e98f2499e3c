import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lanecast.ops.folder import Folder, State, read_state, write_state
from lanecast.ops.problem import Problem


def test_a_second_holder_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    with folder.held():
        write_state(folder.state, State(os.getpid(), "http://127.0.0.1:1", "redis://x"))
        with pytest.raises(Problem, match=rf"process {os.getpid()}, http://127.0.0.1:1") as raised, folder.held():
            pass
        assert "--data" in raised.value.hint


def test_a_holder_that_was_killed_holds_no_longer(tmp_path: Path) -> None:
    hold = (
        "import sys, time, pathlib; from lanecast.ops.folder import Folder\n"
        f"with Folder(pathlib.Path({str(tmp_path)!r})).held(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Problem), Folder(tmp_path).held():
            pass
        process.kill()
        process.wait()
    with Folder(tmp_path).held():
        pass


def test_a_folder_that_cannot_be_made_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="file"), Folder(tmp_path / "file").held():
        pass


def test_the_state_file_is_for_its_owner_only_and_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run" / "state.json"
    state = State(os.getpid(), "http://127.0.0.1:8080", "redis://:secret@host/0", True, {"worker-1": 12})
    write_state(path, state)
    assert read_state(path) == state
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_state_file_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert read_state(path) is None


def test_the_state_of_a_process_that_is_gone_says_nothing(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_state(tmp_path / "state.json", State(gone.pid, "", ""))
    assert read_state(tmp_path / "state.json") is None
