"""`RateLimit(n, seconds)`: at most n executions of a queue (and key) start in any window, in order, none lost."""

from polos import Queue, RateLimit, WorkflowContext, workflow
from polos.testing.harness import Harness, Started
from support.outcomes import ended
from support.scenario import did, effects

slow = Queue("slow", rate_limit=RateLimit(2, 60))


def work(who: str) -> str:
    did(who)
    return who


@workflow(id="rated", queue=slow)
async def rated(ctx: WorkflowContext, payload: str) -> str:
    return await ctx.step.run("work", work, payload)


def begun(world: Harness, started: list[Started]) -> list[float]:
    return [world.journal(one)[0].at / 1000 for one in started]


def check(times: list[float], limit: int = 2, window: float = 60) -> None:
    ordered = sorted(times)
    gaps = [later - earlier for earlier, later in zip(ordered, ordered[limit:], strict=False)]
    assert all(gap >= window - 0.002 for gap in gaps), gaps


def test_all_of_them_in_time(tell) -> None:
    def story(world: Harness) -> object:
        started = [world.start(rated, f"{number}") for number in range(5)]
        given = [ended(one) for one in started]
        check(begun(world, started))
        return given

    tell(story)


def test_in_order_and_no_slower_than_allowed(world: Harness) -> None:
    started = [world.start(rated, f"{number}") for number in range(7)]
    first = world.clock.now()
    assert [one.result() for one in started] == [f"{number}" for number in range(7)]
    times = begun(world, started)
    check(times)
    assert times == sorted(times)
    assert times[-1] - first <= 3 * 60 + 4
    assert set(effects().values()) == {1}


def test_each_key_has_its_own(world: Harness) -> None:
    started = [world.start(rated, key, concurrency_key=key) for key in "aabb"]
    first = world.clock.now()
    for one in started:
        one.result()
    assert world.clock.now() - first < 60
