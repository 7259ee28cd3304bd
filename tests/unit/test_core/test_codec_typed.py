"""Values with an annotation: they come back as they were, or they are refused when they are stored."""

import json
import re
import socket
import sys
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, NotRequired, Optional, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    JsonValue,
    PlainSerializer,
    RootModel,
    SecretStr,
    SerializerFunctionWrapHandler,
    Tag,
    field_serializer,
    field_validator,
    model_serializer,
)

from polos.core.codec import DoesNotFit, codec_for
from polos.errors import NotStorable
from support import shop
from support.shop import (
    Blob,
    Box,
    Cat,
    Colour,
    Dog,
    Line,
    Order,
    Pair,
    Point,
    Rank,
    Rights,
    Row,
    RushOrder,
    Size,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "codec_v1.json"
BERLIN = ZoneInfo("Europe/Berlin")
ALL_BYTES = bytes(range(256))
T = TypeVar("T")


class OldRow(TypedDict):
    """Of `typing`, which pydantic does not take on Python 3.11."""

    id: int
    inner: NotRequired[list["OldInner"]]


class OldInner(TypedDict, total=False):
    raw: bytes


# What stands under each name in the golden file. Texts in that file are never changed: executions hold them.
TYPED: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "bool": (bool, False),
    "int": (int, 0),
    "int beyond 64 bits": (int, -(10**30)),
    "float": (float, -0.0),
    "nan": (float, float("nan")),
    "infinity": (float, float("-inf")),
    "str": (str, ""),
    "bytes": (bytes, ALL_BYTES),
    "datetime": (datetime, datetime(2024, 7, 1, 12, 0, 0, 5)),
    "datetime with offset": (
        datetime,
        datetime(2024, 7, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    ),
    "datetime with zone": (datetime, datetime(2024, 7, 1, tzinfo=BERLIN)),
    "datetime the second time": (datetime, datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)),
    "datetime the second time, naive": (datetime, datetime(2024, 10, 27, 2, 30, fold=1)),
    "date": (date, date(2024, 7, 1)),
    "time": (time, time(12, 30, tzinfo=UTC)),
    "time with zone": (time, time(12, 30, tzinfo=BERLIN)),
    "timedelta": (timedelta, timedelta(days=-1, seconds=3, microseconds=4)),
    "decimal": (Decimal, Decimal("1.50")),
    "uuid": (UUID, UUID("6f1c8c1e-7a55-4a0c-9a6e-0d3f2b1c4d5e")),
    "path": (Path, Path("data/in.csv")),
    "enum": (Colour, Colour.BLUE),
    "str enum": (Size, Size.SMALL),
    "int enum": (Rank, Rank.FIRST),
    "flag": (Rights, Rights.READ | Rights.GRANT),
    "enum of tuples": (shop.Planet, shop.Planet.MARS),
    "dict with keys of an enum of tuples": (
        dict[shop.Planet, list[shop.Planet]],
        {shop.Planet.MARS: [shop.Planet.EARTH]},
    ),
    "literal": (Literal["a", 1, True], True),
    "optional": (Optional[Line], None),  # noqa: UP045 - as users of 3.9 write it
    "union": (int | str, "1"),
    "union of models": (Line | Point, Point(1)),
    "model": (Order, Order(id=1, lines=[Line(sku="x")], ship_to=Order.Address(city="Ulm"))),
    "model with any": (Order, Order(id=1, note={"when": (date(2024, 1, 1), {1: b"\xff"}), "$ref": 1})),
    "nested class": (Order.Address, Order.Address(city="Ulm")),
    "subclass": (RushOrder, RushOrder(id=1)),
    "list of models": (list[Line], [Line(sku="a"), Line(sku="b", count=2)]),
    "model with bytes and nan": (Blob, Blob(data=ALL_BYTES, ratio=float("nan"))),
    "model with extra fields": (shop.Loose, shop.Loose.model_validate({"id": 1, "when": (1,), "x": b"\xff"})),
    "model with a serializer": (shop.Wrapped, shop.Wrapped(raw=b"\xff")),
    "model with a validator and extra fields": (
        shop.Checked,
        shop.Checked.model_validate({"id": 1, "x": (1, b"\xff")}),
    ),
    "json in json": (Json[list[int]], [1, 2]),
    "strict model": (shop.Strict, shop.Strict(data=b"\xff", tags={"b", "a"}, total=(1, 2))),
    "swapped aliases": (shop.Swapped, shop.Swapped.model_validate({"b": 1, "a": 2})),
    "recursive model": (shop.Tree, shop.Tree(children=[shop.Tree(value=(1,))], value={1})),
    "generic model": (Box[list[Line]], Box[list[Line]](content=[Line(sku="a")])),
    "root model": (RootModel[dict[int, bytes]], RootModel[dict[int, bytes]]({1: b"\xff"})),
    "dataclass": (Point, Point(1, raw=b"\xff")),
    "frozen dataclass": (shop.Frozen, shop.Frozen((Point(1),))),
    "typed dict": (Row, {"id": 1, "raw": b"\xff"}),
    "typed dict of typing": (OldRow, {"id": 1, "inner": [{"raw": b"\xff"}, {}]}),
    "optional typed dict of typing": (dict[str, OldInner | None], {"a": {"raw": b"\xff"}, "b": None}),
    "named tuple": (Pair, Pair(1, b"\xff")),
    "tuple": (tuple[int, str], (1, "a")),
    "tuple of any length": (tuple[int, ...], (1, 2, 3)),
    "empty tuple": (tuple[()], ()),
    "tuple of anything": (tuple, ((1,), [b"x"])),
    "set": (set[str], {"c", "a", "b"}),
    "frozenset": (frozenset[int], frozenset({10, 9})),
    "set of tuples": (set[tuple[int, str]], {(2, "b"), (1, "a")}),
    "set of anything": (set, {(1, 2), "a", 3}),
    "dict with int keys": (dict[int, Line], {1: Line(sku="a"), -2: Line(sku="b")}),
    "dict with date keys": (dict[date, int], {date(2024, 1, 1): 1}),
    "dict with datetime keys": (dict[datetime, int], {datetime(2024, 1, 1, tzinfo=BERLIN): 1}),
    "dict with enum keys": (dict[Colour, int], {Colour.RED: 1}),
    "dict with uuid keys": (dict[UUID, int], {UUID(int=1): 1}),
    "dict with bytes keys": (dict[bytes, int], {b"\xff": 1}),
    "dict with bool keys": (dict[bool, int], {True: 1, False: 2}),
    "dict of lists": (dict[str, list[Line]], {"$a": [Line(sku="a")], "": []}),
    "dict of any": (dict[str, Any], {"a": (1, {2: b"\xff"}), "$ref": Line(sku="a")}),
    "dict of anything": (dict, {1: {(2, 3): Colour.RED}}),
    "dict of dicts": (dict[str, dict], {"a": {1: (2,)}, "b": {"$x": 1}}),
    "list of anything": (list, [(1,), {1: 2}]),
    "list of lists of anything": (list[list], [[(1,)], []]),
    "mapping": (Mapping[str, int], {"a": 1}),
    "sequence": (Sequence[datetime], [datetime(2024, 7, 1, tzinfo=BERLIN)]),
    "sequence of anything": (Sequence[Any], [{1: (2,)}, None]),
    "deque": (deque[int], deque([1, 2])),
    "counter": (Counter[str], Counter("aab")),
    "ordered dict": (OrderedDict[str, int], OrderedDict(b=1, a=2)),
    "default dict": (defaultdict[str, list[int]], defaultdict(list, a=[1])),
    "int under float": (float, 3),
    "url": (AnyUrl, AnyUrl("https://example.com/a")),
    "address": (IPv4Address, IPv4Address("127.0.0.1")),
    "fraction": (Fraction, Fraction(1, 3)),
    "pattern": (re.Pattern[str], re.compile("a+")),
    "annotated": (Annotated[int, Field(gt=0)], 3),
    "anything": (Any, {1: (2,)}),
    "object": (object, {1: (2,)}),
    "type variable": (T, {1: (2,)}),
    "never": (NoReturn, None),
}


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other) if "nan" in repr(one).lower() else one == other


