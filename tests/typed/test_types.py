"""What a user's editor says: `accepted.py` has no error, and `rejected.py` one in each line marked as wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from support.snippets import ROOT

HERE = Path(__file__).parent
ACCEPTED, REJECTED = HERE / "accepted.py", HERE / "rejected.py"
PYRIGHT = Path(sys.executable).parent / "pyright"

Errors = dict[str, dict[int, str]]
"""By file name and line: what the checker says."""


def marked() -> set[int]:
    lines = REJECTED.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def mypy() -> Errors:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(ACCEPTED), str(REJECTED)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Errors = defaultdict(dict)
    for line in done.stdout.splitlines():
        if (match := re.match(r"(.+?):(\d+): error: (.*)", line)) is not None:
            found[Path(match[1]).name][int(match[2])] = match[3]
    return found


def pyright() -> Errors:
    done = subprocess.run(
        [str(PYRIGHT), "--outputjson", "--pythonpath", sys.executable, str(ACCEPTED), str(REJECTED)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    found: Errors = defaultdict(dict)
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            found[Path(one["file"]).name][one["range"]["start"]["line"] + 1] = one["message"]
    return found


def judge(found: Errors) -> None:
    assert found.get(ACCEPTED.name, {}) == {}
    rejected = found.get(REJECTED.name, {})
    assert marked() - set(rejected) == set(), "accepted although it is wrong"
    assert {line: text for line, text in rejected.items() if line not in marked()} == {}


def test_mypy_accepts_what_is_right_and_rejects_what_is_wrong() -> None:
    judge(mypy())


@pytest.mark.e2e
def test_pyright_accepts_what_is_right_and_rejects_what_is_wrong() -> None:
    if not PYRIGHT.is_file():
        pytest.skip("needs pyright: pip install 'pyright[nodejs]'")
    judge(pyright())


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "polos" / "py.typed").is_file()
