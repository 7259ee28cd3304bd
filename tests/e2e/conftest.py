"""One emulated AWS and one deployed stack for the tests of this folder; each takes about a minute to make."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cloud import Cloud, Deployment, cloud

APP = Path(__file__).parents[1] / "support" / "e2e_app.py"
STACK = "e2e"


@pytest.fixture(autouse=True, scope="session")
def own_environment() -> Iterator[None]:
    """What the tests set is gone behind them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the stack is built."""
    folder = tmp_path_factory.mktemp("build")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sky() -> Iterator[Cloud]:
    """An AWS on this machine."""
    with cloud() as running:
        yield running


@pytest.fixture(scope="session")
def deployed(sky: Cloud, workdir: Path) -> Deployment:
    """The app of these tests, deployed with our own command."""
    deploy(sky, workdir)
    return Deployment(sky, f"{STACK}-dev")


def deploy(sky: Cloud, workdir: Path, app: Path = APP) -> str:
    """`polos deploy`; what it said."""
    done = sky.polos(
        "deploy", str(app), "--name", STACK, "--target", "host", "--output", str(workdir),
        "--parameter", "DataDeletionPolicy=Delete",
    )  # fmt: skip
    return done.stderr
