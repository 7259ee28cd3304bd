"""Messages on SQS standard queues.

Limits that some emulators do not check are checked here: a delay up to 900 s, a visibility up to 43,200 s, a body up to
1 MiB. Delays are rounded up to whole seconds, so that nothing comes before its time.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from polos.adapters.aws.bodies import unwrap, wrap
from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.limits import MESSAGE_BYTES, check_limit, check_messages, check_name, utf8_size
from polos.errors import StoreError, TryAgain
from polos.ports import Delivery, Depth, Outgoing

MAX_DELAY: Final = 900.0
MAX_VISIBILITY: Final = 43_200

_BATCH: Final = 10
_LONGEST_POLL: Final = 20
_ROUND: Final = 1  # seconds of long polling at one of several queues before the others are looked at again
_PAUSE: Final = 0.2
_LEASES_KEPT: Final = 10_000
_GROUP: Final = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_NO_LONGER_OURS: Final = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",  # "...the message does not exist or is not available for visibility timeout change"
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)


class SqsQueue:
    """The port `Queue`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._settings = aws.settings
        self._leases = _Leases()

    @property
    def max_delay(self) -> float:
        """900 seconds; what is due later goes through Timers."""
        return MAX_DELAY

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Send all, in batches of up to 10 messages and 1 MiB. See `polos.ports.Queue.send`."""
        check_messages(queue, messages, MAX_DELAY)
        for batch in _batches([_entry(queue, message) for message in messages]):
            self._batch("send_message_batch", queue, batch)

    def receive(
        self,
        queues: Sequence[str],
        *,
        limit: int = 1,
        wait: float = 0.0,
        visibility: float = 60.0,
    ) -> list[Delivery]:
        """Up to `limit` messages of any of `queues`, earlier queues first. See `polos.ports.Queue.receive`.

        One queue is polled for the whole of `wait`. Of several, each in turn is polled for a second, and all are
        looked at after each such second.
        """
        check_limit(limit)
        for queue in queues:
            check_name(queue, "queue")
        visible = _visibility(visibility)
        started = self._aws.clock.monotonic()
        alone = len(queues) == 1 and wait >= _ROUND
        found = [] if alone else self._sweep(queues, limit, visible)
        turn = 0
        # Counted as well as timed: a poll that comes back early must not make a busy loop of this.
        for _ in range(math.ceil(wait / _PAUSE) if queues else 0):
            remaining = wait - (self._aws.clock.monotonic() - started)
            if found or remaining <= 0:
                break
            if remaining < _ROUND:
                self._aws.clock.sleep(min(remaining, _PAUSE))
                found = self._sweep(queues, limit, visible)
                continue
            poll = min(_LONGEST_POLL, int(remaining)) if alone else _ROUND
            found = self._poll(queues[turn % len(queues)], min(limit, _BATCH), visible, wait=poll)
            turn += 1
            if not alone and len(found) < limit:
                found += self._sweep(queues, limit - len(found), visible)
        return found

    def extend(self, delivery: Delivery, visibility: float) -> bool:
        """Hide it for `visibility` seconds from now; False if it is no longer this receiver's.

        SQS may say yes to a handle whose time has run out, even when somebody has received the message since. So what
        this process knows to have run out, by its own clock, is not asked for.
        """
        asked = self._aws.clock.monotonic()
        if self._leases.over(delivery.handle, asked):
            return False
        try:
            self._aws.call(
                "sqs",
                "change_message_visibility",
                on=f"queue {delivery.queue}",
                hear=_NO_LONGER_OURS,
                QueueUrl=self._settings.queue_url(delivery.queue),
                ReceiptHandle=delivery.handle,
                VisibilityTimeout=_visibility(visibility),
            )
        except Refused:
            return False
        self._leases.put(delivery.handle, asked + visibility)
        return True

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Done with them, any number. See `polos.ports.Queue.delete`."""
        for queue in dict.fromkeys(delivery.queue for delivery in deliveries):
            handles = dict.fromkeys(delivery.handle for delivery in deliveries if delivery.queue == queue)
            entries = [{"ReceiptHandle": handle} for handle in handles]
            for start in range(0, len(entries), _BATCH):
                self._batch("delete_message_batch", queue, entries[start : start + _BATCH])
            for handle in handles:
                self._leases.put(handle, 0.0)

    def depth(self, queue: str) -> Depth:
        """How full it is. `oldest` is 0: SQS tells the age of its messages only to CloudWatch."""
        names = ("", "NotVisible", "Delayed")
        answer = self._aws.call(
            "sqs",
            "get_queue_attributes",
            on=f"queue {queue}",
            QueueUrl=self._settings.queue_url(queue),
            AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names],
        )
        ready, in_flight, delayed = (
            int(answer["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in names
        )
        return Depth(ready=ready, in_flight=in_flight, delayed=delayed, oldest=0.0)

    def _sweep(self, queues: Sequence[str], limit: int, visible: int) -> list[Delivery]:
        found: list[Delivery] = []
        for queue in queues:
            while len(found) < limit:
                asked = min(_BATCH, limit - len(found))
                got = self._poll(queue, asked, visible, wait=0)
                found += got
                if len(got) < asked:
                    break
        return found

    def _poll(self, queue: str, limit: int, visible: int, *, wait: int) -> list[Delivery]:
        asked = self._aws.clock.monotonic()
        answer = self._aws.call(
            "sqs",
            "receive_message",
            on=f"queue {queue}",
            QueueUrl=self._settings.queue_url(queue),
            MaxNumberOfMessages=limit,
            VisibilityTimeout=visible,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        found = [
            _delivery(queue, message["Body"], message["ReceiptHandle"], message["Attributes"])
            for message in answer.get("Messages", ())
        ]
        # A long poll hides a message from when it comes; a short one, at the earliest, from when it was asked for.
        since = self._aws.clock.monotonic() if wait else asked
        for delivery in found:
            self._leases.put(delivery.handle, since + visible)
        return found

    def _batch(self, operation: str, queue: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """One batch call, with the entries that failed in it repeated."""
        url = self._settings.queue_url(queue)
        left = {str(number): {"Id": str(number), **entry} for number, entry in enumerate(entries)}
        for repeat in range(self._aws.patience.attempts):
            answer = self._aws.call(
                "sqs", operation, on=f"queue {queue}", QueueUrl=url, Entries=list(left.values())
            )
            failed = [each for each in answer.get("Failed", ()) if each["Code"] not in _NO_LONGER_OURS]
            if not failed:
                return
            _raise_faults(operation, queue, failed)
            left = {each["Id"]: left[each["Id"]] for each in failed}
            self._aws.pause(repeat)
        raise TryAgain(
            f"queue {queue}: SQS did not take {len(left)} messages of {operation}; try again later"
        )


class _Leases:
    """Until when, by this process's clock, each message it received is hidden from others."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, handle: str, until: float) -> None:
        with self._lock:
            self._until.pop(handle, None)
            self._until[handle] = until
            if len(self._until) > _LEASES_KEPT:
                self._until.popitem(last=False)

    def over(self, handle: str, now: float) -> bool:
        """Whether its time is known to have run out. Of one that Lambda received, only what `extend` said is known."""
        with self._lock:
            return now >= self._until.get(handle, now + 1)


def delivery_from_event(record: Mapping[str, Any], settings: AwsSettings) -> Delivery:
    """The delivery in one record of the event that an SQS event source gives to a Lambda function.

    Raises:
        StoreError: The record is of a queue that is not this stack's.
    """
    queue = settings.queue_of_arn(record["eventSourceARN"])
    return _delivery(queue, record["body"], record["receiptHandle"], record["attributes"])


def _delivery(queue: str, body: str, handle: str, attributes: Mapping[str, str]) -> Delivery:
    return Delivery(
        queue=queue,
        body=unwrap(body),
        handle=handle,
        receives=int(attributes["ApproximateReceiveCount"]),
        sent_at=int(attributes["SentTimestamp"]) / 1000,
    )


def _entry(queue: str, message: Outgoing) -> dict[str, Any]:
    body = wrap(message.body)
    if utf8_size(body) > MESSAGE_BYTES:
        raise ValueError(
            f"queue {queue[:80]!r}: a message with control characters has to be wrapped, and is {utf8_size(body)} "
            f"bytes then; {MESSAGE_BYTES} is the limit. Put the value into Blobs and send its name"
        )
    entry: dict[str, Any] = {"MessageBody": body, "DelaySeconds": math.ceil(message.delay)}
    if message.group is not None:
        entry["MessageGroupId"] = _group(message.group)
    return entry


def _group(group: str) -> str:
    """A name SQS takes as a message group; on a standard queue it is for fairness between tenants only."""
    return group if _GROUP.fullmatch(group) else hashlib.sha256(group.encode()).hexdigest()


def _batches(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        weight = utf8_size(entry["MessageBody"])
        if batch and (len(batch) == _BATCH or size + weight > MESSAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


def _visibility(seconds: float) -> int:
    if not 0 <= seconds <= MAX_VISIBILITY:
        raise ValueError(f"SQS hides a message for 0 to {MAX_VISIBILITY} seconds; got {seconds}")
    return math.ceil(seconds)


def _raise_faults(operation: str, queue: str, failed: Sequence[Mapping[str, Any]]) -> None:
    """Entries that SQS calls our own fault fail again, unless it is throttling that it complains of."""
    for each in failed:
        if each.get("SenderFault") and "Throttl" not in each["Code"]:
            raise StoreError(
                f"queue {queue}: SQS refuses a message of {operation} with {each['Code']}: {each.get('Message', '')}"
            )
