"""Values without an annotation: stored as JSON that says for itself what it was."""

import asyncio
import json
import re
import socket
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from polos.core.codec import codec_for, plain_codec
from polos.core.codec.classes import Classes
from polos.core.codec.selfdescribing import SelfDescribing, Shape
from polos.core.codec.tags import MAX_DEPTH, Tags
from polos.core.codec.typed import TypedCodec
from polos.errors import NotStorable
from support import shop

GOLDEN = Path(__file__).parents[2] / "golden" / "codec_v1.json"
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime(2024, 7, 1, 12, 0, tzinfo=BERLIN)

# What stands under each name in the golden file. Texts in that file are never changed: executions hold them.
UNTYPED: dict[str, Any] = {
    "none": None,
    "false": False,
    "zero": 0,
    "minus zero": -0.0,
    "text": "Größe",
    "empty text": "",
    "list": [1, [2.5], []],
    "dict": {"a": {"b": None}, "": {}},
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "int beyond 64 bits": 10**30,
    "tuple": (1, ("a",), ()),
    "set": {3, 1, "b", "a"},
    "frozenset": frozenset({(1, 2)}),
    "dict with int keys": {1: "one", 2: {"x": ()}},
    "dict with mixed keys": {None: 1, "a": 2, (1, 2): 3, True: 4},
    "keys that look like tags": {"$tuple": [1], "$ref": "#/x", "$$": {"$": 0}, "a$": 1},
    "one key that looks like a tag": {"$tuple": [1]},
    "text that looks like a tag": ["$tuple", "$"],
    "decimal": Decimal("1.50"),
    "decimal nan": Decimal("NaN"),
    "bytes": b"\xff\x00polos",
    "datetime": datetime(2024, 7, 1, 12, 0, 0, 5),
    "datetime with offset": datetime(2024, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    "datetime utc": datetime(2024, 7, 1, 12, 0, tzinfo=UTC),
    "datetime with zone": SUMMER,
    "datetime the second time": datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    "datetime the second time, naive": datetime(2024, 10, 27, 2, 30, fold=1),
    "date": date(2024, 7, 1),
    "time": time(12, 30, 0, 5),
    "time with zone": time(12, 30, tzinfo=BERLIN),
    "timedelta": timedelta(days=-1, seconds=3, microseconds=4),
    "uuid": UUID("6f1c8c1e-7a55-4a0c-9a6e-0d3f2b1c4d5e"),
    "path": Path("data/in.csv"),
    "enum": shop.Colour.RED,
    "str enum": shop.Size.SMALL,
    "int enum": shop.Rank.FIRST,
    "flag": shop.Rights.READ | shop.Rights.GRANT,
    "no flag": shop.Rights(0),
    "model": shop.Order(id=1, lines=[shop.Line(sku="x")], note=(1, {2})),
    "nested class": shop.Order.Address(city="Ulm"),
    "model with bytes": shop.Blob(data=b"\xff", ratio=float("nan")),
    "dataclass": shop.Point(1, 2, b"\xff"),
    "frozen dataclass": shop.Frozen((shop.Point(1),)),
    "list of models": [shop.Line(sku="a"), {"b": shop.Line(sku="b")}],
}


def over(modules: dict[str, ModuleType]) -> SelfDescribing:
    """The codec of a process that has loaded these modules."""
    tags = Tags(Classes(modules), lambda cls: TypedCodec(cls, root="result", tags=tags))
    return SelfDescribing(tags, root="result", shape=Shape())


SHOP = over({"support.shop": shop})


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other) if one != one or "nan" in repr(one).lower() else one == other  # noqa: PLR0124


@pytest.mark.parametrize("name", UNTYPED)
def test_a_value_comes_back_with_its_type(name: str) -> None:
    text, back = SHOP.round_trip(UNTYPED[name])
    assert type(back) is type(UNTYPED[name])
    assert same(back, UNTYPED[name])
    assert SHOP.encode(UNTYPED[name]) == text
    assert same(SHOP.decode(text), UNTYPED[name])


