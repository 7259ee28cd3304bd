"""Of a limited queue so many executions run at once and no more, in order of arrival, under every fault."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from polos import Polos, Queue, WorkflowContext, workflow
from polos.runtime.places import occupation
from polos.testing.harness import PROJECT, Harness, Started
from polos.testing.local import MemoryHarness, SqliteHarness
from support.outcomes import ended
from support.scenario import check_journals, did, effects

pair = Queue("pair", concurrency_limit=2)
single = Queue("single", concurrency_limit=1)
heavy = Queue("heavy", concurrency_limit=2)

inside: set[str] = set()
most: list[int] = [0]
order: list[str] = []


@pytest.fixture(autouse=True)
def nobody_is_inside() -> None:
    inside.clear()
    order.clear()
    most[0] = 0


def enter(who: str) -> None:
    did(f"{who} entered")
    if who not in order:
        order.append(who)
    inside.add(who)
    most[0] = max(most[0], len(inside))


def leave(who: str) -> None:
    did(f"{who} left")
    inside.discard(who)


@workflow(id="limited", queue=pair)
async def limited(ctx: WorkflowContext, payload: str) -> str:
    await ctx.step.run("enter", enter, payload)
    await ctx.step.run("leave", leave, payload)
    return payload


@workflow(id="one-at-a-time", queue=single)
async def one_at_a_time(ctx: WorkflowContext, payload: str) -> str:
    await ctx.step.run("enter", enter, payload)
    await ctx.step.run("leave", leave, payload)
    return payload


@workflow(id="waits-inside", queue=single)
async def waits_inside(ctx: WorkflowContext, payload: str) -> str:
    await ctx.step.run("enter", enter, payload)
    await ctx.step.run("leave", leave, payload)
    await ctx.step.wait_for("long", hours=1)
    await ctx.step.run("enter again", enter, payload)
    await ctx.step.run("leave again", leave, payload)
    return payload


@workflow(id="calls-into-its-own-queue", queue=single)
async def calls_into_its_own_queue(ctx: WorkflowContext, payload: str) -> str:
    await ctx.step.run("enter", enter, "parent")
    await ctx.step.run("leave", leave, "parent")
    child = await ctx.step.invoke_and_wait("child", one_at_a_time, payload)
    await ctx.step.run("enter again", enter, "parent")
    await ctx.step.run("leave again", leave, "parent")
    return child


def gauge(who: str) -> str:
    did(who)
    return who


@workflow(id="heavy-steps")
async def heavy_steps(ctx: WorkflowContext, payload: int) -> list[str]:
    runs = [ctx.step.run(f"{n}", gauge, f"heavy {n}", queue=heavy) for n in range(payload)]
    return list(await asyncio.gather(*runs))


def taken(world: Harness, queue: str = "pair", key: str | None = None) -> tuple[int, int]:
    return occupation(world.service.ports, PROJECT, queue, key)


def all_run(world: Harness, count: int) -> list[Started]:
    started = [world.start(limited, f"{number:03d}") for number in range(count)]
    for one in started:
        one.result()
    return started


def test_of_four_two_at_once(tell) -> None:
    def story(world: Harness) -> object:
        inside.clear()
        most[0] = 0
        all_run(world, 4)
        world.advance(3000)
        return most[0] <= 2, taken(world)

    tell(story)


def test_a_parent_and_its_child_share_one_place_in_turn(tell) -> None:
    def story(world: Harness) -> object:
        inside.clear()
        most[0] = 0
        given = ended(world.start(calls_into_its_own_queue, "child"))
        world.advance(3000)  # one that died after the end gives its place back when its message comes again
        return given, most[0], taken(world, "single")

    tell(story)


def test_steps_in_a_queue_of_their_own(tell) -> None:
    def story(world: Harness) -> object:
        given = sorted(world.run(heavy_steps, 4))
        world.advance(3000)
        return given, taken(world, "heavy")

    tell(story)


def crashing(world: Harness, every: int) -> list[Started]:
    """A hundred are started together, and the process at work dies at every so many writes."""
    started = [world.start(limited, f"{number:03d}") for number in range(100)]
    world.deliver_twice()
    end = world.clock.now() + 86_400
    while any(not world.service.meta(one.id).ended for one in started):
        if not world.deaths.planned:
            world.crash_after(every)
        world.advance(61)
        assert world.clock.now() < end
    return started


@pytest.mark.parametrize("every", [97, 211])
def test_a_hundred_parallel_starts_while_processes_die_and_messages_come_twice(every: int) -> None:
    with MemoryHarness() as world:
        started = crashing(world, every)
        assert {one.status for one in started} == {"completed"}
        assert most[0] <= 2
        world.advance(3600)
        assert taken(world) == (0, 0), "a crash leaks no place"
        check_journals(world)


def test_a_hundred_parallel_starts_in_a_file() -> None:
    with SqliteHarness() as world:
        all_run(world, 100)
        assert most[0] == 2
        assert taken(world) == (0, 0)
        assert set(effects().values()) == {1}


def test_a_hundred_parallel_starts_on_threads(tmp_path: Path) -> None:
    lock = threading.Lock()
    now, highest = [0], [0]

    def busy() -> None:
        with lock:
            now[0] += 1
            highest[0] = max(highest[0], now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1

    async def body(ctx: WorkflowContext, payload: int) -> int:
        await ctx.step.run("a", busy)
        await ctx.step.run("b", busy)
        return payload

    crowd = workflow(id="crowd", queue=Queue("crowd", 3))(body)

    async def main() -> list[int]:
        async with Polos(log_file=str(tmp_path / "polos.db")):
            return list(await asyncio.gather(*(crowd.run(number) for number in range(100))))

    try:
        assert asyncio.run(main()) == list(range(100))
    finally:
        from polos.core.definitions import registry

        registry.remove("crowd")
        registry.queues.pop("crowd", None)
    assert highest[0] <= 3


def test_order_of_arrival_is_kept(world: Harness) -> None:
    started = [world.start(one_at_a_time, f"{number}") for number in range(6)]
    assert [one.result() for one in started] == ["0", "1", "2", "3", "4", "5"]
    assert order == ["0", "1", "2", "3", "4", "5"]
    assert most[0] == 1


def test_those_of_higher_priority_come_first(world: Harness) -> None:
    first = world.start(waits_inside, "first")  # while it is inside, the others stand in line
    with_priorities = [("low", -5), ("normal", 0), ("high", 5), ("also high", 5)]
    started = [world.start(one_at_a_time, name, priority=priority) for name, priority in with_priorities]
    for one in [first, *started]:
        one.result()
    assert [name for name in order if name != "first"] == ["high", "also high", "normal", "low"]


def test_while_it_waits_another_runs(world: Harness) -> None:
    first, second = world.start(waits_inside, "first"), world.start(one_at_a_time, "second")
    world.advance(60)
    assert (first.status, second.status) == ("waiting", "completed")
    assert first.result() == "first"
    assert taken(world, "single") == (0, 0)


def test_each_concurrency_key_has_its_own_places(world: Harness) -> None:
    started = [
        world.start(one_at_a_time, f"{key}{number}", concurrency_key=key)
        for number in range(2)
        for key in "ab"
    ]
    for one in started:
        one.result()
    assert order.index("a0") < order.index("a1")
    assert order.index("b0") < order.index("b1")
    assert taken(world, "single", "a") == taken(world, "single", "b") == (0, 0)


def test_a_cancelled_one_leaves_the_line(world: Harness) -> None:
    first = world.start(waits_inside, "first")
    waiting = [world.start(one_at_a_time, name) for name in ("second", "third")]
    waiting[0].cancel()
    world.advance(86_400)
    assert first.status == "completed"
    assert waiting[1].status == "completed"
    assert waiting[0].status == "cancelled"
    assert taken(world, "single") == (0, 0)


def test_a_queue_that_only_a_start_names_is_limited_too(world: Harness) -> None:
    own = Queue("own", concurrency_limit=1)
    started = [world.start(heavy_steps, 1, queue=own) for _ in range(3)]
    for one in started:
        one.result()
    assert world.service.meta(started[0].id).info.limit == 1


def test_a_child_is_limited_by_the_queue_it_is_given(world: Harness) -> None:
    @workflow(id="free-child")
    async def free_child(ctx: WorkflowContext, payload: str) -> str:
        await ctx.step.run("enter", enter, payload)
        await ctx.step.run("leave", leave, payload)
        return payload

    @workflow(id="parent-of-limited")
    async def parent_of_limited(ctx: WorkflowContext) -> list[str]:
        calls = [ctx.step.invoke_and_wait(n, free_child, n, queue=pair) for n in "abcdef"]
        return list(await asyncio.gather(*calls))

    assert world.run(parent_of_limited) == list("abcdef")
    assert most[0] == 2
