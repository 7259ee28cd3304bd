"""Messages on SQS: batches, limits, fairness, and what a Lambda function is handed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from polos.adapters.aws.bodies import unwrap, wrap
from polos.adapters.aws.sqs import delivery_from_event
from polos.errors import StoreError, TryAgain
from polos.ports import Outgoing, Ports
from polos.testing.moto import Call, Fault, MotoHarness

Q = "p/q"
SEND, RECEIVE = ("sqs", "SendMessageBatch"), ("sqs", "ReceiveMessage")


@pytest.fixture
def aws() -> Iterator[MotoHarness]:
    with MotoHarness(queues=[Q], dead_letters="p/dead", max_receives=3) as harness:
        yield harness


@pytest.fixture
def ports(aws: MotoHarness) -> Ports:
    ports = aws.ports()
    aws.meter.reset()
    return ports


@pytest.fixture
def sent(aws: MotoHarness) -> list[dict[str, Any]]:
    """The entries of all batches sent, as they travel."""
    entries: list[dict[str, Any]] = []

    def note(call: Call) -> None:
        if call.operation == "SendMessageBatch":
            entries.extend(call.params["Entries"])

    aws.on_call = note
    return entries


def bodies(ports: Ports, *queues: str, **options: Any) -> list[str]:
    found = ports.queue.receive(queues or [Q], limit=1000, **options)
    return sorted(delivery.body for delivery in found)


# --- sending ---------------------------------------------------------------------------------------------------------


def test_messages_go_in_batches_of_ten(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing(f"{number:02}") for number in range(25)])
    assert aws.meter.calls[SEND] == 3
    assert aws.meter.sends == 25
    assert bodies(ports) == [f"{number:02}" for number in range(25)]


def test_a_batch_holds_no_more_than_a_mebibyte_together(aws: MotoHarness, ports: Ports) -> None:
    sizes = [1024 * 1024, 1, 500_000, 548_576, 2, 600_000, 600_000]
    ports.queue.send(Q, [Outgoing("x" * size) for size in sizes])
    assert aws.meter.calls[SEND] == 5
    assert sorted(map(len, bodies(ports))) == sorted(sizes)


def test_sizes_are_counted_in_bytes(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing("é" * 300_000), Outgoing("é" * 300_000)])
    assert aws.meter.calls[SEND] == 2
    with pytest.raises(ValueError, match="1048576"):
        ports.queue.send(Q, [Outgoing("é" * 600_000)])


def test_nothing_to_send_is_no_request(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [])
    ports.queue.delete([])
    assert aws.meter.calls == {}


def test_what_failed_of_a_batch_is_sent_again(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.PARTIAL, "SendMessageBatch", times=3)
    ports.queue.send(Q, [Outgoing(f"{number}") for number in range(10)])
    assert aws.faults.pending == 0
    assert bodies(ports) == [str(number) for number in range(10)]


def test_a_batch_that_is_never_taken_whole_is_try_again(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.THROTTLE, "SendMessageBatch", times=100)
    with pytest.raises(TryAgain):
        ports.queue.send(Q, [Outgoing("a")])


def test_a_send_whose_answer_was_lost_may_come_twice_and_never_not_at_all(
    aws: MotoHarness, ports: Ports
) -> None:
    aws.faults.add(Fault.LOST, "SendMessageBatch")
    ports.queue.send(Q, [Outgoing("a")])
    assert bodies(ports) == ["a", "a"]


def test_a_fault_of_ours_is_an_error_and_not_repeated(aws: MotoHarness, ports: Ports) -> None:
    queue = aws.settings.queue_url(Q)
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"MaximumMessageSize": "1024"})
    with pytest.raises(StoreError, match="1024"):
        ports.queue.send(Q, [Outgoing("x" * 2000)])
    assert aws.meter.calls[SEND] == 1


@pytest.mark.parametrize(
    ("delay", "seconds"), [(0.0, 0), (0.001, 1), (1.0, 1), (1.5, 2), (899.2, 900), (900.0, 900)]
)
def test_delays_are_whole_seconds_and_never_early(
    ports: Ports, sent: list[dict[str, Any]], delay: float, seconds: int
) -> None:
    ports.queue.send(Q, [Outgoing("a", delay=delay)])
    assert [entry["DelaySeconds"] for entry in sent] == [seconds]


@pytest.mark.parametrize("delay", [900.001, 901.0, -1.0, float("nan")])
def test_delays_beyond_what_sqs_takes_are_refused_here(aws: MotoHarness, ports: Ports, delay: float) -> None:
    with pytest.raises(ValueError, match="Timers"):
        ports.queue.send(Q, [Outgoing("a", delay=delay)])
    assert aws.meter.calls == {}


def test_a_group_goes_along_for_fairness_under_a_name_sqs_takes(
    ports: Ports, sent: list[dict[str, Any]]
) -> None:
    groups = ["tenant-1", "with space", "ü", "x" * 200, "", None]
    ports.queue.send(Q, [Outgoing("a", group=group) for group in groups])
    names = [entry.get("MessageGroupId") for entry in sent]
    assert names[0] == "tenant-1"
    assert names[5] is None
    assert all(name and name.isalnum() and len(name) == 64 for name in names[1:5])
    assert len(set(names)) == 6


# --- characters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "\x00",
        "a\x1fb",
        "\ufffe",
        "\uffff",
        '{"a":"\x0b"}',
        "polos+zlib+base64:x",
        "<aws.scheduler.execution-id>",
    ],
)
def test_what_sqs_would_refuse_or_scheduler_change_travels_wrapped(
    aws: MotoHarness, ports: Ports, sent: list[dict[str, Any]], body: str
) -> None:
    ports.queue.send(Q, [Outgoing(body)])
    assert sent[0]["MessageBody"].startswith("polos+zlib+base64:")
    assert body not in sent[0]["MessageBody"]
    assert bodies(ports) == [body]


@pytest.mark.parametrize(
    "body", ['{"a":"\\u0000"}', "tab\tnew\nline\r", "日本語🙂", "\x7f\x85\ud7ff\ue000\ufffd\U0010ffff"]
)
def test_everything_else_travels_as_it_is(body: str) -> None:
    assert wrap(body) == body
    assert unwrap(body) == body


def test_a_damaged_wrapping_is_an_error() -> None:
    with pytest.raises(StoreError, match="something other than polos"):
        unwrap("polos+zlib+base64:!!!")


# --- receiving -------------------------------------------------------------------------------------------------------


def test_one_queue_is_long_polled_in_one_request(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing("a", delay=7)])
    aws.meter.reset()
    before = aws.clock.now()
    assert bodies(ports, wait=15.0) == ["a"]
    assert aws.clock.now() - before == 7
    assert aws.meter.calls == {RECEIVE: 1}


def test_a_wait_longer_than_a_long_poll_takes_several(aws: MotoHarness, ports: Ports) -> None:
    before = aws.clock.now()
    assert bodies(ports, wait=50.0) == []
    assert aws.clock.now() - before == pytest.approx(50.0)
    assert aws.meter.calls[RECEIVE] == 3


def test_of_several_queues_the_earlier_go_first(ports: Ports) -> None:
    for queue in ("p/low", Q, "p/high"):
        ports.queue.send(queue, [Outgoing(queue)])
    found = [ports.queue.receive(["p/high", Q, "p/low"])[0].body for _ in range(3)]
    assert found == ["p/high", Q, "p/low"]


@pytest.mark.parametrize("queue", ["p/one", "p/two", "p/three"])
def test_of_several_queues_each_is_waited_for(aws: MotoHarness, ports: Ports, queue: str) -> None:
    ports.queue.send(queue, [Outgoing("late", delay=5)])
    before = aws.clock.now()
    assert bodies(ports, "p/one", "p/two", "p/three", wait=20.0) == ["late"]
    assert aws.clock.now() - before <= 7


def test_more_than_ten_are_received_at_once(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing(str(number)) for number in range(35)])
    aws.meter.reset()
    assert len(ports.queue.receive([Q], limit=25)) == 25
    assert aws.meter.calls[RECEIVE] == 3


def test_a_handle_that_a_later_receive_has_outdated_extends_nothing(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing("a")])
    (first,) = ports.queue.receive([Q], visibility=10)
    aws.advance(11)
    (second,) = aws.ports().queue.receive([Q], visibility=10)
    assert not ports.queue.extend(first, 60)
    assert not aws.ports().queue.extend(first, 60)  # one that never knew when it ran out
    assert aws.ports().queue.extend(second, 60)


@pytest.mark.parametrize("visibility", [-1.0, 43_201.0])
def test_visibility_beyond_what_sqs_takes_is_refused_here(ports: Ports, visibility: float) -> None:
    ports.queue.send(Q, [Outgoing("a")])
    (delivery,) = ports.queue.receive([Q])
    with pytest.raises(ValueError, match="43200"):
        ports.queue.extend(delivery, visibility)
    with pytest.raises(ValueError, match="43200"):
        ports.queue.receive([Q], visibility=visibility)


def test_what_failed_of_a_delete_is_deleted_again(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing(str(number)) for number in range(10)])
    found = ports.queue.receive([Q], limit=10, visibility=30)
    aws.faults.add(Fault.PARTIAL, "DeleteMessageBatch", times=2)
    ports.queue.delete(found)
    aws.advance(31)
    assert bodies(ports) == []


def test_after_so_many_receives_a_message_goes_to_the_dead_letters(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing("poison")])
    for receives in (1, 2, 3):
        (delivery,) = ports.queue.receive([Q], visibility=10)
        assert delivery.receives == receives
        aws.advance(11)
    assert bodies(ports) == []
    assert bodies(ports, "p/dead") == ["poison"]


def test_a_queue_the_stack_does_not_have_is_named() -> None:
    with MotoHarness(queues=[Q]) as aws:
        aws.client("sqs").delete_queue(QueueUrl=aws.settings.queue_url(Q))
        with pytest.raises(StoreError, match="no queue p/q"):
            aws.ports().queue.send(Q, [Outgoing("a")])


# --- what Lambda is handed -------------------------------------------------------------------------------------------


def test_a_record_of_an_event_is_a_delivery(aws: MotoHarness) -> None:
    record = {
        "messageId": "1",
        "receiptHandle": "handle",
        "body": wrap("\x00"),
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1795000000123"},
        "eventSource": "aws:sqs",
        "eventSourceARN": aws.settings.queue_arn(Q),
    }
    delivery = delivery_from_event(record, aws.settings)
    assert (delivery.queue, delivery.body, delivery.handle, delivery.receives, delivery.sent_at) == (
        Q,
        "\x00",
        "handle",
        3,
        1795000000.123,
    )


def test_a_message_that_lambda_received_can_be_extended_and_deleted(aws: MotoHarness, ports: Ports) -> None:
    ports.queue.send(Q, [Outgoing("a")])
    url = aws.settings.queue_url(Q)
    (message,) = aws.client("sqs").receive_message(
        QueueUrl=url, VisibilityTimeout=900, MessageSystemAttributeNames=["All"]
    )["Messages"]
    record = {
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "eventSourceARN": aws.settings.queue_arn(Q),
    }
    delivery = delivery_from_event(record, aws.settings)
    assert ports.queue.extend(delivery, 60)
    aws.advance(59)
    assert ports.queue.extend(delivery, 60)
    ports.queue.delete([delivery])
    aws.advance(1000)
    assert bodies(ports) == []
