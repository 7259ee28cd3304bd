"""What Lambda's event source mapping does between SQS and a function, with the JSON of its events and answers.

Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html (the event), and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (what an answer means).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polos.adapters.clock import VirtualClock

SENDER = "AROAEXAMPLE:polos"


@dataclass
class LambdaContext:
    """The context object of one invocation, its time left being that of the test's clock."""

    clock: VirtualClock
    deadline: float
    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"
    log_group_name: str = field(init=False)
    log_stream_name: str = "test"
    invoked_function_arn: str = field(init=False)

    def __post_init__(self) -> None:
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        return max(0, int((self.deadline - self.clock.now()) * 1000))


def sqs_event(messages: Sequence[Mapping[str, Any]], *, arn: str, region: str) -> dict[str, Any]:
    """The event for messages as `ReceiveMessage` gives them."""
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {"SenderId": SENDER, **message["Attributes"]},
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": region,
        }
        for message in messages
    ]
    event: dict[str, Any] = json.loads(json.dumps({"Records": records}))
    return event


def schedule_event(now: str) -> dict[str, Any]:
    """The event of a rule or schedule that is due."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": now,
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/polos-sweeper"],
        "detail": {},
    }


class BadAnswer(AssertionError):
    """A function answered what is no partial batch response: Lambda takes that for a failure of the whole batch."""


def failed_items(answer: Any, messages: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of the messages that an answer reports as failed. The others are deleted.

    Raises:
        BadAnswer: It is nothing that Lambda understands, or names a message that is not of this batch.
    """
    text = json.dumps(answer)  # what is no JSON fails here, as in Lambda
    content = json.loads(text)
    if content is None or content == {}:
        return set()
    items = content.get("batchItemFailures") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise BadAnswer(f'expected {{"batchItemFailures": [...]}}, got {text[:200]}')
    failed = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in items}
    known = {message["MessageId"] for message in messages}
    if not failed <= known:
        raise BadAnswer(f"the answer names {failed - known}, which are no messages of this batch")
    return {str(name) for name in failed}
