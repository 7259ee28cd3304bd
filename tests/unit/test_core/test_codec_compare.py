"""The comparison that decides whether a value came back as it went in, and the paths by which it says where not."""

from collections import OrderedDict, deque
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from polos.core.codec.compare import difference
from polos.core.codec.paths import find, locate, render
from support.shop import Cached, Dog, Line, Loose, Order, Point, Rank, RushOrder

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime(2024, 7, 1, 12, tzinfo=BERLIN)


class Real(float):
    pass


class Level(IntEnum):
    ONE = 1


class Answerless:
    """Compares as an array does: without a yes or no."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None

    def __bool__(self) -> bool:
        raise ValueError("more than one element")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (float("nan"), float("nan")),
        (3, 3.0),
        (Real(1.5), 1.5),
        (Real("nan"), float("nan")),
        (Decimal("sNaN"), Decimal("sNaN")),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "Z"))),
        (SUMMER, datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (deque([1]), deque([1])),
        (Line(sku="a"), Line(sku="a")),
        (Cached(id=1), Cached(id=1)),
        (Answerless(), Answerless()),
        (object(), object()),
    ],
)
def test_these_are_the_same(before: object, after: object) -> None:
    assert difference(before, after, "result") is None


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (True, 1, "result"),
        (0, False, "result"),
        (0.0, -0.0, "result"),
        (1.0, 1, "result"),
        (2**53 + 1, float(2**53), "result"),
        (Level.ONE, 1, "result"),
        (Rank.FIRST, Level.ONE, "result"),
        (Decimal("1.0"), Decimal("1.00"), "result"),
        ("a", "b", "result"),
        ([1], (1,), "result"),
        ([1, [2]], [1, [3]], "result[1][0]"),
        ([1], [1, 2], "result"),
        ({1: 2}, {True: 2}, "result[1]"),
        ({1: 2}, {"1": 2}, "result[1]"),
        ({"a": 1}, {}, "result.a"),
        ({}, {"a": 1}, "result.a"),
        (OrderedDict(a=1), {"a": 1}, "result"),
        ({1}, {True}, "result[1]"),
        ({1, 2}, {1, 3}, "result[2]"),
        (SUMMER, SUMMER.astimezone(timezone(timedelta(hours=2))), "result"),
        (SUMMER, SUMMER.astimezone(UTC), "result"),
        (SUMMER.replace(tzinfo=None), SUMMER, "result"),
        (datetime(2024, 10, 27, 2), datetime(2024, 10, 27, 2, fold=1), "result"),
        (Order(id=1), RushOrder(id=1), "result"),
        (Order(id=1, lines=[Line(sku="a")]), Order(id=1, lines=[Line(sku="b")]), "result.lines[0].sku"),
        (Order(id=1, note=1), Order(id=1, note=True), "result.note"),
        (Loose.model_validate({"id": 1, "x": 1}), Loose(id=1), "result.x"),
        (Point(1), Point(1, 2), "result.y"),
        (Dog(name="a"), Line(sku="a"), "result"),
    ],
)
def test_these_are_not_although_python_may_say_so(before: object, after: object, path: str) -> None:
    found = difference(before, after, "result")
    assert found is not None
    assert render(found.path) == path


@pytest.mark.parametrize(
    ("location", "path", "value"),
    [
        ((), "result", ...),
        (("lines", 0, "sku"), "result.lines[0].sku", "a"),
        (("lines", 0, "Line", "sku"), "result.lines[0].sku", "a"),
        (("lines", 0, "gone"), "result.lines[0].gone", ...),
        (("lines", 7), "result.lines[7]", ...),
        (("note", "list[int]", 0), "result.note[0]", 5),
    ],
)
def test_the_location_of_a_validation_error_is_followed(
    location: tuple[int | str, ...], path: str, value: object
) -> None:
    order = Order(id=1, lines=[Line(sku="a")], note=[5])
    here, part = locate(order, location, "result")
    assert render(here) == path
    assert value in (..., part)


def test_a_part_is_found_by_identity_in_a_value_that_contains_itself() -> None:
    target = object()
    ring: dict[str, Any] = {"a": [Point(1), {"b c": (0, target)}]}
    ring["ring"] = ring
    found = find(ring, target, "result")
    assert found is not None
    assert render(found) == 'result.a[1]["b c"][1]'
    assert find(ring, object(), "result") is None


def test_a_path_is_cut_to_a_length_that_can_be_read() -> None:
    path: Any = "result"
    for index in range(100):
        path = (path, index)
    assert len(render(path)) < 100
    assert render((("result", "k" * 500), None)).count("k") == 40
