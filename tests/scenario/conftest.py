"""Every story is told in each world, in each way: the list of the files here is the specification."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness, SqliteHarness
from support import scenario

WORLDS: Final[dict[str, type[Harness]]] = {
    "memory": MemoryHarness,
    "local": SqliteHarness,
    "aws": AwsHarness,
}
DEATHS: Final = {"memory": None, "local": 16, "aws": 4}
"""How many deaths are died (None: all). A telling on moto takes half a second; those marked `slow` die all."""

Tell = Callable[[scenario.Story], None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`tell`: every world in every way. `world`: every world, in the plain way."""
    if "tell" in metafunc.fixturenames:
        ways = [(world, way) for world in WORLDS for way in ("plain", "twice", "killed")]
        params = [pytest.param(pair, id="-".join(pair)) for pair in ways]
        params += [
            pytest.param((world, "everywhere"), id=f"{world}-killed-everywhere", marks=pytest.mark.slow)
            for world in WORLDS
            if DEATHS[world] is not None
        ]
        metafunc.parametrize("tell", params, indirect=True)
    if "world" in metafunc.fixturenames:
        metafunc.parametrize("world", list(WORLDS), indirect=True)


@pytest.fixture
def tell(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Tell]:
    """Tell a story in this world and way, and check that it ends as it does without faults."""
    world, way = request.param
    yield lambda story: _tell(story, world, way)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == [], "the engine logged errors"


def _tell(story: scenario.Story, world: str, way: str) -> None:
    open_world = WORLDS[world]
    match way:
        case "plain":
            scenario.plainly(story, open_world)
        case "twice":
            scenario.twice(story, open_world)
        case "killed":
            scenario.killed(story, open_world, at_most=DEATHS[world])
        case _:
            scenario.killed(story, open_world)


@pytest.fixture(autouse=True)
def nothing_has_happened() -> None:
    """A test begins without effects."""
    scenario.begin()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """One world, without faults."""
    with WORLDS[request.param]() as harness:
        yield harness
