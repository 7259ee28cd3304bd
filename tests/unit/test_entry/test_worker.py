"""Worker processes: what they load, when they end, and with which exit code."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support.workers import Place, ended, ending

CODE = """
    def slow():
        note("slow")
        wait_for("go")

    def stuck():
        note("stuck")
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass

    @workflow(id="story")
    async def story(ctx):
        await ctx.step.run("slow", slow)

    @workflow(id="never-ending")
    async def never_ending(ctx):
        await ctx.step.run("stuck", stuck, timeout=0.2, max_retries=0)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, CODE)


def start(place: Place, workflow: str) -> str:
    from polos.core.definitions import Definition

    with place.asking() as runtime:
        return runtime.service.start(Definition(id=workflow, function=lambda ctx: None)).execution


def said(place: Place, *arguments: str) -> tuple[int, str]:
    process = place.popen(*arguments)
    with ending(process):
        out, err = process.communicate(timeout=60)
    return process.returncode, out + err


def test_the_console_script_works_like_the_module(place: Place) -> None:
    execution = start(place, "story")
    place.allow("go")
    worker = place.popen("-c", "from polos.cli.worker import main; main()", "start", "flows.py")
    with ending(worker), place.asking() as runtime:
        assert ended(runtime, execution) is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0


def test_without_modules_an_app_in_the_directory_is_loaded(place: Place) -> None:
    (place.directory / "flows.py").rename(place.directory / "main.py")
    execution = start(place, "story")
    place.allow("go")
    worker = place.popen("-m", "polos.runtime.worker")
    with ending(worker), place.asking() as runtime:
        assert ended(runtime, execution) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "app.py, main.py"),
        (("nothing.py",), "nothing.py cannot be loaded"),
        (("json",), "defines no workflow"),
    ],
)
def test_a_worker_without_code_says_what_is_missing(
    place: Place, arguments: tuple[str, ...], words: str
) -> None:
    code, text = said(place, "-m", "polos.runtime.worker", *arguments)
    assert code == 2
    assert words in text
    assert "Traceback" not in text


def test_a_store_that_cannot_be_opened_ends_the_worker_with_3(place: Place) -> None:
    place.store.write_text("no database at all, but some text\n" * 100, encoding="utf-8")
    code, text = said(place, "-m", "polos.runtime.worker", "flows.py")
    assert code == 3
    assert "damaged" in text
    assert "Traceback" not in text


def test_a_step_that_does_not_stop_at_its_timeout_is_recorded_and_ends_the_worker(place: Place) -> None:
    execution = start(place, "never-ending")
    worker = place.worker("--drain", "1")
    with ending(worker):
        out, err = worker.communicate(timeout=60)
    assert worker.returncode == 75, out + err
    with place.asking() as runtime:
        meta = runtime.service.meta(execution)
        if not meta.ended:  # the outcome of the step stands; another worker does the rest
            heir = place.worker()
            with ending(heir):
                meta = runtime.wait(execution, 60)
    assert meta.status == "failed"
    assert len(place.notes("stuck")) == 1


def test_a_second_signal_ends_a_worker_that_drains(place: Place) -> None:
    start(place, "story")
    worker = place.worker("--drain", "60")
    with ending(worker):
        place.await_note("slow")
        worker.send_signal(signal.SIGTERM)
        assert worker.stderr is not None
        for line in worker.stderr:
            if "stopping" in line:
                break
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=30)
        assert worker.returncode == -signal.SIGTERM
