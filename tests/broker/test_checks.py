"""Integers are bounded, and what is wrong is said with the bounds."""

from __future__ import annotations

from typing import Any

import pytest

from lanecast.broker.checks import MAX_INTEGER, an_integer, integer_at
from lanecast.broker.errors import InvalidMessage


@pytest.mark.parametrize("value", [0, -1, 7, MAX_INTEGER, -MAX_INTEGER])
def test_an_integer_that_every_reader_holds_exactly_is_taken(value: int) -> None:
    assert an_integer(value, "n") == value
    assert integer_at({"n": value}, "n") == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "expected an integer, got the boolean true"),
        (1.0, "expected an integer, got the number 1.0"),
        ("1", "expected an integer, got a string"),
        (None, "expected an integer, got nothing"),
        (MAX_INTEGER + 1, "over 53 bits is not an integer from"),
        (-(10**400), "over 53 bits is not an integer from"),
    ],
)
def test_anything_else_is_refused_by_name(value: Any, said: str) -> None:
    with pytest.raises(InvalidMessage, match=f"^n: {said}"):
        an_integer(value, "n")
    with pytest.raises(InvalidMessage, match=f"^n: {said}"):
        integer_at({"n": value}, "n")


@pytest.mark.parametrize("value", [0, 11])
def test_bounds_hold_and_are_said(value: int) -> None:
    with pytest.raises(InvalidMessage, match=f"^args.steps: {value} is not an integer from 1 to 10$"):
        an_integer(value, "args.steps", 1, 10)
    assert an_integer(1, "args.steps", 1, 10) == 1
    assert an_integer(10, "args.steps", 1, 10) == 10


def test_a_missing_integer_has_its_default_or_is_refused() -> None:
    assert integer_at({}, "step", 3) == 3
    with pytest.raises(InvalidMessage, match=r"^step: expected an integer, got nothing"):
        integer_at({}, "step")
