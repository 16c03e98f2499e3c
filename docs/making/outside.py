"""A hook of MkDocs: pages that lie outside docs/ become part of the site, and patterns in the navigation become pages.

Whatever a page links to comes along: another page with all that it links to, a source file as it is, a folder as its
README or as a list of its files. On the site docs/X is X, and everything else has the path that it has in the
tree; links are rewritten to match, so that the same text works in the tree and on the site. Links to nothing end a
strict build.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = "docs/"
LINK: Final = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")
FENCE: Final = re.compile(r"^ *(```|~~~)")
LOOSE: Final = re.compile(r"[*]")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what the pages, and the navigation, name outside docs/."""
    pages = [DOCS + file.src_uri for file in files.documentation_pages(inclusion=InclusionLevel.is_included)]
    named = [entry for entry in _entries(config.nav) if not LOOSE.search(entry) and not (ROOT / DOCS / entry).exists()]
    for path in _reachable([*pages, *named]):
        if path.startswith(DOCS):
            continue
        if (ROOT / path).is_dir():
            files.append(File.generated(config, site_path(path), content=_listing(path)))
        else:
            files.append(File.generated(config, site_path(path), abs_src_path=str(ROOT / path)))
    if config.nav is not None:
        config.nav = _spread(config.nav, sorted(file.src_uri for file in files.documentation_pages()))
    return files


def on_nav(nav: Navigation, **_: Any) -> Navigation:
    """Leave out sections whose patterns stand for no page."""
    nav.items = [item for item in nav.items if not item.is_section or item.children]
    return nav


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let links point to where the site has their targets."""
    here = page.file.src_uri
    source = here if not (ROOT / DOCS / here).exists() else DOCS + here

    def moved(target: str, anchor: str) -> str:
        path = _in_tree(source, target)
        return target + anchor if path is None else posixpath.relpath(site_path(path), posixpath.dirname(here)) + anchor

    return rewritten(markdown, moved)


def site_path(path: str) -> str:
    """Where the site has a file or folder of the tree."""
    if (ROOT / path).is_dir():
        path = f"{path}/README.md"
    return path.removeprefix(DOCS)


def rewritten(markdown: str, moved: Callable[[str, str], str]) -> str:
    """The text with each relative link outside of code replaced by `moved(target, anchor)`."""
    lines, code = [], False
    for line in markdown.split("\n"):
        if FENCE.match(line):
            code = not code
        lines.append(line if code else LINK.sub(lambda found: moved(found[1], found[2] or ""), line))
    return "\n".join(lines)


def targets(path: str) -> Iterator[str]:
    """Files and folders of the tree that a page links to."""
    found: list[str] = []

    def keep(target: str, anchor: str) -> str:
        found.append(target)
        return target + anchor

    rewritten((ROOT / path).read_text("utf-8"), keep)
    yield from (inside for target in found if (inside := _in_tree(path, target)) is not None)


def _in_tree(page: str, target: str) -> str | None:
    """The path in the tree that a link of a page means; a folder is its README. None: there is nothing."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    if path.startswith("..") or not (ROOT / path).exists():
        return None
    readme = f"{path}/README.md"
    return readme if (ROOT / readme).exists() else path


def _reachable(start: list[str]) -> list[str]:
    seen, left = set(start), list(start)
    while left:
        path = left.pop()
        if path.endswith(".md"):
            fresh = set(targets(path)) - seen
            seen |= fresh
            left.extend(fresh)
    return sorted(seen)


def _listing(folder: str) -> str:
    names = sorted(entry.name for entry in os.scandir(ROOT / folder) if entry.is_file())
    return f"# {folder}/\n\n" + "".join(f"- `{name}`\n" for name in names)


def _entries(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for inner in nav.values():
            yield from _entries(inner)
    else:
        for inner in nav or ():
            yield from _entries(inner)


def _spread(nav: Any, pages: list[str]) -> Any:
    """The navigation with each pattern replaced by the pages that it is the first to match."""
    left = [page for page in pages if page not in set(_entries(nav))]

    def matched(pattern: str) -> list[str]:
        whole = re.compile(re.escape(pattern).replace(r"\*", "[^/]*"))
        found = [page for page in left if whole.fullmatch(page)]
        left[:] = [page for page in left if page not in found]
        return found

    def spread(entry: Any) -> list[Any]:
        if isinstance(entry, str):
            return matched(entry) if LOOSE.search(entry) else [entry]
        if isinstance(entry, dict):
            ((title, inner),) = entry.items()
            if isinstance(inner, str):
                return [entry]
            return [{title: grown}] if (grown := spread(inner)) else []
        return [one for inner in entry for one in spread(inner)]

    return spread(nav)
