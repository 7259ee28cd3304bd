"""Timelines: what an execution did and what it is doing, as people look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from polos import BatchWorkflowInput, NotFound, WorkflowContext, workflow
from polos.runtime.timeline import Item, Stage, Timeline, TimelineReader, children
from polos.testing.harness import Started
from polos.testing.local import MemoryHarness

LUCK: list[int] = []


def lucky() -> str:
    LUCK.append(1)
    if len(LUCK) < 3:
        raise ValueError(f"attempt {len(LUCK)}")
    return "luck"


def unlucky() -> None:
    raise KeyError("never")


@workflow(id="timeline-child")
async def child(ctx: WorkflowContext, payload: int) -> int:
    await ctx.step.wait_for("nap", seconds=payload)
    return payload


@workflow(id="timeline-steps")
async def steps(ctx: WorkflowContext) -> None:
    await asyncio.gather(*(ctx.step.run(key, str) for key in ("a", "b", "c")))
    await ctx.step.run("lucky", lucky, base_delay=10, max_delay=10)
    await ctx.step.run("last", str)


@workflow(id="timeline-waits")
async def waits(ctx: WorkflowContext) -> None:
    await asyncio.gather(
        ctx.step.wait_for("nap", hours=1),
        ctx.step.suspend("question", timeout=7200),
        ctx.step.wait_for_event("event", "a/topic"),
        ctx.step.invoke_and_wait("kid", child, 5000),
    )


@workflow(id="timeline-batch")
async def batch(ctx: WorkflowContext) -> None:
    await ctx.step.batch_invoke_and_wait(
        "all", [BatchWorkflowInput(id="timeline-child", payload=n) for n in (1, 2)]
    )
    await ctx.step.invoke("later", child, 3)


@workflow(id="timeline-abandoned")
async def abandoned(ctx: WorkflowContext) -> None:
    await asyncio.wait(
        [
            asyncio.ensure_future(ctx.step.run("fast", str)),
            asyncio.ensure_future(ctx.step.wait_for("slow", days=1)),
        ],
        return_when=asyncio.FIRST_COMPLETED,
    )


@workflow(id="timeline-failing")
async def failing(ctx: WorkflowContext) -> None:
    await ctx.step.run("unlucky", unlucky, max_retries=0)


@workflow(id="timeline-plain-function")
def plain(ctx: WorkflowContext) -> str:
    return "done"


@pytest.fixture
def world() -> Iterator[MemoryHarness]:
    LUCK.clear()
    with MemoryHarness() as world:
        yield world


def look(world: MemoryHarness, execution: Started) -> Timeline:
    return TimelineReader(world.service, execution.id).read()


def stages(timeline: Timeline) -> dict[str, Stage]:
    return {item.address: item.stage for item in timeline.items}


def named(timeline: Timeline, key: str) -> Item:
    return next(item for item in timeline.items if item.key == key)


def test_an_execution_that_was_never_asked_for_is_not_found(world: MemoryHarness) -> None:
    with pytest.raises(NotFound):
        TimelineReader(world.service, "nothing").read()


def test_one_that_was_only_asked_for_has_no_steps_yet(world: MemoryHarness) -> None:
    timeline = look(world, world.start(steps))
    assert (timeline.status, timeline.items, timeline.started) == ("queued", (), None)


def test_steps_come_in_the_order_of_the_code_with_their_results(world: MemoryHarness) -> None:
    execution = world.start(steps)
    execution.result()
    timeline = look(world, execution)
    assert [item.key for item in timeline.items] == ["a", "b", "c", "lucky", "last"]
    assert {item.stage for item in timeline.items} == {Stage.DONE}
    assert named(timeline, "lucky").value == '"luck"'
    assert timeline.status == "completed"
    assert timeline.created <= (timeline.started or 0) <= (timeline.ended or 0)


def test_each_attempt_has_its_times_and_its_error(world: MemoryHarness) -> None:
    execution = world.start(steps)
    execution.result()
    item = named(look(world, execution), "lucky")
    assert [attempt.number for attempt in item.attempts] == [1, 2, 3]
    assert [(a.error or {}).get("message") for a in item.attempts] == ["attempt 1", "attempt 2", None]
    starts = [attempt.started for attempt in item.attempts]
    assert starts == sorted(starts, key=lambda at: at or 0)
    assert item.started == starts[0]
    assert (item.ended or 0) - (item.started or 0) >= 10_000, "two waits, of five to ten seconds each"


def test_a_step_that_is_to_be_tried_again_says_when(world: MemoryHarness) -> None:
    execution = world.start(steps)
    world.advance(1)
    item = named(look(world, execution), "lucky")
    assert item.stage is Stage.RETRYING
    assert item.error is not None
    assert item.error["message"] == "attempt 1"
    assert item.due is not None
    assert item.stage_at(item.due - 1) is Stage.RETRYING
    assert item.stage_at(item.due) is Stage.RUNNING


def test_waits_say_since_when_and_until_when_at_the_latest(world: MemoryHarness) -> None:
    execution = world.start(waits)
    world.advance(1)
    timeline = look(world, execution)
    begun = timeline.started or 0
    assert timeline.status == "waiting"
    assert set(stages(timeline).values()) == {Stage.WAITING}
    assert {item.started for item in timeline.items} == {begun}
    assert named(timeline, "nap").due == begun + 3_600_000
    assert named(timeline, "question").due == begun + 7_200_000
    assert named(timeline, "event").due is None


def test_a_child_is_named_while_it_is_waited_for_and_afterwards(world: MemoryHarness) -> None:
    execution = world.start(waits)
    world.advance(1)
    before = named(look(world, execution), "kid").child
    assert before is not None
    assert world.service.meta(before).info.workflow == "timeline-child"
    world.advance(7200)
    item = named(look(world, execution), "kid")
    assert (item.stage, item.child) == (Stage.DONE, before)


def test_children_are_found_whether_they_are_waited_for_or_not(world: MemoryHarness) -> None:
    execution = world.start(batch)
    world.advance(60)
    found = [meta.info.execution for meta in children(world.service, world.service.meta(execution.id))]
    assert len(found) == 3
    items = [item.child for item in look(world, execution).items]
    assert set(items) < set(found), "one was started without being waited for"


def test_the_ids_of_children_are_known_without_the_code(world: MemoryHarness) -> None:
    execution = world.start(batch)
    world.advance(60)
    with_code = look(world, execution)
    world.registry.remove("timeline-batch")
    without = look(world, execution)
    assert (with_code.complete, without.complete) == (True, False)
    assert {i.child for i in without.items} == {i.child for i in with_code.items}
    assert stages(without) == stages(with_code)


def test_what_the_code_has_given_up_is_shown_as_given_up(world: MemoryHarness) -> None:
    execution = world.start(abandoned)
    execution.result()
    assert stages(look(world, execution)) == {"run:fast": Stage.DONE, "wait_for:slow": Stage.ABANDONED}


def test_a_failed_execution_has_its_error_and_that_of_its_step(world: MemoryHarness) -> None:
    execution = world.start(failing)
    world.advance(1)
    timeline = look(world, execution)
    assert timeline.status == "failed"
    assert timeline.error is not None
    assert timeline.error["step"] == "unlucky"
    error = named(timeline, "unlucky").error
    assert error is not None
    assert error["type"] == "KeyError"


def test_a_plain_function_is_one_step(world: MemoryHarness) -> None:
    execution = world.start(plain)
    execution.result()
    assert stages(look(world, execution)) == {"run:$body": Stage.DONE}


def test_a_cancellation_that_was_asked_for_is_shown(world: MemoryHarness) -> None:
    execution = world.start(waits)
    world.advance(1)
    execution.cancel()
    world.advance(1)
    timeline = look(world, execution)
    assert timeline.status == "cancelled"
    assert timeline.cancel_asked is not None


def test_a_reader_reads_only_what_is_new_and_gives_the_same_object_until_then(world: MemoryHarness) -> None:
    execution = world.start(steps)
    reader = TimelineReader(world.service, execution.id)
    first = reader.read()
    assert reader.read() is first
    execution.result()
    assert reader.read() is not first
    assert reader.read() == look(world, execution)


def test_looking_changes_nothing(world: MemoryHarness) -> None:
    execution = world.start(steps)
    world.advance(1)
    before = world.journal(execution), world.service.meta(execution.id)
    look(world, execution)
    assert (world.journal(execution), world.service.meta(execution.id)) == before
