"""`idempotency_key`: the same start twice is one execution; what a second start means can be chosen."""

import pytest

from polos import Conflict, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, statuses
from support.scenario import did, effects


def charge(amount: int) -> int:
    did(f"charged {amount}")
    return amount


@workflow(id="order")
async def order(ctx: WorkflowContext, payload: dict[str, int]) -> int:
    await ctx.step.wait_for("a while", minutes=1)
    return await ctx.step.run("charge", charge, payload["amount"])


@workflow(id="other-order")
async def other_order(ctx: WorkflowContext, payload: dict[str, int]) -> int:
    return payload["amount"]


def test_started_three_times(tell) -> None:
    def story(world: Harness) -> object:
        started = [world.start(order, {"amount": 1}, idempotency_key="o1") for _ in range(3)]
        results = [ended(one) for one in started]
        again = world.start(order, {"amount": 1}, idempotency_key="o1")
        return results, ended(again), statuses(world)

    tell(story)


def test_the_ids_are_one(world: Harness) -> None:
    one = world.start(order, {"amount": 1}, idempotency_key="o1")
    assert world.start(order, {"amount": 1}, idempotency_key="o1").id == one.id
    assert one.result() == 1
    assert effects() == {"charged 1": 1}
    assert world.start(order, {"amount": 1}, idempotency_key="o1").result() == 1


def test_another_payload_under_the_key_is_a_conflict(world: Harness) -> None:
    world.start(order, {"amount": 1}, idempotency_key="o1")
    with pytest.raises(Conflict, match="another payload"):
        world.start(order, {"amount": 2}, idempotency_key="o1")


def test_the_key_is_the_workflows(world: Harness) -> None:
    one = world.start(order, {"amount": 1}, idempotency_key="o1")
    other = world.start(other_order, {"amount": 2}, idempotency_key="o1")
    assert one.id != other.id
    assert other.result() == 2


def test_reject(world: Harness) -> None:
    world.start(order, {"amount": 1}, idempotency_key="o1", on_conflict="reject")
    with pytest.raises(Conflict, match="was started with this idempotency key"):
        world.start(order, {"amount": 1}, idempotency_key="o1", on_conflict="reject")


def test_restart_when_the_earlier_has_ended(world: Harness) -> None:
    first = world.start(order, {"amount": 1}, idempotency_key="o1", on_conflict="restart")
    same = world.start(order, {"amount": 1}, idempotency_key="o1", on_conflict="restart")
    assert same.id == first.id, "it is under way"
    first.result()
    second = world.start(order, {"amount": 2}, idempotency_key="o1", on_conflict="restart")
    assert second.id != first.id
    assert second.result() == 2
    third = world.start(order, {"amount": 3}, idempotency_key="o1", on_conflict="restart")
    assert third.result() == 3
    assert effects() == {"charged 1": 1, "charged 2": 1, "charged 3": 1}


def test_a_start_whose_message_was_lost_is_sent_again_by_the_next(world: Harness) -> None:
    send, sent = world.service.send, []
    world.service.send = lambda queue, message, delay=0.0: sent.append(message)
    one = world.start(order, {"amount": 1}, idempotency_key="o1")
    world.service.send = send
    world.advance(60)
    assert one.status == "queued"
    assert world.start(order, {"amount": 1}, idempotency_key="o1").result() == 1
