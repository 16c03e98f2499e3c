"""Plug-ins: named functions and classes that a worker takes in by a decorator or from installed packages.

A registry knows its entry point group: a package that offers something there (`NAME = "module:object"`) needs nobody to
import it. What is registered twice, cannot be loaded or is no plug-in is an error that says where it comes from:
a worker that goes on without what it was told to use would be wrong in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any, Final, Generic, TypeVar

from lanecast.broker.errors import LanecastError

P = TypeVar("P", bound=Callable[..., Any])
MAX_NAME: Final = 64


class PluginError(LanecastError):
    """A plug-in cannot be taken in; the text says which, where it comes from, and what to do."""


class PluginFailed(LanecastError):
    """A plug-in has failed at its work: `kind` and `name` say which one, `__cause__` why."""

    def __init__(self, kind: str, name: str, error: Exception) -> None:
        super().__init__(f"{kind} {name!r} has failed: {error!r:.300}")
        self.kind = kind
        self.name = name


class Registry(Mapping[str, P], Generic[P]):
    """The plug-ins of one kind, by name.

    Args:
        kind: what they are called in errors and counters, such as `reducer`.
        group: the entry point group in which packages offer more.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._found: dict[str, P] = {}
        self._loaded: set[str] = set()

    def __getitem__(self, name: str) -> P:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def register(self, name: str, *, replace: bool = False) -> Callable[[P], P]:
        """Take in the decorated object as `name`; `replace` where another has that name and is to give way.

        Raises:
            PluginError: the name is taken, or is no name; or the object cannot be called.
        """

        def take(found: P) -> P:
            self._check(name, found)
            before = self._found.get(name)
            if before is not None and before is not found and not replace:
                raise PluginError(
                    f"two {self.kind}s are called {name!r}: {_place(before)} and {_place(found)}; rename one, or say "
                    "replace=True where the second is meant to take the first one's place"
                )
            self._found[name] = found
            return found

        return take

    def load(self) -> list[str]:
        """Take in what installed packages offer; returns the names that were new. Calling it again does no harm.

        Raises:
            PluginError: one of them cannot be imported, or its name is taken.
        """
        fresh: list[str] = []
        for point in sorted(metadata.entry_points(group=self.group), key=lambda point: point.name):
            if point.value in self._loaded:
                continue
            where = f"{self.kind} {point.name!r} ({point.value}, from {point.dist.name if point.dist else 'a package'})"
            before = set(self._found)
            try:
                found = point.load()
            except Exception as error:
                raise PluginError(
                    f"{where} cannot be imported: {error!r:.300}; mend or uninstall its package"
                ) from error
            # A module that also uses the decorator, perhaps with replace=True, has registered itself by now.
            if self._found.get(point.name) is not found:
                try:
                    self.register(point.name)(found)
                except PluginError as error:
                    raise PluginError(f"{where}: {error}") from None
            self._loaded.add(point.value)
            fresh += sorted(set(self._found) - before)
        return fresh

    def _check(self, name: str, found: Any) -> None:
        if not name or len(name) > MAX_NAME:
            raise PluginError(f"a {self.kind}'s name has 1 to {MAX_NAME} characters, got {name!r:.80}")
        if not callable(found):
            raise PluginError(f"{self.kind} {name!r} must be callable, got {type(found).__name__}")


def _place(found: Any) -> str:
    module, name = getattr(found, "__module__", "?"), getattr(found, "__qualname__", repr(found))
    return f"{module}.{name}"
