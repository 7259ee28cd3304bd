"""What one operation of each kind costs: a workflow with few and one with more of them, and the difference.

So the start and end of the execution, and what a function does once, are in none of the kinds but their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Registry, Schedule
from polos.testing.aws import AwsHarness
from polos.testing.costs import Counts, count
from polos.testing.harness import Started

FEW: Final = 2
MANY: Final = 7


_tries: Final[list[int]] = []


def _give() -> str:
    return "result"


def _fail_until(times: int) -> None:
    _tries.append(1)
    if len(_tries) <= times:
        raise ConnectionError("try again")


async def _nothing(ctx: WorkflowContext) -> None:
    """An execution that does nothing."""


async def _steps(ctx: WorkflowContext, payload: int) -> None:
    for number in range(payload):
        await ctx.step.run(f"step {number}", _give)


async def _retries(ctx: WorkflowContext, payload: int) -> None:
    await ctx.step.run("flaky", _fail_until, payload, max_retries=payload)


async def _waits(ctx: WorkflowContext, payload: int) -> None:
    for number in range(payload):
        await ctx.step.wait_for(f"wait {number}", minutes=5)


async def _long_waits(ctx: WorkflowContext, payload: int) -> None:
    for number in range(payload):
        await ctx.step.wait_for(f"wait {number}", days=2)


async def _children(ctx: WorkflowContext, payload: int) -> None:
    for number in range(payload):
        await ctx.step.invoke_and_wait(f"child {number}", "nothing")


async def _events(ctx: WorkflowContext, payload: int) -> None:
    for number in range(payload):
        await ctx.step.publish_event(f"publish {number}", "topic", number)
        await ctx.step.wait_for_event(f"event {number}", "topic")


def _run(name: str) -> Callable[[AwsHarness, int], Started | None]:
    def act(aws: AwsHarness, times: int) -> Started:
        _tries.clear()
        return aws.start(name, times)

    return act


def _executions(aws: AwsHarness, times: int) -> None:
    for _ in range(times):
        aws.start("nothing")
    aws.advance(60)


def _ticks(aws: AwsHarness, times: int) -> None:
    aws.advance(60 - aws.clock.now() % 60)
    fields = {"workflow": "nothing", "timezone": "UTC", "key": "global"}
    aws.service.schedule_action("create", cron="* * * * *", **fields)
    aws.advance(60 * times + 30)


KINDS: Final[dict[str, Callable[[AwsHarness, int], Any]]] = {
    "start and end of an execution": _executions,
    "step": _run("steps"),
    "retry of a step": _run("retries"),
    "wait up to 15 minutes": _run("waits"),
    "longer wait": _run("long-waits"),
    "child, with its start and end": _run("children"),
    "event published and waited for": _run("events"),
    "tick of a schedule, with the start and end it leads to": _ticks,
}


def measured() -> Iterator[tuple[str, Counts]]:
    """Each kind, and what one of it uses. Takes some seconds."""
    for kind, act in KINDS.items():
        few, many = (_count(act, times) for times in (FEW, MANY))
        yield kind, many.per(few, MANY - FEW)


def _count(act: Callable[[AwsHarness, int], Any], times: int) -> Counts:
    return count(lambda aws: act(aws, times), registry=_registry())


def _registry() -> Registry:
    known = Registry()
    known.add(Definition("nothing", _nothing, schedule=Schedule()))
    bodies = {
        "steps": _steps,
        "retries": _retries,
        "waits": _waits,
        "long-waits": _long_waits,
        "children": _children,
        "events": _events,
    }
    for name, body in bodies.items():
        known.add(Definition(name, body))
    return known
