"""What executions use of AWS, counted in the moto harness, and what that costs.

    counts = count(lambda aws: aws.start(order, payload))
    counts.dollars(Compute(memory_mb=1024, milliseconds=50))

Units, requests and invocations are counted. How long an invocation takes on AWS cannot be counted here: it is assumed,
the same for each. Polling is what an event source mapping needs for what was handled: a receive and a delete for each
invocation; that it also polls an empty queue is not counted, see `docs/cost.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Final

from polos.core.definitions import Registry
from polos.core.definitions import registry as process_registry
from polos.core.journal import Kind
from polos.errors import ExecutionError
from polos.runtime.executions import decode
from polos.testing import prices
from polos.testing.aws import AwsHarness
from polos.testing.harness import PROJECT, Started
from polos.testing.moto.meter import AwsMeter, Usage
from polos.testing.prices import Line

OPERATIONS: Final = frozenset({Kind.DONE, Kind.FAILED, Kind.RETRY})


@dataclass(frozen=True, slots=True)
class Compute:
    """What is assumed of every Lambda invocation: its memory, and how long it is billed for, steps included."""

    memory_mb: int = 1024
    milliseconds: float = 50.0

    @property
    def gigabyte_seconds(self) -> float:
        """Of one invocation."""
        return self.memory_mb / 1024 * self.milliseconds / 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """What was used. `operations` and `executions` are what other services bill: see `rivals`."""

    write_units: float = 0
    read_units: float = 0
    sqs_requests: float = 0
    polls: float = 0
    timers: float = 0
    s3_puts: float = 0
    s3_gets: float = 0
    invocations: float = 0
    operations: float = 0
    executions: float = 0

    def per(self, other: Counts, times: int) -> Counts:
        """What one of `times` more of something uses: the difference to `other`, divided."""
        return Counts(
            **{f.name: (getattr(self, f.name) - getattr(other, f.name)) / times for f in fields(Counts)}
        )

    def lines(self, compute: Compute) -> list[Line]:
        """The bill."""
        return [
            Line("DynamoDB write units", self.write_units, prices.WRITE_UNIT),
            Line("DynamoDB read units", self.read_units, prices.READ_UNIT),
            Line("SQS requests (sends, leases)", self.sqs_requests, prices.SQS_REQUEST),
            Line("SQS requests (receives, deletes)", self.polls, prices.SQS_REQUEST),
            Line("Scheduler invocations", self.timers, prices.SCHEDULER_INVOCATION),
            Line("S3 writes", self.s3_puts, prices.S3_PUT),
            Line("S3 reads", self.s3_gets, prices.S3_GET),
            Line("Lambda invocations", self.invocations, prices.LAMBDA_REQUEST),
            Line(
                "Lambda GB-seconds (assumed)",
                self.invocations * compute.gigabyte_seconds,
                prices.LAMBDA_GB_SECOND_ARM,
            ),
        ]

    def dollars(self, compute: Compute) -> float:
        """What it costs, compute included."""
        return sum(line.dollars for line in self.lines(compute))

    def engine_dollars(self) -> float:
        """What it costs without any compute: to be held against what other services ask for the same."""
        return sum(line.dollars for line in self.lines(Compute()) if not line.what.startswith("Lambda"))

    def rivals(self) -> list[tuple[str, float]]:
        """What others ask for the same operations, without compute, which they need for the steps as well.

        Step Functions Standard: a transition for each operation, each retry, and the start and end of an execution.
        Lambda durable functions: a durable operation for each of those, the start being one.
        """
        return [
            (
                "Step Functions Standard",
                (self.operations + 2 * self.executions) * prices.STEP_FUNCTIONS_TRANSITION,
            ),
            ("Lambda durable functions", (self.operations + self.executions) * prices.DURABLE_OPERATION),
        ]


def count(act: Callable[[AwsHarness], Started | None], *, registry: Registry = process_registry) -> Counts:
    """What it uses on AWS to do `act`, and to bring what it started to its end, however that is.

    Raises:
        NothingHappens: What was started waits for a resume or an event that `act` did not bring.
    """
    with AwsHarness(registry=registry) as aws:
        started = act(aws)
        asked = _Usage.of(aws.caller_meter)  # before its end is looked for: that is not the engine's doing
        if started is not None:
            with suppress(ExecutionError):  # a failure costs as well
                started.result()
        aws.pump()
        return _counted(aws, asked + _Usage.of(aws.meter))


@dataclass(frozen=True, slots=True)
class _Usage:
    """What one side asked of AWS."""

    database: Usage
    queues: Usage
    calls: Counter[tuple[str, str]]

    @classmethod
    def of(cls, meter: AwsMeter) -> _Usage:
        return cls(meter.total("dynamodb"), meter.total("sqs"), meter.calls)

    def __add__(self, other: _Usage) -> _Usage:
        return _Usage(self.database + other.database, self.queues + other.queues, self.calls + other.calls)


def _counted(aws: AwsHarness, used: _Usage) -> Counts:
    operations, executions = _recorded(aws)
    invoked = sum(aws.invocations.values()) - aws.invocations["sweeper"]
    return Counts(
        write_units=used.database.write_units,
        read_units=used.database.read_units,
        sqs_requests=used.queues.billed,
        polls=2 * invoked,
        timers=aws.account.fired,
        s3_puts=used.calls["s3", "PutObject"],
        s3_gets=used.calls["s3", "GetObject"],
        invocations=invoked,
        operations=operations,
        executions=executions,
    )


def _recorded(aws: AwsHarness) -> tuple[int, int]:
    """How many operations and retries, and how many executions, the journals tell of."""
    operations = executions = 0
    cursor = None
    while True:
        page = aws.service.ports.records.find("created", f"{PROJECT}|executions", cursor=cursor)
        for record in page.records:
            entries = aws.journal(decode(record).info.execution)
            executions += 1
            operations += sum(entry.kind in OPERATIONS for entry in entries)
        cursor = page.cursor
        if cursor is None:
            return operations, executions