@pytest.mark.parametrize("name", UNTYPED)
def test_the_stored_text_is_the_one_that_version_1_wrote(name: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["untyped"]
    assert SHOP.encode(UNTYPED[name]) == golden[name]
    assert same(SHOP.decode(golden[name]), UNTYPED[name])


def test_the_golden_file_holds_every_tag_and_nothing_unknown() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["untyped"]
    assert golden.keys() == UNTYPED.keys()
    written = " ".join(golden.values())
    tags = Tags(Classes({}), lambda _: pytest.fail("nothing is written"))
    assert [tag for tag in tags.vocabulary if f'{{"{tag}":' not in written] == []


@pytest.mark.parametrize("value", [0, False, "", [], {}, None, 0.0, (), set(), b""])
def test_a_falsy_value_stays_what_it_is(value: object) -> None:
    _, back = codec_for().round_trip(value)
    assert back == value
    assert type(back) is type(value)


def test_plain_values_are_the_json_that_anybody_would_write() -> None:
    value = {"id": 7, "ok": True, "tags": ["a", "é"], "score": 1.5, "none": None}
    assert codec_for().encode(value) == '{"id":7,"ok":true,"tags":["a","é"],"score":1.5,"none":null}'


def test_user_data_is_never_taken_for_a_tag() -> None:
    for value in UNTYPED.values():
        data = json.loads(SHOP.encode(value))  # the very text of every tag, as a user's own dict
        assert codec_for().round_trip(data)[1] == data


def test_what_is_decoded_is_new_each_time() -> None:
    text = codec_for().encode({"a": [1], "b": ({"c": 1},)})
    first, second = codec_for().decode(text), codec_for().decode(text)
    first["a"].append(2)
    first["b"][0]["c"] = 2
    assert second == {"a": [1], "b": ({"c": 1},)}


def test_the_value_of_the_first_run_shares_nothing_with_what_was_returned() -> None:
    given = {"a": [1]}
    _, back = codec_for().round_trip(given)
    given["a"].append(2)
    assert back == {"a": [1]}


def test_equal_sets_have_equal_texts() -> None:
    words = [f"word-{n}" for n in range(50)]
    assert codec_for().encode(set(words)) == codec_for().encode({*words[::-1]})


def test_adding_a_day_to_a_datetime_that_came_back_knows_summer_time() -> None:
    _, back = codec_for().round_trip(datetime(2024, 3, 30, 12, 0, tzinfo=BERLIN))
    assert (back + timedelta(days=1)).utcoffset() == timedelta(hours=2)


def test_a_time_that_the_clocks_jumped_over_stays() -> None:
    gap = datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN)
    _, back = codec_for().round_trip(gap)
    assert (back.hour, back.tzinfo) == (2, BERLIN)


class Name(str):
    pass


class Money(float):
    pass


async def _coroutine() -> None: ...


def coroutine() -> object:
    made = _coroutine()
    made.close()
    return made


REFUSED: list[tuple[Callable[[], object], str, str]] = [
    (shop.Plain, "support.shop.Plain", "plain data"),
    (lambda: shop.Plain, "support.shop.Plain", "a class is code"),
    (lambda: print, "builtin_function_or_method", "code is not data"),
    (lambda: lambda: 1, "function", "code is not data"),
    (lambda: (n for n in [1]), "generator", "the list"),
    (lambda: iter([1]), "list_iterator", "the list"),
    (coroutine, "coroutine", "await it"),
    (lambda: ValueError("no"), "ValueError", "raise it"),
    (lambda: socket.socket.__new__(socket.socket), "socket.socket", "what was read"),
    (asyncio.Queue, "asyncio.queues.Queue", "plain data"),
    (lambda: Name("x"), "Name", "str(...)"),
    (lambda: Money(1.5), "Money", "float(...)"),
    (lambda: OrderedDict(a=1), "OrderedDict", "dict(...)"),
    (lambda: Counter("ab"), "Counter", "dict(...)"),
    (lambda: deque([1]), "deque", ""),
    (lambda: shop.Pair(1), "Pair", "annotate the return type as Pair"),
    (lambda: bytearray(b"x"), "bytearray", "bytes(...)"),
    (lambda: 1 + 2j, "complex", ""),
    (lambda: range(3), "range", ""),
    (lambda: re.compile("x"), "re.Pattern", ""),
    (object, "object", ""),
    (lambda: NotImplemented, "NotImplementedType", ""),
    (lambda: 10**5000, "4,300 digits", "hex"),
    (lambda: -(10**5000), "4,300 digits", "hex"),
    (lambda: "half \ud83d", "surrogate", "replace"),
    (lambda: {"half \ud83d": 1}, "surrogate", "replace"),
    (lambda: shop.Box[int](content=1), "no later run can find it", "annotate"),
]


@pytest.mark.parametrize(("make", "what", "hint"), REFUSED)
def test_what_cannot_be_restored_is_refused_with_its_type_and_what_to_do(
    make: Callable[[], object], what: str, hint: str
) -> None:
    with pytest.raises(NotStorable) as refused:
        codec_for().round_trip({"items": [1, 2, 3, {"client": make()}]})
    assert refused.value.path.startswith("result.items[3]")
    assert what in str(refused.value)
    assert hint in refused.value.hint
    with pytest.raises(NotStorable):
        codec_for().encode(make())


def test_a_refusal_says_where() -> None:
    with pytest.raises(NotStorable) as refused:
        codec_for(root="payload").encode({"a": ({"b c": [{7: {print}}]},)})
    assert refused.value.path == 'payload.a[0]["b c"][0][7][0]'


