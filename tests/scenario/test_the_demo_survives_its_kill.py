"""`make demo`: a real workflow is killed with SIGKILL, resumed, and repeats nothing that was recorded."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_ends_well_and_says_what_ran_where() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SIGKILL with" in done.stdout
    assert "Nothing that was recorded ran again" in done.stdout
    assert "failed 2 times, then succeeded" in done.stdout