@pytest.mark.parametrize("name", TYPED)
def test_a_value_comes_back_as_it_was(name: str) -> None:
    annotation, value = TYPED[name]
    codec = codec_for(annotation)
    text, back = codec.round_trip(value)
    assert type(back) is type(value) or name == "int under float"
    assert same(back, value)
    assert codec.encode(value) == text
    assert codec.encode(back) == text
    assert same(codec.decode(text), value)
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", TYPED)
def test_the_stored_text_is_the_one_that_version_1_wrote(name: str) -> None:
    annotation, value = TYPED[name]
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["typed"]
    assert golden.keys() == TYPED.keys()
    assert codec_for(annotation).encode(value) == golden[name]
    assert same(codec_for(annotation).decode(golden[name]), value)


def test_a_zone_comes_back_inside_models_too() -> None:
    class Event(BaseModel):
        at: datetime
        opens: time | None = None

    event = Event(at=datetime(2024, 3, 30, 12, tzinfo=BERLIN), opens=time(8, tzinfo=BERLIN))
    _, back = codec_for(Event).round_trip(event)
    assert (back.at + timedelta(days=1)).utcoffset() == timedelta(hours=2)
    assert back.opens == event.opens


def test_a_model_of_any_configuration_comes_back() -> None:
    class Lossy(BaseModel):
        model_config = ConfigDict(ser_json_timedelta="float", ser_json_bytes="hex", ser_json_inf_nan="null")

        wait: timedelta
        data: bytes
        ratio: float | None

    lossy = Lossy(wait=timedelta(days=10**6, microseconds=1), data=b"\xff", ratio=float("inf"))
    assert codec_for(Lossy).round_trip(lossy)[1] == lossy


