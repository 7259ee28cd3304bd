"""What holds for codecs of every kind: one per annotation, safe in threads, cheap to import."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Annotated, Any, List, Union  # noqa: UP035

import pytest
from pydantic import BaseModel, Field

from polos.core.codec import codec_for, plain_json
from polos.errors import NotStorable
from support.shop import Blob, Cat, Dog, Line, Order, Swapped


def test_a_codec_is_built_once_for_an_annotation() -> None:
    assert codec_for(list[Line]) is codec_for(list[Line])
    assert codec_for() is codec_for()
    assert codec_for(Line, root="payload") is not codec_for(Line)


def test_an_annotation_without_a_hash_has_a_codec_that_is_kept_too() -> None:
    annotation = Annotated[int, Field(gt=0), ["no hash"]]
    assert codec_for(annotation) is codec_for(annotation)
    assert codec_for(annotation).decode("3") == 3


def test_the_members_of_a_union_keep_their_order_although_the_unions_are_equal() -> None:
    one, other = Cat | Dog, Dog | Cat
    assert one == other
    assert type(codec_for(one).decode('{"name":"x"}')) is Cat
    assert type(codec_for(other).decode('{"name":"x"}')) is Dog


def test_types_of_typing_and_builtins_are_read_alike() -> None:
    old, new = codec_for(List[Union[int, str]]), codec_for(list[int | str])  # noqa: UP006, UP007
    assert old.encode([1, "1"]) == new.encode([1, "1"])


def test_a_class_defined_again_has_a_codec_of_its_own() -> None:
    def define(kind: Any) -> type[BaseModel]:
        return type("Again", (BaseModel,), {"__annotations__": {"x": kind}, "__module__": __name__})

    first, second = define(int), define(str)
    assert codec_for(first).decode('{"x":1}').x == 1
    assert codec_for(second).decode('{"x":"1"}').x == "1"


def test_threads_share_a_codec_and_never_its_refusals() -> None:
    codec = codec_for(Order)

    def store(n: int) -> str:
        if n % 2:
            return codec.encode(Order(id=n, note=(n,)))
        try:
            codec.encode(Order(id=n, note=[0] * n + [print]))
        except NotStorable as refused:
            return refused.path
        return "stored"

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(store, range(400)))
    for n, text in enumerate(got):
        assert (f'"$tuple":[{n}]' in text) if n % 2 else text == f"result.note[{n}]"


def test_the_root_of_paths_is_the_callers() -> None:
    for annotation in (Any, Line, dict):
        with pytest.raises(NotStorable) as refused:
            codec_for(annotation, root="state").decode("[")
        assert refused.value.path == "state"


def test_plain_json_is_what_any_client_would_send() -> None:
    payload = {
        "order": Order(id=1, lines=[Line(sku="a")]),
        "at": datetime(2024, 7, 1, tzinfo=UTC),
        "days": {date(2024, 7, 1)},
        "raw": b"\xff",
        "swapped": Swapped.model_validate({"b": 1, "a": 2}),
    }
    assert json.loads(plain_json(payload)) == {
        "order": {"id": 1, "lines": [{"sku": "a", "count": 1}], "ship_to": None, "note": None},
        "at": "2024-07-01T00:00:00Z",
        "days": ["2024-07-01"],
        "raw": "_w==",
        "swapped": {"b": 1, "a": 2},
    }


def test_plain_json_of_a_model_is_read_back_by_its_annotation() -> None:
    order = Order(id=1, lines=[Line(sku="a")])
    assert codec_for(Order, trusted=False).decode(plain_json(order)) == order


@pytest.mark.parametrize("value", [{"a": [print]}, {"a": [Order(id=1, note=print)]}, {"a": ["half \ud83d"]}])
def test_plain_json_names_what_it_cannot_write(value: object) -> None:
    with pytest.raises(NotStorable) as refused:
        plain_json(value)
    assert refused.value.path.startswith("payload.a[0]")


def test_a_typed_codec_of_the_outside_writes_what_it_reads() -> None:
    codec = codec_for(Order, trusted=False)
    order = Order(id=1, note={"$ref": "x"})
    assert codec.round_trip(order)[1] == order
    with pytest.raises(NotStorable, match="tuple would come back as list"):
        codec.encode(Order(id=1, note=(1,)))
    with pytest.raises(NotStorable):
        codec_for(Blob, trusted=False).encode(Blob(data=b"\xff"))


def test_the_codec_loads_no_service_and_no_model_client() -> None:
    heavy = ("boto3", "httpx", "openai", "anthropic")
    probe = f"import sys, polos.core.codec; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
