"""Retention: an ended execution's record goes by itself when its time is over; one under way stays."""

import pytest

from polos import NotFound, WorkflowContext, workflow
from polos.runtime.host import Settings
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness, SqliteHarness

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


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness, AwsHarness])
def test_without_retention_it_stays(open_world: type[Harness]) -> None:
    with open_world(settings=Settings(retention_seconds=None)) as world:
        ended = world.start(short)
        ended.result()
        world.advance(3000 * DAY)
        assert ended.status == "completed"
