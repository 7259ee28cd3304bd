"""What a piece of work would have cost: calls, capacity units, messages; counted by AWS's rules.

Sources: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html (units),
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html (a failed condition is charged by
the item that stands there), https://aws.amazon.com/sqs/pricing (a request for every 64 KB).
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass

SQS_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one operation or of several: requests made, DynamoDB units, SQS messages sent, requests as AWS bills them."""

    calls: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    sends: int = 0
    billed: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.read_units + other.read_units,
            self.write_units + other.write_units,
            self.sends + other.sends,
            self.billed + other.billed,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.calls - other.calls,
            self.read_units - other.read_units,
            self.write_units - other.write_units,
            self.sends - other.sends,
            self.billed - other.billed,
        )


class AwsMeter:
    """Counts since it was made, or since `reset`. May be read from any thread."""

    def __init__(self) -> None:
        self._usage: defaultdict[tuple[str, str], Usage] = defaultdict(Usage)
        self._lock = threading.Lock()

    def add(self, service: str, operation: str, usage: Usage) -> None:
        """Count `usage` for an operation."""
        with self._lock:
            self._usage[service, operation] += usage

    def reset(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._usage.clear()

    def by_operation(self) -> dict[tuple[str, str], Usage]:
        """(service, operation) -> what it used, e.g. ("dynamodb", "PutItem")."""
        with self._lock:
            return dict(self._usage)

    def total(self, service: str | None = None) -> Usage:
        """What all operations used together, or those of one service."""
        found = self.by_operation().items()
        return sum((usage for (name, _), usage in found if service in {None, name}), Usage())

    @property
    def calls(self) -> Counter[tuple[str, str]]:
        """(service, operation) -> requests made, refused ones included."""
        return Counter({key: usage.calls for key, usage in self.by_operation().items()})

    @property
    def read_units(self) -> float:
        """DynamoDB read units: 4 KB each, half for an eventually consistent read."""
        return self.total().read_units

    @property
    def write_units(self) -> float:
        """DynamoDB write units: 1 KB each, double in a transaction, indexes included."""
        return self.total().write_units

    @property
    def sends(self) -> int:
        """Messages sent to SQS."""
        return self.total().sends
