"""A run read as one stream: from any place, at any time, with nothing lost, nothing twice, and an end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polos import ExecutionFailed, NotFound, WorkflowContext, events, workflow
from polos.errors import InvalidPayload
from polos.features.streams import RunPage, read_run
from polos.testing.harness import Harness, Started
from polos.testing.local import MemoryHarness


@pytest.fixture
def world():
    with MemoryHarness() as harness:
        yield harness


@workflow(id="stream-leaf")
async def leaf(ctx: WorkflowContext, payload: dict[str, int]) -> int:
    await ctx.step.publish_workflow_event("word", {"n": payload["n"]}, event_type="word")
    return await ctx.step.run("double", double, payload["n"])


def double(n: int) -> int:
    return 2 * n


@workflow(id="stream-tree")
async def tree(ctx: WorkflowContext, payload: dict[str, int]) -> list[int]:
    await ctx.step.publish_workflow_event("begin", {"leaves": payload["leaves"]}, event_type="begin")
    waits = [ctx.step.invoke_and_wait(f"leaf {n}", leaf, {"n": n}) for n in range(payload["leaves"])]
    found = list(await asyncio.gather(*waits))
    await ctx.step.publish_workflow_event("done", event_type="done")
    return found


@workflow(id="stream-failing")
async def failing(ctx: WorkflowContext) -> None:
    await ctx.step.run("fail", fail, max_retries=1)


def fail() -> None:
    raise ValueError("no")


@workflow(id="stream-waiting")
async def waiting(ctx: WorkflowContext) -> Any:
    return (await ctx.step.suspend("question", {"text": "?"}))["data"]


def pages(world: Harness, started: Started | str) -> list[RunPage]:
    """All pages there are now, one after the other."""
    found, cursor = [], None
    while True:
        page = read_run(world.service, started if isinstance(started, str) else started.id, cursor)
        found.append(page)
        cursor = page.cursor
        if page.ended or not page.events:
            return found


def kinds(world: Harness, started: Started | str) -> list[str | None]:
    return [event.event_type for page in pages(world, started) for event in page.events]


def test_a_run_tells_its_own_life_and_what_it_publishes(world: Harness) -> None:
    started = world.start(tree, {"leaves": 1})
    started.result()
    found = kinds(world, started)
    assert found[:2] == ["workflow_start", "workflow_start"]
    assert [kind for kind in found if kind in ("begin", "word", "done")] == ["begin", "word", "done"]
    assert [kind for kind in found if kind.startswith("step_")] == ["step_start", "step_finish"]
    assert found[-1] == "workflow_finish"
    assert len(found) == 9


def test_every_event_names_its_execution_and_the_runs_topic(world: Harness) -> None:
    started = world.start(tree, {"leaves": 2})
    started.result()
    found = [event for page in pages(world, started) for event in page.events]
    assert {event.topic for event in found} == {f"workflow/stream-tree/{started.id}"}
    of = [event.data["_metadata"] for event in found if event.event_type.endswith(("_start", "_finish"))]
    assert {about["execution_id"] for about in of} > {started.id}
    assert {about["workflow_id"] for about in of} == {"stream-tree", "stream-leaf"}
    assert len({event.id for event in found}) == len(found)


def test_read_bit_by_bit_it_is_the_same_as_read_at_once(world: Harness) -> None:
    started = world.start(tree, {"leaves": 5})
    live, cursor, ended = [], None, False
    while not ended:
        page = read_run(world.service, started.id, cursor)
        live += [event.id for event in page.events]
        cursor, ended = page.cursor, page.ended
        world._deliver()
    late = [event.id for page in pages(world, started) for event in page.events]
    assert sorted(live) == sorted(late)
    assert live[-1] == late[-1]


def test_a_cursor_goes_on_where_it_was_on_another_reader(world: Harness) -> None:
    started = world.start(tree, {"leaves": 2})
    first = read_run(world.service, started.id)
    started.result()
    rest = read_run(world.service, started.id, first.cursor)
    everything = read_run(world.service, started.id)
    assert [e.id for e in first.events + rest.events] == [e.id for e in everything.events]
    again = read_run(world.service, started.id, rest.cursor)
    assert (again.events, again.ended) == ([], True)


def test_steps_that_fail_tell_of_each_attempt(world: Harness) -> None:
    started = world.start(failing)
    with pytest.raises(ExecutionFailed):
        started.result()
    found = [event for page in pages(world, started) for event in page.events]
    assert [event.event_type for event in found] == [
        "workflow_start",
        "step_start",
        "step_fail",
        "step_start",
        "step_fail",
        "workflow_fail",
    ]
    assert [event.data["attempt"] for event in found if event.event_type == "step_fail"] == [1, 2]
    assert found[2].data["error"] == {"type": "ValueError", "message": "no"}
    assert "retry_at" in found[2].data
    assert "retry_at" not in found[4].data


def test_a_suspended_run_tells_what_it_waits_for_and_what_came(world: Harness) -> None:
    started = world.start(waiting)
    world.pump()
    assert kinds(world, started) == ["workflow_start", "suspend_question"]
    assert not pages(world, started)[-1].ended
    started.resume("question", "yes")
    started.result()
    assert kinds(world, started) == [
        "workflow_start",
        "suspend_question",
        "resume_question",
        "workflow_finish",
    ]


def test_a_cancelled_run_ends(world: Harness) -> None:
    started = world.start(waiting)
    world.pump()
    started.cancel()
    world.pump()
    assert kinds(world, started)[-1] == "workflow_cancel"
    assert pages(world, started)[-1].ended


def test_a_run_that_times_out_ends(world: Harness) -> None:
    started = world.start(waiting, run_timeout_seconds=60)
    world.advance(100)
    assert kinds(world, started)[-1] == "workflow_fail"


def test_a_stalled_run_ends_its_streams(world: Harness) -> None:
    @workflow(id="stream-changed")
    async def before(ctx: WorkflowContext) -> None:
        await ctx.step.run("a", double, 1)
        await ctx.step.suspend("wait")

    started = world.start(before)
    world.pump()
    world.redeploy(before)

    @workflow(id="stream-changed")
    async def after(ctx: WorkflowContext) -> None:
        await ctx.step.run("b", double, 1)

    started.resume("wait")
    world.pump()
    assert started.status == "stalled"
    assert pages(world, started)[-1].ended


def test_a_part_of_a_run_can_be_read_by_itself(world: Harness) -> None:
    started = world.start(tree, {"leaves": 2})
    started.result()
    leaves = [
        event.data["_metadata"]["execution_id"]
        for page in pages(world, started)
        for event in page.events
        if event.event_type == "step_finish"
    ]
    assert kinds(world, leaves[1]) == ["workflow_start", "step_start", "step_finish", "workflow_finish"]


def test_a_long_topic_is_read_to_its_end_before_the_end_is_told(
    world: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polos.features import streams

    monkeypatch.setattr(streams, "PAGE", 3)
    started = world.start(tree, {"leaves": 7})
    started.result()
    found = kinds(world, started)
    assert len(pages(world, started)) > 2
    assert found[-1] == "workflow_finish"
    assert (found.count("word"), found.count("workflow_finish")) == (7, 8)


def test_results_and_payloads_are_not_told(world: Harness) -> None:
    @workflow(id="stream-secret")
    async def secret(ctx: WorkflowContext, payload: dict[str, str]) -> str:
        return await ctx.step.run("s", str.upper, payload["key"])

    started = world.start(secret, {"key": "hunter2"})
    started.result()
    told = "".join(page.model_dump_json() for page in (p for q in pages(world, started) for p in q.events))
    assert "hunter2" not in told.lower()


def test_what_is_no_run_is_not_found(world: Harness) -> None:
    with pytest.raises(NotFound):
        read_run(world.service, "nothing")


@pytest.mark.parametrize("cursor", ["x", "e30=", "eJyrVipTslIyVNJRKgGRSkC6uBRIKQEAO8QF1A==", "💥"])
def test_a_cursor_that_is_none_is_refused(world: Harness, cursor: str) -> None:
    started = world.start(waiting)
    with pytest.raises(InvalidPayload, match="cursor"):
        read_run(world.service, started.id, cursor)


def test_a_cursor_of_another_run_is_refused(world: Harness) -> None:
    one, other = world.start(waiting), world.start(waiting)
    with pytest.raises(InvalidPayload, match="cursor"):
        read_run(world.service, other.id, read_run(world.service, one.id).cursor)


def test_the_stream_of_a_program(world: Harness) -> None:
    started = world.start(tree, {"leaves": 1})

    async def read() -> list[str | None]:
        return [event.event_type async for event in events.stream_workflow("stream-tree", started.id)]

    assert asyncio.run(read())[-1] == "workflow_finish"
    with pytest.raises(TypeError, match="which run"):
        asyncio.run(anext(events.stream_workflow("stream-tree")))
