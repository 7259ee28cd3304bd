"""After `kill -9` the execution goes on by itself: no lease is waited for, and a living worker is not robbed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polos.core.definitions import Definition
from polos.runtime.lease import VISIBILITY
from support.workers import Place, ended, ending, kill

CODE = """
    def first():
        note("first")
        return 1

    def slow():
        note("slow")
        wait_for("go")
        return 2

    @workflow(id="story")
    async def story(ctx):
        return await ctx.step.run("first", first) + await ctx.step.run("slow", slow)

    @workflow(id="other")
    async def other(ctx):
        return await ctx.step.run("other", note, "other")
"""

WITHIN = VISIBILITY / 2
"""The lease of the dead would have lasted VISIBILITY seconds: whatever goes on before has not waited for it.

The promise is 2 s, and the measured figure is printed; a busy machine may take longer to start a process.
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, CODE)


@pytest.fixture
def start(place: Place) -> Callable[[str], str]:
    def start(workflow: str) -> str:
        with place.asking() as runtime:
            definition = Definition(id=workflow, function=lambda ctx: None)
            return runtime.service.start(definition).execution

    return start


def test_a_restarted_worker_goes_on_with_what_the_killed_one_was_doing(
    place: Place,
    start: Callable[[str], str],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    execution = start("story")
    killed = place.worker()
    with ending(killed):
        place.await_note("slow")
        kill(killed)
    restarted = place.worker()
    with ending(restarted), place.asking() as runtime:
        again = place.await_note("slow", 2)
        place.allow("go")
        assert ended(runtime, execution) == 3
    took = again.at - place.notes("slow")[0].at
    record_property("seconds from attempt to attempt", took)
    with capsys.disabled():
        sys.stdout.write(
            f" [the killed step began again {took:.2f} s after it had begun, a start of Python included] "
        )
    assert took < WITHIN, "it waited for the lease of a dead process"
    assert [note.pid for note in place.notes()] == [killed.pid, killed.pid, restarted.pid]
    assert [note.what for note in place.notes()] == ["first", "slow", "slow"], "what is recorded ran again"


def test_a_worker_that_is_there_goes_on_with_what_a_killed_one_was_doing(
    place: Place, start: Callable[[str], str]
) -> None:
    execution = start("story")
    killed = place.worker()
    with ending(killed):
        place.await_note("slow")
        heir = place.worker()
        with ending(heir), place.asking() as runtime:
            start("other")
            place.await_note("other")  # by now both are at work, and `slow` is still with the first
            kill(killed)
            again = place.await_note("slow", 2)
            place.allow("go")
            assert ended(runtime, execution) == 3
    assert again.pid == heir.pid
    assert len(place.notes("first")) == 1
    assert len(place.notes("slow")) == 2


def test_a_living_worker_is_not_robbed_of_a_slow_step(place: Place, start: Callable[[str], str]) -> None:
    execution = start("story")
    busy = place.worker()
    with ending(busy):
        place.await_note("slow")
        second = place.worker()
        with ending(second), place.asking() as runtime:
            for count in range(
                1, 4
            ):  # the second worker has looked for dead ones, at its start at the latest
                start("other")
                place.await_note("other", count)
            place.allow("go")
            assert ended(runtime, execution) == 3
    assert [note.pid for note in place.notes("slow")] == [busy.pid]


def test_what_a_dead_worker_had_claimed_is_ready_once_the_store_is_opened_to_work(
    place: Place, start: Callable[[str], str]
) -> None:
    start("story")
    killed = place.worker()
    with ending(killed):
        place.await_note("slow")
        with place.asking() as runtime:
            assert runtime.store.queue.depth("default").in_flight == 1
            kill(killed)
            assert runtime.store.recover(thorough=True) == 1
            assert runtime.store.queue.depth("default").ready == 1


def test_sigterm_lets_a_running_step_end_and_takes_nothing_new(
    place: Place, start: Callable[[str], str]
) -> None:
    execution = start("story")
    worker = place.worker()
    with ending(worker):
        place.await_note("slow")
        worker.terminate()
        place.allow("go")
        out, err = worker.communicate(timeout=30)
        assert worker.returncode == 0, out + err
    with place.asking() as runtime:
        status = runtime.service.meta(execution).status
        if status != "completed":  # the outcome of the step stands; another worker does the rest
            heir = place.worker()
            with ending(heir):
                assert ended(runtime, execution) == 3
    assert len(place.notes("slow")) == 1
