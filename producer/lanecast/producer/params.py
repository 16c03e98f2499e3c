"""Parameters that viewers may change while the simulation runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lanecast.broker.checks import a_map, a_name
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.params import read_param

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; its type follows from its first value (or from `choices`).

    `Param(1.0)` takes any finite number, `Param(1)` integers only, `Param(True)` booleans, `Param("a", choices=[…])`
    one of the choices.

    Attributes:
        value: what it is at the beginning.
        min: smallest value that is taken, in `unit`.
        max: largest value that is taken, in `unit`.
        step: what one click in the dashboard changes, in `unit`.
        unit: as it is shown, such as `m/s`.
        title: as it is shown; default: the parameter's name.
        choices: all values that a parameter of strings can take.
    """

    value: Value
    min: float | None = None
    max: float | None = None
    step: float | None = None
    unit: str = ""
    title: str = ""
    choices: Sequence[str] = ()


def describe(params: Mapping[str, Param | Value]) -> dict[str, dict[str, Any]]:
    """The wire's PARAM of each parameter; a bare value stands for `Param(value)`.

    Raises:
        InvalidMessage: a name, a type, a bound or a value does not fit; `field` says which.
    """
    return {a_name(name, "params"): _describe(name, param) for name, param in a_map(params, "params").items()}


def _describe(name: str, given: Param | Value) -> dict[str, Any]:
    param = given if isinstance(given, Param) else Param(given)
    raw: dict[str, Any] = {"type": _type_of(param, f"params.{name}.value"), "value": param.value}
    for key in ("min", "max", "step", "unit", "title"):
        if (value := getattr(param, key)) not in (None, ""):
            raw[key] = value
    if param.choices:
        raw["choices"] = list(param.choices)
    return read_param(raw, f"params.{name}")


def _type_of(param: Param, path: str) -> str:
    if param.choices:
        return "choice"
    for kind, types in (("bool", bool), ("int", int), ("float", float)):
        if isinstance(param.value, types):
            return kind
    raise InvalidMessage(path, f"{param.value!r:.60} is no number, no boolean, and there are no choices")


class Values(Mapping[str, Any]):
    """The parameters' current values, read-only for the simulation: they change inside `Run.running()` only."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(self._values) or "it has none"
            raise KeyError(f"the run has no parameter {name!r} ({known})") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Values({self._values!r})"
