"""The pieces of code in the documentation, and what is to be done with each. Pure.

A comment on the line above a block says how it is run; without one `sh` and `python` have to end, with status 0:

    <!-- not run: REASON -->     it cannot be, here
    <!-- runs until: COMMAND --> it goes on while the rest of the page is done, once COMMAND succeeds
    <!-- saved as: NAME -->      it is a file, which a later block runs
    <!-- fails: TEXT -->         it ends with another status than 0, and says TEXT
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

RUN: Final = ("sh", "python")
SHOWN: Final = (
    "",
    "toml",
    "json",
    "yaml",
    "text",
    "go",
    "ts",
    "js",
    "rust",
    "cpp",
    "c",
    "html",
    "ini",
    "nginx",
    "promql",
    "java",
)
VERBS: Final = ("not run", "runs until", "saved as", "fails")

ELSEWHERE: Final = {
    "docker": "wants a Docker engine: tests/compose and tests/ops run what it starts",
    "docker-compose": "wants a Docker engine: tests/compose and tests/ops run what it starts",
    "kubectl": "wants a Kubernetes cluster",
    "kustomize": "wants kustomize",
    "apt-get": "changes the machine",
    "sudo": "changes the machine",
    "git": "wants the network",
    "npm": "wants the network; `make` runs it",
}
"""Commands that no block can run here, and why."""

_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<lang>[^\s`]*)[^`]*$")
_MARK: Final = re.compile(r"^\s*<!-- (?P<verb>[a-z ]+): (?P<rest>.+) -->\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it is, its language, its text without indent, and its mark (`verb` empty: none)."""

    page: str
    line: int
    lang: str
    text: str
    verb: str = ""
    rest: str = ""

    @property
    def why_not(self) -> str:
        """Why it is not run; empty: it is."""
        if self.verb == "not run":
            return self.rest
        if self.lang not in RUN:
            return "shown only"
        if self.lang == "sh" and not self.verb:
            words = set(re.findall(r"^\s*(?:[A-Z_]+=\S+ )*([a-z-]+)", self.text, re.MULTILINE))
            return next((ELSEWHERE[word] for word in sorted(words & ELSEWHERE.keys())), "")
        return ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def blocks(page: str, text: str) -> list[Block]:
    """All fenced blocks of a page.

    Raises:
        ValueError: a block without an end, of a language that nobody has thought of, or with a mark that is none.
    """
    found: list[Block] = []
    lines = text.split("\n")
    n = 0
    while n < len(lines):
        opened = _FENCE.match(lines[n])
        if opened is None:
            n += 1
            continue
        start, lang = n, opened["lang"]
        if lang not in RUN + SHOWN:
            raise ValueError(f"{page}:{start + 1}: {lang!r} is none of {', '.join(RUN + SHOWN)}; shells are `sh`")
        n += 1
        inside: list[str] = []
        while n < len(lines) and lines[n].strip() != "```":
            inside.append(lines[n].removeprefix(opened["indent"]))
            n += 1
        if n == len(lines):
            raise ValueError(f"{page}:{start + 1}: the block has no end")
        n += 1
        verb, rest = _mark(page, start, lines)
        found.append(Block(page, start + 1, lang, "\n".join(inside) + "\n", verb, rest))
    return found


def _mark(page: str, fence: int, lines: list[str]) -> tuple[str, str]:
    mark = _MARK.match(lines[fence - 1]) if fence else None
    if mark is None:
        return "", ""
    if mark["verb"] not in VERBS:
        raise ValueError(f"{page}:{fence}: {mark['verb']!r} is none of {', '.join(VERBS)}")
    return mark["verb"], mark["rest"]


def pages(root: Path) -> list[str]:
    """Pages whose blocks are run; those of the SDKs have tests of their own (tests/sdk)."""
    inside = sorted(str(path.relative_to(root)) for path in (root / "docs").rglob("*.md"))
    return ["README.md", "producer/README.md", "gateway/native/README.md", *inside]
