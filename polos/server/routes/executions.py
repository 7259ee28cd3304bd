"""Starting executions, looking at them, and waiting for their end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from polos.core.definitions import Definition, Queue
from polos.core.journal import Entry as JournalEntry
from polos.core.start import StartInfo
from polos.errors import Conflict, InvalidRequest, TooLarge
from polos.runtime import names
from polos.runtime.control import Control, Filter
from polos.runtime.executions import Meta
from polos.runtime.service import Service, StartOptions
from polos.server import views
from polos.server.desk import LAST_POSITION, LONGEST_WAIT, Desk
from polos.server.models.executions import (
    BatchStarted,
    BatchStartRequest,
    Execution,
    ExecutionPage,
    JournalPage,
    Started,
    StartRequest,
    Timeline,
)
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.streams import fitting, until
from polos.server.values import payload_from_outside, state_from_outside

GROUP: Final = "Executions"
MAX_PAYLOAD: Final = 1024 * 1024
"""Bytes of a payload as JSON: it comes with every look at the execution."""
MOST_PAGES: Final = 10
"""Pages of the store that are looked at for one of ours, while nothing in them fits the filters."""
MOST_OPERATIONS: Final = 2000
TIMELINE_PAUSES: Final = (0.05, 1.0)
"""A look at a timeline that has grown replays its journal."""

Id = Annotated[str, Path(description="The id of an execution.")]
Text = Annotated[str | None, Query(max_length=400)]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Executions(desk)
    one = "/v1/executions/<execution_id>"
    return (
        Route("POST", "/v1/executions", at.start, Role.RUN, GROUP, 201),
        Route("POST", "/v1/executions/batch", at.start_batch, Role.RUN, GROUP, 201),
        Route("GET", "/v1/executions", at.list_executions, Role.READ, GROUP),
        Route("GET", one, at.get_execution, Role.READ, GROUP),
        Route("GET", f"{one}/wait", at.wait_for_execution, Role.READ, GROUP),
        Route("GET", f"{one}/journal", at.read_journal, Role.READ, GROUP),
        Route("GET", f"{one}/timeline", at.read_timeline, Role.READ, GROUP),
    )


class Executions:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start(self, request: StartRequest) -> Started:
        """Start an execution: it is durable once this has answered."""
        service = self._desk.service
        return views.started(_start(service, *_prepared(service, request)))

    def start_batch(self, request: BatchStartRequest) -> BatchStarted:
        """Start several executions: all are checked before any is started."""
        service = self._desk.service
        key = request.idempotency_key
        prepared = []
        for number, one in enumerate(request.executions):
            definition, payload, options = _prepared(service, one)
            if key is not None and options.idempotency_key is None:
                options = replace(options, idempotency_key=f"{key}:{number}")
            prepared.append((definition, payload, options))
        return BatchStarted(executions=[views.started(_start(service, *each)) for each in prepared])

    def list_executions(  # noqa: PLR0917 - parameters of the query, all by name
        self,
        status: Text = None,
        workflow_id: Text = None,
        root_execution_id: Text = None,
        session_id: Text = None,
        user_id: Text = None,
        kind: Annotated[Literal["workflow", "agent", "tool"] | None, Query()] = None,
        queue: Text = None,
        roots_only: Annotated[bool, Query(description="Without those that another one started.")] = False,
        id_prefix: Annotated[str, Query(max_length=64, description="How the id begins.")] = "",
        attribute: Annotated[
            list[str] | None, Query(max_length=20, description="`name=value`; all must fit.")
        ] = None,
        created_after: Annotated[datetime | None, Query()] = None,
        created_before: Annotated[datetime | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> ExecutionPage:
        """List executions, newest first. A page may hold fewer than `limit`, and still have a next one.

        One answer looks at a few pages of the store's at most, however many executions there are.
        """
        wanted = Filter(
            status=status,
            workflow=workflow_id,
            tree=root_execution_id,
            session=session_id,
            user=user_id,
            attributes=_attributes(attribute or []),
            created_after=_milliseconds(created_after),
            created_before=_milliseconds(created_before),
            kind=kind,
            queue=queue,
            roots=roots_only,
            id_prefix=id_prefix.lower(),
        )
        purpose = _purpose(wanted)
        cursors, project = self._desk.cursors, self._desk.asked.project
        following = cursors.take(project, purpose, cursor)
        found: list[Meta] = []
        for _ in range(MOST_PAGES):
            found, following = Control(self._desk.service).find(wanted, limit=limit, cursor=following)
            if found or following is None:
                break
        sealed = None if following is None else cursors.give(project, purpose, following)
        return ExecutionPage(executions=[views.summary(meta) for meta in found], next_cursor=sealed)

    def get_execution(
        self,
        execution_id: Id,
        stored: Annotated[bool, Query(description="With payload and result as they are stored.")] = False,
    ) -> Execution:
        """An execution with its payload, and its result or error."""
        service = self._desk.service
        return views.execution(service, service.meta(execution_id), stored=stored)

    def wait_for_execution(
        self,
        execution_id: Id,
        timeout: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = LONGEST_WAIT,
        stored: Annotated[bool, Query()] = False,
    ) -> Execution:
        """The execution once it has ended or stalled, or as it is after `timeout` seconds. One that was continued as
        another is waited for to the last of them.
        """
        service = self._desk.service
        return views.execution(service, self._ended(service, execution_id, timeout), stored=stored)

    def read_journal(
        self,
        execution_id: Id,
        after: Annotated[int, Query(ge=0, le=LAST_POSITION, description="The position to begin at.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> JournalPage:
        """What was recorded: the journal's entries."""
        service = self._desk.service
        service.meta(execution_id)
        log = names.journal(service.project, execution_id)
        texts = fitting(service.ports.log.read(log, after, limit), lambda text: len(text.encode()))
        entries = [views.entry(after + i, JournalEntry.decode(text)) for i, text in enumerate(texts) if text]
        return JournalPage(entries=entries, next=after + len(texts) if texts else None)

    def read_timeline(  # noqa: PLR0917 - parameters of the query, all by name
        self,
        execution_id: Id,
        since: Annotated[
            int | None,
            Query(ge=0, description="The `position` of an earlier answer: only what is new, or not over."),
        ] = None,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = 0.0,
        offset: Annotated[int, Query(ge=0, le=LAST_POSITION)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_OPERATIONS)] = 1000,
    ) -> Timeline:
        """The execution's operations with their attempts, those under way included.

        `since` with `wait` tells what is new as soon as there is something, in one request that is held open.
        """
        reader, clock = self._desk.reader(execution_id), self._desk.clock
        if (
            since is not None and wait > 0
        ):  # whoever follows asks again at once, and each look may be a replay
            clock.sleep(max(0.0, min(self._desk.patience(wait), reader.rest_until - clock.monotonic())))
        before = reader.read()
        story = until(
            reader.read,
            lambda one: (
                since is None or one.position > since or one.status != before.status or one.ended is not None
            ),
            clock,
            self._desk.patience(wait),
            pauses=TIMELINE_PAUSES,
        )
        new = [
            (index, item)
            for index, item in enumerate(story.items)
            if since is None or item.changed >= since or not item.over
        ]
        page = new[offset : offset + limit]
        following = offset + limit if offset + limit < len(new) else None
        summaries = views.child_summaries(self._desk.service, [item for _, item in page])
        now_ms = int(clock.now() * 1000)
        return views.timeline(story, now_ms, items=page, summaries=summaries, next_offset=following)

    def _ended(self, service: Service, execution_id: str, timeout: float) -> Meta:
        return until(
            partial(service.latest, execution_id),
            lambda meta: meta.ended or meta.status == "stalled",
            self._desk.clock,
            self._desk.patience(timeout),
        )