def test_an_error_does_not_repeat_the_value() -> None:
    with pytest.raises(NotStorable) as refused:
        codec_for().encode({"password": Name("hunter2")})
    assert "hunter2" not in str(refused.value)


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    ("wrap", "most"),
    [
        (lambda value: [value], MAX_DEPTH),
        (lambda value: {"a": value}, MAX_DEPTH),
        (lambda value: (value,), MAX_DEPTH // 2),
        (lambda value: {1: value}, MAX_DEPTH // 3 + 1),
    ],
)
def test_nesting_is_stored_up_to_a_limit_and_refused_beyond(wrap: Callable[[Any], Any], most: int) -> None:
    deepest = nested(most, wrap)
    assert codec_for().round_trip(deepest)[1] == deepest
    for levels in (most + 1, 5_000):
        with pytest.raises(NotStorable, match="levels deep"):
            codec_for().encode(nested(levels, wrap))


def test_a_value_that_contains_itself_is_refused() -> None:
    ring: list[Any] = [1]
    ring.append({"back": (ring,)})
    with pytest.raises(NotStorable, match="contains itself") as refused:
        codec_for().encode(ring)
    assert refused.value.path == "result[1].back[0]"


def test_one_object_in_two_places_is_no_circle() -> None:
    shared = [1]
    _, back = codec_for().round_trip({"a": shared, "b": (shared, shared)})
    assert back == {"a": [1], "b": ([1], [1])}


# --- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"$nonsense": 1}', "not known here"),
        ('{"a": 1, "$tuple": [2]}', "not known here"),
        ('{"$tuple": 7}', "cannot be read"),
        ('{"$datetime": "yesterday"}', "cannot be read"),
        ('{"$datetime": "2024-01-01T00:00:00+00:00[Nowhere/None]"}', "no time zone"),
        ('{"$datetime": 5}', "cannot be read"),
        ('{"$bytes": "*"}', "cannot be read"),
        ('{"$decimal": "x"}', "cannot be read"),
        ('{"$float": "1.5"}', "cannot be read"),
        ('{"$uuid": "x"}', "cannot be read"),
        ('{"$set": [[]]}', "cannot be read"),
        ('{"$dict": [[1]]}', "cannot be read"),
        ('{"$dict": [[{}, 1]]}', "cannot be read"),
        ('{"$timedelta": [1e30, 0, 0]}', "cannot be read"),
        ('{"$enum": ["support.shop:Colour", "GREEN"]}', "no member 'GREEN' any more"),
        ('{"$enum": ["support.shop:Line", "RED"]}', "no Enum any more"),
        ('{"$enum": ["support.shop:Gone", "RED"]}', "no class 'Gone' any more"),
        ('{"$enum": 3}', "cannot be read"),
        ('{"$flag": ["support.shop:Rights", "x"]}', "cannot be read"),
        ('{"$flag": ["support.shop:Colour", 1]}', "no Flag any more"),
        ('{"$model": ["support.shop:Point", {}]}', "no BaseModel any more"),
        ('{"$model": ["not.loaded:Line", {}]}', "not loaded in this process"),
        ('{"$dataclass": ["support.shop:Line", {}]}', "no dataclass any more"),
        ('{"$dataclass": ["support.shop:threading.Thread", {}]}', "no class"),
        ("not json", "not JSON"),
        ("NaN", "not JSON"),
        ('"\\ud83d"', "not JSON"),
        ("[" * 300 + "]" * 300, "levels deep"),
        ("", "not JSON"),
    ],
)
def test_text_that_this_version_did_not_write_is_refused(text: str, message: str) -> None:
    with pytest.raises(NotStorable, match=re.escape(message)) as refused:
        SHOP.decode(text)
    assert refused.value.path == "result"


def test_a_damaged_part_is_named_by_its_path() -> None:
    with pytest.raises(NotStorable) as refused:
        SHOP.decode('{"a":[{"$tuple":[1,{"$model":["support.shop:Order",{"id":1,"lines":[{"sku":2}]}]}]}]}')
    assert refused.value.path == "result.a[0][1].lines[0].sku"


# --- from outside -------------------------------------------------------------------------------------------


def test_nothing_from_outside_is_a_tag() -> None:
    for text in map(SHOP.encode, UNTYPED.values()):
        assert plain_codec().decode(text) == json.loads(text)


def test_json_from_outside_is_written_as_json_alone() -> None:
    assert plain_codec().round_trip({"$ref": 1, "a": [1.5]}) == (
        '{"$ref":1,"a":[1.5]}',
        {"$ref": 1, "a": [1.5]},
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ((1,), "payload"),
        ({"a": {1: 2}}, "payload.a[1]"),
        ([date(2024, 1, 1)], "payload[0]"),
        ([float("nan")], "payload[0]"),
        ({"a": [print]}, "payload.a[0]"),
    ],
)
def test_what_json_would_change_is_refused_there(value: object, path: str) -> None:
    with pytest.raises(NotStorable) as refused:
        plain_codec().encode(value)
    assert refused.value.path == path
