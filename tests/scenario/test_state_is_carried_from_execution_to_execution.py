"""`ctx.state` outlives its execution: saved on success and on failure, for one execution at a time, per state key."""

import pytest
from pydantic import Field

from polos import ExecutionFailed, StepExecutionError, WorkflowContext, WorkflowState, workflow
from polos.testing.harness import Harness, Started
from support.outcomes import ended, statuses
from support.scenario import did, times


class Counter(WorkflowState):
    count: int = 0
    log: list[str] = Field(default_factory=list)


def work() -> None:
    did("worked")


@workflow(id="counts", state_schema=Counter)
async def counts(ctx: WorkflowContext, payload: str) -> int:
    seen = ctx.state.count
    await ctx.step.run("work", work)
    await ctx.step.wait_for("a while", minutes=10)
    ctx.state.count = seen + 1
    ctx.state.log = [*ctx.state.log, payload]
    if payload == "fail":
        raise ValueError("as asked")
    return ctx.state.count


@workflow(id="counts-in-one-call", state_schema=Counter)
def counts_in_one_call(ctx: WorkflowContext, payload: str) -> list[str]:
    ctx.state.log = [*ctx.state.log, payload]
    return ctx.state.log


@workflow(id="grows", state_schema=Counter)
async def grows(ctx: WorkflowContext, payload: int) -> int:
    ctx.state.log = ["x" * payload]
    return payload


@workflow(id="what-is-kept", state_schema=Counter)
async def what_is_kept(ctx: WorkflowContext, payload: int) -> int:
    size = sum(map(len, ctx.state.log))
    if payload:
        ctx.state.log = ["x" * payload]
    return size


@workflow(id="calls-itself", state_schema=Counter)
async def calls_itself(ctx: WorkflowContext, payload: int) -> str:
    if payload == 0:
        return "the end"
    return await ctx.step.invoke_and_wait("deeper", "calls-itself", payload - 1)


@workflow(id="starts-itself-and-waits", state_schema=Counter)
async def starts_itself_and_waits(ctx: WorkflowContext, payload: bool) -> str:
    if not payload:
        return "the end"
    handle = await ctx.step.invoke("other", "starts-itself-and-waits", False)
    try:
        return str(await ctx.step.wait_for(handle))
    except StepExecutionError as error:
        return error.error_type


@workflow(id="calls-itself-through-another", state_schema=Counter)
async def calls_itself_through_another(ctx: WorkflowContext, payload: str) -> str:
    if payload == "inner":
        return "the end"
    return await ctx.step.invoke_and_wait("go-between", go_between)


@workflow(id="go-between")
async def go_between(ctx: WorkflowContext) -> str:
    return await ctx.step.invoke_and_wait("back", calls_itself_through_another, "inner")


@workflow(id="calls-with-a-state-of-its-own", state_schema=Counter)
async def calls_with_a_state_of_its_own(ctx: WorkflowContext, payload: bool) -> int:
    ctx.state.count += 1
    if payload:
        initial = Counter(count=40)
        return await ctx.step.invoke_and_wait(
            "own", "calls-with-a-state-of-its-own", False, initial_state=initial
        )
    return ctx.state.count


@workflow(id="continues-with-state", state_schema=Counter)
async def continues_with_state(ctx: WorkflowContext, payload: int) -> int:
    ctx.state.count += payload
    if payload:
        ctx.continue_as_new(payload - 1)
    return ctx.state.count


def test_on_success_and_on_failure(tell) -> None:
    def story(world: Harness) -> object:
        given = [ended(world.start(counts, payload)) for payload in ("one", "fail", "three")]
        return given, times("worked") >= 3

    tell(story)


def test_executions_that_share_it_take_turns(tell) -> None:
    def story(world: Harness) -> object:
        started = [world.start(counts, str(number)) for number in range(4)]
        return sorted(one.result() for one in started)

    tell(story)


def test_a_sync_workflow_has_it_too(tell) -> None:
    tell(lambda world: [world.run(counts_in_one_call, word) for word in ("a", "b", "c")])


def test_it_goes_on_with_a_workflow_that_goes_on_as_new(tell) -> None:
    def story(world: Harness) -> object:
        return world.run(continues_with_state, 3), world.run(continues_with_state, 0), statuses(world)

    tell(story)


def test_a_call_that_would_wait_for_itself_is_refused(tell) -> None:
    tell(lambda world: ended(world.start(calls_itself, 1)))


def begun(world: Harness, one: Started) -> float:
    return world.journal(one)[1].at / 1000


def test_turns_include_waits_and_come_in_order(world: Harness) -> None:
    started = [world.start(counts, str(number)) for number in range(3)]
    world.advance(300)
    assert [one.status for one in started] == ["waiting", "queued", "queued"]
    assert [one.result() for one in started] == [1, 2, 3]
    times_begun = [begun(world, one) for one in started]
    assert times_begun[1] - times_begun[0] >= 600
    assert times_begun[2] - times_begun[1] >= 600


def test_each_session_has_its_own(world: Harness) -> None:
    first = [world.start(counts, "x", session_id=session) for session in ("s1", "s2")]
    world.advance(300)
    assert [one.status for one in first] == ["waiting", "waiting"], "they do not wait for each other"
    assert [one.result() for one in first] == [1, 1]
    assert world.run(counts, "x", session_id="s1") == 2
    assert world.run(counts, "x") == 1


def test_a_given_state_is_the_executions_own(world: Harness) -> None:
    assert world.run(counts, "a") == 1
    assert world.run(counts, "own", initial_state=Counter(count=10)) == 11
    assert world.run(counts, "b") == 2, "nothing was carried over from it"


def test_a_given_state_goes_on_with_a_workflow_that_goes_on_as_new(world: Harness) -> None:
    assert world.run(continues_with_state, 3, initial_state=Counter(count=10)) == 16
    assert world.run(continues_with_state, 0) == 0


def test_a_state_over_a_mebibyte_is_an_error_and_the_old_one_stays(world: Harness) -> None:
    assert world.run(what_is_kept, 700_000) == 0
    with pytest.raises(ExecutionFailed, match="at most 1,048,576"):
        world.run(what_is_kept, 1_100_000)
    assert world.run(what_is_kept, 0) == 700_000


def test_the_refusal_says_what_to_do(world: Harness) -> None:
    status, text = ended(world.start(calls_itself, 1))
    assert status == "failed"
    assert "'global'" in text
    assert "initial_state" in text


def test_it_is_refused_through_an_execution_between(world: Harness) -> None:
    status, text = ended(world.start(calls_itself_through_another, "outer"))
    assert (status, "could never return" in text) == ("failed", True)


def test_to_start_one_and_then_wait_for_it_is_refused_and_it_runs_afterwards(world: Harness) -> None:
    assert world.run(starts_itself_and_waits, True) == "NotAllowedHere"
    world.advance(60)
    assert {status for _, status in statuses(world)} == {"completed"}


def test_a_state_of_its_own_makes_the_call_possible(world: Harness) -> None:
    assert world.run(calls_with_a_state_of_its_own, True) == 41
    assert world.run(calls_with_a_state_of_its_own, False) == 2


def test_a_cancelled_wait_for_the_state_leaves_the_line(world: Harness) -> None:
    started = [world.start(counts, str(number)) for number in range(3)]
    world.advance(60)
    started[1].cancel()
    assert started[2].result() == 2
    assert started[1].status == "cancelled"
