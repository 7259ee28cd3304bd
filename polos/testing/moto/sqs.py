"""moto's SQS, mended: on the clock of the test, and strict with stale handles, sizes and characters as AWS may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from moto.sqs import models
from moto.sqs.exceptions import SQSException

from polos.adapters.aws.bodies import UNSENDABLE
from polos.testing.moto.meter import SQS_CHUNK, Usage
from polos.testing.moto.requests import Call

MOST_BYTES: Final = 1024 * 1024


def handle(call: Call, pass_on: Callable[[Call], AWSResponse | None]) -> tuple[AWSResponse | None, Usage]:
    """The answer to a request, and what it used. Runs under the harness's lock."""
    bodies = _bodies(call.params, call.operation)
    weight = sum(len(body.encode()) for body in bodies)
    refused = _refusal(call, bodies, weight)
    _COUNTING[:] = [call.operation == "GetQueueAttributes"]
    answer = refused or pass_on(call)
    sent = len(bodies) if answer is not None and answer.status_code == 200 else 0
    return answer, Usage(calls=1, sends=sent, billed=max(1, -(-weight // SQS_CHUNK)))


def queue_of(account: str, region: str, url: str) -> models.Queue:
    """moto's queue behind a URL."""
    return models.sqs_backends[account][region].get_queue(url.rstrip("/").rsplit("/", 1)[-1])


def times(queue: models.Queue) -> list[float]:
    """When each message of `queue` can be received, in epoch seconds, past ones included."""
    return [
        max(message.visible_at, message.delayed_until) / 1000
        for message in queue._messages  # moto has no other way to look at a message without receiving it
    ]


def next_change(queue: models.Queue, now: float) -> float | None:
    """When the next hidden or delayed message of `queue` can be received, in epoch seconds; None if none will."""
    return min((at for at in times(queue) if at > now), default=None)


def _bodies(params: Mapping[str, Any], operation: str) -> list[str]:
    match operation:
        case "SendMessage":
            return [params["MessageBody"]]
        case "SendMessageBatch":
            return [entry["MessageBody"] for entry in params["Entries"]]
        case _:
            return []


def _refusal(call: Call, bodies: list[str], weight: int) -> AWSResponse | None:
    if any(UNSENDABLE.search(body) for body in bodies):
        return call.refuse(
            "InvalidMessageContents", "The message contains characters outside the allowed set."
        )
    if weight > MOST_BYTES:
        code = "BatchRequestTooLong" if call.operation == "SendMessageBatch" else "InvalidParameterValue"
        return call.refuse(
            f"AWS.SimpleQueueService.{code}",
            f"The message bodies have {weight} bytes; the limit is {MOST_BYTES}.",
        )
    return None


# --- moto's own functions and methods, replaced while a harness runs -------------------------------------------------

_COUNTING: list[bool] = [True]
"""Whether the request at hand asks how many messages there are; under the harness's lock."""

_COUNTS: Final = tuple(f"approximate_number_of_messages{name}" for name in ("", "_delayed", "_not_visible"))


@contextmanager
def mended(now: Callable[[], float]) -> Iterator[None]:
    """moto's SQS on the clock `now`, and stricter."""
    saved = [(owner, name, vars(owner)[name]) for owner, name in _replaced()]
    _set(models, "unix_time", lambda _=None: now())
    _set(models, "unix_time_millis", lambda _=None: now() * 1000.0)
    # moto: only after that moment. On a clock that stands still, "now" would never come.
    _set(models.Message, "visible", property(lambda self: now() * 1000.0 >= self.visible_at))
    _set(models.Queue, "delete_message", _delete_with(models.Queue.delete_message))
    _set(
        models.SQSBackend,
        "change_message_visibility",
        _change_with(models.SQSBackend.change_message_visibility),
    )
    for name in _COUNTS:
        # moto counts all messages whenever it looks up any attribute: at each send, and for each message received.
        _set(models.Queue, name, _count_with(vars(models.Queue)[name]))
    try:
        yield
    finally:
        for owner, name, value in saved:
            _set(owner, name, value)


def _replaced() -> list[tuple[Any, str]]:
    return [
        (models, "unix_time"),
        (models, "unix_time_millis"),
        (models.Message, "visible"),
        (models.Queue, "delete_message"),
        (models.SQSBackend, "change_message_visibility"),
        *((models.Queue, name) for name in _COUNTS),
    ]


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _delete_with(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_message(self: models.Queue, receipt_handle: str) -> None:
        """With an outdated handle AWS says yes and may do nothing: so this does nothing."""
        for message in self._messages:
            if message.had_receipt_handle(receipt_handle) and message.receipt_handle != receipt_handle:
                return
        original(self, receipt_handle)

    return delete_message


def _change_with(original: Callable[..., Any]) -> Callable[..., Any]:
    def change_message_visibility(
        self: models.SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        """Only for the latest receiver, and only while the message is hidden."""
        for message in self.get_queue(queue_name)._messages:
            if message.receipt_handle == receipt_handle and message.visible:
                raise SQSException(
                    "AWS.SimpleQueueService.MessageNotInflight", "The message is not in flight."
                )
            if message.had_receipt_handle(receipt_handle) and message.receipt_handle != receipt_handle:
                raise SQSException(
                    "InvalidParameterValue", "The message is not available for visibility change."
                )
        original(
            self, queue_name=queue_name, receipt_handle=receipt_handle, visibility_timeout=visibility_timeout
        )

    return change_message_visibility


def _count_with(original: property) -> property:
    return property(lambda self: original.__get__(self) if _COUNTING[0] else 0)
