"""A world in memory for each test, on a clock that the test holds, replayed cold after every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness


@pytest.fixture
def world() -> Iterator[Harness]:
    with MemoryHarness() as harness:
        yield harness
