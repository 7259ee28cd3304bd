"""The annotation of a function is found wherever the function is written, and whatever is wrapped around it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest
from pydantic import BaseModel, Field

from polos.core.codec import (
    MISSING,
    codec_for,
    parameter_annotation,
    parameter_codec,
    return_annotation,
    return_codec,
)
from polos.errors import NotStorable
from support.shop import Line, Order

if TYPE_CHECKING:
    from nowhere import Absent, WorkflowContext


def plain() -> Line: ...
async def coroutine() -> list[Line]: ...
def nothing() -> None: ...
def unannotated(): ...
def optional() -> Optional[Line]: ...  # noqa: UP045
def annotated() -> Annotated[int, Field(gt=0)]: ...
def quoted() -> list["Line"]: ...  # noqa: UP037
def nested_class() -> Order.Address: ...
def awaitable() -> Awaitable[Line]: ...
def coroutine_of() -> Coroutine[Any, Any, Line]: ...
def absent() -> Absent: ...
def absent_parameter(ctx: WorkflowContext, payload: Line | None = None) -> Line: ...
def broken() -> Line[0]: ...
def outer(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    return wrapper


class Service:
    class Reply(BaseModel):
        text: str

    def method(self) -> Reply: ...

    async def chain(self, request: Reply) -> Service.Reply: ...

    @classmethod
    def of_class(cls) -> Line: ...

    @staticmethod
    def static() -> Reply: ...

    def __call__(self, payload: Reply) -> Reply: ...


class AsyncService:
    async def __call__(self) -> Line: ...


FOUND: list[tuple[Callable[..., Any], Any]] = [
    (plain, Line),
    (coroutine, list[Line]),
    (nothing, type(None)),
    (unannotated, MISSING),
    (lambda: 1, MISSING),
    (len, MISSING),
    (optional, Line | None),
    (quoted, list[Line]),
    (nested_class, Order.Address),
    (awaitable, Line),
    (coroutine_of, Line),
    (absent_parameter, Line),
    (outer(plain), Line),
    (outer(coroutine), list[Line]),
    (functools.partial(plain, 1), Line),
    (functools.partial(functools.partial(outer(plain), 1), 2), Line),
    (functools.lru_cache(plain), Line),
    (Service().method, Service.Reply),
    (Service.method, Service.Reply),
    (Service().chain, Service.Reply),
    (Service.of_class, Line),
    (Service.static, Service.Reply),
    (Service(), Service.Reply),
    (AsyncService(), Line),
    (functools.partial(Service().method), Service.Reply),
    (functools.partial(Service()), Service.Reply),
    (Line, Line),
    (int, int),
]


@pytest.mark.parametrize(("function", "expected"), FOUND)
def test_the_return_annotation_is_found(function: Callable[..., Any], expected: Any) -> None:
    assert return_annotation(function) == expected
    assert return_codec(function) is codec_for(return_annotation(function))


def test_metadata_of_an_annotation_is_kept() -> None:
    codec = return_codec(annotated)
    assert codec.round_trip(3) == ("3", 3)
    with pytest.raises(NotStorable):
        codec.round_trip(-3)


def test_a_local_class_is_found_where_the_function_uses_it() -> None:
    class Inside(BaseModel):
        id: int

    def step() -> list[Inside]:
        return [Inside(id=1)]

    assert return_codec(step).round_trip(step())[1] == [Inside(id=1)]


def test_two_functions_of_one_text_keep_their_own_local_classes() -> None:
    def made() -> tuple[type, Callable[[], Any]]:
        class Inside(BaseModel):
            id: int

        def step() -> list[Inside]:
            return [Inside(id=1)]

        return Inside, step

    for cls, step in (made(), made()):
        assert return_annotation(step) == list[cls]


def test_a_name_that_cannot_be_found_is_refused_naming_it_and_the_function() -> None:
    with pytest.raises(NotStorable, match=r"'Absent'.*absent.*name 'Absent' is not defined") as refused:
        return_codec(absent)
    assert __name__ in str(refused.value)
    assert "TYPE_CHECKING" in refused.value.hint


def test_a_local_class_out_of_reach_is_refused() -> None:
    class Inside(BaseModel):
        id: int

    def step() -> Inside: ...

    with pytest.raises(NotStorable, match="'Inside' is not defined"):
        return_codec(step)


def test_an_annotation_that_fails_is_refused() -> None:
    with pytest.raises(NotStorable, match="cannot be resolved"):
        return_codec(broken)


def test_an_open_name_of_another_parameter_does_not_matter() -> None:
    assert parameter_annotation(absent_parameter, "payload") == Line | None
    assert parameter_codec(absent_parameter, "payload").decode("null") is None
    with pytest.raises(NotStorable, match="the annotation of 'ctx' 'WorkflowContext' of"):
        parameter_codec(absent_parameter, "ctx")


@pytest.mark.parametrize(
    ("function", "name", "expected"),
    [
        (Service().chain, "request", Service.Reply),
        (Service(), "payload", Service.Reply),
        (functools.partial(absent_parameter, None), "payload", Line | None),
        (outer(absent_parameter), "payload", Line | None),
        (lambda ctx, payload: None, "payload", MISSING),
        (plain, "no such", MISSING),
        (Service.Reply, "text", MISSING),
    ],
)
def test_the_annotation_of_a_parameter_is_found(
    function: Callable[..., Any], name: str, expected: Any
) -> None:
    assert parameter_annotation(function, name) == expected


def test_a_function_without_payload_has_a_codec_of_anything() -> None:
    assert parameter_codec(plain, None) is codec_for(root="payload")


def test_a_payload_from_outside_has_no_tags() -> None:
    def workflow(ctx, payload: dict): ...

    assert parameter_codec(workflow, "payload", trusted=False).decode('{"$tuple":[1]}') == {"$tuple": [1]}
    assert parameter_codec(workflow, "payload").decode('{"a":{"$tuple":[1]}}') == {"a": (1,)}
