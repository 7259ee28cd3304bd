"""What a client can ask of a project, over the ports: start, look, cancel, resume, publish.

The HTTP API, the embedded runtime and the command line are thin layers over this. All of it is synchronous.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from polos.core.codec import codec_for, plain_json
from polos.core.definitions import Definition, Queue, Registry
from polos.core.durations import check_seconds
from polos.core.ids import derived_id
from polos.core.journal import CANCEL, START
from polos.core.messages import Message, MessageKind
from polos.core.naming import check_name, check_unicode
from polos.core.start import StartInfo
from polos.core.step import encode_payload, run_topic
from polos.errors import (
    Conflict,
    ExecutionCancelled,
    ExecutionError,
    ExecutionFailed,
    ExecutionStalled,
    ExecutionTimedOut,
    NotFound,
)
from polos.ports import Outgoing, Ports
from polos.runtime import names
from polos.runtime.executions import Executions, Meta
from polos.runtime.host import Host
from polos.runtime.publishing import NewEvent, Publisher
from polos.runtime.schedules import ScheduleRecord, Schedules
from polos.runtime.starts import root_info
from polos.runtime.topics import Event, Topics, iso

ERRORS: Final[Mapping[str, type[ExecutionError]]] = {
    "failed": ExecutionFailed,
    "cancelled": ExecutionCancelled,
    "timed_out": ExecutionTimedOut,
    "stalled": ExecutionStalled,
}


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How to start an execution, beside its workflow and payload. `queue` may carry a limit.

    `on_conflict`: what to do when the idempotency key was used before: "return" that execution (`Conflict` if its
    payload was another), "reject" with `Conflict`, or "restart": a new one if the earlier has ended. `attributes`:
    names and texts to find it by.
    """

    queue: str | Queue | None = None
    concurrency_key: str | None = None
    session: str | None = None
    user: str | None = None
    deployment: str | None = None
    initial_state: Any = None
    run_timeout: float | None = None
    idempotency_key: str | None = None
    priority: int = 0
    on_conflict: str = "return"
    attributes: Mapping[str, str] = field(default_factory=dict)
    compute_timeout: float | None = None


DEFAULT_OPTIONS: Final = StartOptions()


def _check_names(options: StartOptions) -> None:
    check_name("the concurrency_key", options.concurrency_key)
    check_name("the session_id", options.session)
    check_name("the user_id", options.user)
    check_name("the deployment_id", options.deployment)
    check_seconds("run_timeout_seconds", options.run_timeout, zero=False)
    check_seconds("compute_timeout_seconds", options.compute_timeout, zero=False)
    check_unicode("the idempotency_key", options.idempotency_key or "")
    for name, value in options.attributes.items():
        check_name("the attribute", f"{name}={value}")


