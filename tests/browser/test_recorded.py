"""The recorded set is what the pages are looked at with: it has to hold what it says."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.recorded import Recorded, recorded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with recorded(tmp_path_factory.mktemp("recorded")) as made:
        yield made


def get(there: Recorded, path: str) -> Any:
    with urllib.request.urlopen(f"{there.url}{path}", timeout=60) as answer:
        return json.load(answer)


STATUSES = {
    "running": "running",
    "approval": "waiting",
    "event": "waiting",
    "failed": "failed",
    "parallel": "completed",
    "thousand": "completed",
    "agent": "completed",
    "hostile": "failed",
    "stalled": "stalled",
    "order": "completed",
}


@pytest.mark.parametrize("name", STATUSES)
def test_each_execution_is_where_it_should_be(there: Recorded, name: str) -> None:
    assert get(there, f"/v1/executions/{there.executions[name]}")["status"] == STATUSES[name]


def timeline(there: Recorded, name: str) -> list[dict[str, Any]]:
    return list(get(there, f"/v1/executions/{there.executions[name]}/timeline?limit=2000")["operations"])


def test_it_has_the_shapes_that_pages_are_tried_with(there: Recorded) -> None:
    assert len(timeline(there, "thousand")) == 1000
    children = [o["child_summary"]["status"] for o in timeline(there, "parallel")]
    assert children == ["completed"] * 40
    [charge] = [o for o in timeline(there, "failed") if o["key"] == "charge"]
    assert len(charge["attempts"]) == 3
    agent = timeline(there, "agent")
    assert sum(o["key"].startswith("llm:") for o in agent) == 5
    assert [o["stage"] for o in agent if o["verb"] == "invoke_and_wait"].count("failed") == 1
    asked = get(there, "/v1/approvals")["approvals"]
    assert there.executions["approval"] in [one["execution_id"] for one in asked]
    address = urllib.parse.quote("run:llm:1", safe="")
    step = get(there, f"/v1/executions/{there.executions['agent']}/step?address={address}")
    assert step["llm"]["first_token_ms"] is not None
