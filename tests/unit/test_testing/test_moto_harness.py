"""The moto harness: what moto alone gets wrong, and this puts right."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.sqs import models as sqs_models

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.clock import SystemClock, VirtualClock
from polos.testing.moto import Call, Fault, MotoHarness, internals
from polos.testing.moto.internals import MotoChanged


@pytest.fixture
def aws() -> Iterator[MotoHarness]:
    with MotoHarness(queues=["p/q"]) as harness:
        yield harness


@pytest.fixture
def store(aws: MotoHarness) -> Any:
    return aws.client("dynamodb")


def put(aws: MotoHarness, position: int, text: str = "x", **more: Any) -> dict[str, Any]:
    item = {"l": {"S": "log"}, "p": {"N": str(position)}, "v": {"S": text}}
    return {"TableName": aws.settings.log_table, "Item": item, **more}


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def count(aws: MotoHarness) -> int:
    return int(aws.client("dynamodb").scan(TableName=aws.settings.log_table)["Count"])


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_is_all_or_nothing_also_when_it_breaks_half_way(aws: MotoHarness, store: Any) -> None:
    store.put_item(**put(aws, 0, "old"))
    update = {
        "TableName": aws.settings.log_table,
        "Key": {"l": {"S": "log"}, "p": {"N": "2"}},
        "UpdateExpression": "ADD v :text",  # not a number: found out only when it is applied
        "ExpressionAttributeValues": {":text": {"S": "x"}},
    }
    with pytest.raises(ClientError):
        store.transact_write_items(
            TransactItems=[{"Put": put(aws, 0, "new")}, {"Put": put(aws, 1)}, {"Update": update}]
        )
    items = store.scan(TableName=aws.settings.log_table)["Items"]
    assert [(item["p"]["N"], item["v"]["S"]) for item in items] == [("0", "old")]


def test_a_cancelled_transaction_says_why_for_each_action(aws: MotoHarness, store: Any) -> None:
    store.put_item(**put(aws, 1, "there"))
    free = {
        "ConditionExpression": "attribute_not_exists(l)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with pytest.raises(ClientError) as error:
        store.transact_write_items(TransactItems=[{"Put": put(aws, n, "n", **free)} for n in range(3)])
    reasons = error.value.response["CancellationReasons"]  # type: ignore[typeddict-item]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Item"]["v"] == {"S": "there"}
    assert count(aws) == 1


def test_a_token_is_honoured_for_ten_minutes(aws: MotoHarness, store: Any) -> None:
    add = {
        "TableName": aws.settings.log_table,
        "Key": {"l": {"S": "log"}, "p": {"N": "0"}},
        "UpdateExpression": "ADD c :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(3):
        store.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    with pytest.raises(ClientError) as error:
        store.transact_write_items(TransactItems=[{"Put": put(aws, 5)}], ClientRequestToken="token")
    assert code(error) == "IdempotentParameterMismatchException"
    aws.advance(601)
    store.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="token")
    assert store.scan(TableName=aws.settings.log_table)["Items"][0]["c"] == {"N": "2"}


def test_a_failed_transaction_does_not_replace_the_table(aws: MotoHarness, store: Any) -> None:
    table = aws._dynamo._store.tables[aws.settings.log_table]  # type: ignore[union-attr]
    store.put_item(**put(aws, 0))
    free = {"ConditionExpression": "attribute_not_exists(l)"}
    with pytest.raises(ClientError):
        store.transact_write_items(TransactItems=[{"Put": put(aws, 0, **free)}, {"Put": put(aws, 1)}])
    assert aws._dynamo._store.tables[aws.settings.log_table] is table  # type: ignore[union-attr]


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {
            "ExpressionAttributeValues": {":unused": {"S": "x"}},
            "ConditionExpression": "attribute_not_exists(l)",
        },
        {"ExpressionAttributeNames": {"#u": "u"}, "ConditionExpression": "attribute_not_exists(l)"},
    ],
)
def test_unused_names_and_values_are_refused(aws: MotoHarness, store: Any, more: dict[str, Any]) -> None:
    for call in (
        lambda: store.put_item(**put(aws, 0, **more)),
        lambda: store.transact_write_items(TransactItems=[{"Put": put(aws, 0, **more)}]),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == "ValidationException"
    assert count(aws) == 0


def test_a_batch_of_more_than_25_writes_is_refused(aws: MotoHarness, store: Any) -> None:
    requests = [{"PutRequest": {"Item": put(aws, number)["Item"]}} for number in range(26)]
    with pytest.raises(ClientError) as error:
        store.batch_write_item(RequestItems={aws.settings.log_table: requests})
    assert code(error) == "ValidationException"


def test_a_transaction_of_more_than_four_megabytes_is_refused(aws: MotoHarness, store: Any) -> None:
    with pytest.raises(ClientError, match="maximum allowed size"):
        store.transact_write_items(TransactItems=[{"Put": put(aws, n, "x" * 300_000)} for n in range(14)])
    store.transact_write_items(TransactItems=[{"Put": put(aws, n, "x" * 299_000)} for n in range(14)])


@pytest.mark.parametrize(
    "expression",
    [
        "cron(nonsense)",
        "cron(0 9 * * *)",
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(60 9 * * ? *)",
        "cron(0 9 ? * MON/2 *)",
        "at(xx)",
        "at(2026-11-22)",
        "rate(1 fortnight)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "every day",
    ],
)
def test_schedule_expressions_that_aws_refuses_are_refused(aws: MotoHarness, expression: str) -> None:
    with pytest.raises(ClientError) as error:
        aws.client("scheduler").create_schedule(
            Name="x",
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": aws.settings.queue_arn("p/q"), "RoleArn": aws.settings.schedule_role_arn},
        )
    assert code(error) == "ValidationException"


@pytest.mark.parametrize("body", ["\x00", "a\x0bb", "\uffff"])
def test_characters_that_sqs_refuses_are_refused(aws: MotoHarness, body: str) -> None:
    with pytest.raises(ClientError) as error:
        aws.client("sqs").send_message(QueueUrl=aws.settings.queue_url("p/q"), MessageBody=body)
    assert code(error) == "InvalidMessageContents"


def test_messages_are_measured_in_bytes(aws: MotoHarness) -> None:
    with pytest.raises(ClientError):
        aws.client("sqs").send_message(QueueUrl=aws.settings.queue_url("p/q"), MessageBody="é" * 600_000)


# --- threads ----------------------------------------------------------------------------------------------------------


def test_threads_find_one_winner_each_and_lose_no_update(aws: MotoHarness, store: Any) -> None:
    wins: list[int] = []
    free = {"ConditionExpression": "attribute_not_exists(l)"}
    counter = {
        "TableName": aws.settings.log_table,
        "Key": {"l": {"S": "counter"}, "p": {"N": "0"}},
        "UpdateExpression": "ADD c :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }

    def work() -> None:
        for position in random.sample(range(20), 20):
            try:
                store.put_item(**put(aws, position, **free))
                wins.append(position)
            except ClientError:
                pass
            store.update_item(**counter)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(20))
    key = {"l": {"S": "counter"}, "p": {"N": "0"}}
    assert store.get_item(TableName=aws.settings.log_table, Key=key)["Item"]["c"] == {"N": "120"}


def test_while_one_waits_for_a_message_others_go_on() -> None:
    with MotoHarness(queues=["p/q"], clock=SystemClock()) as aws:
        url, client = aws.settings.queue_url("p/q"), aws.client("sqs")
        found: list[Any] = []
        waiter = threading.Thread(
            target=lambda: found.append(client.receive_message(QueueUrl=url, WaitTimeSeconds=20))
        )
        waiter.start()
        time.sleep(0.05)
        client.send_message(QueueUrl=url, MessageBody="a")
        waiter.join(timeout=15)
        assert [message["Body"] for message in found[0]["Messages"]] == ["a"]


# --- units ------------------------------------------------------------------------------------------------------------


def test_writes_are_counted_by_the_larger_of_before_and_after(aws: MotoHarness, store: Any) -> None:
    for text, units in [("x" * 900, 1), ("x" * 3000, 3), ("x", 3), ("x", 1)]:
        aws.meter.reset()
        store.put_item(**put(aws, 0, text))
        assert aws.meter.write_units == units


def test_a_refused_write_is_charged_by_what_stands_there(aws: MotoHarness, store: Any) -> None:
    store.put_item(**put(aws, 0, "x" * 3000))
    aws.meter.reset()
    with pytest.raises(ClientError):
        store.put_item(**put(aws, 0, ConditionExpression="attribute_not_exists(l)"))
    assert aws.meter.write_units == 3
    assert aws.meter.calls == {("dynamodb", "PutItem"): 1}


def test_a_transaction_counts_double_and_a_remembered_one_as_a_read(aws: MotoHarness, store: Any) -> None:
    for _ in range(2):
        store.transact_write_items(
            TransactItems=[{"Put": put(aws, 0, "x" * 1500)}, {"Put": put(aws, 1)}], ClientRequestToken="t"
        )
    assert aws.meter.write_units == 2 * (2 + 1)
    assert aws.meter.read_units == 4


def test_reads_are_counted_by_what_was_looked_at(aws: MotoHarness, store: Any) -> None:
    for position in range(10):
        store.put_item(**put(aws, position, "x" * 1000))
    query = {
        "TableName": aws.settings.log_table,
        "KeyConditionExpression": "l = :l",
        "ExpressionAttributeValues": {":l": {"S": "log"}},
    }
    for more, units in [
        ({"ConsistentRead": True}, 3),
        ({}, 1.5),
        ({"ConsistentRead": True, "ProjectionExpression": "p"}, 3),
        ({"ConsistentRead": True, "Limit": 1}, 1),
    ]:
        aws.meter.reset()
        store.query(**query, **more)
        assert aws.meter.read_units == units
    aws.meter.reset()
    key = {"l": {"S": "log"}, "p": {"N": "99"}}
    store.get_item(TableName=aws.settings.log_table, Key=key)
    assert aws.meter.read_units * 2 == 1


def test_filters_and_projections_of_queries_still_work(aws: MotoHarness, store: Any) -> None:
    for position in range(6):
        store.put_item(**put(aws, position, str(position % 2)))
    found = store.query(
        TableName=aws.settings.log_table,
        KeyConditionExpression="l = :l",
        FilterExpression="v = :one",
        ProjectionExpression="p",
        ExpressionAttributeValues={":l": {"S": "log"}, ":one": {"S": "1"}},
    )
    assert found["Items"] == [{"p": {"N": "1"}}, {"p": {"N": "3"}}, {"p": {"N": "5"}}]
    assert found["ScannedCount"] == 6


def test_messages_are_counted_and_billed_by_64_kilobytes(aws: MotoHarness) -> None:
    url = aws.settings.queue_url("p/q")
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 65_537)
    usage = aws.meter.total("sqs")
    assert (usage.calls, usage.sends, usage.billed) == (1, 1, 2)


def test_what_the_harness_does_for_itself_is_not_counted() -> None:
    with MotoHarness(queues=["a", "b"]) as aws:
        assert aws.meter.calls == {}


# --- time -------------------------------------------------------------------------------------------------------------


def test_delays_and_visibility_go_by_the_clock_of_the_test(aws: MotoHarness) -> None:
    url, client = aws.settings.queue_url("p/q"), aws.client("sqs")

    def receive() -> list[str]:
        found = client.receive_message(QueueUrl=url, VisibilityTimeout=30).get("Messages", [])
        return [message["Body"] for message in found]

    client.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=10)
    assert receive() == []
    aws.advance(10)
    assert receive() == ["a"]
    aws.advance(29)
    assert receive() == []
    aws.advance(1)
    assert receive() == ["a"]


def test_a_long_poll_moves_the_clock_to_the_message_and_no_further(aws: MotoHarness) -> None:
    url, client = aws.settings.queue_url("p/q"), aws.client("sqs")
    client.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=3)
    start = aws.clock.now()
    assert client.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert aws.clock.now() == start + 3
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert aws.clock.now() == start + 8


def test_schedules_fire_at_their_own_moments_and_go(aws: MotoHarness) -> None:
    scheduler, url = aws.client("scheduler"), aws.settings.queue_url("p/q")
    target = {"Arn": aws.settings.queue_arn("p/q"), "RoleArn": aws.settings.schedule_role_arn}
    common = {"GroupName": "polos", "FlexibleTimeWindow": {"Mode": "OFF"}}
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression="at(2026-11-18T12:00:00)",
        ActionAfterCompletion="DELETE",
        Target={**target, "Input": "once"},
        **common,
    )
    scheduler.create_schedule(
        Name="often",
        ScheduleExpression="rate(30 minutes)",
        Target={**target, "Input": "<aws.scheduler.scheduled-time>"},
        **common,
    )
    scheduler.create_schedule(
        Name="off", ScheduleExpression="rate(1 minute)", State="DISABLED", Target=target, **common
    )
    aws.advance(3600)
    found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    assert sorted(message["Body"] for message in found["Messages"]) == [
        "2026-11-18T11:36:40Z",
        "2026-11-18T12:06:40Z",
        "once",
    ]
    times = {message["Body"]: int(message["Attributes"]["SentTimestamp"]) for message in found["Messages"]}
    assert times["once"] == 1795003200_000
    names = [each["Name"] for each in scheduler.list_schedules(GroupName="polos")["Schedules"]]
    assert sorted(names) == ["off", "often"]


def test_a_clock_that_somebody_else_moves_fires_schedules_with_the_next_request(aws: MotoHarness) -> None:
    assert isinstance(aws.clock, VirtualClock)
    ports = aws.ports()
    ports.timers.at("p/t", aws.clock.now() + 3600, "p/q", "x")
    aws.clock.advance(3600)
    assert [delivery.body for delivery in ports.queue.receive(["p/q"])] == ["x"]


def test_a_handle_outdated_by_a_later_receive_does_nothing(aws: MotoHarness) -> None:
    url, client = aws.settings.queue_url("p/q"), aws.client("sqs")
    client.send_message(QueueUrl=url, MessageBody="a")
    (first,) = client.receive_message(QueueUrl=url, VisibilityTimeout=10)["Messages"]
    aws.advance(10)
    with pytest.raises(ClientError) as error:
        client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=60
        )
    assert code(error) == "AWS.SimpleQueueService.MessageNotInflight"
    (second,) = client.receive_message(QueueUrl=url, VisibilityTimeout=10)["Messages"]
    client.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    aws.advance(10)
    assert client.receive_message(QueueUrl=url, VisibilityTimeout=10)["Messages"]
    client.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    aws.advance(10)
    assert client.receive_message(QueueUrl=url, VisibilityTimeout=10)["Messages"]


# --- life -------------------------------------------------------------------------------------------------------------


def test_two_at_once_are_refused_and_one_after_the_other_are_apart() -> None:
    with MotoHarness() as first:
        first.ports().log.append("p/log", 0, ["x"])
        with pytest.raises(RuntimeError, match="running"):
            MotoHarness().start()
    with MotoHarness() as second:
        assert second.ports().log.read("p/log") == []


def test_after_it_moto_is_as_it_was() -> None:
    names = ("unix_time", "unix_time_millis")
    before = [vars(sqs_models)[name] for name in names], sqs_models.Queue.delete_message
    with MotoHarness():
        assert sqs_models.Queue.delete_message is not before[1]
    assert ([vars(sqs_models)[name] for name in names], sqs_models.Queue.delete_message) == before


def test_an_environment_that_points_elsewhere_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with MotoHarness() as aws:
        assert aws.ports().log.append("p/log", 0, ["x"])
        assert boto3.client("sqs", region_name="us-east-1").list_queues()["QueueUrls"]


def test_a_moto_that_is_built_differently_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sqs_models.Message, "had_receipt_handle")
    with pytest.raises(MotoChanged, match=rf"moto \d.*{internals.TESTED_WITH}.*Message.had_receipt_handle"):
        MotoHarness().start()
    monkeypatch.undo()
    monkeypatch.setattr(sqs_models.SQSBackend, "send_message", lambda self, queue: None)
    with pytest.raises(MotoChanged, match=r"message_body"):
        MotoHarness().start()


def test_a_function_finds_the_stack_by_its_environment(aws: MotoHarness) -> None:
    settings = AwsSettings.from_env(aws.environ())
    assert settings.queue_url("p/q") == aws.settings.queue_url("p/q")
    assert Aws(settings, clock=aws.clock).client("dynamodb").list_tables()["TableNames"] == [
        settings.log_table,
        settings.record_table,
    ]


def test_each_request_is_announced_before_it_is_made(aws: MotoHarness) -> None:
    seen: list[tuple[str, str]] = []

    def note(call: Call) -> None:
        seen.append((call.service, call.operation))

    aws.on_call = note
    ports = aws.ports()
    ports.blobs.put("p/blob", b"x")
    ports.log.append("p/log", 0, ["x"])
    assert seen == [("s3", "PutObject"), ("dynamodb", "PutItem")]


def test_faults_skip_and_run_out(aws: MotoHarness, store: Any) -> None:
    aws.faults.add(Fault.THROTTLE, "PutItem", skip=1, times=1)
    store.put_item(**put(aws, 0))
    with pytest.raises(ClientError):
        aws.aws().client("dynamodb").put_item(**put(aws, 1))
    aws.aws().client("dynamodb").put_item(**put(aws, 2))
    assert count(aws) == 2
    assert aws.faults.pending == 0


def test_a_partial_fault_of_what_is_no_batch_is_a_mistake(aws: MotoHarness, store: Any) -> None:
    aws.faults.add(Fault.PARTIAL, "PutItem")
    with pytest.raises(ValueError, match="PutItem"):
        store.put_item(**put(aws, 0))
