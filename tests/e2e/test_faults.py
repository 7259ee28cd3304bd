"""AWS fails under the functions of a deployed stack: requests are throttled, cut, or carried out and not answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.conftest import Ask
from polos.core.journal import Entry, Kind
from polos.runtime.names import journal
from support import e2e_app as app
from support.cloud import Cloud, Deployment, patience
from support.emulators import Microburst

pytestmark = pytest.mark.e2e

THROTTLED: dict[str, Any] = {"error": {"code": "ThrottlingException"}}
FAILED: dict[str, Any] = {"error": {"code": "InternalServerError", "status": 500}}
RESET: dict[str, Any] = {"reset": True}
LOST: dict[str, Any] = {"response": {"abort_frac": 0.0}}
WRITES = [
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "TransactWriteItems"),
    ("sqs", "SendMessage"),
    ("sqs", "SendMessageBatch"),
    ("s3", "PutObject"),
]
READS = [("dynamodb", "GetItem"), ("dynamodb", "Query"), ("s3", "GetObject")]


@pytest.fixture
def proxy(sky: Cloud) -> Iterator[Microburst]:
    assert sky.proxy is not None
    yield sky.proxy
    sky.proxy.rules()


@pytest.fixture(autouse=True)
def told(deployed: Deployment) -> Iterator[None]:
    """What the functions said, for where a test fails: pytest shows what is printed."""
    yield
    sys.stdout.write(deployed.logs())


@pytest.mark.parametrize(
    ("fault", "operations"),
    [(THROTTLED, WRITES + READS), (FAILED, WRITES + READS), (RESET, WRITES + READS), (LOST, WRITES)],
    ids=["throttled", "failed", "reset", "answer lost"],
)
def test_every_execution_ends_as_if_nothing_had_been(
    deployed: Deployment,
    ask: Ask,
    proxy: Microburst,
    fault: dict[str, Any],
    operations: list[tuple[str, str]],
) -> None:
    proxy.rules(
        *(
            {
                "service": service,
                "operation": operation,
                "sequence": {"fail": 1, "pass": 3},
                "times": 12,
                **fault,
            }
            for service, operation in operations
        )
    )
    handle = ask(lambda client: app.parent.invoke(client, 5))
    long = ask(lambda client: app.chain.invoke(client, 10))
    ask(lambda client: client.publish_events("go-5", [("go", {"n": 1})]))
    assert ask(lambda client: client.wait_result(handle.id, patience())) == [10, "waited", app.BIG, {"n": 1}]
    assert ask(lambda client: client.wait_result(long.id, patience())) == 10
    befell = {fired["operation"] for fired in proxy.fired()}
    assert {"PutItem", "SendMessage"} & befell, befell
    proxy.rules()
    for execution in (handle.id, long.id):
        entries = [
            Entry.decode(text) for text in deployed.service.ports.log.read(journal("default", execution))
        ]
        assert [entry.kind for entry in entries].count(Kind.END) == 1
        identities = [entry.identity for entry in entries]
        assert len(identities) == len(set(identities)), "something was recorded twice"
