"""The harness itself: moto started and mended, the tables and queues made, every request watched."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, ClassVar, Final

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID

from polos.adapters.aws import tables
from polos.adapters.aws.clients import Aws, make_client
from polos.adapters.aws.dynamodb_log import DynamoLog
from polos.adapters.aws.dynamodb_records import DynamoRecords
from polos.adapters.aws.s3 import S3Blobs
from polos.adapters.aws.scheduler import SchedulerTimers
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.aws.sqs import SqsQueue
from polos.adapters.clock import VirtualClock
from polos.ports import Clock, Ports
from polos.testing.moto import dynamodb, internals, sqs
from polos.testing.moto.faults import Fault, Faults, lose, refusal, split
from polos.testing.moto.meter import AwsMeter, Usage
from polos.testing.moto.requests import Call, content_of
from polos.testing.moto.schedules import Schedules

REGION: Final = "us-east-1"
ACCOUNT: Final = DEFAULT_ACCOUNT_ID

_SETTINGS: Final = AwsSettings(
    log_table="polos-logs",
    record_table="polos-records",
    bucket="polos-values",
    schedule_group="polos",
    schedule_role_arn=f"arn:aws:iam::{ACCOUNT}:role/polos-scheduler",
    region=REGION,
)
_POLL: Final = 0.02  # seconds between two looks at a queue in a long poll on a real clock
_VISIBILITY: Final = 900
_AMBIENT: Final = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE")


class MotoHarness:
    """An AWS account in this process, with the resources of one stack. A context manager; one at a time.

    Args:
        queues: Names of queues, as the engine says them.
        dead_letters: The name of the queue to which messages go after `max_receives` receives; None: nowhere.
        clock: A `VirtualClock` unless given: delays, visibility, long polls, schedules and TTL all go by it. Whoever
            sleeps on it moves it; schedules that came due meanwhile fire with the next request, or by `fire_due`.

    Attributes:
        meter: Counts calls, units and messages.
        faults: What is to go wrong.
        on_call: Called before each request, outside of the lock: the place to let somebody else go first.
    """

    _running: ClassVar[MotoHarness | None] = None

    def __init__(
        self,
        queues: Sequence[str] = ("default",),
        *,
        dead_letters: str | None = None,
        max_receives: int = 5,
        clock: Clock | None = None,
    ) -> None:
        self.clock: Clock = clock or VirtualClock()
        self.meter = AwsMeter()
        self.faults = Faults()
        self.on_call: Callable[[Call], object] | None = None
        self._queues = _Queues(self, dead_letters, max_receives)
        self._names = [*([dead_letters] if dead_letters else []), *queues]
        self._lock = threading.RLock()
        self._undo = contextlib.ExitStack()
        self._dynamo: dynamodb.Dynamo | None = None
        self._schedules: Schedules | None = None
        self.settings = dataclasses.replace(_SETTINGS, queues=self._queues)

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> MotoHarness:
        """Start moto and make the resources.

        Raises:
            MotoChanged: This version of moto is not one the harness knows.
            RuntimeError: Another harness is running in this process.
        """
        if MotoHarness._running is not None:
            raise RuntimeError(
                "a MotoHarness is running in this process already; stop it first, or use that one"
            )
        internals.check()
        with contextlib.ExitStack() as undo:
            undo.enter_context(_without_ambient_settings())
            undo.enter_context(mock_aws())
            undo.enter_context(dynamodb.mended())
            undo.enter_context(sqs.mended(self.clock.now))
            undo.enter_context(_watched(self))
            self._dynamo = dynamodb.Dynamo(ACCOUNT, REGION, now=self.clock.now)
            self._schedules = Schedules(ACCOUNT, REGION, now=self.clock.now)
            self._make_resources()
            self._undo = undo.pop_all()
        self.meter.reset()
        return self

    def stop(self) -> None:
        """Give boto3 back to the real AWS. What was stored is gone."""
        self._undo.close()

    def __enter__(self) -> MotoHarness:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- what a test uses -----------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        """A boto3 client of this account, for looking at what stands there."""
        return _client(service)

    def aws(self) -> Aws:
        """A new `Aws` of this stack, as a Lambda function makes one when it starts."""
        clients = {service: _client(service) for service in ("dynamodb", "sqs", "scheduler", "s3")}
        return Aws(self.settings, clock=self.clock, clients=clients)

    def ports(self) -> Ports:
        """The AWS adapters, new ones: what they cache is their own, as in a process of its own."""
        aws = self.aws()
        blobs, queue = S3Blobs(aws), SqsQueue(aws)
        return Ports(
            log=DynamoLog(aws, blobs, fetchers=1),
            records=DynamoRecords(aws),
            queue=queue,
            timers=SchedulerTimers(aws, queue),
            blobs=blobs,
            clock=self.clock,
        )

    def environ(self) -> dict[str, str]:
        """The variables that the template gives to a Lambda function of this stack."""
        return self.settings.to_env()

    def add_queue(self, name: str) -> str:
        """Make one more queue, unless there is one of that name; its URL."""
        return self._queues[name]

    def fire_due(self) -> int:
        """Send the messages of all schedules that are due by now; how many that were."""
        with self._lock:
            return self._schedules.fire_due() if self._schedules else 0

    @property
    def fired(self) -> int:
        """How many messages schedules have sent so far."""
        return self._schedules.fired if self._schedules else 0

    def advance(self, seconds: float) -> None:
        """Let time pass on a virtual clock, with every schedule firing at its own moment."""
        clock = self.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("advance() is for a harness on a VirtualClock; this one's clock goes by itself")
        end = clock.now() + seconds
        while (due := self.next_schedule()) is not None and due <= end:
            clock.advance_to(due)
            self.fire_due()
        clock.advance_to(end)

    def purge_expired(self) -> int:
        """Drop the items whose time to live is over, as DynamoDB does within two days; how many there were."""
        client, gone = self.client("dynamodb"), 0
        for table in (self.settings.log_table, self.settings.record_table):
            keys = [
                key["AttributeName"] for key in client.describe_table(TableName=table)["Table"]["KeySchema"]
            ]
            for page in client.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    if (
                        tables.TTL_ATTRIBUTE in item
                        and int(item[tables.TTL_ATTRIBUTE]["N"]) <= self.clock.now()
                    ):
                        client.delete_item(TableName=table, Key={name: item[name] for name in keys})
                        gone += 1
        return gone

    # --- requests -------------------------------------------------------------------------------------------------

    def handle(self, call: Call, pass_on: Callable[[Call], AWSResponse | None]) -> AWSResponse | None:
        """Answer one request of boto3; `pass_on` is moto. Called by the hook."""
        if self.on_call is not None:
            self.on_call(call)
        fault = self.faults.draw(call)
        if fault is not None and (refused := refusal(fault, call)) is not None:
            self.meter.add(call.service, call.operation, Usage(calls=1))
            return refused
        if fault is Fault.PARTIAL:
            return self._half(call, pass_on)
        waits = int(call.params.get("WaitTimeSeconds") or 0) if call.operation == "ReceiveMessage" else 0
        answer = self._long_poll(call, pass_on, waits) if waits else self._handle(call, pass_on)
        if fault is Fault.LOST:
            lose(call)
        return answer

    def _handle(
        self, call: Call, pass_on: Callable[[Call], AWSResponse | None], *, metered: bool = True
    ) -> AWSResponse | None:
        with self._lock:
            self.fire_due()
            match call.service:
                case "dynamodb" if self._dynamo:
                    answer, usage = self._dynamo.handle(call, pass_on)
                case "sqs":
                    answer, usage = sqs.handle(call, pass_on)
                case "scheduler" if self._schedules:
                    answer, usage = self._schedules.handle(call, pass_on)
                case _:
                    answer, usage = pass_on(call), Usage(calls=1, billed=1)
        if metered:
            self.meter.add(call.service, call.operation, usage)
        return answer

    def _half(self, call: Call, pass_on: Callable[[Call], AWSResponse | None]) -> AWSResponse | None:
        first, rest = split(call)
        answer = self._handle(first, pass_on)
        if answer is None or answer.status_code != 200:
            return answer
        return call.answer({**content_of(answer), **rest})

    def _long_poll(
        self, call: Call, pass_on: Callable[[Call], AWSResponse | None], waits: int
    ) -> AWSResponse | None:
        """Look again and again until there is a message, never holding the lock meanwhile."""
        short = call.rewrite({**call.params, "WaitTimeSeconds": 0})
        end = self.clock.now() + waits
        first = True
        while True:
            answer = self._handle(short, pass_on, metered=first)
            first = False
            if answer is None or answer.status_code != 200 or b'"Messages"' in answer.content:
                return answer
            if self.clock.now() >= end:
                return answer
            self._wait_for_message(call.params["QueueUrl"], end)

    def _wait_for_message(self, url: str, end: float) -> None:
        clock = self.clock
        if not isinstance(clock, VirtualClock):
            time.sleep(_POLL)
            return
        with self._lock:
            times = (self.next_schedule(), sqs.next_change(sqs.queue_of(ACCOUNT, REGION, url), clock.now()))
        clock.advance_to(min([end, *(at for at in times if at is not None)]))

    def next_schedule(self) -> float | None:
        """When the next schedule is due, in epoch seconds; None: none ever."""
        return self._schedules.soonest if self._schedules else None

    # --- resources ------------------------------------------------------------------------------------------------

    def _make_resources(self) -> None:
        store = self.client("dynamodb")
        for spec in (
            tables.log_table(self.settings.log_table),
            tables.record_table(self.settings.record_table),
        ):
            store.create_table(**spec)
            store.update_time_to_live(**tables.time_to_live(spec["TableName"]))
        bucket = self.client("s3")
        bucket.create_bucket(Bucket=self.settings.bucket)
        bucket.put_bucket_lifecycle_configuration(
            Bucket=self.settings.bucket, LifecycleConfiguration=tables.bucket_lifecycle()
        )
        self.client("scheduler").create_schedule_group(Name=self.settings.schedule_group)
        for name in self._names:
            self.add_queue(name)


class _Queues(dict[str, str]):
    """Names of queues and their URLs. A name that is asked for and missing is made: tests make up names."""

    def __init__(self, harness: MotoHarness, dead_letters: str | None, max_receives: int) -> None:
        super().__init__()
        self._harness = harness
        self._dead_letters = dead_letters
        self._max_receives = max_receives

    def __missing__(self, name: str) -> str:
        attributes = tables.queue_attributes(visibility=_VISIBILITY)
        client = self._harness.client("sqs")
        if self._dead_letters is not None and name != self._dead_letters:
            arn = client.get_queue_attributes(QueueUrl=self[self._dead_letters], AttributeNames=["QueueArn"])
            attributes["RedrivePolicy"] = (
                f'{{"deadLetterTargetArn":"{arn["Attributes"]["QueueArn"]}","maxReceiveCount":{self._max_receives}}}'
            )
        url = str(client.create_queue(QueueName=f"polos-{len(self)}", Attributes=attributes)["QueueUrl"])
        self[name] = url
        return url


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session(region_name=REGION, aws_access_key_id="moto", aws_secret_access_key="moto")  # noqa: S106


@functools.cache
def _client(service: str) -> Any:
    """One for all harnesses of the process: clients hold no state, and take a while to make."""
    return make_client(_session(), service, _SETTINGS)


@contextlib.contextmanager
def _without_ambient_settings() -> Iterator[None]:
    """The environment without what would lead boto3 away from moto."""
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_AMBIENT)}
    try:
        yield
    finally:
        os.environ.update(saved)


@contextlib.contextmanager
def _watched(harness: MotoHarness) -> Iterator[None]:
    """Every request that boto3 makes in this process goes through `harness.handle`."""
    original = BotocoreStubber.__call__

    def stub(self: BotocoreStubber, event_name: str, request: AWSPreparedRequest, **kwargs: Any) -> Any:
        def pass_on(call: Call) -> AWSResponse | None:
            return original(self, event_name, call.request, **kwargs)

        if not self.enabled:
            return original(self, event_name, request, **kwargs)
        return harness.handle(Call.of(event_name, request), pass_on)

    BotocoreStubber.__call__ = stub  # type: ignore[method-assign]
    MotoHarness._running = harness
    try:
        yield
    finally:
        BotocoreStubber.__call__ = original  # type: ignore[method-assign]
        MotoHarness._running = None
