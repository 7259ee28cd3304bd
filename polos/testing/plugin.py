"""The pytest plugin: fixtures that run workflows in a test, on a clock that the test holds.

    polos_local    the embedded runtime over SQLite
    polos_aws      the Lambda functions over DynamoDB, SQS, Scheduler and S3, all in this process (moto)

Both are a `polos.testing.harness.Harness`. It is loaded by pytest wherever polos is installed, so it imports nothing
before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from polos.testing.aws import AwsHarness
    from polos.testing.local import SqliteHarness


@pytest.fixture
def polos_local() -> Iterator[SqliteHarness]:
    """The embedded runtime over a SQLite file of this test's own, on a virtual clock."""
    from polos.testing.local import SqliteHarness  # noqa: PLC0415 (every pytest run loads this module)

    with SqliteHarness() as harness:
        yield harness


@pytest.fixture
def polos_aws() -> Iterator[AwsHarness]:
    """The Lambda functions over moto, on a virtual clock. Needs `pip install 'polos-worker[testing]'`."""
    try:
        from polos.testing.aws import AwsHarness  # noqa: PLC0415 (moto is heavy, and optional)
    except ModuleNotFoundError as error:
        if error.name != "moto":
            raise
        pytest.fail("the fixture polos_aws needs moto: pip install 'polos-worker[testing]'", pytrace=False)

    with AwsHarness() as harness:
        yield harness
