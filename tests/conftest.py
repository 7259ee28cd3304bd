"""What every test has: `async def test_...` runs in an event loop of its own, and a module has its own definitions."""

import asyncio
import inspect
import signal
from collections.abc import Generator, Iterator

import pytest

from support.definitions import importing, only_of
from support.deployed_run import (  # pytest finds its hooks by their names
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_setup,
)

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_setup",
]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell makes its background jobs deaf to Ctrl-C. Tests that press it start processes that must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Keep what a test module defines apart from what the others do."""
    if not isinstance(collector, pytest.Module):
        return (yield)
    with importing(str(collector.nodeid)):
        return (yield)


@pytest.fixture(scope="module", autouse=True)
def _own_definitions(request: pytest.FixtureRequest) -> Iterator[None]:
    with only_of(request.module, request.node.nodeid):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test by `asyncio.run`; leave any other to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(
        pyfuncitem.obj(**{name: value for name, value in pyfuncitem.funcargs.items() if name in wanted})
    )
    return True