def test_equal_sets_have_equal_texts() -> None:
    words = [f"word-{n}" for n in range(50)]
    codec = codec_for(frozenset[str])
    assert codec.encode(frozenset(words)) == codec.encode(frozenset(reversed(words)))


def test_what_is_decoded_is_new_each_time() -> None:
    codec = codec_for(Order)
    given = Order(id=1, lines=[Line(sku="a")], note=[1])
    text, first = codec.round_trip(given)
    second = codec.decode(text)
    first.lines.append(Line(sku="b"))
    given.note.append(2)
    second.note.append(3)
    assert (first.note, second.note, len(second.lines)) == ([1], [1, 3], 1)


def test_a_discriminated_union_keeps_its_members_apart() -> None:
    tagged = Annotated[
        Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")],
        Discriminator(lambda pet: "dog" if pet else "cat"),
    ]
    assert codec_for(list[tagged]).round_trip([Dog(name="x")])[1] == [Dog(name="x")]


def test_a_lock_in_a_private_attribute_is_made_anew() -> None:
    back = codec_for(shop.Cached).round_trip(shop.Cached(id=1))[1]
    assert back.id == 1
    assert back._lock.acquire(blocking=False)


@dataclass
class Numbers:
    mean: float
    name: str


class NumpyFloat(float):
    """As `numpy.float64`, which is a float."""


def test_a_number_of_a_library_becomes_the_plain_number_that_is_annotated() -> None:
    _, back = codec_for(Numbers).round_trip(Numbers(NumpyFloat(1.5), "x"))
    assert type(back.mean) is float


# --- refused when stored ------------------------------------------------------------------------------------


def private() -> shop.Cached:
    cached = shop.Cached(id=1)
    cached._count = 5
    return cached


def circle() -> shop.Tree:
    tree = shop.Tree()
    tree.children.append(tree)
    return tree


def long_chain() -> shop.Tree:
    tree = shop.Tree()
    for _ in range(400):
        tree = shop.Tree(children=[tree])
    return tree


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    items: list[Any] = []
    client: shop.Plain | None = None


class Failing(BaseModel):
    id: int = 1

    @field_serializer("id")
    def _fail(self, _: int) -> int:
        raise LookupError("the rate is not known")


class Picky(BaseModel):
    id: int = 1

    @field_validator("id")
    @classmethod
    def _only_once(cls, value: int) -> int:
        if value == 2:
            raise KeyError("two")
        return value


_ticks = iter(range(1000))
Ticking = Annotated[shop.Plain, PlainSerializer(lambda _: next(_ticks))]


