"""Retention: an ended execution's record goes by itself when its time is over; one under way stays."""

import pytest

from polos import NotFound, WorkflowContext, workflow
from polos.adapters.memory import MemoryStore
from polos.runtime import names
from polos.runtime.control import Control
from polos.runtime.environment import step_environment
from polos.runtime.host import Settings
from polos.runtime.topics import Topics
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from polos.testing.local import LocalHarness, MemoryHarness, SqliteHarness

DAY = 86_400.0


@workflow(id="short")
async def short(ctx: WorkflowContext) -> str:
    return await ctx.step.run("work", lambda: "done")


@workflow(id="long")
async def long(ctx: WorkflowContext) -> str:
    await ctx.step.wait_for("long", days=60)
    return "done"


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness, AwsHarness])
def test_it_is_gone_after_its_retention_and_not_before(open_world: type[Harness]) -> None:
    with open_world(settings=Settings(retention_seconds=30 * DAY)) as world:
        ended, under_way = world.start(short), world.start(long)
        assert ended.result() == "done"
        world.advance(29 * DAY)
        assert ended.status == "completed"
        world.advance(2 * DAY)
        with pytest.raises(NotFound):
            _ = ended.status
        assert under_way.status == "waiting"
        assert under_way.result() == "done"


@workflow(id="tells")
async def tells(ctx: WorkflowContext) -> str:
    await ctx.step.publish_workflow_event("told", {"private": True})
    await ctx.step.publish_event("noted", "ledger", {"kept": True})
    await ctx.step.run("streams", lambda: step_environment().publish([("1", "text_delta", '"word"')]))
    return "done"


def test_what_a_run_has_told_goes_with_its_journal_and_topics_stay() -> None:
    store = MemoryStore.virtual()
    with LocalHarness(store, store.clock, settings=Settings(retention_seconds=30 * DAY)) as world:
        ended = world.start(tells)
        assert ended.result() == "done"
        topic, journal = f"workflow/tells/{ended.id}", names.journal("test", ended.id)
        topics = world.service.topics
        assert len(topics.read(topic)) == 2
        world.advance(395 * DAY)
        store.purge()
        assert store.log.read(journal)
        assert topics.read(topic)
        world.advance(2 * DAY)
        store.purge()
        assert (store.log.read(journal), topics.read(topic)) == ([], [])
        assert [event.data for event in topics.read("ledger")] == ['{"kept":true}']


def test_the_journal_of_a_copy_goes_too() -> None:
    store = MemoryStore.virtual()
    with LocalHarness(store, store.clock, settings=Settings(retention_seconds=30 * DAY)) as world:
        ended = world.start(short)
        assert ended.result() == "done"
        copy = Control(world.service).fork(ended.id)
        world.finish(copy.execution)
        journal = names.journal("test", copy.execution)
        world.advance(395 * DAY)
        store.purge()
        assert store.log.read(journal)
        world.advance(2 * DAY)
        store.purge()
        assert store.log.read(journal) == []


def test_events_that_are_forgotten_are_passed_over() -> None:
    store = MemoryStore.virtual()
    topics = Topics(store.ports, "test", 10 * DAY)
    for number in range(7):
        topics.publish("workflow/w/1", f"e{number}", "told", str(number))
        store.clock.sleep(4 * DAY)
    store.purge()
    assert [event.sequence for event in topics.read("workflow/w/1")] == [6, 7]
    assert [event.sequence for event in topics.read("workflow/w/1", 0, 2)] == [6, 7]
    assert [event.sequence for event in topics.since("workflow/w/1", 0)] == [6, 7]
    assert topics.read("workflow/w/1", 7) == []


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness, AwsHarness])
def test_without_retention_it_stays(open_world: type[Harness]) -> None:
    with open_world(settings=Settings(retention_seconds=None)) as world:
        ended = world.start(short)
        ended.result()
        world.advance(3000 * DAY)
        assert ended.status == "completed"
