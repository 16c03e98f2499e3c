"""The site can be built, and its pages name nothing that is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.making import outside, settings_table
from tests.docs.blocks import pages

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"`((?:broker|producer|workers|gateway|ops|web|tests|docs)/[\w./*{},-]*)`")
VARIABLE = re.compile(r"\bLANECAST_[A-Z][A-Z_]*[A-Z]\b")


def build(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *args],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, timeout=100, check=False,
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_link_and_anchor_of_the_site_leads_somewhere(site: Path) -> None:
    for name in ("index.html", "quickstart.html", "producer/spec/index.html", "decisions/index.html", "CHANGELOG.html"):
        assert (site / name).is_file()


def test_every_page_is_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text("utf-8")
    for page in pages(ROOT):
        if page.startswith("docs/") and page != "docs/index.md":
            html = page.removeprefix("docs/").replace("README.md", "index.md").replace(".md", ".html")
            assert f'href="{html}"' in home, page


def test_the_site_asks_no_other_server_for_anything(site: Path) -> None:
    for path in site.rglob("*.html"):
        asked = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]+)"', path.read_text("utf-8"))
        assert not asked, path


def test_marks_for_the_tests_are_not_shown(site: Path) -> None:
    assert "runs until:" not in re.sub("<!--.*?-->", "", (site / "quickstart.html").read_text("utf-8"))


@pytest.mark.parametrize("page", pages(ROOT))
def test_the_files_that_a_page_names_exist(page: str) -> None:
    for name in CODE.findall((ROOT / page).read_text("utf-8")):
        assert any(ROOT.glob(name.rstrip("/"))), f"{page}: {name}"


@pytest.mark.parametrize("page", pages(ROOT))
def test_the_targets_of_a_page_exist_in_the_tree(page: str) -> None:
    folder = (ROOT / page).parent

    def look(target: str, anchor: str) -> str:
        assert (folder / target).exists(), f"{page}: {target}"
        return target + anchor

    outside.rewritten((ROOT / page).read_text("utf-8"), look)


def test_links_in_code_are_left_alone_and_others_are_moved() -> None:
    text = "[a](b.md#c) [d](https://e) [f](#g)\n```\n[a](b.md)\n```"
    assert outside.rewritten(text, lambda target, anchor: f"../{target}{anchor}") == (
        "[a](../b.md#c) [d](https://e) [f](#g)\n```\n[a](b.md)\n```"
    )


def test_the_page_of_settings_is_made_from_the_code() -> None:
    text = settings_table.PAGE.read_text("utf-8")
    assert settings_table.page(text) == text, "run `python docs/making/settings_table.py`"


def test_every_variable_that_anything_names_is_on_the_page_of_settings() -> None:
    known = set(VARIABLE.findall(settings_table.PAGE.read_text("utf-8")))
    named: dict[str, str] = {}
    for pattern in ("docs/**/*.md", "*/lanecast/**/*.py", "*.md", "compose.yaml", "ops/**/*.y*ml", "tests/**/*.py"):
        for path in ROOT.glob(pattern):
            if "node_modules" not in path.parts and path != Path(__file__):
                named |= dict.fromkeys(VARIABLE.findall(path.read_text("utf-8")), str(path.relative_to(ROOT)))
    unknown = {name: where for name, where in named.items() if name not in known}
    assert not unknown
