"""The workflow sees the failure as StepExecutionError; it may catch it and go on, else the execution fails with it."""

import pytest

from polos import ExecutionFailed, StepExecutionError, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did


class CardDeclined(Exception):
    pass


def charge(amount: int) -> str:
    did("charge tried")
    raise CardDeclined(f"declined: {amount}")


def apologize(reason: str) -> str:
    did("apologized")
    return f"sorry: {reason}"


@workflow(id="failure-caught")
async def caught(ctx: WorkflowContext) -> str:
    try:
        return await ctx.step.run("charge", charge, 12, max_retries=1, base_delay=1)
    except StepExecutionError as error:
        return await ctx.step.run("apologize", apologize, error.message)


@workflow(id="failure-seen")
async def seen(ctx: WorkflowContext) -> dict[str, object]:
    try:
        await ctx.step.run("charge", charge, 12, max_retries=0)
    except StepExecutionError as error:
        return {
            "type": error.error_type,
            "message": error.message,
            "key": error.step_key,
            "traceback": "raise CardDeclined" in error.traceback,
        }
    return {}


@workflow(id="failure-uncaught")
async def uncaught(ctx: WorkflowContext) -> None:
    try:
        await ctx.step.run("charge", charge, 12, max_retries=0)
    finally:
        did("finally")


@workflow(id="failure-raises")
async def raises(ctx: WorkflowContext) -> None:
    raise LookupError("no such order")


def failure_of(world: Harness, workflow: object) -> dict[str, object]:
    with pytest.raises(ExecutionFailed) as raised:
        world.run(workflow)
    return {"message": str(raised.value), "type": raised.value.error["type"]}


def test_a_failure_that_is_caught(tell) -> None:
    tell(lambda world: world.run(caught))


def test_a_failure_that_is_not_caught(tell) -> None:
    tell(lambda world: failure_of(world, raises))


def test_the_error_tells_what_was_raised_where(world: Harness) -> None:
    assert world.run(seen) == {
        "type": "CardDeclined",
        "message": "declined: 12",
        "key": "charge",
        "traceback": True,
    }


def test_the_execution_fails_with_the_error_of_the_step(world: Harness) -> None:
    assert failure_of(world, uncaught) == {"message": "declined: 12", "type": "StepExecutionError"}


def test_what_the_code_itself_raises_fails_the_execution(world: Harness) -> None:
    assert failure_of(world, raises) == {"message": "no such order", "type": "LookupError"}