def _prepared(service: Service, request: StartRequest) -> tuple[Definition, Any, StartOptions]:
    """Everything that can be wrong with a start is found here, before anything is stored."""
    definition = service.registry.get(request.workflow_id)
    size = len(json.dumps(request.payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MAX_PAYLOAD:
        raise TooLarge(
            f"the payload of {definition.id!r} takes {size} bytes, {MAX_PAYLOAD} are taken; put large values elsewhere "
            "and send their address"
        )
    options = StartOptions(
        queue=_queue(service, request),
        concurrency_key=request.concurrency_key,
        session=request.session_id,
        user=request.user_id,
        deployment=request.deployment_id,
        initial_state=state_from_outside(definition, request.initial_state),
        run_timeout=request.run_timeout_seconds,
        compute_timeout=request.compute_timeout_seconds,
        idempotency_key=request.idempotency_key,
        on_conflict=request.on_conflict,
        priority=request.priority,
        attributes=request.attributes,
    )
    return definition, payload_from_outside(definition, request.payload), options


def _queue(service: Service, request: StartRequest) -> str | Queue | None:
    name, limit = request.queue_name, request.queue_concurrency_limit
    if limit is None:
        return name
    if name is None:
        raise InvalidRequest("queue_concurrency_limit limits a queue: name it with queue_name")
    known = service.registry.queues.get(name)
    if known is not None and known.concurrency_limit != limit:
        raise Conflict(
            f"queue {name!r} has the concurrency limit {known.concurrency_limit}, and the request says {limit}"
        )
    return known or Queue(name, limit)


def _start(service: Service, definition: Definition, payload: Any, options: StartOptions) -> StartInfo:
    return service.start(definition, payload, options)


def _attributes(pairs: Sequence[str]) -> dict[str, str] | None:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise InvalidRequest(f"attribute={pair!r}: write it as name=value")
        found[name] = value
    return found or None


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _purpose(wanted: Filter) -> str:
    return "list:" + hashlib.sha256(repr(wanted).encode("utf-8", "surrogatepass")).hexdigest()
