"""What the documentation tells to do can be done: every block of shell and Python is run, in the order of its page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.blocks import Block, blocks, pages

ROOT = Path(__file__).parents[2]
PLAY = Path(__file__).with_name("play.py")
APART = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Ports of its own, so that the page's are free, and processes of its own, so that none is left."""
RUNNABLE = {
    page: steps
    for page in pages(ROOT)
    if (steps := [block for block in blocks(page, (ROOT / page).read_text("utf-8")) if not block.why_not])
}


@pytest.fixture(scope="session")
def apart() -> None:
    """Skips where pages cannot be played."""
    for tool in ("unshare", "curl", "redis-cli"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make namespaces")


def play(steps: list[Block], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APART, sys.executable, "-W", "error", str(PLAY), str(ROOT), str(folder)],
        input=json.dumps([step.to_dict() for step in steps]), env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


@pytest.mark.integration
@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("page", RUNNABLE)
def test_what_a_page_tells_to_do_does_what_it_says(page: str, tmp_path: Path) -> None:
    done = play(RUNNABLE[page], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize(
    ("text", "verb", "rest", "said"),
    [
        ("lanecast version --nonsense\n", "", "", "No such option"),
        ("echo fine\n", "fails", "Traceback", "should fail"),
        ("echo gone\n", "runs until", "false", "it ended with status 0"),
        ("make no-such-target\n", "", "", "no-such-target"),
        ("pip install 'lanecast[magic]'\n", "", "", "magic"),
    ],
)
def test_a_page_that_is_wrong_is_found(text: str, verb: str, rest: str, said: str, tmp_path: Path) -> None:
    done = play([Block("page.md", 7, "sh", text, verb, rest)], tmp_path)
    assert done.returncode == 1
    assert "page.md:7:" in done.stderr
    assert said in done.stderr


def test_a_block_that_is_not_run_says_why() -> None:
    text = "<!-- not run: it takes an hour -->\n```sh\nsleep 3600\n```\n"
    assert [block.why_not for block in blocks("page.md", text)] == ["it takes an hour"]
    assert blocks("page.md", "```sh\ndocker-compose up\n```\n")[0].why_not.startswith("wants a Docker engine")
    assert not blocks("page.md", "```sh\nlanecast lag\n```\n")[0].why_not


@pytest.mark.parametrize(
    "text", ["```sh\nno end\n", "```bash\nls\n```\n", "<!-- perhaps: run -->\n```sh\nls\n```\n"], ids=str
)
def test_a_block_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^page\.md:\d"):
        blocks("page.md", text)
