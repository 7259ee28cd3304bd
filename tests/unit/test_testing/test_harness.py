"""What the harness promises to tests of workflows, on each kind of runtime."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polos import ExecutionFailed, InvalidDefinition, PolosError, WorkflowContext, events, workflow
from polos.core.definitions import Registry, registry
from polos.testing import harness as harness_module
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness, NothingHappens, RunsForEver
from polos.testing.local import MemoryHarness, SqliteHarness

RAN: list[Any] = []


def note(what: Any) -> Any:
    RAN.append(what)
    return what


@workflow(id="harness-two")
async def two(ctx: WorkflowContext) -> list[str]:
    return [await ctx.step.run("one", note, "one"), await ctx.step.run("two", note, "two")]


@workflow(id="harness-waits")
async def waits(ctx: WorkflowContext, payload: dict[str, float]) -> float:
    await ctx.step.wait_for("it", seconds=payload["seconds"])
    return await ctx.step.run("note", note, await ctx.step.now("now"))


@workflow(id="harness-for-ever")
async def for_ever(ctx: WorkflowContext) -> None:
    number = 0
    while True:
        number += 1
        await ctx.step.wait_for(f"day-{number}", days=30)


@workflow(id="harness-event")
async def takes_an_event(ctx: WorkflowContext) -> Any:
    return (await ctx.step.wait_for_event("paid", "payments")).data


@pytest.fixture(params=[MemoryHarness, SqliteHarness, AwsHarness], ids=["memory", "local", "aws"])
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    RAN.clear()
    with request.param() as made:
        yield made


# --- running ---------------------------------------------------------------------------------------------------------


def test_nothing_is_handled_before_it_is_asked_for(harness: Harness) -> None:
    started = harness.start(two)
    assert (RAN, started.status, harness.deliveries) == ([], "queued", 0)
    assert harness.pump() == 2
    assert (RAN, started.status) == (["one", "two"], "completed")
    assert harness.pump() == 0


def test_pump_does_not_let_time_pass(harness: Harness) -> None:
    started = harness.start(waits, {"seconds": 10})
    before = harness.clock.now()
    harness.pump()
    assert (started.status, harness.clock.now()) == ("waiting", before)


def test_advance_handles_what_comes_due_at_its_moment(harness: Harness) -> None:
    begun = harness.clock.now()
    for seconds in (3600, 60, 86_400):
        harness.start(waits, {"seconds": seconds})
    harness.advance(timedelta(hours=2))
    assert [round((at / 1000 - begun) / 60) for at in RAN] == [1, 60]
    assert harness.clock.now() == pytest.approx(begun + 7200, abs=0.01)


def test_a_result_that_nothing_brings_about_is_an_error_that_says_what_is_missing(harness: Harness) -> None:
    started = harness.start(takes_an_event)
    with pytest.raises(NothingHappens, match="wait_for_event:paid"):
        started.result()
    harness.publish("payments", {"amount": 5})
    assert started.result() == {"amount": 5}


def test_what_never_ends_is_noticed(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness_module, "MOST_SECONDS", 100 * 86_400.0)
    with pytest.raises(RunsForEver):
        harness.run(for_ever)


def test_steps_and_waits_of_an_execution_can_be_looked_at(harness: Harness) -> None:
    started = harness.start(waits, {"seconds": 10})
    harness.pump()
    assert harness.waits_for(started) == ["wait_for:it"]
    started.result()
    assert started.steps == ["it", "note"]
    assert harness.waits_for(started) == []


def test_an_execution_that_has_not_begun_waits_for_nothing(harness: Harness) -> None:
    assert harness.waits_for(harness.start(two)) == []


def test_options_of_a_start_are_those_of_the_workflow(harness: Harness) -> None:
    first = harness.start(two, idempotency_key="once")
    second = harness.start(two, idempotency_key="once")
    assert first.id == second.id
    with pytest.raises(TypeError, match="unknown option 'colour'"):
        harness.start(two, colour="red")


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_cron_schedule_fires_on_the_clock_of_the_test() -> None:
    RAN.clear()
    for made in (MemoryHarness, SqliteHarness, AwsHarness):
        with made(registry=Registry()) as harness:

            async def daily(ctx: WorkflowContext, payload: Any) -> None:
                await ctx.step.run("note", note, "tick")

            described = workflow(id=f"harness-daily-{made.__name__}", schedule="0 9 * * *")(daily)
            harness.registry.add(described.definition)
            harness.schedule()
            harness.advance(timedelta(days=3))
            assert RAN == ["tick"] * 3
            RAN.clear()
            registry.remove(described.id)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_crash_happens_once_at_the_write_that_was_named(harness: Harness) -> None:
    harness.run(two)
    writes = harness.writes
    started = harness.start(two)
    harness.crash_after(writes)
    assert started.result() == ["one", "two"]
    assert not harness.deaths.planned
    harness.run(two)


@pytest.mark.parametrize("number", [0, -1])
def test_writes_are_counted_from_one(harness: Harness, number: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        harness.crash_before(number)


def test_what_died_is_made_up_for_a_minute_later_and_not_at_once(harness: Harness) -> None:
    harness.run(two)
    begun = harness.clock.now()
    started = harness.start(two)
    harness.crash_after(3)
    harness.pump()
    assert started.status != "completed"
    started.result()
    assert 50 <= harness.clock.now() - begun <= 70


def test_each_message_is_delivered_twice(harness: Harness) -> None:
    harness.deliver_twice()
    assert harness.run(two) == ["one", "two"]
    assert RAN == ["one", "two"]
    assert harness.deliveries >= 4


def test_a_new_process_takes_over_after_a_restart(harness: Harness) -> None:
    started = harness.start(waits, {"seconds": 3600})
    harness.pump()
    harness.restart()
    started.result()
    assert len(RAN) == 1


# --- where it is used ------------------------------------------------------------------------------------------------


def test_workflows_defined_in_a_test_are_forgotten_at_its_end() -> None:
    with MemoryHarness() as harness:

        @workflow(id="harness-local")
        async def local(ctx: WorkflowContext) -> int:
            return 1

        assert harness.run(local) == 1
    assert "harness-local" not in registry
    assert "harness-two" in registry


def test_new_code_under_a_known_id_needs_the_old_to_be_forgotten() -> None:
    with MemoryHarness() as harness:
        with pytest.raises(InvalidDefinition, match="two workflows have the id"):
            workflow(id="harness-two")(_other)
        harness.redeploy(two)
        workflow(id="harness-two")(_other)
        assert harness.run("harness-two") == 7
    assert registry.get("harness-two") is two.definition


async def _other(ctx: WorkflowContext) -> int:
    return 7


async def test_pumping_inside_an_event_loop_is_refused_with_what_to_do() -> None:
    with MemoryHarness() as harness:
        with pytest.raises(PolosError, match=r"plain `def test`.*await workflow\.run"):
            harness.run(two)
        assert await asyncio.to_thread(harness.run, two) == ["one", "two"]


async def test_programs_that_await_their_workflows_are_served() -> None:
    with MemoryHarness():
        assert await two.run() == ["one", "two"]
        handle = await waits.invoke({"seconds": 5})
        assert await handle.result() > 0
        assert (await handle.get())["status"] == "completed"
        assert not await handle.cancel()


async def test_programs_that_read_a_stream_see_it_to_its_end() -> None:
    @workflow(id="harness-publishes")
    async def publishes(ctx: WorkflowContext) -> int:
        await ctx.step.wait_for("a day", days=1)
        await ctx.step.publish_workflow_event("tell", {"n": 1}, event_type="told")
        await ctx.step.run("after", note, 1)
        return 7

    with MemoryHarness():
        handle = await publishes.invoke()
        seen = [event.event_type async for event in events.stream_workflow("harness-publishes", handle.id)]
        assert "told" in seen
        assert seen[-1] == "workflow_finish"
        assert await handle.result() == 7


def test_the_fixtures_are_there_wherever_polos_is_installed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "from polos import workflow\n"
        "@workflow\n"
        "async def doubled(ctx, payload: int) -> int:\n"
        "    await ctx.step.wait_for('a day', days=1)\n"
        "    return await ctx.step.run('double', lambda: payload * 2)\n"
        "def test_local(polos_local): assert polos_local.run(doubled, 2) == 4\n"
        "def test_aws(polos_aws): assert polos_aws.run(doubled, 2) == 4\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "2 passed" in done.stdout, done.stdout


def test_pytest_runs_that_use_no_fixture_pay_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    assert 'polos.testing.plugin' in sys.modules\n"
        "    heavy = {'boto3', 'moto', 'pydantic', 'polos.runtime'} & set(sys.modules)\n"
        "    assert heavy == set()\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 passed" in done.stdout, done.stdout


def test_an_error_of_a_step_reaches_the_test(harness: Harness) -> None:
    @workflow(id="harness-fails")
    async def fails(ctx: WorkflowContext) -> None:
        raise LookupError("nothing there")

    with pytest.raises(ExecutionFailed, match="nothing there"):
        harness.run(fails)
