"""What every client can do in the words of the contract, over the few verbs that the client protocol has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from polos.core.definitions import Definition, Queue
from polos.core.models import BatchWorkflowInput, EventPayload, ExecutionHandle
from polos.errors import InvalidRequest
from polos.runtime.service import StartOptions


class ClientVerbs(ABC):
    """The verbs that `PolosClient` and `Polos` share."""

    @abstractmethod
    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution."""

    @abstractmethod
    async def start_batch(
        self, starts: Sequence[tuple[Definition | str, Any, StartOptions]]
    ) -> list[ExecutionHandle]:
        """Start several: each payload is checked before any is started."""

    @abstractmethod
    async def resume(
        self, suspend_workflow_id: str, suspend_execution_id: str, suspend_step_key: str, data: Any = None
    ) -> EventPayload:
        """Answer a suspended step. The first answer counts; it may come before the code asks.

        Raises:
            NotFound: There is no such execution of that workflow.
            Conflict: It has ended.
        """

    async def invoke(
        self,
        workflow_id: Any,
        payload: Any = None,
        queue_name: str | None = None,
        queue_concurrency_limit: int | None = None,
        *,
        concurrency_key: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        initial_state: Any = None,
        run_timeout_seconds: float | None = None,
        idempotency_key: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> ExecutionHandle:
        """Start an execution of the workflow of that id (or the workflow itself); durable once this returns.

        Raises:
            UnknownWorkflow: There is none of that id.
            InvalidPayload: The payload does not fit what it takes.
            Conflict: The idempotency key was used with another payload.
        """
        options = StartOptions(
            queue=_queue(queue_name, queue_concurrency_limit),
            concurrency_key=concurrency_key,
            session=session_id,
            user=user_id,
            initial_state=initial_state,
            run_timeout=run_timeout_seconds,
            idempotency_key=idempotency_key,
            attributes=attributes or {},
        )
        return await self.start(getattr(workflow_id, "definition", workflow_id), payload, options)

    async def batch_invoke(self, workflows: Sequence[BatchWorkflowInput]) -> list[ExecutionHandle]:
        """Start several executions; handles in their order. Each payload is checked before any is started."""
        inputs = [BatchWorkflowInput.model_validate(one) for one in workflows]
        return await self.start_batch([(one.id, one.payload, _options(one)) for one in inputs])


def _options(one: BatchWorkflowInput) -> StartOptions:
    return StartOptions(
        concurrency_key=one.concurrency_key,
        initial_state=one.initial_state,
        run_timeout=one.run_timeout_seconds,
    )


def _queue(name: str | None, limit: int | None) -> str | Queue | None:
    if limit is None:
        return name
    if name is None:
        raise InvalidRequest("queue_concurrency_limit limits a queue: name it with queue_name")
    return Queue(name, limit)


def filters(
    *,
    status: str | None = None,
    workflow_id: str | None = None,
    root_execution_id: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    kind: str | None = None,
    queue: str | None = None,
    roots_only: bool = False,
    id_prefix: str | None = None,
    attributes: Mapping[str, str] | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> dict[str, Any]:
    """The filters of a list that were given, as the query of the API has them. TypeError for one that is not known."""
    given: dict[str, Any] = {
        "status": status,
        "workflow_id": workflow_id,
        "root_execution_id": root_execution_id,
        "session_id": session_id,
        "user_id": user_id,
        "kind": kind,
        "queue": queue,
        "roots_only": "true" if roots_only else None,
        "id_prefix": id_prefix,
        "attribute": [f"{name}={value}" for name, value in (attributes or {}).items()] or None,
        "created_after": created_after.isoformat() if created_after else None,
        "created_before": created_before.isoformat() if created_before else None,
    }
    return {name: value for name, value in given.items() if value is not None}