class Unstable(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Annotated[int, PlainSerializer(lambda _: next(_ticks))]


class OwnInit(BaseModel):
    raw: bytes
    id: int

    def __init__(self, id: int, raw: bytes) -> None:
        super().__init__(id=id, raw=raw)


REFUSED: list[tuple[Any, Callable[[], object], str, str]] = [
    # does not fit
    (int, lambda: "x", "result", "valid integer"),
    (int, lambda: "1", "result", "expected int"),
    (int, lambda: True, "result", "found bool, expected int"),
    (int, lambda: 1.0, "result", "found float"),
    (str, lambda: 1, "result", "valid string"),
    (str, lambda: None, "result", "valid string"),
    (str, lambda: Size.SMALL, "result", "found support.shop.Size, expected str"),
    (None, lambda: 0, "result", "None"),
    (bool, lambda: 1, "result", "found int, expected bool"),
    (bool, lambda: 0, "result", "found int, expected bool"),
    (bytes, lambda: "x", "result", "found str, expected bytes"),
    (float, lambda: 2**53 + 1, "result", "int"),
    (Line, lambda: {"sku": "a"}, "result", "found dict, expected support.shop.Line"),
    (Line, lambda: {"sku": "a", "count": "many"}, "result.count", "valid integer"),
    (list[Line], lambda: [Line(sku="a"), {"sku": 1}], "result[1].sku", "valid string"),
    (list[int], lambda: (1, 2), "result", "found tuple, expected list"),
    (tuple[int, ...], lambda: [1], "result", "found list, expected tuple"),
    (set[int], lambda: [1], "result", "found list, expected set"),
    (dict, lambda: [1], "result", "found list, expected a dict"),
    (list, lambda: {}, "result", "found dict, expected a list"),
    (dict[str, Any], lambda: {1: 2}, "result[1]", "expected a str"),
    (dict[str, dict], lambda: {"a": [1]}, "result.a", "valid dictionary"),
    (Colour, lambda: "r", "result", "found str, expected support.shop.Colour"),
    (Literal["a"], lambda: "b", "result", "'a'"),
    (Annotated[int, Field(gt=0)], lambda: -1, "result", "greater than 0"),
    (date, lambda: datetime(2024, 1, 1, 5), "result", "date"),
    (Order, lambda: Order.model_construct(id="x"), "result.id", "valid integer"),
    (Point, lambda: Point("x"), "result.x", "valid integer"),
    (list[Point], lambda: [Point(1), Point(1, raw="x")], "result[1].raw", "base64"),
    (Row, lambda: {"id": 1, "more": 2}, "result.more", "would be lost"),
    (Line, lambda: sys.stdin, "result", "instance of Line"),
    # would change
    (Order, lambda: RushOrder(id=1), "result", "annotate RushOrder"),
    (list[Order], lambda: [RushOrder(id=1)], "result[0]", "annotate RushOrder"),
    (Cat | Dog, lambda: Dog(name="x"), "result", "tells them apart"),
    (datetime | str, lambda: datetime(2024, 1, 1), "result", "come back as str"),
    (Sequence[int], lambda: (1,), "result", "tuple would come back as list"),
    (dict[int | str, int], lambda: {1: 1, "1": 2}, "result[1]", "lost"),
    (dict[tuple[int, int], int], lambda: {(1, 2): 3}, 'result["1,2"]["[key]"]', "cannot be read back"),
    (SecretStr, lambda: SecretStr("x"), "result", "another value"),
    (shop.Rounded, lambda: shop.Rounded(price=1.999), "result.price", "another value"),
    (shop.Hidden, lambda: shop.Hidden(id=1, secret="x"), "result.secret", "another value"),
    (shop.Cached, private, "result._count", "private attribute"),
    (Decimal, lambda: Decimal("NaN"), "result", "finite"),
    (Unstable, lambda: Unstable(id=5), "result.id", "another value"),
    # cannot be written
    (Holder, lambda: Holder(items=[1, {"a": [shop.Plain()]}]), "result.items[1].a[0]", "support.shop.Plain"),
    (list[Holder], lambda: [Holder(), Holder(items=[lambda: 1])], "result[1].items[0]", "function"),
    (Holder, lambda: Holder(client=shop.Plain()), "result.client", "support.shop.Plain"),
    (list[str], lambda: ["a", "half \ud83d"], "result[1]", "surrogate"),
    (dict[str, Line], lambda: {"a": Line(sku="half \ud83d")}, "result.a.sku", "surrogate"),
    (int, lambda: 10**5000, "result", "read back"),
    (Failing, Failing, "result", "the rate is not known"),
    (shop.Tree, circle, "result", "contains itself"),
    (shop.Tree, long_chain, "result", "levels deep"),
    (shop.Tree, lambda: shop.Tree(value=[[print]]), "result.value[0][0]", "code is not data"),
    (OwnInit, lambda: OwnInit(1, b"\xff"), "result.raw", "another value"),
    (Picky, lambda: Picky.model_construct(id=2), "result", "KeyError"),
]


@pytest.mark.parametrize(("annotation", "make", "path", "message"), REFUSED)
def test_what_does_not_fit_or_would_change_is_refused(
    annotation: Any, make: Callable[[], object], path: str, message: str
) -> None:
    codec = codec_for(annotation)
    for store in (codec.round_trip, codec.encode):
        with pytest.raises(NotStorable, match=re.escape(message)) as refused:
            store(make())
        assert refused.value.path == path
        assert refused.value.hint


def test_no_warning_of_pydantic_reaches_the_user(recwarn: pytest.WarningsRecorder) -> None:
    for annotation, make, _, _ in REFUSED:
        with pytest.raises(NotStorable):
            codec_for(annotation).encode(make())
    assert [str(w.message) for w in recwarn] == []


def test_no_error_repeats_a_value() -> None:
    class Login(BaseModel):
        user: int
        password: SecretStr

    codec = codec_for(list[Login])
    with pytest.raises(NotStorable) as refused:
        codec.decode('[{"user": "hunter2", "password": 5}]')
    with pytest.raises(NotStorable) as given:
        codec.coerce([{"user": "hunter2", "password": "x"}, Login.model_construct(user="hunter2")])
    with pytest.raises(NotStorable) as stored:
        codec.encode([Login.model_construct(user="hunter2", password=SecretStr("hunter2"))])
    shown = [
        text for error in (refused, given, stored) for text in (str(error.value), repr(error.value.__cause__))
    ]
    assert "hunter2" not in " ".join(shown)


# --- refused before anything runs ---------------------------------------------------------------------------


class HasSocket(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    connections: list[socket.socket]


class Half(BaseModel):
    later: "NotDefinedAnywhere"  # noqa: F821


UNBUILDABLE = [
    (shop.Plain, "result", "Plain"),
    (list[shop.Plain], "result", "Plain"),
    (HasSocket, "result.connections[0]", "socket"),
    (dict[str, HasSocket | shop.Plain], "result", "Plain"),
    (Iterable[int], "result", "gone through only once"),
    (typing.Iterator[int], "result", "Iterator"),
    (typing.Generator[int, None, None], "result", "gone through only once"),
    (Callable[[], int], "result", "something to call"),
    (type[Line], "result", "a class"),
    (Half, "result", "NotDefinedAnywhere"),
    (list["NotDefinedAnywhere"], "result", "NotDefinedAnywhere"),  # noqa: F821
    (42, "result", "42"),
]


@pytest.mark.parametrize(("annotation", "path", "message"), UNBUILDABLE)
def test_an_annotation_that_nothing_could_be_read_into_is_refused_when_the_codec_is_built(
    annotation: Any, path: str, message: str
) -> None:
    with pytest.raises(NotStorable, match=message) as refused:
        codec_for(annotation)
    assert refused.value.path == path
    assert refused.value.hint


@pytest.mark.parametrize("annotation", [Holder, shop.Tree | None, int | Literal["x"], Annotated[int, "note"]])
def test_an_annotation_with_values_that_can_be_stored_is_built(annotation: Any) -> None:
    codec_for(annotation)


# --- reading ------------------------------------------------------------------------------------------------


def test_stored_text_that_does_not_fit_any_more_names_every_field() -> None:
    with pytest.raises(DoesNotFit) as refused:
        codec_for(list[Order]).decode('[{"id":1},{"id":"x","lines":[{"count":"many"}]}]')
    assert dict(refused.value.problems).keys() == {
        "result[1].id",
        "result[1].lines[0].sku",
        "result[1].lines[0].count",
    }
    assert all(path in str(refused.value) for path, _ in refused.value.problems)
    assert "code has changed" in refused.value.hint


def test_a_hundred_problems_are_cut_to_a_line_that_can_be_read() -> None:
    with pytest.raises(DoesNotFit) as refused:
        codec_for(list[int]).decode(json.dumps(["x"] * 100))
    assert len(refused.value.problems) == 100
    assert "and 80 more" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[" * 300, '"\\ud83d"', "nul"])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(NotStorable):
        codec_for(Line).decode(text)


def test_a_tag_under_any_that_is_not_known_is_named_by_its_path() -> None:
    with pytest.raises(DoesNotFit, match="'\\$nonsense' is not known") as refused:
        codec_for(Order).decode('{"id":1,"note":[{"$nonsense":1}]}')
    assert refused.value.path == "result.note"


# --- from outside and from Python ---------------------------------------------------------------------------


def test_text_from_outside_is_read_as_the_models_say_with_names_or_aliases_and_without_tags() -> None:
    outside = codec_for(Order, root="payload", trusted=False)
    assert outside.decode('{"id":1,"note":{"$tuple":[1]}}').note == {"$tuple": [1]}
    swapped = codec_for(shop.Swapped, trusted=False)
    assert swapped.decode('{"b":1,"a":2}') == shop.Swapped.model_validate({"b": 1, "a": 2})
    assert codec_for(Blob, trusted=False).decode('{"data":"text"}').data == b"text"


def test_text_from_outside_that_does_not_fit_names_every_field_under_the_payload() -> None:
    with pytest.raises(DoesNotFit) as refused:
        codec_for(Order, root="payload", trusted=False).decode('{"lines":[{}]}')
    assert [path for path, _ in refused.value.problems] == ["payload.id", "payload.lines[0].sku"]


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (Order, {"id": "7", "lines": [{"sku": "a"}]}, Order(id=7, lines=[Line(sku="a")])),
        (Order, RushOrder(id=1), RushOrder(id=1)),
        (shop.Swapped, {"b": 1, "a": 2}, shop.Swapped.model_validate({"b": 1, "a": 2})),
        (Order | None, None, None),
        (dict, {"$tuple": [1]}, {"$tuple": [1]}),
        (dict[str, Any], {"$tuple": [1]}, {"$tuple": [1]}),
        (Any, (1,), (1,)),
        (Holder, {"items": [{"$tuple": [1]}]}, Holder(items=[{"$tuple": [1]}])),
    ],
)
def test_what_a_caller_gives_in_python_is_taken_as_the_annotation_understands_it(
    annotation: Any, given: object, expected: object
) -> None:
    assert codec_for(annotation).coerce(given) == expected


@pytest.mark.parametrize(
    ("annotation", "given", "paths"),
    [
        (Order, {"lines": [{}]}, ["payload.id", "payload.lines[0].sku"]),
        (Order, [1], ["payload"]),
        (dict, [1], ["payload"]),
        (dict[str, Any], {1: 2, 3: 4, "a": 5}, ["payload[1]", "payload[3]"]),
    ],
)
def test_what_a_caller_gives_wrong_is_refused_field_by_field(
    annotation: Any, given: object, paths: list[str]
) -> None:
    with pytest.raises(DoesNotFit) as refused:
        codec_for(annotation, root="payload").coerce(given)
    assert [path for path, _ in refused.value.problems] == paths


class Wrapped(BaseModel):
    """Its own serializer stands around pydantic's."""

    given: dict[str, JsonValue] | None = None

    @model_serializer(mode="wrap")
    def _as_it_is(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self)


@pytest.mark.parametrize("key", ["$set", "$bytes", "$unknown", "$$tuple"])
def test_json_inside_of_a_serializer_is_never_taken_for_a_tag(key: str) -> None:
    value = Wrapped(given={"inner": {key: [1]}})
    assert codec_for(Wrapped).round_trip(value)[1] == value
