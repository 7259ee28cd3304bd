"""What the AWS harness adds: queues as an event source mapping sees them, and what was asked of AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.core.messages import Message, MessageKind
from polos.errors import PolosError
from polos.runtime import names
from polos.testing.aws import AwsHarness
from polos.testing.event_source import BadAnswer, failed_items
from polos.testing.harness import PROJECT
from polos.testing.moto import Fault

MESSAGES = [{"MessageId": "a"}, {"MessageId": "b"}]
TRIES = 5


@workflow(id="aws-simple")
async def simple(ctx: WorkflowContext) -> int:
    return await ctx.step.run("one", int)


@pytest.fixture
def aws() -> Iterator[AwsHarness]:
    with AwsHarness() as harness:
        yield harness


def put(aws: AwsHarness, queue: str, body: str) -> None:
    aws._sqs.send_message(QueueUrl=aws.account.settings.queue_url(queue), MessageBody=body)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}])
def test_an_empty_answer_means_that_all_were_handled(answer: Any) -> None:
    assert failed_items(answer, MESSAGES) == set()


def test_an_answer_names_those_that_failed() -> None:
    assert failed_items({"batchItemFailures": [{"itemIdentifier": "b"}]}, MESSAGES) == {"b"}


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": None},
        {"batchItemFailures": [{"itemIdentifier": "x"}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "a"}]},
        {"failures": []},
        ["a"],
        "ok",
    ],
)
def test_an_answer_that_lambda_would_not_understand_is_an_error(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        failed_items(answer, MESSAGES)


def test_an_answer_must_be_json() -> None:
    with pytest.raises(TypeError):
        failed_items({"batchItemFailures": {1, 2}}, MESSAGES)


# --- queues ----------------------------------------------------------------------------------------------------------


def test_a_message_that_is_never_handled_goes_to_the_dead_letter_function_after_five_receives(
    aws: AwsHarness,
) -> None:
    started = aws.start(simple)
    aws.service.ports.log.append(names.journal(PROJECT, started.id), 0, ["damaged"])
    aws.advance(600)
    assert aws.invocations["worker"] == TRIES
    assert aws.invocations["dead"] >= 1
    aws.advance(7200)
    assert started.status == "stalled", "nothing is lost, and somebody has to look"


def test_garbage_in_a_queue_is_gone_after_one_delivery(aws: AwsHarness) -> None:
    for queue in ("default", names.NEWS_QUEUE, names.DEAD_QUEUE):
        put(aws, queue, "not a message")
    aws.advance(86_400)
    assert aws.invocations == {"worker": 1, "news": 1, "dead": 1, "sweeper": 0}


def test_news_come_in_batches_and_steps_one_by_one(aws: AwsHarness) -> None:
    executions = [aws.start(simple) for _ in range(12)]
    aws.pump()
    assert aws.invocations["worker"] == 12
    for execution in executions:
        put(
            aws,
            names.NEWS_QUEUE,
            Message(MessageKind.KICK, PROJECT, f"t{execution.id}", execution.id).encode(),
        )
    aws.pump()
    assert aws.invocations["news"] == 2


# --- the meters ------------------------------------------------------------------------------------------------------


def test_the_meter_counts_what_the_functions_do_and_nothing_else(aws: AwsHarness) -> None:
    aws.start(simple)
    assert aws.meter.total().calls == 0
    aws.pump()
    assert aws.meter.calls["dynamodb", "PutItem"] > 0
    assert aws.meter.calls["sqs", "ReceiveMessage"] == 0
    assert aws.meter.calls["sqs", "DeleteMessageBatch"] == 0
    assert aws.caller_meter.sends == 1


def test_throttled_calls_are_repeated_by_the_functions(aws: AwsHarness) -> None:
    aws.faults.add(Fault.THROTTLE, "PutItem", times=3)
    aws.faults.add(Fault.LOST, "PutItem", times=1)
    assert aws.run(simple) == 0


# --- time ------------------------------------------------------------------------------------------------------------


def test_a_function_is_ended_at_its_timeout() -> None:
    worlds: list[AwsHarness] = []

    @workflow(id="aws-too-long")
    async def too_long(ctx: WorkflowContext) -> str:
        return await ctx.step.run("long", lambda: worlds[0].work(100))

    with AwsHarness(timeout=90) as aws:
        worlds.append(aws)
        aws.start(too_long)
        aws.pump()
        assert aws.sandboxes_ended == 1


def test_die_and_work_are_for_the_code_under_test(aws: AwsHarness) -> None:
    with pytest.raises((PolosError, RuntimeError), match="code under test"):
        aws.die()


def test_a_sandbox_is_warm_until_it_ends(aws: AwsHarness) -> None:
    aws.run(simple)
    first = aws._sandboxes["worker"]
    aws.run(simple)
    assert aws._sandboxes["worker"] is first
    aws.restart()
    aws.run(simple)
    assert aws._sandboxes["worker"] is not first


def test_one_harness_at_a_time(aws: AwsHarness) -> None:
    with pytest.raises(RuntimeError, match="running in this process already"):
        AwsHarness()
