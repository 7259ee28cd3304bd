"""The Lambda functions of a stack: what `handlers/` hands their events to.

    worker    SQS, a batch of 1 from the queue of a Polos queue: starts and steps
    news      SQS, batches from the stack's one queue for news: timers, ends of children, signals; no steps
    dead      SQS, from the dead-letter queue: what died is recorded, and runs nothing (rule 10)
    sweeper   a schedule: kicks what has been silent for too long (rule 14), records the schedules of the code

Event source mappings must ask for `ReportBatchItemFailures`. A function that may run longer than a lease lasts shortens
the visibility of its messages first thing and extends it while it works, so that a sandbox that dies is replaced within
a minute; for a shorter one (news) the visibility that the queue gives, at least the function's timeout, is the lease.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

# First of all: this import costs three times as much once pydantic is loaded.
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from polos.adapters.aws.sqs import delivery_from_event
from polos.entry.aws import PROJECT_VARIABLE, AwsRuntime, from_environment
from polos.entry.telemetry import Powertools, Quiet, Telemetry
from polos.errors import LeaseLost, PolosError, StoreError
from polos.ports import Delivery
from polos.runtime.delivery import Batch
from polos.runtime.lease import VISIBILITY, Heartbeat, MessageLease
from polos.runtime.schedules import apply_code
from polos.runtime.sweeper import stalled, sweep

XRAY_VARIABLE: Final = "POLOS_XRAY"
"""Set to `true` by the template where a function's tracing is active."""

log = logging.getLogger("polos.functions")


class Beat(Protocol):
    """What extends leases while their work goes on; see `polos.runtime.lease.Heartbeat`."""

    def add(self, lease: MessageLease) -> None: ...
    def remove(self, lease: MessageLease) -> None: ...


class NotHandled(PolosError):
    """A record of a batch that is reported as failed, so that it comes again."""

    code = "not_handled"


