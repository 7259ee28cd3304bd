"""The table of states says what the engine does: every change of status that a record goes through stands in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from polos import ExecutionError, Queue, WorkflowContext, workflow
from polos.adapters.memory import MemoryStore
from polos.core.journal import Outcome
from polos.core.states import ENDED, MEANINGS, TRANSITIONS, Status
from polos.runtime.control import Control
from polos.runtime.executions import ENDED as ENDED_RECORDS
from polos.testing.local import LocalHarness
from support import snippets

Change = tuple[Status, Status]

TABLE: Final = {(before, row.after) for row in TRANSITIONS for before in row.before}


class SeenRecords:
    """Records in memory that note each change of an execution's status."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self._now: dict[str, Status] = {}
        self.changes: list[Change] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def write(self, *operations: Any) -> Any:
        written = self._records.write(*operations)
        for operation in operations if written else ():
            if operation.key.sort == "meta" and hasattr(operation, "value"):
                self._note(operation.key.partition, Status(json.loads(operation.value)["status"]))
        return written

    def _note(self, execution: str, status: Status) -> None:
        before = self._now.get(execution)
        if before not in (None, status):
            self.changes.append((before, status))
        self._now[execution] = status


class SeenStore:
    """A store in memory with such records."""

    def __init__(self) -> None:
        store = MemoryStore.virtual()
        self.clock, self.timers, self.next_event = store.clock, store.timers, store.next_event
        self.records = SeenRecords(store.records)
        self.ports = replace(store.ports, records=self.records)


@pytest.fixture(autouse=True)
def nothing_else_is_defined() -> Iterator[None]:
    with snippets.own_registry():
        yield


def changes(*stories: Callable[[LocalHarness], None]) -> set[Change]:
    """What the stories, each in a world of its own, made records say."""
    found: set[Change] = set()
    for story in stories:
        store = SeenStore()
        with LocalHarness(store, store.clock) as world:
            story(world)
        found.update(store.records.changes)
    return found


def nothing() -> None: ...


async def steps_and_waits(ctx: WorkflowContext) -> None:
    await ctx.step.run("before", nothing)
    await ctx.step.suspend("answer")
    await ctx.step.run("after", nothing)


async def only_waits(ctx: WorkflowContext) -> None:
    await ctx.step.suspend("answer")


def in_full(world: LocalHarness) -> None:
    execution = world.start(workflow(id="flow")(steps_and_waits))
    world.pump()
    execution.resume("answer")
    execution.result()


def without_a_step(world: LocalHarness) -> None:
    execution = world.start(workflow(id="flow")(only_waits))
    world.pump()
    execution.resume("answer")
    execution.result()


def at_once(world: LocalHarness) -> None:
    @workflow
    async def flow(ctx: WorkflowContext, payload: str) -> None:
        if payload == "raise":
            raise ValueError
        if payload == "again":
            ctx.continue_as_new("return")

    for payload in ("return", "raise", "again"):
        world.start(flow, payload)
    world.pump()


def in_line(world: LocalHarness) -> None:
    flow = workflow(id="flow", queue=Queue("narrow", concurrency_limit=1))(steps_and_waits)
    executions = [world.start(flow) for _ in range(3)]
    world.pump()
    for execution in executions:
        execution.resume("answer")
    world.pump()


def paused(world: LocalHarness) -> None:
    flow, control = workflow(id="flow")(steps_and_waits), Control(world.service)
    for last in ("resume", "cancel", "timeout"):
        execution = world.start(flow, run_timeout_seconds=100)
        world.pump()
        control.pause(execution.id)
        world.pump()
        match last:
            case "resume":
                control.unpause(execution.id)
                world.pump()
                control.pause(execution.id)
                execution.resume("answer")
                world.pump()
                control.unpause(execution.id)
            case "cancel":
                execution.cancel()
            case _:
                world.advance(200)
        world.pump()


def stopped(world: LocalHarness) -> None:
    flow = workflow(id="flow")(steps_and_waits)
    for timeout in (None, 100):
        execution = world.start(flow, run_timeout_seconds=timeout)
        world.pump()
        if timeout is None:
            execution.cancel()
        world.advance(200)
    execution = world.start(flow)
    execution.cancel()
    world.pump()


def stalled(world: LocalHarness) -> None:
    execution = world.start(workflow(id="flow")(steps_and_waits))
    world.pump()
    world.redeploy("flow")
    workflow(id="flow")(only_waits)
    world.kick(execution)
    world.pump()
    assert execution.status == "stalled"
    world.redeploy("flow")
    workflow(id="flow")(steps_and_waits)
    execution.resume("answer")
    world.pump()


def stalled_by_code_that_is_gone(world: LocalHarness) -> None:
    execution = world.start(workflow(id="flow")(steps_and_waits))
    world.pump()
    world.redeploy("flow")
    workflow(id="flow")(only_waits)
    world.kick(execution)
    world.pump()
    world.redeploy("flow")
    workflow(id="flow")(steps_and_waits)
    world.kick(execution)
    world.pump()
    assert execution.status == "waiting"


def failing(world: LocalHarness) -> None:
    def broken() -> None:
        raise ValueError

    @workflow
    async def flow(ctx: WorkflowContext) -> None:
        await ctx.step.run("broken", broken, max_retries=1)

    with pytest.raises(ExecutionError):
        world.run(flow)


STORIES: Final = (
    in_full,
    without_a_step,
    at_once,
    in_line,
    paused,
    stopped,
    stalled,
    stalled_by_code_that_is_gone,
    failing,
)


def test_every_change_of_status_stands_in_the_table() -> None:
    assert changes(*STORIES) - TABLE == set()


def test_no_row_of_the_table_is_made_up() -> None:
    seen = changes(*STORIES)
    made_up = [row for row in TRANSITIONS if not seen & {(before, row.after) for before in row.before}]
    assert made_up == []


def test_ends_are_final_and_everything_else_is_not() -> None:
    assert {before for before, _ in TABLE} == set(Status) - ENDED
    assert {after for _, after in TABLE} == set(Status), (
        "queued is where all begin, and where some come back to"
    )


def test_the_table_has_the_outcomes_of_the_journal_and_of_the_records() -> None:
    assert {status.value for status in ENDED} == {outcome.value for outcome in Outcome} == ENDED_RECORDS


def test_every_status_is_explained() -> None:
    assert list(MEANINGS) == list(Status)
