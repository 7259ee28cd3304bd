"""Faults on demand: the next request of a kind is throttled, breaks, or is applied and its answer lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from polos.testing.moto.requests import Call


class Fault(Enum):
    """What happens to a request."""

    THROTTLE = "refused as too many, not applied"
    ERROR = "an internal error of the service (500), not applied"
    RESET = "the connection breaks, not applied"
    LOST = "applied, but the answer never comes"
    CONFLICT = "a transaction is cancelled because of another one, not applied"
    PARTIAL = "of a batch, the first half is done and the rest is handed back"


@dataclass(slots=True)
class _Rule:
    fault: Fault
    operation: str
    skip: int
    times: int


_THROTTLES = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "scheduler": ("ThrottlingException", 429),
    "s3": ("SlowDown", 503),
}


class Faults:
    """The faults that are to come. May be set from any thread."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault, operation: str, *, times: int = 1, skip: int = 0) -> None:
        """Let `fault` befall the next `times` requests of `operation` ("PutItem"), after `skip` good ones."""
        with self._lock:
            self._rules.append(_Rule(fault, operation, skip, times))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._rules.clear()

    @property
    def pending(self) -> int:
        """How many faults are still to come: 0 shows that a test met all of its own."""
        with self._lock:
            return sum(rule.times for rule in self._rules)

    def draw(self, call: Call) -> Fault | None:
        """The fault that befalls this request, if one does."""
        with self._lock:
            for rule in self._rules:
                if rule.operation != call.operation:
                    continue
                if rule.skip:
                    rule.skip -= 1
                    return None
                rule.times -= 1
                if rule.times == 0:
                    self._rules.remove(rule)
                return rule.fault
        return None


def refusal(fault: Fault, call: Call) -> AWSResponse | None:
    """The answer to a request that a fault keeps from being applied; None if it is to be applied.

    Raises:
        ConnectionClosedError: For RESET.
    """
    match fault:
        case Fault.THROTTLE:
            code, status = _THROTTLES.get(call.service, ("ThrottlingException", 400))
            return call.refuse(code, "The rate of requests is too high (injected)", status=status)
        case Fault.ERROR:
            return call.refuse("InternalServerError", "Internal error (injected)", status=500)
        case Fault.RESET:
            raise ConnectionClosedError(endpoint_url=call.request.url)
        case Fault.CONFLICT:
            reason = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
            count = len(call.params["TransactItems"])
            return call.refuse(
                "TransactionCanceledException",
                "Transaction cancelled (injected)",
                CancellationReasons=[reason, *({"Code": "None"} for _ in range(count - 1))],
            )
        case Fault.LOST | Fault.PARTIAL:
            return None


def lose(call: Call) -> None:
    """Raise what botocore raises when no answer comes."""
    raise ReadTimeoutError(endpoint_url=call.request.url)


def split(call: Call) -> tuple[Call, dict[str, Any]]:
    """The first half of a batch as a request, and what the answer says of the rest.

    ValueError if the operation is no batch.
    """
    params = call.params
    match call.operation:
        case "BatchWriteItem":
            ((table, requests),) = params["RequestItems"].items()
            half = len(requests) // 2
            rest: dict[str, Any] = {"UnprocessedItems": {table: requests[half:]}}
            first: dict[str, Any] = {table: requests[:half]}
            return call.rewrite({**params, "RequestItems": first}), rest
        case "BatchGetItem":
            ((table, wanted),) = params["RequestItems"].items()
            half = len(wanted["Keys"]) // 2
            rest = {"UnprocessedKeys": {table: {**wanted, "Keys": wanted["Keys"][half:]}}}
            first = {table: {**wanted, "Keys": wanted["Keys"][:half]}}
            return call.rewrite({**params, "RequestItems": first}), rest
        case "SendMessageBatch" | "DeleteMessageBatch":
            half = (len(params["Entries"]) + 1) // 2
            failed = [
                {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "injected"}
                for entry in params["Entries"][half:]
            ]
            return call.rewrite({**params, "Entries": params["Entries"][:half]}), {"Failed": failed}
        case _:
            raise ValueError(f"Fault.PARTIAL is for batches; {call.operation} is none")
