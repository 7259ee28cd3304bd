"""`polos retry`, `polos fork` and `polos dev`, as a user calls them: real processes over one store."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

APP = """
from pathlib import Path
from polos import workflow

HERE = Path(__file__).parent

def note(name):
    with (HERE / "log").open("a") as log:
        log.write(name + "\\n")
    return name

def second(payload):
    note("second")
    if not (HERE / "mended").exists():
        raise ValueError("not yet")
    return payload.get("word", "none")

@workflow(id="story")
async def story(ctx, payload: dict):
    first = await ctx.step.run("first", note, "first")
    return first + " " + await ctx.step.run("second", second, payload, max_retries=0)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    return tmp_path


def polos(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "polos.cli", *words],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def ran(place: Path) -> list[str]:
    return (place / "log").read_text(encoding="utf-8").split()


def failed_once(place: Path) -> str:
    done = polos(place, "run", "app.py:story", "--payload", '{"word": "a"}', "--json")
    assert done.returncode == 1, done.stderr
    return str(document(done)["execution_id"])


def test_a_retry_runs_the_failed_step_and_nothing_that_was_recorded(place: Path) -> None:
    execution = failed_once(place)
    (place / "mended").touch()
    done = polos(place, "retry", execution, "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["result"] == "first a"
    assert document(done)["execution_id"] != execution
    assert ran(place) == ["first", "second", "second"]


def test_a_fork_takes_another_input_and_keeps_what_was_recorded_before_its_step(place: Path) -> None:
    execution = failed_once(place)
    (place / "mended").touch()
    done = polos(place, "fork", execution, "--from", "second", "--payload", '{"word": "b"}', "--json")
    assert done.returncode == 0, done.stderr
    assert document(done)["result"] == "first b"
    assert ran(place) == ["first", "second", "second"]


def test_what_has_completed_cannot_be_retried_and_an_unknown_step_not_be_forked_from(place: Path) -> None:
    (place / "mended").touch()
    done = polos(place, "run", "app.py:story", "--payload", "{}", "--json")
    execution = str(document(done)["execution_id"])
    again = polos(place, "retry", execution)
    assert (again.returncode, "only failed" in again.stderr) == (2, True)
    fork = polos(place, "fork", execution, "--from", "third")
    assert (fork.returncode, "run:first, run:second" in fork.stderr.replace("\n", " ")) == (2, True)
    assert polos(place, "retry", "nobody").returncode == 2


def test_dev_serves_the_app_and_goes_on_with_its_store(place: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "polos.cli", "dev", "app.py", "--port", str(port)],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stderr is not None
        said = server.stderr.readline()
        assert f"http://127.0.0.1:{port}" in said, said
        assert "story" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
            assert answer.status == 200
    finally:
        server.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        server.kill()
    assert server.wait() == 0
