"""What AWS bills for a step, counted: 1 write request of 1 unit while the entry is under 1 KB, 1 read, 1 send."""

import pytest

from polos import WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.moto import Usage


def give(size: int) -> str:
    return "".join(chr(33 + (number * number * 7919) % 90) for number in range(size))


@workflow(id="many-steps")
async def many_steps(ctx: WorkflowContext, payload: dict[str, int]) -> None:
    for number in range(payload["steps"]):
        await ctx.step.run(f"step-{number}", give, payload["size"])


@workflow(id="many-steps-in-one-go", steps_per_invocation=None)
async def many_steps_in_one_go(ctx: WorkflowContext, payload: dict[str, int]) -> None:
    for number in range(payload["steps"]):
        await ctx.step.run(f"step-{number}", give, payload["size"])


def used(aws: AwsHarness, workflow: object, *, steps: int, size: int) -> dict[tuple[str, str], Usage]:
    aws.meter.reset()
    aws.run(workflow, {"steps": steps, "size": size})
    return aws.meter.by_operation()


def per_step(aws: AwsHarness, workflow: object, *, size: int = 100) -> dict[tuple[str, str], Usage]:
    """What ten steps more use, by operation, each as of one step."""
    few = used(aws, workflow, steps=5, size=size)
    many = used(aws, workflow, steps=15, size=size)
    nothing = Usage()
    return {key: many[key] - few.get(key, nothing) for key in many if many[key] != few.get(key)}


def test_a_step_is_one_conditional_put_one_query_and_one_send(polos_aws: AwsHarness) -> None:
    more = per_step(polos_aws, many_steps)
    assert {key: usage.calls for key, usage in more.items()} == {
        ("dynamodb", "PutItem"): 10,
        ("dynamodb", "Query"): 10,
        ("sqs", "SendMessageBatch"): 10,
        (
            "sqs",
            "ChangeMessageVisibility",
        ): 10,  # the lease: not more than a minute is lost when a sandbox dies
    }


def test_its_units_are_one_to_write_and_one_to_read(polos_aws: AwsHarness) -> None:
    more = per_step(polos_aws, many_steps)
    total = sum(more.values(), Usage())
    assert total.write_units == 10
    assert total.read_units == 10
    assert total.sends == 10


@pytest.mark.parametrize(("size", "units"), [(100, 1), (600, 1), (1100, 2), (3000, 4)])
def test_an_entry_costs_a_unit_for_each_kilobyte(polos_aws: AwsHarness, size: int, units: int) -> None:
    total = sum(per_step(polos_aws, many_steps, size=size).values(), Usage())
    assert total.write_units <= 10 * units


def test_steps_in_one_invocation_cost_a_write_each_and_nothing_else(polos_aws: AwsHarness) -> None:
    more = per_step(polos_aws, many_steps_in_one_go)
    assert {key: usage.calls for key, usage in more.items()} == {("dynamodb", "PutItem"): 10}
    assert sum(more.values(), Usage()).write_units == 10


def test_a_whole_execution_of_one_step(polos_aws: AwsHarness) -> None:
    polos_aws.run(many_steps, {"steps": 1, "size": 10})  # the first one makes what every other finds made
    total = sum(used(polos_aws, many_steps, steps=1, size=10).values(), Usage())
    calls = polos_aws.meter.calls
    assert calls["dynamodb", "PutItem"] + calls["dynamodb", "TransactWriteItems"] <= 5
    assert total.write_units <= 12
    assert total.sends == 0
