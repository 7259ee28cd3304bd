"""The workflows of the campaign, who calls them, and what each run must give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Registry
from polos.core.journal import Entry
from polos.runtime.executions import Meta
from polos.runtime.service import StartOptions
from polos.testing.faults import Crash
from support.simulation.schedule import Client, Failed, Scenario
from support.simulation.steps import StepFailed, scene
from support.simulation.world import World

# --- functions for steps ----------------------------------------------------------------------------------------------


def give(value: Any = None) -> Any:
    """A step that gives what it was given."""
    return value


def flaky(failures: int) -> str:
    """Fails so many attempts."""
    if scene.job.attempt <= failures:
        raise StepFailed(f"attempt {scene.job.attempt} of {failures + 1}")
    return f"f{failures}"


def coin() -> int:
    """Chance, which only the journal remembers."""
    return int(scene.world.chance.even())


def deadly() -> None:
    """Ends its process, whenever it runs."""
    raise Crash("a step that kills its process")


# --- workflows --------------------------------------------------------------------------------------------------------


async def main(ctx: WorkflowContext) -> list[Any]:
    """A bit of everything: steps in a row and at once, a child, retries, a race between a timer and a step."""
    step = ctx.step
    a = await step.run("a", give, 1)
    b, x, kid = await asyncio.gather(
        step.run("b", give, 2), step.run("x", give, 3), step.invoke_and_wait("kid", "kid")
    )

    async def branch(n: int) -> int:
        first: int = await step.run(f"x{n}", give, n)
        await step.run(f"y{n}", flaky, 1)
        return first

    branches = await asyncio.gather(*(branch(n) for n in range(3)))
    timer = asyncio.ensure_future(step.wait_for("t", seconds=0.3))
    slow = asyncio.ensure_future(step.run("slow", give, 9))
    done, _ = await asyncio.wait([timer, slow], return_when=asyncio.FIRST_COMPLETED)
    e = await step.run("e:t" if timer in done else "e:s", give, 5)
    return [a, b, x, kid, branches, e]


async def kid(ctx: WorkflowContext) -> int:
    """A child of two steps."""
    p: int = await ctx.step.run("p", give, 7)
    q: int = await ctx.step.run("q", give, 8)
    return p * q


async def rand(ctx: WorkflowContext) -> str:
    """A random value decides the branch."""
    heads = await ctx.step.run("coin", coin)
    await ctx.step.run("left" if heads else "right", give, heads)
    await ctx.step.run("z", give, 1)
    return "left" if heads else "right"


async def patchy(ctx: WorkflowContext) -> list[Any]:
    """Asks `patched` while others may append."""

    async def side(n: int) -> Any:
        first = await ctx.step.run(f"s{n}", give, n)
        new = ctx.patched(f"p{n}")
        return [first, await ctx.step.run(f"new{n}" if new else f"old{n}", give, new)]

    sides = await asyncio.gather(*(side(n) for n in range(3)))
    return [first for first, _ in sides]


async def dead(ctx: WorkflowContext) -> list[Any]:
    """One of its steps kills every process that runs it."""
    a = await ctx.step.run("a", give, 1)
    boom = "survived"
    try:
        await ctx.step.run("boom", deadly, max_retries=1)
    except Exception as error:
        boom = type(error).__name__
    child = await ctx.step.invoke_and_wait("kid", "kid")
    z = await ctx.step.run("z", give, 2)
    return [a, boom, child, z]


# --- scenarios --------------------------------------------------------------------------------------------------------


def registry_of(*functions: Callable[..., Any], steps: int | None = 1) -> Registry:
    """The functions as workflows under their names."""
    registry = Registry()
    for function in functions:
        registry.add(Definition(function.__name__, function, steps_per_invocation=steps))
    return registry


class Single:
    """One execution, started by `starts` clients with one key, which must complete with one of `results`."""

    def __init__(
        self,
        name: str,
        registry: Registry,
        workflow: str,
        results: Callable[[World, Meta], list[Any]],
        *,
        starts: int = 1,
        retry: bool = True,
    ) -> None:
        self.name = name
        self.registry = registry
        self._workflow = workflow
        self._results = results
        self._starts = starts
        self._retry = retry
        self.may_sweep = not retry  # who did not try again has left it to the sweeper

    def clients(self, world: World) -> list[Client]:
        options = StartOptions(idempotency_key="one")
        start = Client(lambda: world.service.start(self._workflow, None, options), retry=self._retry)
        return [replace(start, after=world.rng.randrange(40)) for _ in range(self._starts)]

    def may_rest(self, world: World, meta: Meta, journal: Sequence[Entry]) -> bool:
        del world, meta, journal
        return False

    def check(self, world: World) -> None:
        roots = [meta for meta in world.metas() if meta.info.parent_execution is None]
        if not roots and not self._retry:
            return  # the only caller died before anything stood, and was told so
        if len(roots) != 1:
            raise Failed(f"{len(roots)} executions were started with one key")
        gone = {entry.address for meta in world.metas() for entry in died(world.journal(meta.info.execution))}
        if gone - {"run:boom"}:
            return  # an honest step died, because each of its deliveries was hit by a fault
        if roots[0].status != "completed":
            raise Failed(f"it is {roots[0].status}: {roots[0].error}")
        result, wanted = world.service.result(roots[0]), self._results(world, roots[0])
        if result not in wanted:
            raise Failed(f"it gave {result}, not one of {wanted}")


def died(journal: Sequence[Entry]) -> list[Entry]:
    """The steps that were given up as dead letters."""
    return [entry for entry in journal if (entry.error or {}).get("type") == "ProcessDied"]


def _of_main(world: World, meta: Meta) -> list[Any]:
    del world, meta
    return [[1, 2, 3, 56, [0, 1, 2], 5]]


def _of_rand(world: World, meta: Meta) -> list[Any]:
    run = {address for execution, address, _ in world.begun if execution == meta.info.execution}
    if {"run:left", "run:right"} <= run:
        raise Failed("both branches were run: the coin was thrown twice, and both throws were believed")
    return ["left"] if "run:left" in run else ["right"]


def _of_patchy(world: World, meta: Meta) -> list[Any]:
    del world, meta
    return [[0, 1, 2]]


def _of_dead(world: World, meta: Meta) -> list[Any]:
    del world, meta
    return [[1, "StepExecutionError", 56, 2]]


def _main(name: str, steps: int | None, **options: Any) -> Single:
    return Single(name, registry_of(main, kid, steps=steps), "main", _of_main, **options)


BASIC: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        _main("main", 1),
        _main("main3", 3),
        _main("mainNone", None),
        _main("race", 1, starts=3),
        _main("startonce", 1, retry=False),
        Single("rand", registry_of(rand), "rand", _of_rand),
        Single("patchy", registry_of(patchy, steps=3), "patchy", _of_patchy),
        Single("dead", registry_of(dead, kid), "dead", _of_dead),
        Single("dead3", registry_of(dead, kid, steps=3), "dead", _of_dead),
    )
}
