"""Making the fixed facts of a new execution: of a root, and of a child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from polos.core.definitions import Definition, Queue
from polos.core.operations import ChildSpec
from polos.core.start import StartInfo


def root_info(
    definition: Definition, *, project: str, execution: str, payload: str, now_ms: int, **asked: Any
) -> StartInfo:
    """A root execution of `definition`; `asked` are further fields of `StartInfo` the caller sets."""
    info = StartInfo(
        project=project,
        execution=execution,
        workflow=definition.id,
        created_at=now_ms,
        payload=payload,
        kind=definition.kind,
    )
    given = {name: value for name, value in asked.items() if value is not None}
    return with_settings(replace(info, **given), definition)


def child_info(
    parent: StartInfo,
    child: ChildSpec,
    key: str,
    *,
    now_ms: int,
    resolve: Callable[[Any], Definition],
    queues: Mapping[str, Queue],
) -> StartInfo:
    """A child of `parent`. `key`: the address of the operation that waits for it, "" if none does.

    `queues`: the known ones, for the limit of one that the child names.
    """
    definition = resolve(child.workflow)
    info = StartInfo(
        project=parent.project,
        execution=child.execution,
        workflow=child.workflow,
        created_at=now_ms,
        payload=child.payload,
        kind=definition.kind,
        root_execution=parent.root_execution or parent.execution,
        root_workflow=parent.root_workflow or parent.workflow,
        parent_execution=parent.execution,
        parent_workflow=parent.workflow,
        parent_key=key,
        held=held_by(parent) if key else (),
        session=child.session,
        user=child.user,
        deployment=parent.deployment,
        retention=parent.retention,
        initial_state=child.initial_state,
        concurrency_key=child.concurrency_key,
        options=dict(child.options),
    )
    info = with_settings(info, definition)
    if child.queue is not None and child.queue != info.queue:
        known = queues.get(child.queue)
        limit = child.limit or (known.concurrency_limit if known else None)
        info = replace(info, queue=child.queue, limit=limit)
    if child.run_timeout is not None:
        info = replace(info, run_deadline=now_ms + int(child.run_timeout * 1000))
    return info


def held_by(parent: StartInfo) -> tuple[str, ...]:
    """The states that cannot come free while `parent` waits for another execution."""
    own = [parent.state_name] if parent.state_name is not None and parent.awaits_state else []
    return (*parent.held, *own)


def with_settings(info: StartInfo, definition: Definition) -> StartInfo:
    """The settings that the definition gives an execution unless its start says otherwise."""
    queue = definition.queue
    deadline = (
        None if definition.run_timeout is None else info.created_at + int(definition.run_timeout * 1000)
    )
    return replace(
        info,
        compute_limit=info.compute_limit or definition.compute_timeout,
        queue=definition.queue_name,
        limit=queue.concurrency_limit if queue else None,
        run_deadline=info.run_deadline or deadline,
        state_key=None if definition.state_schema is None else (info.session or "global"),
    )
