"""The Lambda functions in a test: messages go from moto's SQS to the real handlers, as by an event source mapping."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from polos.adapters.aws.sqs import delivery_from_event
from polos.adapters.clock import VirtualClock
from polos.core.definitions import DEFAULT_QUEUE, Registry
from polos.core.definitions import registry as process_registry
from polos.entry.aws import AwsRuntime
from polos.entry.functions import Functions
from polos.runtime import names
from polos.testing.deaths import Process
from polos.testing.event_source import LambdaContext, failed_items, schedule_event, sqs_event
from polos.testing.faults import Crash, with_faults
from polos.testing.harness import PROJECT, Harness
from polos.testing.moto import AwsMeter, Faults, MotoHarness, sqs
from polos.testing.moto.harness import ACCOUNT, REGION

MAX_RECEIVES: Final = 5
MOST_AT_ONCE: Final = 10
_TICK: Final = 0.001  # SQS counts in milliseconds: a moment later it is due for certain

log = logging.getLogger("polos.testing")


class AwsHarness(Harness):
    """The functions of one stack over moto; see `Harness` for what a test does with it.

    A function has one warm sandbox, and a new one after it has died. One that dies gives no answer: its messages come
    again when their visibility is over, and after 5 receives they go to the dead-letter queue and its function.

    Args:
        timeout: Seconds that the function for steps may run.
        news_timeout: Seconds that the other functions may run.
        batch: How many messages the functions for news and dead letters get at once.
        grace: Seconds that a sync step has to stop in after its timeout.

    Attributes:
        account: moto, its clients and its resources.
        meter: What the functions did to AWS: calls, units, messages sent.
        caller_meter: What the test's own requests did: starting, resuming, looking.
        faults: Throttles, broken connections and lost answers that are to come.
        invocations: How often each function was invoked.
        sandboxes_ended: How many sandboxes have died, or ended themselves.
    """

    def __init__(
        self,
        *,
        timeout: float = 900.0,
        news_timeout: float = 60.0,
        batch: int = MOST_AT_ONCE,
        grace: float = 0.2,
        **options: Any,
    ) -> None:
        clock = VirtualClock()
        known: Registry = options.get("registry", process_registry)
        own = sorted(set(known.queues) - {DEFAULT_QUEUE})
        self.account = MotoHarness(
            queues=[DEFAULT_QUEUE, names.NEWS_QUEUE, *own],
            dead_letters=names.DEAD_QUEUE,
            max_receives=MAX_RECEIVES,
            clock=clock,
        ).start()
        self.meter = AwsMeter()
        self.caller_meter = self.account.meter
        self.faults: Faults = self.account.faults
        self.invocations: dict[str, int] = {"worker": 0, "news": 0, "dead": 0, "sweeper": 0}
        self.sandboxes_ended = 0
        self._poller_meter = AwsMeter()
        self._timeouts = {**dict.fromkeys(self.invocations, news_timeout), "worker": timeout}
        self._batch = batch
        self._grace = grace
        self._sqs = self.account.client("sqs")
        self._sandboxes: dict[str, _Sandbox] = {}
        self._at_work: _Sandbox | None = None
        self._requests = itertools.count(1)
        super().__init__(self.account.ports(), clock, **options)

    def close(self) -> None:
        """End it, and give boto3 back to the real AWS."""
        try:
            super().close()
        finally:
            self.account.stop()

    def restart(self) -> None:
        """End all sandboxes: the next invocation of each function is a cold start."""
        for sandbox in self._sandboxes.values():
            sandbox.close()
        self._sandboxes.clear()

    def _process(self) -> Process:
        if self._at_work is None:
            raise RuntimeError("no function is at work: die() and work() are for the code under test")
        return self._at_work.process

    # --- delivering -------------------------------------------------------------------------------------------------

    def _deliver(self) -> bool:
        return any(self._deliver_from(queue) for queue in self._queues())

    def _queues(self) -> list[str]:
        own = sorted(set(self.account.settings.queues) - {names.NEWS_QUEUE, names.DEAD_QUEUE})
        return [names.NEWS_QUEUE, *own, names.DEAD_QUEUE]

    def _deliver_from(self, queue: str) -> bool:
        """One batch of a queue. True if there was something to do."""
        if not self._ready(queue):
            return False
        function = {names.NEWS_QUEUE: "news", names.DEAD_QUEUE: "dead"}.get(queue, "worker")
        messages = self._poll(queue, 1 if function == "worker" else self._batch)
        if not messages:
            return True  # what was ready has died, and lies in the dead-letter queue now
        settings = self.account.settings
        event = sqs_event(messages, arn=settings.queue_arn(queue), region=REGION)
        self._duplicate([delivery_from_event(record, settings) for record in event["Records"]])
        self.deliveries += 1
        try:
            failed = failed_items(self._invoke(function, event), messages)
        except _Failed as error:
            log.info("%s: %s", function, error)
        else:
            self._delete(queue, [message for message in messages if message["MessageId"] not in failed])
        return True

    def _invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """What the function answers. `_Failed` when it gave none."""
        self.invocations[function] += 1
        timeout = self._timeouts[function]
        context = LambdaContext(
            self.clock, self.clock.now() + timeout, f"polos-{function}", f"request-{next(self._requests)}"
        )
        sandbox = self._sandboxes.get(function)
        if sandbox is None:
            sandbox = self._sandboxes[function] = _Sandbox(self, self._grace)
        self._at_work = sandbox
        try:
            with self._metered(self.meter):
                return sandbox.invoke(function, event, context)
        except (Crash, _Exited) as error:
            self._drop(function)
            raise _Failed(f"the sandbox died: {error}") from error
        except Exception as error:
            raise _Failed(f"it raised {error!r}") from error
        finally:
            self._at_work = None

    def _drop(self, function: str) -> None:
        self.sandboxes_ended += 1
        self._sandboxes.pop(function).close()

    def _sweep(self) -> int:
        now = datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            return int(self._invoke("sweeper", schedule_event(now))["kicked"])
        except _Failed:
            return 0

    # --- the queues, as their poller sees them ----------------------------------------------------------------------

    def _poll(self, queue: str, limit: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < limit:
            with self._metered(self._poller_meter):
                answer = self._sqs.receive_message(
                    QueueUrl=self.account.settings.queue_url(queue),
                    MaxNumberOfMessages=min(MOST_AT_ONCE, limit - len(found)),
                    MessageSystemAttributeNames=["All"],
                )
            got = answer.get("Messages", [])
            found += got
            if not got:
                break
        return found

    def _delete(self, queue: str, messages: Sequence[Any]) -> None:
        with self._metered(self._poller_meter):
            for start in range(0, len(messages), MOST_AT_ONCE):
                self._sqs.delete_message_batch(
                    QueueUrl=self.account.settings.queue_url(queue),
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                        for number, message in enumerate(messages[start : start + MOST_AT_ONCE])
                    ],
                )

    def _send_copy(self, queue: str, body: str) -> None:
        with self._metered(self._poller_meter):
            self._sqs.send_message(QueueUrl=self.account.settings.queue_url(queue), MessageBody=body)

    @contextmanager
    def _metered(self, meter: AwsMeter) -> Iterator[None]:
        """What is asked of AWS meanwhile counts for this meter."""
        before, self.account.meter = self.account.meter, meter
        try:
            yield
        finally:
            self.account.meter = before

    # --- time -------------------------------------------------------------------------------------------------------

    def _times(self, queue: str) -> list[float]:
        return sqs.times(sqs.queue_of(ACCOUNT, REGION, self.account.settings.queue_url(queue)))

    def _ready(self, queue: str) -> bool:
        self.account.fire_due()
        return any(at <= self.clock.now() for at in self._times(queue))

    def _next_due(self) -> float | None:
        times = [at + _TICK for queue in self._queues() for at in self._times(queue)]
        schedule = self.account.next_schedule()
        return min([*times, *([schedule] if schedule is not None else [])], default=None)

    def _go_to(self, at: float) -> None:
        self.account.advance(max(0.0, at - self.clock.now()))


class _Failed(Exception):
    """An invocation that gave no answer."""


class _Exited(BaseException):
    """The function has ended its process."""


class _Sandbox:
    """What Lambda keeps of a function between invocations."""

    def __init__(self, harness: AwsHarness, grace: float) -> None:
        self.process = Process(harness.deaths, harness.clock)
        self._runtime = AwsRuntime(
            harness.account.settings,
            project=PROJECT,
            ports=with_faults(harness.account.ports(), self.process),
            registry=harness.registry,
            engine=harness.settings,
            grace=grace,
        )
        self._functions = Functions(self._runtime, heartbeat=self.process, exit=_exit)

    def invoke(self, function: str, event: Mapping[str, Any], context: LambdaContext) -> Any:
        """The handler's answer, unless it came too late."""
        self.process.deadline = context.deadline
        answer = getattr(self._functions, function)(event, context)
        if context.get_remaining_time_in_millis() == 0:
            self.process.die()
        return answer

    def close(self) -> None:
        self.process.dead = True
        self._runtime.close()


def _exit(code: int) -> None:
    raise _Exited(f"exit code {code}")
