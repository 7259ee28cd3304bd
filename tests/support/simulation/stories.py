"""Small workflows for schedules that are told step by step."""

from __future__ import annotations

import asyncio
from typing import Any

from polos.core.context import WorkflowContext
from polos.errors import StepExecutionError
from support.simulation.scenarios import coin, deadly, flaky, give


async def row(ctx: WorkflowContext) -> list[int]:
    """Three steps, one after the other."""
    a = await ctx.step.run("a", give, 1)
    b = await ctx.step.run("b", give, 2)
    c = await ctx.step.run("c", give, 3)
    return [a, b, c]


async def retried(ctx: WorkflowContext) -> str:
    """A step that fails once, and is tried again half a minute later."""
    result: str = await ctx.step.run("a", flaky, 1, base_delay=60.0, max_delay=60.0)
    return result


async def tossed(ctx: WorkflowContext) -> str:
    """What it does next depends on chance."""
    heads = await ctx.step.run("coin", coin)
    await ctx.step.run("left" if heads else "right", give, heads)
    return "left" if heads else "right"


async def fatal(ctx: WorkflowContext) -> str:
    """Goes on when one of its steps has killed every process that tried it."""
    try:
        await ctx.step.run("boom", deadly)
    except StepExecutionError as error:
        await ctx.step.run("after", give, error.error_type)
        return error.error_type
    return "survived"


async def parent(ctx: WorkflowContext) -> int:
    """Waits for a child."""
    result: int = await ctx.step.invoke_and_wait("child", "child")
    return result


async def child(ctx: WorkflowContext) -> int:
    """Two steps, for a parent."""
    p: int = await ctx.step.run("p", give, 7)
    q: int = await ctx.step.run("q", give, 8)
    return p * q


async def asking(ctx: WorkflowContext) -> Any:
    """Waits for an answer."""
    event = await ctx.step.suspend("question")
    return event["data"]


async def listening(ctx: WorkflowContext) -> Any:
    """Waits for an event."""
    event = await ctx.step.wait_for_event("news", "topic")
    return event.data


async def racing(ctx: WorkflowContext) -> str:
    """Gives up a slow step when the time is over."""
    slow = asyncio.ensure_future(ctx.step.run("slow", give, "slow"))
    timer = asyncio.ensure_future(ctx.step.wait_for("deadline", seconds=5))
    done, _ = await asyncio.wait([slow, timer], return_when=asyncio.FIRST_COMPLETED)
    if slow in done:
        return "in time"
    slow.cancel()
    await ctx.step.run("instead", give, "instead")
    return "too late"


async def delegating(ctx: WorkflowContext) -> str:
    """Gives its child up when the time is over."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ctx.step.invoke_and_wait("child", "patient"))
            await ctx.step.wait_for("deadline", seconds=5)
            raise TimeoutError
    except* TimeoutError:
        pass
    return "gave up"


async def patient(ctx: WorkflowContext) -> None:
    """Waits for ever, and tidies up when it is told to stop."""
    try:
        await ctx.step.suspend("never")
    finally:
        await ctx.step.run("tidy", give)


async def many(ctx: WorkflowContext) -> list[int]:
    """Several children at once."""
    return list(await asyncio.gather(*(ctx.step.invoke_and_wait(f"c{n}", "child") for n in range(3))))


async def announcing(ctx: WorkflowContext) -> str:
    """Publishes an event, then runs a step."""
    await ctx.step.publish_event("tell", "topic", "told")
    await ctx.step.run("a", give, 1)
    return "told"


async def hearing_two(ctx: WorkflowContext) -> list[Any]:
    """Waits for two events, one after the other."""
    first = await ctx.step.wait_for_event("first", "topic")
    second = await ctx.step.wait_for_event("second", "topic")
    return [first.data, second.data]


async def single(ctx: WorkflowContext) -> int:
    """One step."""
    result: int = await ctx.step.run("a", give, 1)
    return result


async def collected(ctx: WorkflowContext, event: dict[str, Any]) -> Any:
    """Started by an event."""
    return await ctx.step.run("note", give, event["data"])
