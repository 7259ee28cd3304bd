"""`wait_for_event` takes the first event since the start that was not taken yet, whenever it came."""

import asyncio

from polos import WaitTimeout, WorkflowContext, workflow
from polos.core.models import EventPayload
from polos.testing.harness import Harness, Started
from support.outcomes import ended
from support.scenario import did, effects

at_work: list[Harness] = []


def handle(data: object) -> object:
    did(f"handled {data}")
    return data


def publish_from_a_step(number: int) -> None:
    did(f"published {number}")
    at_work[-1].publish("orders", number)


@workflow(id="takes-three")
async def takes_three(ctx: WorkflowContext) -> list[object]:
    taken = []
    for number in range(3):
        event = await ctx.step.wait_for_event(f"event {number}", "orders")
        taken.append(await ctx.step.run(f"handle {number}", handle, event.data))
        await ctx.step.wait_for(f"pause {number}", minutes=5)
    return taken


@workflow(id="publishes-and-waits")
async def publishes_and_waits(ctx: WorkflowContext) -> object:
    await ctx.step.run("publish", publish_from_a_step, 1)
    await ctx.step.wait_for("pause", minutes=20)
    return (await ctx.step.wait_for_event("event", "orders")).data


@workflow(id="takes-two-at-once")
async def takes_two_at_once(ctx: WorkflowContext) -> list[object]:
    waits = [ctx.step.wait_for_event(key, "orders") for key in ("a", "b")]
    return [event.data for event in await asyncio.gather(*waits)]


@workflow(id="takes-red")
async def takes_red(ctx: WorkflowContext) -> object:
    event = await ctx.step.wait_for_event("red", "orders", match={"colour": "red"})
    return event.data["number"]


@workflow(id="takes-large")
async def takes_large(ctx: WorkflowContext) -> object:
    def large(event: EventPayload) -> bool:
        return bool(event.data["number"] > 10)

    return (await ctx.step.wait_for_event("large", "orders", match=large)).data["number"]


@workflow(id="takes-new-ones")
async def takes_new_ones(ctx: WorkflowContext) -> object:
    await ctx.step.wait_for("pause", minutes=10)
    return (await ctx.step.wait_for_event("new", "orders", since="now")).data


@workflow(id="waits-an-hour-for-one")
async def waits_an_hour_for_one(ctx: WorkflowContext) -> object:
    try:
        return (await ctx.step.wait_for_event("one", "orders", timeout=3600)).data
    except WaitTimeout as error:
        return f"timeout: {error}"


@workflow(id="publishes")
async def publishes(ctx: WorkflowContext) -> None:
    await ctx.step.publish_event("first", "orders", 1)
    await ctx.step.run("between", handle, "between")
    await ctx.step.publish_event("second", "orders", 2, event_type="made")


def test_all_come_before_the_first_wait_is_reached(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(takes_three)
        for number in range(3):
            world.publish("orders", number)
        return ended(started)

    tell(story)


def test_they_come_while_it_is_busy_with_the_one_before(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(takes_three)
        world.advance(600)
        world.publish("orders", "a")
        world.advance(90)
        world.publish("orders", "b")
        world.publish("orders", "c")
        return ended(started)

    tell(story)


def test_one_is_published_by_a_step_of_its_own(tell) -> None:
    def story(world: Harness) -> object:
        at_work.append(world)
        return ended(world.start(publishes_and_waits))

    tell(story)


def test_another_workflow_publishes(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(takes_two_at_once)
        world.advance(300)
        world.run(publishes)
        result = started.result()
        return sorted(result), [(e.sequence, e.type, e.data) for e in world.service.topics.read("orders")]

    tell(story)


def test_nobody_publishes_in_time(tell) -> None:
    tell(lambda world: ended(world.start(waits_an_hour_for_one)))


def test_only_the_one_that_fits_is_taken(tell) -> None:
    def story(world: Harness) -> object:
        red, large = world.start(takes_red), world.start(takes_large)
        world.advance(300)
        for number, colour in ((1, "blue"), (2, "red"), (30, "red")):
            world.publish("orders", {"number": number, "colour": colour})
        return ended(red), ended(large)

    tell(story)


def test_several_executions_each_get_it(world: Harness) -> None:
    started = [world.start(waits_an_hour_for_one) for _ in range(5)]
    world.advance(60)
    world.publish("orders", "for all")
    assert [one.result() for one in started] == ["for all"] * 5


def test_two_waits_of_one_execution_get_one_each(world: Harness) -> None:
    started = world.start(takes_two_at_once)
    world.advance(60)
    world.publish("orders", 1)
    world.advance(60)
    assert started.status == "waiting"
    world.publish("orders", 2)
    assert sorted(started.result()) == [1, 2]


def test_a_batch_is_taken_from_its_first_event(world: Harness) -> None:
    started = world.start(takes_three)
    world.advance(60)
    world.service.publish("orders", [(None, number) for number in (7, 8, 9)])
    assert started.result() == [7, 8, 9]
    assert effects() == {"handled 7": 1, "handled 8": 1, "handled 9": 1}


def test_what_was_published_before_the_start_is_not_taken(world: Harness) -> None:
    world.publish("orders", "old")
    world.advance(60)
    started = world.start(waits_an_hour_for_one)
    world.advance(60)
    assert started.status == "waiting"
    world.publish("orders", "new")
    assert started.result() == "new"


def test_since_now_skips_what_came_before_the_wait(world: Harness) -> None:
    started = world.start(takes_new_ones)
    world.advance(60)
    world.publish("orders", "during the pause")
    world.advance(3600)
    assert started.status == "waiting"
    world.publish("orders", "after it")
    assert started.result() == "after it"


def race(world: Harness, after: float) -> Started:
    started = world.start(waits_an_hour_for_one)
    world.pump()
    world.clock.advance(after)
    world.publish("orders", "just now")
    return started


def test_at_the_moment_of_the_timeout_it_is_one_or_the_other(world: Harness) -> None:
    for after in (3599.5, 3600, 3600.5):
        started = race(world, after)
        result = started.result()
        assert result == "just now" or result.startswith("timeout")
        ends = [entry.address for entry in world.journal(started)]
        assert ends.count("wait_for_event:one") == 1


def test_an_event_in_time_wins_although_the_timer_is_handled_later(world: Harness) -> None:
    assert race(world, 3500).result() == "just now"
