"""While DynamoDB throttles or is away, work is put off; when it is back it goes on, and no step has failed for it."""

import pytest

from polos import WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.moto import Fault
from support.scenario import did, effects


def one() -> int:
    did("ran")
    return 1


@workflow(id="through-an-outage")
async def through_an_outage(ctx: WorkflowContext) -> int:
    await ctx.step.wait_for("a moment", seconds=10)
    first = await ctx.step.run("first", one, max_retries=0)
    return first + await ctx.step.run("second", one, max_retries=0)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [("Query", Fault.THROTTLE), ("PutItem", Fault.ERROR), ("GetItem", Fault.RESET)],
)
def test_ten_minutes_without_the_store(polos_aws: AwsHarness, operation: str, fault: Fault) -> None:
    started = polos_aws.start(through_an_outage)
    polos_aws.pump()
    polos_aws.faults.add(fault, operation, times=1_000_000)
    polos_aws.advance(600)
    polos_aws.faults.clear()
    assert started.result() == 2
    assert polos_aws.invocations["dead"] == 0
    assert set(effects()) == {"ran"}


def test_a_queue_that_takes_nothing_for_a_while(polos_aws: AwsHarness) -> None:
    started = polos_aws.start(through_an_outage)
    polos_aws.faults.add(Fault.ERROR, "SendMessageBatch", times=20)
    assert started.result() == 2
