"""`polos cost`: a bill that is counted, for a run and for a million."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polos.testing import prices
from polos.testing.costs import Compute, Counts

Call = Callable[..., object]


def test_a_bill_for_a_workflow(polos: Call) -> None:
    said = polos("cost", "flows.py:order", "--payload", '{"item": "tea", "count": 3}')
    assert said.code == 0, said.err
    assert "DynamoDB write units" in said.out
    assert "Step Functions Standard" in said.out
    assert prices.AS_OF in said.out


def test_the_same_as_data_and_the_sums_agree(polos: Call) -> None:
    bill = polos("cost", "flows.py:family", "--json").json
    assert sum(line["dollars"] for line in bill["lines"]) == pytest.approx(bill["total_dollars"])
    counts = {line["what"]: line["count"] for line in bill["lines"]}
    assert counts["Lambda invocations"] == 3, "two starts, and the news of the child's end"
    others = bill["others_without_compute_dollars"]
    assert others["Step Functions Standard"] == pytest.approx(5 * 25e-6)
    assert others["Lambda durable functions"] == pytest.approx(3 * 8e-6)


def test_a_workflow_that_fails_costs_as_well(polos: Call) -> None:
    said = polos("cost", "flows.py:failing", "--json")
    assert said.code == 0, said.err
    counts = {line["what"]: line["count"] for line in said.json["lines"]}
    assert counts["Lambda invocations"] == 2, "the start with its first attempt, and the second attempt"


def test_more_memory_costs_more(polos: Call) -> None:
    small = polos("cost", "flows.py:echo", "--payload", "1", "--json", "--memory-mb", "512").json
    large = polos("cost", "flows.py:echo", "--payload", "1", "--json", "--memory-mb", "2048").json
    assert large["total_dollars"] > small["total_dollars"]
    assert large["without_compute_dollars"] == small["without_compute_dollars"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("cost", "--payload", "1"),
        ("cost", "flows.py:echo", "--memory-mb", "1"),
        ("cost", "flows.py:echo", "--milliseconds", "0"),
        ("cost", "flows.py:nowhere"),
    ],
)
def test_wrong_usage_is_told(polos: Call, here: Path, arguments: tuple[str, ...]) -> None:
    assert polos(*arguments).code == 2


def test_a_bill_by_hand() -> None:
    counts = Counts(
        write_units=2,
        read_units=1,
        sqs_requests=3,
        polls=2,
        timers=1,
        invocations=1,
        operations=1,
        executions=1,
    )
    engine = 2 * 0.625 + 0.125 + 5 * 0.40 + 1.00
    compute = 0.20 + 0.05 * 13.3334
    assert counts.engine_dollars() * 1e6 == pytest.approx(engine)
    assert counts.dollars(Compute(1024, 50)) * 1e6 == pytest.approx(engine + compute)
    assert dict(counts.rivals()) == pytest.approx(
        {"Step Functions Standard": 75e-6, "Lambda durable functions": 16e-6}
    )


def test_the_kinds_of_operations_come_as_data_too(polos: Call, here: Path) -> None:
    found = {one["kind"]: one for one in polos("cost", "--json").json}
    assert found["step"]["dollars"] > found["step"]["without_compute_dollars"] > 0
