"""What continuous integration does with what `make` says; and the order and the time of the slow tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.deployed_run import Unavailable, once

ROOT = Path(__file__).parents[2]
GATE = "===== 8000 passed in 700.00s ====="
PASSED = "===== 596 passed in 600.00s ====="
FAILED = "FAILED tests/e2e/test_x.py::test_it - assert\n===== 1 failed, 595 passed in 600.00s ====="
BROKEN = "ERROR tests/e2e/test_x.py::test_it - no stack\n===== 595 passed, 1 error in 600.00s ====="
LATE = "left out for want of time: 9 tests: tests/e2e/test_sam.py (9)\n===== 500 passed, 9 skipped in 1500.00s ====="
LACKING = (
    "SKIPPED [5] tests/support/x.py:1: no emulator: pip cannot\n===== 9 passed, 5 skipped in 9.00s ====="
)
INTERRUPTED = (
    "left out for want of time: 1 tests: tests/e2e/test_sam.py (1)\n===== 500 passed in 1800.00s ====="
)

FAKE_MAKE = """#!/bin/sh
echo "$POLOS_E2E_SECONDS $*" >> calls
n=$(wc -l < calls)
cat "$n.says"
exit "$(cat "$n.code")"
"""


def ci(folder: Path, *runs: tuple[str, int], **environ: str) -> tuple[int, list[str], list[str]]:
    """Run `.ci/run` over a `make` that says and returns the runs, one by one; its code, its lines, and make's calls."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    make = folder / "make"
    make.write_text(FAKE_MAKE)
    make.chmod(0o755)
    for number, (says, code) in enumerate(runs, 1):
        (folder / f"{number}.says").write_text(says + "\n")
        (folder / f"{number}.code").write_text(str(code))
    own = {name: value for name, value in os.environ.items() if not name.startswith("POLOS_")}
    done = subprocess.run(
        [str(folder / ".ci" / "run")], env=own | {"PATH": f"{folder}:{os.environ['PATH']}"} | environ,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "No such file" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines(), (folder / "calls").read_text().splitlines()


def test_ci_runs_the_gate_and_then_all_that_is_deployed_and_ends_with_both_closing_lines(
    tmp_path: Path,
) -> None:
    code, said, calls = ci(tmp_path, (GATE, 0), (PASSED, 0))
    assert code == 0
    assert said[-2:] == [f"{PASSED} (on emulators, deployed, in a browser)", GATE]
    assert calls[0] == " check"
    assert calls[1].startswith("1500 e2e OPTIONS=")


def test_ci_leaves_the_deployed_tests_out_if_it_is_told_to_or_if_the_gate_failed(tmp_path: Path) -> None:
    for name in ("told", "failed"):
        (tmp_path / name).mkdir()
    code, _, calls = ci(tmp_path / "told", (GATE, 0), POLOS_CI_E2E="0")
    assert (code, len(calls)) == (0, 1)
    code, said, calls = ci(tmp_path / "failed", ("mypy: error", 2))
    assert (code, len(calls)) == (2, 1)
    assert "The tests on emulators are left out: the gate failed." in said


@pytest.mark.parametrize("first", [FAILED, BROKEN], ids=["failed", "broken"])
def test_ci_tries_once_more_what_failed_and_says_what_is_flaky(tmp_path: Path, first: str) -> None:
    code, said, calls = ci(tmp_path, (GATE, 0), (first, 2), ("===== 1 passed =====", 0))
    assert code == 0
    assert "Flaky on this machine: those named above." in said
    assert "--last-failed" not in calls[1]
    assert "--last-failed --last-failed-no-failures none" in calls[2]


def test_ci_fails_with_what_fails_twice(tmp_path: Path) -> None:
    assert ci(tmp_path, (GATE, 0), (FAILED, 2), (FAILED, 2))[0] == 2


def test_ci_fails_if_there_is_no_time_to_try_again(tmp_path: Path) -> None:
    code, said, _ = ci(tmp_path, (GATE, 0), (FAILED, 2), (LATE, 0))
    assert code == 1
    assert "There was no time to try all of them again." in said


def test_ci_fails_with_what_ends_before_a_test(tmp_path: Path) -> None:
    assert ci(tmp_path, (GATE, 0), ("make: *** [e2e] Error 4", 2))[0] == 2


def test_ci_says_what_it_left_out_and_passes(tmp_path: Path) -> None:
    for name in ("late", "interrupted", "lacking"):
        (tmp_path / name).mkdir()
    code, said, calls = ci(tmp_path / "late", (GATE, 0), (LATE, 0), POLOS_CI_E2E_SECONDS="7")
    assert code == 0
    assert "Left out for want of time: 9 tests: tests/e2e/test_sam.py (9)" in said
    assert calls[1].startswith("7 e2e ")
    code, said, _ = ci(tmp_path / "interrupted", (GATE, 0), (INTERRUPTED, 124))
    assert code == 0
    assert "It was interrupted behind its time. POLOS_CI_E2E_SECONDS=3000 gives it more." in said
    code, said, _ = ci(tmp_path / "lacking", (GATE, 0), (LACKING, 0))
    assert code == 0
    assert any(line.startswith("Left out, since this machine lacks what it needs: [5]") for line in said)


def test_ci_does_not_pass_over_a_failure_before_an_interrupt(tmp_path: Path) -> None:
    assert ci(tmp_path, (GATE, 0), (FAILED, 124), (FAILED, 124))[0] == 124


CONFTEST = "from support.deployed_run import *\nfrom support.deployed_run import SECONDS, Unavailable, once\n"
SUITE = """
import os, signal, pytest
from support.deployed_run import Unavailable

@pytest.fixture
def emulator():
    raise Unavailable("no emulator: none at all")

def test_first(): pass

def test_lacks_it(emulator): pass

def test_is_interrupted():
    if os.environ.get("INTERRUPT"):
        os.kill(os.getpid(), signal.SIGINT)

def test_last(): pass
"""


def suite(folder: Path, **environ: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", str(folder)],
        cwd=folder, env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | environ,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.stdout


def test_what_is_lacking_skips_its_tests_and_says_why(tmp_path: Path) -> None:
    said = suite(tmp_path)
    assert "no emulator: none at all" in said
    assert "3 passed, 1 skipped" in said


def test_what_there_is_no_time_for_is_left_out_and_named(tmp_path: Path) -> None:
    said = suite(tmp_path, POLOS_E2E_SECONDS="0")
    assert "left out for want of time: 4 tests: test_suite.py (4)" in said
    assert "4 skipped" in said


def test_what_an_interrupt_leaves_out_is_named(tmp_path: Path) -> None:
    said = suite(tmp_path, POLOS_E2E_SECONDS="1000", INTERRUPT="1")
    assert "left out for want of time: 2 tests: test_suite.py (2)" in said
    assert "1 passed, 1 skipped" in said


def test_what_cannot_be_had_is_asked_for_once() -> None:
    asked: list[int] = []

    @once
    def emulator() -> str:
        asked.append(1)
        raise Unavailable("no emulator")

    for _ in range(2):
        with pytest.raises(Unavailable):
            emulator()
    assert asked == [1]
