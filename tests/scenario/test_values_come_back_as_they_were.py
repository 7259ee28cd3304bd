"""A result is the same at the first run and at every replay: falsy ones, typed ones, nested ones; or it is refused."""

import random
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from polos import ExecutionFailed, InvalidPayload, UnknownWorkflow, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects, executions


class Colour(Enum):
    RED = "red"


class Line(BaseModel):
    sku: str
    colour: Colour = Colour.RED
    price: Decimal = Decimal("1.10")


class Order(BaseModel):
    lines: list[Line]
    placed: datetime
    note: str | None = None


@dataclass
class Point:
    x: int
    y: tuple[int, ...] = ()


SIMPLE: list[Any] = [
    0,
    False,
    "",
    [],
    {},
    None,
    0.0,
    -1,
    2**53,
    1e-9,
    "ü🗝\u0001",
    [None, [[]]],
    {"a": {"": 0}},
]


def give(value: Any) -> Any:
    did("given")
    return value


def give_order() -> Order:
    placed = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    return Order(lines=[Line(sku="a"), Line(sku="b", price=Decimal("0.30"))], placed=placed)


def give_lines() -> list[Line]:
    return [Line(sku="a")]


async def give_point() -> Point:
    return Point(1, (2, 3))


def give_mapping() -> dict[int, Colour]:
    return {1: Colour.RED}


def give_moments() -> tuple[date, timedelta, UUID, bytes, set[int]]:
    return date(2026, 2, 28), timedelta(days=-1, microseconds=1), UUID(int=7), b"\x00\xff", {3, 1}


def give_lock() -> object:
    did("given")
    return threading.Lock()


@workflow(id="gives-back")
async def gives(ctx: WorkflowContext, payload: Any) -> Any:
    first = await ctx.step.run("give", give, payload)
    await ctx.step.wait_for("a replay", seconds=1)
    if type(first) is not type(payload) or first != payload:
        return f"was {payload!r}, became {first!r}"
    return first


@workflow(id="gives-typed")
async def gives_typed(ctx: WorkflowContext) -> list[str]:
    values = [
        await ctx.step.run("order", give_order),
        await ctx.step.run("lines", give_lines),
        await ctx.step.run("point", give_point),
        await ctx.step.run("mapping", give_mapping),
        await ctx.step.run("moments", give_moments),
    ]
    await ctx.step.wait_for("a replay", seconds=1)
    assert values == [give_order(), give_lines(), Point(1, (2, 3)), give_mapping(), give_moments()]
    return [type(value).__name__ for value in values]


def give_noise(size: int) -> str:
    return random.Random(size).randbytes(size // 2).hex()


@workflow(id="gives-much")
async def gives_much(ctx: WorkflowContext, payload: int) -> int:
    noise = await ctx.step.run("noise", give_noise, payload)
    await ctx.step.wait_for("a replay", seconds=1)
    return len(noise) if noise == give_noise(payload) else 0


@workflow(id="talkative")
async def talkative(ctx: WorkflowContext, payload: int) -> str:
    return await ctx.step.run("noise", give_noise, payload)


@workflow(id="has-a-talkative-child")
async def has_a_talkative_child(ctx: WorkflowContext, payload: int) -> int:
    return len(await ctx.step.invoke_and_wait("child", talkative, payload))


@workflow(id="gives-echo")
async def echo(ctx: WorkflowContext, payload: str) -> str:
    return payload


@workflow(id="passes-on")
async def passes_on(ctx: WorkflowContext) -> str:
    event = await ctx.step.suspend("send me something")
    return await ctx.step.invoke_and_wait("child", echo, event["data"])


@workflow(id="takes-an-order")
async def takes_an_order(ctx: WorkflowContext, payload: Order) -> Order:
    payload.lines.append(Line(sku="free"))
    return payload


@workflow(id="gives-a-lock")
async def gives_a_lock(ctx: WorkflowContext) -> None:
    await ctx.step.run("lock", give_lock)


@workflow(id="returns-a-lock")
async def returns_a_lock(ctx: WorkflowContext) -> Any:
    return {"deep": [give_lock()]}


@pytest.mark.parametrize("value", SIMPLE, ids=repr)
def test_a_plain_value(world: Harness, value: Any) -> None:
    result = world.run(gives, value)
    assert (type(result), result) == (type(value), value)


def test_annotated_values_keep_their_types(world: Harness) -> None:
    assert world.run(gives_typed) == ["Order", "list", "Point", "dict", "tuple"]


def test_typed_values_through_deaths(tell) -> None:
    tell(lambda world: world.run(gives_typed))


def test_a_model_as_payload_and_result(world: Harness) -> None:
    order = give_order()
    result = world.run(takes_an_order, order)
    assert isinstance(result, Order)
    assert [line.sku for line in result.lines] == ["a", "b", "free"]
    assert [line.sku for line in order.lines] == ["a", "b"], "the caller's object is its own"


def test_a_result_that_cannot_be_stored_fails_at_once_and_says_where_it_is(world: Harness) -> None:
    with pytest.raises(ExecutionFailed, match="lock"):
        world.run(gives_a_lock)
    assert effects() == {"given": 1}, "no retry could help"
    with pytest.raises(ExecutionFailed, match="deep"):
        world.run(returns_a_lock)


def test_a_payload_that_does_not_validate_starts_nothing_and_names_every_field(world: Harness) -> None:
    with pytest.raises(InvalidPayload) as raised:
        world.start(takes_an_order, {"lines": [{"sku": 5}], "placed": "not a date"})
    assert "placed" in str(raised.value)
    assert "sku" in str(raised.value)
    assert list(executions(world)) == []


def test_an_unknown_workflow_starts_nothing_and_names_those_that_are_known(world: Harness) -> None:
    with pytest.raises(UnknownWorkflow, match="no workflow 'takes-an-ordr' is registered here"):
        world.start("takes-an-ordr", {})
    assert list(executions(world)) == []


@pytest.mark.parametrize("size", [30_000, 500_000, 2_000_000])
def test_a_large_result_of_a_step(world: Harness, size: int) -> None:
    assert world.run(gives_much, size) == size


@pytest.mark.parametrize("size", [500_000, 2_000_000])
def test_a_large_payload_and_a_large_result(world: Harness, size: int) -> None:
    noise = give_noise(size)
    assert world.run(gives, noise) == noise


def test_a_large_result_of_a_child(world: Harness) -> None:
    assert world.run(has_a_talkative_child, 2_000_000) == 2_000_000


def test_a_large_answer_to_a_suspension_and_a_large_payload_of_a_child(world: Harness) -> None:
    started = world.start(passes_on)
    world.advance(60)
    noise = give_noise(2_000_000)
    started.resume("send me something", noise)
    assert started.result() == noise