class Functions:
    """The functions of one stack, over what a sandbox keeps warm.

    Args:
        heartbeat: Extends the leases.
        exit: Ends this process at once.

    Attributes:
        worker, news, dead, sweeper: Lambda handlers, `(event, context) -> response`.
    """

    def __init__(
        self,
        runtime: AwsRuntime,
        *,
        telemetry: Telemetry | None = None,
        heartbeat: Beat | None = None,
        exit: Callable[[int], Any] = os._exit,
    ) -> None:
        self.runtime = runtime
        self._ports = runtime.ports
        self._telemetry = telemetry or Quiet()
        self._heartbeat = heartbeat or Heartbeat()
        self._exit = exit
        around = self._telemetry.around
        self.worker = self.news = around(functools.partial(self._records, dead=False))
        self.dead = around(functools.partial(self._records, dead=True))
        self.sweeper = around(self._sweep)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Functions:
        """Those that the variables describe, ready for the first event: clients made, the user's modules imported."""
        project = environ.get(PROJECT_VARIABLE) or "default"
        telemetry = Powertools(project, xray=environ.get(XRAY_VARIABLE) == "true")

        def on_end(_: str, execution: str) -> None:
            telemetry.count("ExecutionsEnded")
            log.info("execution %s has ended", execution)  # the one line that `polos logs` has of a quiet one

        runtime = from_environment(environ, on_end=on_end)
        runtime.warm()
        return cls(runtime, telemetry=telemetry)

    # --- records of SQS -------------------------------------------------------------------------------------------

    def _records(self, event: Mapping[str, Any], context: Any, *, dead: bool) -> Any:
        started = self._ports.clock.monotonic()
        deadline = started + context.get_remaining_time_in_millis() / 1000
        processor = _Together(lambda records: self._receive(records, started, deadline=deadline, dead=dead))
        with processor(records=list(event["Records"]), handler=_unused):
            processor.process()
        return processor.response()

    def _receive(
        self, records: Sequence[Mapping[str, Any]], started: float, *, deadline: float, dead: bool
    ) -> set[str]:
        """Handle the records; the ids of those that are to come again."""
        ids = {record["receiptHandle"]: str(record["messageId"]) for record in records}
        batches = self.runtime.intake.batches(self._deliveries(records), dead=dead)
        leases = [self._lease(batch.deliveries, started, deadline) for batch in batches]
        failed: list[Delivery] = []
        done: list[Delivery] = []
        try:
            for batch, lease in zip(batches, leases, strict=True):
                handled = self._handle(batch, lease)
                self._heartbeat.remove(lease)
                (done if handled else failed).extend(batch.deliveries)
        finally:
            for lease in leases:
                self._heartbeat.remove(lease)
        self._telemetry.count("Messages", len(records))
        self._telemetry.count("MessagesFailed", len(failed))
        if dead:
            self._telemetry.count("DeadLetters", len(records))
        if self.runtime.stuck:
            self._end_process(done)
        return {ids[delivery.handle] for delivery in failed}

    def _deliveries(self, records: Sequence[Mapping[str, Any]]) -> list[Delivery]:
        found: list[Delivery] = []
        for record in records:
            self.runtime.settings.queue_of_arn(
                record["eventSourceARN"]
            )  # a mistake of the stack, not of the message
            try:
                found.append(delivery_from_event(record, self.runtime.settings))
            except StoreError as error:
                log.error("message %s is thrown away: %s", record["messageId"], error)  # noqa: TRY400
        return found

    def _lease(self, deliveries: Sequence[Delivery], started: float, deadline: float) -> MessageLease:
        queue, clock, time = self._ports.queue, self._ports.clock, deadline - started
        if time <= VISIBILITY:
            return MessageLease(queue, clock, deliveries, visibility=time, since=started, deadline=deadline)
        lease = MessageLease(queue, clock, deliveries, since=started, deadline=deadline)
        lease.extend()
        self._heartbeat.add(lease)
        return lease

    def _handle(self, batch: Batch, lease: MessageLease) -> bool:
        if not batch.messages:
            return self.runtime.intake.handle(batch, lease)
        with self._telemetry.handling(batch.messages):
            handled = self.runtime.intake.handle(batch, lease)
            if not handled:
                self._back_off(batch, lease)
            return handled

    def _back_off(self, batch: Batch, lease: MessageLease) -> None:
        """Let it come again soon at first, later more slowly; not if it is somebody else's by now."""
        try:
            lease.check()
            for delivery in batch.deliveries:
                self._ports.queue.extend(delivery, min(2.0 ** min(delivery.receives, 6), VISIBILITY))
        except LeaseLost:
            return
        except PolosError as error:
            log.warning("a message comes again when its visibility is over: %s", error)

    def _end_process(self, done: Sequence[Delivery]) -> None:
        """A step that nothing stops would go on beside the next invocation, so this sandbox must not have one.

        Its timeout is recorded. A process that ends gives no response, which Lambda takes for a failure of the whole
        batch: what is done is deleted here.
        """
        log.critical(
            "a sync step did not stop at its timeout (%s); this process ends, so that it does not go on in the next "
            "invocation. Let the step look at a deadline of its own, or make it async",
            ", ".join(self.runtime.stuck),
        )
        try:
            self._ports.queue.delete(done)
        finally:
            sys.stdout.flush()
            self._exit(1)

    # --- the sweeper ----------------------------------------------------------------------------------------------

    def _sweep(self, event: Any, context: Any) -> dict[str, int]:
        del event, context
        service = self.runtime.service
        apply_code(self.runtime.host, service.project)
        kicked = sweep(service)
        self._telemetry.count("ExecutionsKicked", kicked)
        self._telemetry.count("ExecutionsStalled", stalled(service))
        return {"kicked": kicked}


class _Together(BatchProcessor):
    """Powertools' batch of SQS records with its partial failures, but all records handled by one call.

    `receive(records)` gives the ids of those that failed.
    """

    def __init__(self, receive: Callable[[Sequence[Mapping[str, Any]]], set[str]]) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._receive = receive

    def process(self) -> list[tuple[Any, ...]]:
        failed = self._receive(self.records)
        return [self._outcome(SQSRecord(record), failed) for record in self.records]

    def _outcome(self, record: SQSRecord, failed: set[str]) -> tuple[Any, ...]:
        if record.message_id not in failed:
            return self.success_handler(record=record, result=None)
        error = NotHandled(f"message {record.message_id} was not handled; see the log")
        return self.failure_handler(record=record, exception=(NotHandled, error, None))


def _unused(record: Any) -> None:
    """Powertools asks for a handler of single records; ours are handled together."""
    raise NotImplementedError(f"records are handled together, not one by one: {record!r}")


@functools.cache
def process_functions() -> Functions:
    """The functions of this process, from its environment."""
    return Functions.from_environment(os.environ)
