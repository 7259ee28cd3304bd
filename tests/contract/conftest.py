"""`world`, once for each adapter; `live_world`, the same on a real clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.adapters import ADAPTERS, Adapter, World

EACH = [pytest.param(adapter, id=name, marks=adapter.marks) for name, adapter in ADAPTERS.items()]


@pytest.fixture(params=EACH)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    adapter: Adapter = request.param
    with adapter.open(tmp_path, live=False) as opened:
        yield opened


@pytest.fixture(params=EACH)
def live_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    adapter: Adapter = request.param
    with adapter.open(tmp_path, live=True) as opened:
        yield opened
