"""`trigger_on_event`: each event of a topic starts one execution, alone or in a batch, under duplicates and crashes."""

from polos import BatchEventPayload, EventPayload, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import of
from support.scenario import did, effects


def take(what: str) -> None:
    did(f"took {what}")


def take_all(what: list[str]) -> None:
    for one in what:  # how they fall into batches differs between tellings
        take(one)


@workflow(id="on-order", trigger_on_event="orders")
async def on_order(ctx: WorkflowContext, payload: EventPayload) -> int:
    await ctx.step.run("take", take, f"{payload.sequence_id}: {payload.data}")
    return payload.sequence_id


@workflow(id="on-letters", trigger_on_event="letters", batch_size=3, batch_timeout_seconds=60)
async def on_letters(ctx: WorkflowContext, payload: BatchEventPayload) -> list[int]:
    await ctx.step.run("take", take_all, [str(event.data) for event in payload.events])
    return [event.sequence_id for event in payload.events]


@workflow(id="on-full-crates", trigger_on_event="crates", batch_size=2)
async def on_full_crates(ctx: WorkflowContext, payload: BatchEventPayload) -> list[int]:
    return [event.sequence_id for event in payload.events]


@workflow(id="orders-too", trigger_on_event="orders")
async def orders_too(ctx: WorkflowContext, payload: EventPayload) -> None:
    await ctx.step.publish_event("pass on", "letters", f"letter {payload.sequence_id}")


def results(world: Harness, workflow: str) -> list[object]:
    found = [world.service.meta(one.id) for one in of(world, workflow)]
    return sorted((world.service.result(meta) for meta in found if meta.status == "completed"), key=str)


def test_one_by_one(tell) -> None:
    def story(world: Harness) -> object:
        for data in ("a", "b"):
            world.publish("orders", data)
        world.advance(3000)
        return results(world, "on-order"), len(of(world, "orders-too"))

    tell(story)


def test_in_batches(tell) -> None:
    def story(world: Harness) -> object:
        world.service.publish("letters", [(None, number) for number in range(4)])
        world.advance(3000)
        taken = results(world, "on-letters")
        return sorted(number for batch in taken for number in batch)

    tell(story)


def test_each_event_starts_one_execution_and_no_event_two(world: Harness) -> None:
    world.deliver_twice()
    for number in range(10):
        world.publish("orders", number)
        world.publish("orders", number + 100)
        world.advance(1)
    world.sweep()
    world.advance(3000)
    assert results(world, "on-order") == sorted(range(1, 21), key=str)
    assert set(effects().values()) == {1}


def test_a_batch_waits_for_more_but_not_for_ever(world: Harness) -> None:
    world.service.publish("letters", [(None, number) for number in range(5)])
    world.advance(10)
    assert results(world, "on-letters") == [[1, 2, 3]]
    world.advance(60)
    assert results(world, "on-letters") == [[1, 2, 3], [4, 5]]


def test_a_batch_without_a_timeout_waits_until_it_is_full(world: Harness) -> None:
    world.service.publish("crates", [(None, number) for number in range(3)])
    world.advance(86_400)
    assert results(world, "on-full-crates") == [[1, 2]]
    world.publish("crates", 3)
    world.advance(60)
    assert results(world, "on-full-crates") == [[1, 2], [3, 4]]


def test_a_trigger_may_publish_what_triggers_another(world: Harness) -> None:
    for number in range(3):
        world.publish("orders", number)
    world.advance(120)
    assert results(world, "on-letters") == [[1, 2, 3]]


def test_a_lost_look_is_made_up_for_by_the_sweeper(world: Harness) -> None:
    world.service.topics.publish_all("orders", [("id", "", '"unannounced"')])
    world.advance(3600)
    assert of(world, "on-order") == []
    world.sweep()
    world.advance(60)
    assert results(world, "on-order") == [1]
