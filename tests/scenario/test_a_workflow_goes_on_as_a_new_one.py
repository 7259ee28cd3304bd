"""`continue_as_new` ends an execution and goes on with a fresh journal; whoever waits, waits for the last of them."""

from polos import WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of, statuses
from support.scenario import did, effects


def page(number: int) -> int:
    did(f"page {number}")
    return number


@workflow(id="pages")
async def pages(ctx: WorkflowContext, payload: dict[str, int]) -> int:
    number = await ctx.step.run("page", page, payload["page"])
    if number < payload["last"]:
        ctx.continue_as_new({"page": number + 1, "last": payload["last"]})
    return payload["page"] * 100


@workflow(id="parent-of-pages")
async def parent_of_pages(ctx: WorkflowContext) -> list[int]:
    called = await ctx.step.invoke_and_wait("called", pages, {"page": 1, "last": 2})
    handle = await ctx.step.invoke("started", pages, {"page": 11, "last": 12})
    return [called, await ctx.step.wait_for(handle)]


@workflow(id="late-parent")
async def late_parent(ctx: WorkflowContext) -> int:
    handle = await ctx.step.invoke("started", pages, {"page": 1, "last": 3})
    await ctx.step.wait_for("until long after", hours=1)
    return await ctx.step.wait_for(handle)


@workflow(id="fails-at-the-third", run_timeout_seconds=100)
async def fails_at_the_third(ctx: WorkflowContext, payload: int) -> None:
    await ctx.step.wait_for("a while", seconds=40)
    ctx.continue_as_new(payload + 1)


def test_from_page_to_page(tell) -> None:
    tell(lambda world: (ended(world.start(pages, {"page": 1, "last": 4}))[1], statuses(world)))


def test_a_parent_waits_for_the_last(tell) -> None:
    def story(world: Harness) -> object:
        given = ended(world.start(parent_of_pages))
        world.advance(3000)  # the end of one that died behind its last write
        return given, statuses(world)

    tell(story)


def test_a_parent_that_comes_late_finds_the_last(tell) -> None:
    tell(lambda world: ended(world.start(late_parent)))


def test_each_journal_is_short_and_each_page_is_turned_once(world: Harness) -> None:
    assert world.run(pages, {"page": 1, "last": 5}) == 500
    found = of(world, "pages")
    assert len(found) == 5
    assert {len(world.journal(one)) for one in found} == {3}
    assert effects() == {f"page {number}": 1 for number in range(1, 6)}


def test_they_are_one_run(world: Harness) -> None:
    first = world.start(pages, {"page": 1, "last": 3})
    first.result()
    infos = [world.service.meta(one.id).info for one in of(world, "pages")]
    assert {info.root_execution or info.execution for info in infos} == {first.id}


def test_the_run_timeout_counts_from_the_first(world: Harness) -> None:
    begun = world.clock.now()
    status, _ = ended(world.start(fails_at_the_third, 0))
    assert status == "continued"
    assert [status for _, status in statuses(world)] == ["continued", "continued", "timed_out"]
    assert 100 <= world.clock.now() - begun <= 103
