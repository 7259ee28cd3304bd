"""A step key is any text. What could be stored nowhere is refused by name where it is given, and nothing is started."""

import pytest

from polos import InvalidDefinition, Queue, WorkflowContext, WorkflowState, workflow
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from support.outcomes import of

odd_queue = Queue("odd queue", concurrency_limit=1)
KEYS = [
    "",
    "a|b",
    " ",
    "käse",
    "k" * 3000,
    "$end",
    "x@2",
    "run:x",
    "\0",
    "$go#1",
    "a/b?c#d",
    "line\nbreak",
    "😀",
]
HALF = "\ud800"


class Nothing(WorkflowState):
    count: int = 0


@workflow(id="in the odd queue", queue=odd_queue, state_schema=Nothing)
async def in_the_odd_queue(ctx: WorkflowContext) -> int:
    return 1


@workflow(id="waits in every way")
async def waits_in_every_way(ctx: WorkflowContext, payload: str) -> list[object]:
    step, key = ctx.step, payload
    ran = await step.run(key, str, key, queue=odd_queue)
    await step.wait_for(key, seconds=1)
    handle = await step.invoke(key, "in the odd queue")
    await step.publish_event(key, "odd topic", key)
    event = await step.wait_for_event(key, "odd topic", timeout=60)
    answer = await step.suspend(key, timeout=600)
    return [ran, event.data, answer["data"], await step.wait_for(handle), len(await step.uuid(key))]


@workflow(id="listens")
async def listens(ctx: WorkflowContext, payload: str) -> str:
    try:
        await ctx.step.wait_for_event("event", payload, timeout=60)
    except InvalidDefinition as error:
        return str(error)
    return "taken"


@workflow(id="has half a key")
async def has_half_a_key(ctx: WorkflowContext) -> None:
    await ctx.step.run(HALF, str)


def test_any_text_is_a_key(world: Harness) -> None:
    for key in KEYS[::4] if isinstance(world, AwsHarness) else KEYS:
        world.advance(1)
        started = world.start(waits_in_every_way, key)
        started.resume(key, "answer")
        assert started.result() == [key, key, "answer", 1, 36], key[:20]


def test_what_is_no_text_fails_the_workflow_that_says_it(world: Harness) -> None:
    started = world.start(has_half_a_key)
    with pytest.raises(Exception, match="half of a surrogate pair"):
        started.result()


def test_a_topic_that_no_store_takes_is_refused_at_once(world: Harness) -> None:
    assert "has 3,000 bytes" in world.run(listens, "t" * 3000)
    assert "NUL" in world.run(listens, "\0")
    for topic in ("t" * 3000, "\0", HALF):
        with pytest.raises(InvalidDefinition, match="the topic"):
            world.publish(topic, 1)


@pytest.mark.parametrize("bad", ["k" * 3000, "\0", HALF], ids=["long", "nul", "half"])
@pytest.mark.parametrize("field", ["concurrency_key", "session_id", "user_id", "attributes"])
def test_a_start_with_a_name_that_no_store_takes_is_refused_and_starts_nothing(
    world: Harness, field: str, bad: str
) -> None:
    given = {"name": bad} if field == "attributes" else bad
    with pytest.raises(InvalidDefinition):
        world.start(in_the_odd_queue, **{field: given})
    assert of(world, "in the odd queue") == []


@pytest.mark.parametrize(
    "bad", ["", " ", "a|b", "a\nb", "\0", "n" * 300, HALF], ids=["e", "s", "bar", "nl", "nul", "long", "half"]
)
def test_ids_and_queues_are_parts_of_names(bad: str) -> None:
    with pytest.raises(InvalidDefinition):
        Queue(bad)
    with pytest.raises(InvalidDefinition):
        workflow(id=bad)(_nothing)


async def _nothing(ctx: WorkflowContext) -> None:
    """No workflow."""
