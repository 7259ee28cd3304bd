"""Hooks of workflows: they may look, change what flows on, or stop; now and at every replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from polos.core.context import WorkflowContext
from polos.core.definitions import Registry
from polos.core.hooks import Hook, HookContext, HookResult, hook
from polos.core.state import WorkflowState
from polos.entry.polos import Polos
from polos.errors import ExecutionFailed, InvalidDefinition
from polos.runtime.host import Settings
from polos.runtime.workflow import Workflow, workflow


class Order(BaseModel):
    item: str
    amount: int = 1


class Counter(WorkflowState):
    seen: int = 0


async def run(flow: Workflow[Any, Any], tmp_path: Path, payload: Any = None) -> Any:
    """Run it in a registry of its own, each step of it replayed cold and compared."""
    registry = Registry()
    registry.add(flow.definition)
    async with Polos(tmp_path / "p.db", registry=registry, settings=Settings(cold=True), threads=4):
        return await flow.run(payload, timeout=30)


def make(function: Any, **options: Any) -> Workflow[Any, Any]:
    return workflow(id=f"{function.__qualname__}-{id(function)}", **options)(function)


async def test_hooks_run_in_order_and_hand_their_changes_on(tmp_path: Path) -> None:
    @hook
    def double(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={"n": at.current_payload["n"] * 2})

    @hook
    async def add_one(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={"n": at.current_payload["n"] + 1})

    @hook
    def wrap(ctx: WorkflowContext, at: HookContext) -> HookResult:
        assert at.point == "on_end"
        return HookResult.continue_with(modified_output=[at.current_output, at.current_payload])

    async def body(ctx: WorkflowContext, payload: dict) -> Any:
        return payload["n"]

    flow = make(body, on_start=[double, add_one], on_end=wrap)
    assert await run(flow, tmp_path, {"n": 5}) == [11, {"n": 11}]


@pytest.mark.parametrize("value", [0, "", False, [], {}, "text", 3.5, [1, {"a": None}]])
async def test_an_output_may_be_any_json_falsy_or_not(tmp_path: Path, value: Any) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        return "the original"

    flow = make(body, on_end=lambda ctx, at: HookResult.continue_with(modified_output=value))
    result = await run(flow, tmp_path)
    assert result == value
    assert type(result) is type(value)


async def test_a_typed_payload_is_a_model_in_the_hook_and_after_it(tmp_path: Path) -> None:
    seen = []

    def check(ctx: WorkflowContext, at: HookContext) -> HookResult:
        seen.append(type(at.current_payload))
        return HookResult.continue_with(modified_payload={"item": at.current_payload.item, "amount": 7})

    async def body(ctx: WorkflowContext, order: Order) -> Order:
        assert isinstance(order, Order)
        return order

    assert await run(make(body, on_start=check), tmp_path, Order(item="tea")) == Order(item="tea", amount=7)
    assert seen == [Order]


@pytest.mark.parametrize("point", ["on_start", "on_end"])
async def test_fail_stops_the_execution(tmp_path: Path, point: str) -> None:
    later: list[str] = []

    @hook
    def refuse(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.fail("not on a Sunday")

    def after(ctx: WorkflowContext, at: HookContext) -> None:
        later.append("called")

    async def body(ctx: WorkflowContext) -> str:
        if point == "on_start":
            later.append("body")
        return "done"

    with pytest.raises(ExecutionFailed, match="not on a Sunday") as caught:
        await run(make(body, **{point: [refuse, after]}), tmp_path)
    assert caught.value.error["type"] == "StepExecutionError"
    assert later == []


async def test_fail_said_in_text_counts_as_fail(tmp_path: Path) -> None:
    async def body(ctx: WorkflowContext) -> str:
        return "done"

    flow = make(body, on_start=lambda ctx, at: HookResult(action="fail", error_message="no"))  # type: ignore[arg-type]
    with pytest.raises(ExecutionFailed, match="no"):
        await run(flow, tmp_path)


async def test_a_hook_that_raises_fails_the_execution_with_its_error(tmp_path: Path) -> None:
    def broken(ctx: WorkflowContext, at: HookContext) -> None:
        raise KeyError("colour")

    async def body(ctx: WorkflowContext) -> None: ...

    with pytest.raises(ExecutionFailed, match="colour"):
        await run(make(body, on_start=broken), tmp_path)


async def test_a_hook_is_not_called_again_at_a_replay(tmp_path: Path) -> None:
    calls: list[str] = []

    def note(ctx: WorkflowContext, at: HookContext) -> None:
        calls.append(at.point)

    async def body(ctx: WorkflowContext) -> int:
        return sum([await ctx.step.run(f"s{i}", lambda i=i: i) for i in range(3)])

    assert await run(make(body, on_start=note, on_end=note), tmp_path) == 3
    assert calls == ["on_start", "on_end"]


async def test_what_a_hook_does_to_its_copies_has_no_effect(tmp_path: Path) -> None:
    def meddle(ctx: WorkflowContext, at: HookContext) -> None:
        at.current_payload["n"] = 99

    async def body(ctx: WorkflowContext, payload: dict) -> int:
        await ctx.step.run("s", lambda: None)
        return payload["n"]

    assert await run(make(body, on_start=meddle), tmp_path, {"n": 1}) == 1


async def test_what_a_hook_does_to_the_state_lasts_over_replays(tmp_path: Path) -> None:
    def count(ctx: WorkflowContext, at: HookContext) -> None:
        ctx.state.seen += 1

    async def body(ctx: WorkflowContext) -> int:
        await ctx.step.run("s", lambda: None)
        await ctx.step.run("t", lambda: None)
        return ctx.state.seen

    assert await run(make(body, on_start=[count, count], state_schema=Counter), tmp_path) == 2


async def test_a_modified_payload_that_does_not_fit_names_the_field(tmp_path: Path) -> None:
    def spoil(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={"item": "tea", "amount": "many"})

    async def body(ctx: WorkflowContext, order: Order) -> Order:
        return order

    with pytest.raises(ExecutionFailed, match=r"modified_payload.*'spoil'.*amount"):
        await run(make(body, on_start=spoil), tmp_path, Order(item="tea"))


async def test_hooks_stand_around_a_sync_workflow_too(tmp_path: Path) -> None:
    def body(ctx: WorkflowContext, payload: dict) -> int:
        return payload["n"]

    flow = make(
        body,
        on_start=lambda ctx, at: HookResult.continue_with(modified_payload={"n": 4}),
        on_end=lambda at: HookResult.continue_with(modified_output=at.current_output + 1),
    )
    assert await run(flow, tmp_path, {"n": 0}) == 5


async def test_a_hook_named_like_a_step_is_none(tmp_path: Path) -> None:
    def step(ctx: WorkflowContext, at: HookContext) -> None: ...

    async def body(ctx: WorkflowContext) -> str:
        return await ctx.step.run("on_start:0:step", lambda: "the step's")

    assert await run(make(body, on_start=step), tmp_path) == "the step's"


@pytest.mark.parametrize("given", ["a text", 7, lambda: None, lambda a, b, c: None])
def test_what_can_be_no_hook_is_refused_where_it_is_named(given: Any) -> None:
    async def body(ctx: WorkflowContext) -> None: ...

    with pytest.raises(InvalidDefinition):
        make(body, on_start=given)


async def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    async def body(ctx: WorkflowContext) -> None: ...

    with pytest.raises(ExecutionFailed, match=r"returned bool; return HookResult"):
        await run(make(body, on_start=lambda ctx, at: True), tmp_path)


def test_a_hook_is_still_the_function_it_was() -> None:
    @hook(name="audit")
    def log(ctx: Any, at: Any) -> str:
        """Logs."""
        return f"{ctx}{at}"

    assert isinstance(log, Hook)
    assert (log.name, log.__doc__, log(1, 2)) == ("audit", "Logs.", "12")
