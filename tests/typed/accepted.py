"""Code that a type checker accepts, with the types that it sees. Read by checkers, never run."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, assert_type

from pydantic import BaseModel

from polos import (
    Agent,
    AgentContext,
    AgentResult,
    BatchStepResult,
    BatchWorkflowInput,
    EventPayload,
    ExecutionHandle,
    GuardrailContext,
    GuardrailResult,
    HookContext,
    HookResult,
    Polos,
    PolosClient,
    Queue,
    StopConditionContext,
    StreamResult,
    WorkflowContext,
    WorkflowState,
    batch,
    events,
    guardrail,
    hook,
    max_steps,
    schedules,
    stop_condition,
    tool,
    workflow,
)


class Order(BaseModel):
    sku: str
    count: int = 1


class Receipt(BaseModel):
    total: float


class Shop:
    def price(self, sku: str) -> float:
        return 1.0

    async def stock(self, sku: str) -> int:
        return 1


def charge(order: Order, currency: str = "EUR") -> Receipt:
    return Receipt(total=1.0)


async def send(to: str, *, text: str) -> list[str]:
    return [to, text]


def log(*lines: str) -> None:
    return None


# --- decorated functions keep their signatures ----------------------------------------------------------------------


@workflow
async def ship(ctx: WorkflowContext, order: Order) -> Receipt:
    return await ctx.step.run("charge", charge, order)


@workflow(id="typed_bare", queue=Queue("slow", concurrency_limit=2), run_timeout_seconds=60)
async def bare(ctx: WorkflowContext) -> int:
    return 1


@hook
def look(ctx: WorkflowContext, at: HookContext) -> HookResult:
    return HookResult.continue_with()


class Cart(WorkflowState):
    items: list[str] = []  # noqa: RUF012 (pydantic copies it)


@workflow(id="typed_cart", state_schema=Cart, on_start=[look], on_end=look)
async def cart(ctx: WorkflowContext, item: str) -> None:
    ctx.state.items.append(item)


@workflow(schedule={"cron": "0 9 * * *", "timezone": "Europe/Oslo"})
def sync(ctx: WorkflowContext, payload: dict[str, int]) -> list[int]:
    return [payload["a"]]


@workflow
async def optional(ctx: WorkflowContext, order: Order | None = None) -> str:
    return "x"


@workflow
async def untyped(ctx: Any, payload: Any) -> Any:
    return payload


@tool
def get_weather(ctx: WorkflowContext, city: str, days: int = 1) -> str:
    """The weather."""
    return city


@tool(id="typed_ask", approval="always")
async def ask(ctx: WorkflowContext, order: Order) -> Receipt:
    """Ask."""
    return await ctx.step.run("charge", charge, order, "USD", max_retries=5, timeout=30)


@guardrail
async def short(ctx: GuardrailContext) -> GuardrailResult:
    return GuardrailResult.continue_with()


@stop_condition
def enough(ctx: StopConditionContext) -> bool:
    return len(ctx.steps) > 3


agent = Agent(
    id="typed_agent",
    provider="openai",
    model="gpt-5-mini",
    tools=[get_weather, ask, ship],
    guardrails=[short, "Be polite."],
    on_start=look,
    on_tool_end=[look, lambda ctx, at: None],
    stop_conditions=[max_steps(3), enough],
    output_schema=Receipt,
)


async def called_as_functions(ctx: WorkflowContext, at: HookContext, answer: GuardrailContext) -> None:
    assert_type(await ship(ctx, Order(sku="a")), Receipt)
    assert_type(sync(ctx, {"a": 1}), list[int])
    assert_type(get_weather(ctx, "Oslo", days=2), str)
    assert_type(await ask(ctx, Order(sku="a")), Receipt)
    assert_type(look(ctx, at), HookResult)
    assert_type(await short(answer), GuardrailResult)


# --- steps ----------------------------------------------------------------------------------------------------------


async def steps(ctx: WorkflowContext, order: Order, shop: Shop) -> None:
    assert_type(await ctx.step.run("a", charge, order), Receipt)
    assert_type(await ctx.step.run("b", charge, order, "USD", max_retries=5, base_delay=0.5), Receipt)
    assert_type(await ctx.step.run("c", charge, order, currency="USD"), Receipt)
    assert_type(await ctx.step.run("d", partial(charge, currency="USD"), order, queue="slow"), Receipt)
    assert_type(await ctx.step.run("e", send, "ada", text="hi"), list[str])
    assert_type(await ctx.step.run("f", shop.price, "a", timeout=3), float)
    assert_type(await ctx.step.run("g", shop.stock, "a"), int)
    assert_type(await ctx.step.run("h", lambda: 3), int)
    assert_type(await ctx.step.run("i", Order.model_validate, {"sku": "a"}), Order)
    await ctx.step.run("j", log, "a", "b")
    assert_type(await ctx.step.uuid("k"), str)
    assert_type(await ctx.step.now("l"), int)
    assert_type(await ctx.step.random("m"), float)


async def children(ctx: WorkflowContext, order: Order) -> None:
    assert_type(await ctx.step.invoke_and_wait("a", ship, order), Receipt)
    assert_type(await ctx.step.invoke_and_wait("b", ship, {"sku": "a"}, queue="slow"), Receipt)
    assert_type(await ctx.step.invoke_and_wait("c", bare), int)
    assert_type(await ctx.step.invoke_and_wait("d", sync, {"a": 1}), list[int])
    assert_type(await ctx.step.invoke_and_wait("e", sync), list[int])
    assert_type(await ctx.step.invoke_and_wait("f", optional), str)
    assert_type(await ctx.step.invoke_and_wait("g", optional, order), str)
    assert_type(await ctx.step.invoke_and_wait("h", get_weather, {"city": "Oslo"}), str)
    assert_type(await ctx.step.invoke_and_wait("i", ask, order), Receipt)
    by_name: Receipt = await ctx.step.invoke_and_wait("j", "ship", order)
    anything: int = await ctx.step.invoke_and_wait("k", untyped, [1, 2], run_timeout_seconds=60)
    handle = await ctx.step.invoke("l", ship, order, concurrency_key="c")
    assert_type(handle, ExecutionHandle[Receipt])
    assert_type(await ctx.step.wait_for(handle), Receipt)
    assert_type(await ctx.step.wait_for("m", handle), Receipt)
    unknown: ExecutionHandle = await ctx.step.invoke("n", "ship", order)
    result: Receipt = await ctx.step.wait_for(unknown)
    several = [BatchWorkflowInput(id="ship", payload=order)]
    assert_type(await ctx.step.batch_invoke_and_wait("o", several), list[BatchStepResult])
    log(str(by_name), str(anything), str(result))


async def waits(ctx: WorkflowContext) -> None:
    await ctx.step.wait_for("a", minutes=2, seconds=30)
    await ctx.step.wait_until("b", datetime(2026, 1, 1))
    assert_type(await ctx.step.wait_for_event("c", "topic", timeout=60, match={"a": 1}), EventPayload)
    assert_type(await ctx.step.suspend("d", {"amount": 1}, timeout=60), dict[str, Any])


async def agents(ctx: AgentContext) -> None:
    assert_type(await ctx.step.agent_invoke_and_wait("a", agent.with_input("hi")), AgentResult)
    assert_type(await ctx.step.agent_invoke("b", agent.with_input("hi")), ExecutionHandle[AgentResult])
    asked = [agent.with_input("hi", session_id="ada"), agent.with_input([{"role": "user", "content": "hi"}])]
    assert_type(await ctx.step.batch_agent_invoke_and_wait("c", asked), list[AgentResult])
    assert_type(await ctx.step.invoke_and_wait("d", agent, {"input": "hi"}), AgentResult)


# --- from outside ---------------------------------------------------------------------------------------------------


async def runs(client: PolosClient, polos: Polos) -> None:
    assert_type(await ship.run(Order(sku="a")), Receipt)
    assert_type(await ship.run({"sku": "a"}, session_id="s", timeout=3), Receipt)
    assert_type(await ship.run(client, Order(sku="a")), Receipt)
    assert_type(await ship.run(polos, payload=Order(sku="a")), Receipt)
    assert_type(await ship.run(payload=Order(sku="a")), Receipt)
    assert_type(await bare.run(), int)
    assert_type(await bare.run(polos), int)
    assert_type(await sync.run(), list[int])
    assert_type(await sync.run({"a": 1}), list[int])
    assert_type(await optional.run(), str)
    assert_type(await get_weather.run({"city": "Oslo"}), str)
    handle = await ship.invoke(Order(sku="a"), idempotency_key="k")
    assert_type(handle, ExecutionHandle[Receipt])
    assert_type(await handle.result(), Receipt)


async def asks(polos: Polos) -> None:
    assert_type(await agent.run("hi"), AgentResult)
    assert_type(await agent.run(polos, "hi", session_id="s", temperature=0.1), AgentResult)
    assert_type(await (await agent.invoke("hi")).result(), AgentResult)
    stream = await agent.stream("hi")
    assert_type(stream, StreamResult)
    async for piece in stream.text_chunks:
        assert_type(piece, str)


async def features(polos: Polos) -> None:
    assert_type(await events.publish(topic="t", event_type="e", data={}), int)
    async for event in events.stream_topic("t"):
        assert_type(event, EventPayload)
    await schedules.create(ship, "0 9 * * *", timezone="Europe/Oslo")
    assert_type(await batch.run(polos, workflow_id=ship, inputs=[{"sku": "a"}]), list[BatchStepResult])
