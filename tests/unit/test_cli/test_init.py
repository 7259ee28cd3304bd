"""`polos init`: a project whose tests pass, in an empty directory and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]


def test_the_tests_of_a_new_project_pass_and_its_app_is_known(polos: Call, here: Path) -> None:
    made = polos("init", "My Shop", "--json")
    assert made.json["files"] == [
        "app.py", "tests/test_app.py", "pyproject.toml", "README.md", ".gitignore",
    ]  # fmt: skip
    project = here / "My Shop"
    assert 'name = "my-shop"' in (project / "pyproject.toml").read_text(encoding="utf-8")
    assert "{{" not in "".join((project / name).read_text(encoding="utf-8") for name in made.json["files"])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,UP,B", "--line-length", "110", "."],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout


ANSWERED = """
import json

from polos.runtime.suspensions import suspensions
from polos.server.forms import form_of, read_answer
from polos.testing.local import MemoryHarness

from app import Order, fulfil

with MemoryHarness() as world:
    started = world.start(fulfil, Order(item="chair", quantity=10))
    world.pump()
    (asked,) = suspensions(world.service, started.id)
    answer, wrong = read_answer(form_of(json.loads(asked.data)), {"f0": ["ada"]})
    started.resume("approve", answer)
    print(wrong, started.result().approved_by)
"""


def test_what_a_new_project_asks_is_answered_by_the_form_that_people_see(polos: Call, here: Path) -> None:
    polos("init", "shop")
    done = subprocess.run(
        [sys.executable, "-c", ANSWERED], cwd=here / "shop", capture_output=True, text=True, check=False
    )
    assert done.stdout == "{} ada\n", done.stderr


def test_a_directory_that_holds_something_is_left_as_it_is(polos: Call, here: Path) -> None:
    said = polos("init")
    assert (said.code, said.out) == (2, "")
    assert "flows.py" in said.err
    assert [path.name for path in here.iterdir()] == ["flows.py"]


def test_what_git_and_an_environment_have_put_there_does_not_count(polos: Call, here: Path) -> None:
    (here / "new" / ".git").mkdir(parents=True)
    (here / "new" / ".venv").mkdir()
    assert polos("init", "new").code == 0
    assert (here / "new" / "app.py").is_file()
