"""Writes the tables of docs/settings.md from the code: `python docs/making/settings_table.py`.

Every class of settings says what its fields mean in its docstring; their defaults are those of the fields.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/settings.md"
BEGIN: Final = "<!-- made by docs/making/settings_table.py -->"
END: Final = "<!-- end of what is made -->"
FOLDERS: Final = ("broker", "producer", "workers", "gateway", "ops")
CLASS: Final = re.compile(r"^class (\w+)\([^)]*BaseSettings\)", re.MULTILINE)

DRAWN: Final = {
    "node": "host, process, random",
    "worker_id": "host, process, random",
    "image_threads": "cores less one, 1 to 4",
}
"""Defaults that are made at the start of a process."""

OUTSIDE: Final = {
    "LANECAST_TEST_REDIS_URL": "the server that the tests use; it is emptied",
    "LANECAST_PROOF_KILLS": "how often the longest tests kill a worker",
    "LANECAST_TEST_TAG": "of the container images that the tests run",
    "LANECAST_REDIS_PASSWORD": "the password of Redis in `compose.yaml`",
    "LANECAST_HAPROXY_PORT": "where `compose.yaml` publishes HAProxy, profile `haproxy`",
    "LANECAST_PROMETHEUS_PORT": "where it publishes Prometheus, profile `monitoring`",
    "LANECAST_GRAFANA_PORT": "where it publishes Grafana, profile `monitoring`",
}
"""Variables that no class of settings reads: those of tests and containers."""


def classes() -> list[type[BaseSettings]]:
    """All classes of settings, in the order of the folders."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder / "lanecast").rglob("*.py")):
            for name in CLASS.findall(path.read_text("utf-8")):
                module = ".".join(path.relative_to(ROOT / folder).with_suffix("").parts)
                found.append(getattr(importlib.import_module(module), name))
    return found


def variables(kind: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    """Variable, default and meaning of each field.

    Raises:
        ValueError: a field that the docstring does not explain.
    """
    told = meanings(kind.__doc__ or "")
    prefix = str(kind.model_config.get("env_prefix", ""))
    for name, field in kind.model_fields.items():
        if name not in told:
            raise ValueError(f"{kind.__module__}.{kind.__name__}: `Attributes:` does not explain {name}")
        default = DRAWN[name] if field.default_factory is not None else shown(field.default)
        yield (prefix + name).upper(), default, told[name]


def meanings(docstring: str) -> dict[str, str]:
    """Name -> text of the section `Attributes:` of a docstring."""
    section = re.split(r"\n\s*\n", docstring.partition("Attributes:")[2])[0]
    found: dict[str, str] = {}
    for names, text in re.findall(r"^ {8}(\w+(?:, \w+)*): (.*(?:\n {12}.*)*)", section, re.MULTILINE):
        for name in names.split(", "):
            found[name] = " ".join(text.split())
    return found


def shown(default: Any) -> str:
    """A default for people; empty: there is none."""
    if default is None or default in ((), {}, ""):
        return ""
    if isinstance(default, SecretStr):
        return "set"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def tables() -> str:
    """What stands between the two marks."""
    parts = [BEGIN]
    for kind in classes():
        about = (kind.__doc__ or "").strip().partition("\n")[0]
        parts += [f"\n## {title(kind)}\n\n{about}\n\n| variable | default | |\n|---|---|---|"]
        parts += [f"| `{name}` | {default} | {link(text)} |" for name, default, text in variables(kind)]
    parts += ["\n## Tests and containers\n\n| variable | |\n|---|---|"]
    parts += [f"| `{name}` | {text} |" for name, text in OUTSIDE.items()]
    return "\n".join([*parts, "", END])


def title(kind: type[BaseSettings]) -> str:
    """Heading of a class: `GatewaySettings` -> Gateway."""
    name = kind.__name__.removesuffix("Settings")
    return {"Ops": "Commands"}.get(name, name)


def link(text: str) -> str:
    """Pages that a docstring names, as links; cells of a table have no bars."""
    return re.sub(r"docs/([\w/-]+)\.md", r"[\1](\1.md)", text).replace("|", "\\|").rstrip(".")


def page(text: str) -> str:
    """The page with fresh tables."""
    before, _, rest = text.partition(BEGIN)
    return before + tables() + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"written: {PAGE.relative_to(ROOT)}\n")
