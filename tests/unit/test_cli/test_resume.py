"""`polos resume` and `--resume`: after a crash, an interruption or a stall, with real processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.workers import Place, ending

Call = Callable[..., object]

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

    @workflow(id="unfit")
    async def unfit(ctx):
        await ctx.step.run("old" if not (HERE / "new-code").exists() else "new", note, "old")
        if not (HERE / "new-code").exists():
            await ctx.step.run("slow", slow)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, CODE)


def run_and_kill(place: Place, *, by: int = signal.SIGKILL, workflow: str = "story") -> tuple[str, str]:
    """Run until the slow step has begun, then end the process; the execution's id and what it said."""
    process = place.popen("-m", "polos.cli", "run", f"flows.py:{workflow}")
    with ending(process):
        assert process.stderr is not None
        execution = process.stderr.readline().split()[1]
        place.await_note("slow")
        process.send_signal(by)
        _, err = process.communicate(timeout=30)
        if by == signal.SIGINT:
            assert process.returncode == 130
    return execution, err


def polos(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = place.popen("-m", "polos.cli", *arguments)
    with ending(process):
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.mark.parametrize(
    "command",
    [
        ("resume", "ID"),
        ("resume", "ID", "flows.py"),
        ("run", "flows.py:story", "--resume", "ID"),
    ],
    ids=["by what the store remembers", "by a file", "as an option of run"],
)
def test_a_killed_run_goes_on_and_repeats_nothing_that_was_recorded(
    place: Place, command: tuple[str, ...]
) -> None:
    execution, _ = run_and_kill(place)
    place.allow("go")
    said = polos(place, *(execution if word == "ID" else word for word in command))
    assert (said.returncode, said.stdout.strip()) == (0, "3"), said.stderr
    assert [note.what for note in place.notes()] == ["first", "slow", "slow"]


def test_an_interrupted_run_says_how_to_go_on(place: Place) -> None:
    execution, err = run_and_kill(place, by=signal.SIGINT)
    assert f"polos resume {execution} flows.py" in err
    assert "Traceback" not in err
    place.allow("go")
    assert polos(place, "resume", execution).stdout.strip() == "3"
    assert len(place.notes("first")) == 1


def test_an_execution_that_has_ended_is_reported_again_and_runs_nothing(place: Place) -> None:
    place.allow("go")
    ran = polos(place, "run", "flows.py:story")
    execution = ran.stderr.split()[1]
    for _ in range(2):
        assert polos(place, "resume", execution).stdout == ran.stdout
    assert [note.what for note in place.notes()] == ["first", "slow"]


def test_code_outside_of_the_working_directory_is_only_run_when_it_is_named(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    execution, _ = run_and_kill(place)
    place.allow("go")
    elsewhere = Place(tmp_path_factory.mktemp("elsewhere"), "")
    elsewhere.store = place.store
    refused = polos(elsewhere, "resume", execution)
    assert refused.returncode == 2
    assert "not below the working directory" in refused.stderr
    assert str(place.directory / "flows.py") in refused.stderr
    assert polos(elsewhere, "resume", execution, str(place.directory / "flows.py")).returncode == 0


def test_an_execution_stalls_when_the_code_has_changed_and_goes_on_once_it_is_mended(place: Place) -> None:
    execution, _ = run_and_kill(place, workflow="unfit")
    place.allow("new-code")
    place.allow("go")
    stalled = polos(place, "resume", execution)
    assert stalled.returncode == 4, stalled.stderr
    assert "run:old" in stalled.stderr
    assert f"polos resume {execution}" in stalled.stderr
    (place.directory / "new-code").unlink()
    assert polos(place, "resume", execution).returncode == 0
    assert len(place.notes("old")) == 1


def test_two_programs_share_a_store_and_each_runs_its_own(place: Place) -> None:
    """The second is at work while the first is killed: it must not touch what it has no code for."""
    execution, _ = run_and_kill(place)
    (place.directory / "others.py").write_text(
        "import time\nfrom polos import workflow\n"
        "@workflow(id='other')\nasync def other(ctx):\n"
        "    for i in range(20): await ctx.step.run(str(i), time.sleep, 0.05)\n",
        encoding="utf-8",
    )
    other = polos(place, "run", "others.py:other")
    assert other.returncode == 0, other.stderr
    place.allow("go")
    said = polos(place, "resume", execution)
    assert (said.returncode, said.stdout.strip()) == (0, "3"), said.stderr
    assert [note.what for note in place.notes()] == ["first", "slow", "slow"]


def test_the_console_scripts_are_there(polos_process: Call) -> None:
    assert polos_process("--version").code == 0
