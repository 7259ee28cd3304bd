"""An API over the runtime in memory, on a virtual clock."""

from collections.abc import Iterator

import pytest

from polos.testing.local import MemoryHarness
from support.api import Asker, World


@pytest.fixture
def world() -> Iterator[World]:
    with MemoryHarness() as harness:
        yield World(harness, rate=None)


@pytest.fixture
def ask(world: World) -> Asker:
    """With a key that may do everything in the project `test`."""
    return world.asker()