class Service:
    """The requests of one project. `new_id(now_ms)` makes ids of executions."""

    def __init__(self, host: Host, project: str, *, new_id: Callable[[int], str]) -> None:
        self.host = host
        self.project = project
        self._new_id = new_id
        self.executions = Executions(host.ports.records)
        self._last_request = 0

    def next_request(self) -> int:
        """The time of a request whose order counts, in microseconds: later than that of the one before."""
        self._last_request = max(int(self.ports.clock.now() * 1_000_000), self._last_request + 1)
        return self._last_request

    @property
    def ports(self) -> Ports:
        """The world it works in."""
        return self.host.ports

    @property
    def registry(self) -> Registry:
        """The workflows it knows."""
        return self.host.registry

    def fresh_id(self, now_ms: int) -> str:
        """An id for a new execution."""
        return self._new_id(now_ms)

    def _now_ms(self) -> int:
        return int(self.ports.clock.now() * 1000)

    # --- executions -----------------------------------------------------------------------------------------------

    def start(self, workflow: Any, payload: Any = None, options: StartOptions = DEFAULT_OPTIONS) -> StartInfo:
        """Start an execution: durable once this returns.

        With an idempotency key the same call starts it once; another payload under that key is a `Conflict`. Raises
        `UnknownWorkflow` and `InvalidPayload` before anything is stored.
        """
        definition = self.host.resolve(workflow)
        if options.on_conflict not in ("return", "reject", "restart"):
            raise Conflict(f"on_conflict={options.on_conflict!r}: say 'return', 'reject' or 'restart'")
        info = self._info(definition, encode_payload(definition, payload), options)
        with self.ports.together():
            if not self.executions.create(info):
                info = self._known(info, options)
            self.send(self.host.steps_queue(info.queue), self.message(MessageKind.START, info, START))
        return info

    def _info(self, definition: Definition, payload: str, options: StartOptions) -> StartInfo:
        _check_names(options)
        now = self._now_ms()
        key = options.idempotency_key
        execution = derived_id(self.project, definition.id, key) if key is not None else self._new_id(now)
        state = None
        if options.initial_state is not None:
            codec = codec_for(definition.state_schema, root="initial_state")
            state = codec.encode(codec.coerce(options.initial_state))
        info = root_info(
            definition,
            project=self.project,
            execution=execution,
            payload=payload,
            now_ms=now,
            session=options.session,
            user=options.user,
            deployment=options.deployment,
            concurrency_key=options.concurrency_key,
            initial_state=state,
            priority=options.priority,
            attributes=dict(options.attributes) or None,
            retention=self.host.settings.retention_seconds,
            compute_limit=options.compute_timeout,
            run_deadline=None if options.run_timeout is None else now + int(options.run_timeout * 1000),
        )
        match options.queue:
            case Queue() as queue:
                known = self.registry.queues.get(queue.name)
                if known is not None and known.concurrency_limit != queue.concurrency_limit:
                    raise Conflict(
                        f"queue {queue.name!r} has concurrency_limit={known.concurrency_limit}; this start says "
                        f"{queue.concurrency_limit}. Leave the limit out, or change it where the queue is described"
                    )
                return replace(info, queue=queue.name, limit=queue.concurrency_limit)
            case str() as name if name != info.queue:
                known = self.registry.queues.get(name)
                return replace(info, queue=name, limit=known.concurrency_limit if known else None)
            case _:
                return info

    def _known(self, info: StartInfo, options: StartOptions) -> StartInfo:
        """An execution of this idempotency key exists: what to do about it."""
        meta = self.meta(info.execution)
        if options.on_conflict == "restart":
            return self._restart(info, meta)
        if options.on_conflict == "reject" or meta.info.payload != info.payload:
            raise Conflict(
                f"workflow {info.workflow!r} was started with this idempotency key before (execution "
                f"{info.execution}, {meta.status})"
                + ("" if options.on_conflict == "reject" else ", with another payload")
            )
        return meta.info

    def _restart(self, info: StartInfo, meta: Meta) -> StartInfo:
        """The next generation of the key, if the one before has ended; each has an id of its own, derived in turn."""
        while meta.ended:
            info = replace(info, execution=derived_id(self.project, meta.info.execution, "restart"))
            if self.executions.create(info):
                return info
            meta = self.meta(info.execution)
        return meta.info

    def meta(self, execution: str) -> Meta:
        """The record of an execution. `NotFound` if there is none in this project."""
        meta = self.executions.get(self.project, execution)
        if meta is None:
            raise NotFound(f"there is no execution {execution!r} in project {self.project!r}")
        return meta

    def latest(self, execution: str) -> Meta:
        """The record of an execution, or of the last one it was continued as."""
        meta = self.meta(execution)
        while meta.status == "continued":
            successor = self.executions.get(
                self.project, derived_id(self.project, meta.info.execution, "continued")
            )
            if successor is None:
                return replace(meta, status="running")  # its start is under way
            meta = successor
        return meta

    def result(self, meta: Meta) -> Any:
        """What an ended execution gave, rebuilt as its workflow's annotation says; raises what happened instead."""
        kind = ERRORS.get(meta.status)
        if kind is not None:
            error = dict(meta.error or {})
            text = (
                error.get("message")
                or f"execution {meta.info.execution} of {meta.info.workflow!r}: {meta.status}"
            )
            raise kind(text, execution_id=meta.info.execution, error=error)
        definition = self.registry.find(meta.info.workflow)
        if meta.result is None:
            return None
        return definition.result_codec.decode(meta.result) if definition else json.loads(meta.result)

    def describe(self, meta: Meta) -> dict[str, Any]:
        """An execution as a plain dict; the result is rebuilt as its model where the workflow is known."""
        info = meta.info
        return {
            "id": info.execution,
            "workflow_id": info.workflow,
            "status": meta.status,
            "payload": json.loads(info.payload),
            "result": self.result(meta) if meta.status == "completed" else None,
            "error": meta.error,
            "created_at": iso(info.created_at),
            "started_at": iso(meta.started_at) if meta.started_at else None,
            "completed_at": iso(meta.completed_at) if meta.completed_at else None,
            "parent_execution_id": info.parent_execution,
            "root_execution_id": info.root_execution or info.execution,
            "root_workflow_id": info.root_workflow or info.workflow,
            "session_id": info.session,
            "user_id": info.user,
            "queue": info.queue,
        }

    def cancel(self, execution: str) -> bool:
        """Ask an execution to stop. False if it has ended already; `NotFound` if there is none."""
        meta = self.latest(execution)
        if meta.ended:
            return False
        self.send(names.NEWS_QUEUE, self.message(MessageKind.SIGNAL, meta.info, CANCEL))
        return True

    def kick(self, execution: str) -> None:
        """Dispatch whatever is pending: how a stalled execution goes on once its cause is mended."""
        meta = self.meta(execution)
        if meta.status == "queued":
            self.send(
                self.host.steps_queue(meta.info.queue), self.message(MessageKind.START, meta.info, START)
            )
        self.send(names.NEWS_QUEUE, self.message(MessageKind.KICK, meta.info))

    def resume(self, execution: str, key: str, data: Any = None) -> Event:
        """Answer a suspended operation: the first answer counts. It may come before the code asks."""
        meta = self.meta(execution)
        info = meta.info
        topic = run_topic(info.root_workflow or info.workflow, info.root_execution or info.execution)
        text = plain_json(data, root="data")
        event = self.topics.publish(topic, self.host.token(), f"resume_{key}", text, once=False)
        message = self.message(MessageKind.SIGNAL, info, f"suspend:{key}")
        self.send(names.NEWS_QUEUE, replace(message, value=event.to_json()))
        return event

    # --- events and schedules ---------------------------------------------------------------------------------------

    def publish(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[Event]:
        """Publish (type, data) pairs in order. `NotStorable` if one cannot be stored: then none is published."""
        check_name("the topic", topic)
        new = [
            NewEvent(self.host.token(), kind or "", plain_json(data, root="data")) for kind, data in events
        ]
        return Publisher(self.host, self.project, self.topics).publish(topic, new)

    @property
    def topics(self) -> Topics:
        """The topics of this project."""
        return Topics(self.ports, self.project, self.host.settings.keep_seconds)

    @property
    def schedules(self) -> Schedules:
        """The schedules of this project."""
        return Schedules(self.ports, self.project, stack=self.host.settings.stack_schedules)

    def schedule_action(self, action: str, **fields: Any) -> Any:
        """create (upsert), list, pause, resume, delete: schedules as dicts. `UnknownWorkflow`, `InvalidSchedule`,
        `NotFound` as the case may be.
        """
        schedules = self.schedules
        match action:
            case "list":
                return [self._schedule_dict(record) for record in schedules.list()]
            case "create":
                self.registry.get(fields["workflow"])
                return self._schedule_dict(schedules.put(ScheduleRecord(**fields)))
            case "pause" | "resume":
                paused = action == "pause"
                return self._schedule_dict(schedules.pause(fields["workflow"], fields["key"], paused=paused))
            case "delete":
                return schedules.delete(fields["workflow"], fields["key"])
            case _:
                raise Conflict(f"unknown action {action!r}; known: create, list, pause, resume, delete")

    def _schedule_dict(self, record: ScheduleRecord) -> dict[str, Any]:
        now = datetime.fromtimestamp(self.ports.clock.now(), UTC)
        return {
            "id": record.id,
            "workflow_id": record.workflow,
            "key": record.key,
            "cron": record.cron,
            "timezone": record.timezone,
            "overlap": record.overlap,
            "paused": record.paused,
            "source": record.source,
            "last_timestamp": record.last_timestamp,
            "last_execution_id": record.last_execution,
            "upcoming": [] if record.paused else record.upcoming(now),
        }

    # --- sending --------------------------------------------------------------------------------------------------

    def message(self, kind: MessageKind, info: StartInfo, key: str = "") -> Message:
        """A new message about an execution."""
        return Message(kind, self.project, self.host.token(), info.execution, info.workflow, key)

    def send(self, queue: str, message: Message, delay: float = 0.0) -> None:
        """Send it."""
        self.ports.queue.send(queue, [Outgoing(message.encode(), delay, group=message.execution)])
