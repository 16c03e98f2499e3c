"""One parameter as a typed value that follows what viewers set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.steering import Steering

T = TypeVar("T", float, int, bool, str)

TYPES: Final[dict[type, str]] = {float: "float", int: "int", bool: "bool", str: "choice"}
"""Python's types -> the wire's types of parameters."""


class Live(Generic[T]):
    """`Run.param(NAME, TYPE)`. The value changes inside `running()` and `wait_for_change()` only, between two steps."""

    def __init__(self, steering: Steering, name: str, kind: type[T]) -> None:
        """See `Run.param`."""
        described = steering.params.get(name)
        if described is None:
            known = ", ".join(steering.params) or "none"
            raise InvalidMessage(f"params.{name}", f"the run has no such parameter ({known})")
        if described["type"] != TYPES.get(kind):
            raise InvalidMessage(f"params.{name}", f"is a {described['type']}, not a {kind.__name__}")
        self.name = name
        self._steering = steering

    @property
    def value(self) -> T:
        """What it is now."""
        value: T = self._steering.values[self.name]
        return value

    def on_change(self, callback: Callable[[T], None]) -> None:
        """Call `callback(value)` after a viewer has changed it; see `Run.on_param`."""
        self._steering.on_param(self.name, callback)

    def __repr__(self) -> str:
        return f"Live({self.name}={self.value!r})"
