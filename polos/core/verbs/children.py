"""Other executions: started, or called and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, Unpack, overload

from pydantic import BaseModel

from polos.core.codec import codec_for
from polos.core.definitions import Definition, Queue
from polos.core.durations import check_seconds
from polos.core.ids import derived_id
from polos.core.models import BatchStepResult, BatchWorkflowInput, ExecutionHandle
from polos.core.naming import check_name
from polos.core.operations import (
    CallChild,
    ChildSpec,
    StartChild,
)
from polos.core.replay import Where
from polos.core.signatures import Bare, Callee, CalleeTool, ChildOptions
from polos.core.verbs.base import Verbs, encode_payload, optional, where_called
from polos.errors import StepExecutionError

R = TypeVar("R")
Payload = TypeVar("Payload")


class Children(Verbs):
    """Verbs that start executions."""

    @overload
    def invoke(
        self, key: str, workflow: Bare[R], **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, ExecutionHandle[R]]: ...
    @overload
    def invoke(
        self,
        key: str,
        workflow: Callee[[Any, Payload], R],
        payload: Payload | Mapping[str, Any],
        **options: Unpack[ChildOptions],
    ) -> Coroutine[Any, Any, ExecutionHandle[R]]: ...
    @overload
    def invoke(
        self,
        key: str,
        workflow: CalleeTool[R],
        payload: Mapping[str, Any] | BaseModel = ...,
        **options: Unpack[ChildOptions],
    ) -> Coroutine[Any, Any, ExecutionHandle[R]]: ...
    @overload
    def invoke(
        self, key: str, workflow: str | Definition, payload: Any = None, **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, ExecutionHandle]: ...
    def invoke(
        self,
        key: str,
        workflow: Any,
        payload: Any = None,
        *,
        initial_state: Any = None,
        queue: str | Queue | None = None,
        concurrency_key: str | None = None,
        run_timeout_seconds: float | None = None,
    ) -> Coroutine[Any, Any, ExecutionHandle]:
        """Start another workflow and go on; the handle can be waited for with `wait_for(handle)`."""
        child = self._child(
            ("invoke", key),
            workflow,
            payload,
            initial_state=initial_state,
            queue=queue,
            concurrency_key=concurrency_key,
            run_timeout=run_timeout_seconds,
        )
        return self._start("invoke", key, child, where_called())

    @overload
    def invoke_and_wait(
        self, key: str, workflow: Bare[R], **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def invoke_and_wait(
        self,
        key: str,
        workflow: Callee[[Any, Payload], R],
        payload: Payload | Mapping[str, Any],
        **options: Unpack[ChildOptions],
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def invoke_and_wait(
        self,
        key: str,
        workflow: CalleeTool[R],
        payload: Mapping[str, Any] | BaseModel = ...,
        **options: Unpack[ChildOptions],
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def invoke_and_wait(
        self, key: str, workflow: str | Definition, payload: Any = None, **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, Any]: ...
    def invoke_and_wait(
        self,
        key: str,
        workflow: Any,
        payload: Any = None,
        *,
        initial_state: Any = None,
        queue: str | Queue | None = None,
        concurrency_key: str | None = None,
        run_timeout_seconds: float | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Start another workflow and wait for its result. If it fails, `StepExecutionError` with its error."""
        child = self._child(
            ("invoke_and_wait", key),
            workflow,
            payload,
            initial_state=initial_state,
            queue=queue,
            concurrency_key=concurrency_key,
            run_timeout=run_timeout_seconds,
        )
        codec = self._resolve(workflow).result_codec
        return self._operation(
            f"invoke_and_wait:{key}", CallChild(child, codec), optional(codec.decode), where_called()
        )

    def batch_invoke(
        self, key: str, workflows: Sequence[BatchWorkflowInput]
    ) -> Coroutine[Any, Any, list[ExecutionHandle]]:
        """Start several executions and go on; handles in the order of the inputs."""
        where = where_called()
        children = [self._batch_child("batch_invoke", key, i, item) for i, item in enumerate(workflows)]

        async def start() -> list[ExecutionHandle]:
            await self._replay.gate()
            self._replay.claim(f"batch_invoke:{key}", where)
            return [
                await self._start("batch_invoke", f"{i}:{key}", child, where)
                for i, child in enumerate(children)
            ]

        return start()

    def batch_invoke_and_wait(
        self, key: str, workflows: Sequence[BatchWorkflowInput]
    ) -> Coroutine[Any, Any, list[BatchStepResult]]:
        """Start several executions and wait for all: results in the order of the inputs; a failure is data."""
        where = where_called()
        children = [
            self._batch_child("batch_invoke_and_wait", key, i, item) for i, item in enumerate(workflows)
        ]

        async def one(index: int, child: ChildSpec) -> BatchStepResult:
            codec = self._resolve(child.workflow).result_codec
            address = f"batch_item:{index}:{key}"
            try:
                operation = CallChild(child, codec)
                result = await self._replay.issue(address, operation, where, optional(codec.decode))
            except StepExecutionError as error:
                return BatchStepResult(success=False, error=error.message, execution_id=child.execution)
            return BatchStepResult(success=True, result=result, execution_id=child.execution)

        async def wait() -> list[BatchStepResult]:
            await self._replay.gate()
            self._replay.claim(f"batch_invoke_and_wait:{key}", where)
            return list(await asyncio.gather(*(one(i, child) for i, child in enumerate(children))))

        return wait()

    def _batch_child(self, verb: str, key: str, index: int, item: BatchWorkflowInput) -> ChildSpec:
        address = (verb, f"{index}:{key}")
        return self._child(
            address,
            item.id,
            item.payload,
            initial_state=item.initial_state,
            concurrency_key=item.concurrency_key,
            run_timeout=item.run_timeout_seconds,
        )

    def _child(
        self,
        address: tuple[str, str],
        workflow: Any,
        payload: Any,
        *,
        initial_state: Any,
        queue: str | Queue | None = None,
        concurrency_key: str | None,
        run_timeout: float | None,
    ) -> ChildSpec:
        definition = self._resolve(workflow)
        state = None
        if initial_state is not None:
            codec = codec_for(definition.state_schema, root="initial_state")
            state = codec.encode(codec.coerce(initial_state))
        check_name("the concurrency_key", concurrency_key)
        check_seconds("run_timeout_seconds", run_timeout, zero=False)
        return ChildSpec(
            execution=derived_id(self._info.project, self._info.execution, *address),
            workflow=definition.id,
            payload=encode_payload(definition, payload),
            queue=queue.name if isinstance(queue, Queue) else queue,
            limit=queue.concurrency_limit if isinstance(queue, Queue) else None,
            concurrency_key=concurrency_key,
            initial_state=state,
            run_timeout=run_timeout,
            session=self._info.session,
            user=self._info.user,
        )

    async def _start(self, verb: str, key: str, child: ChildSpec, where: Where) -> ExecutionHandle:
        await self._replay.gate()
        owner = self._replay.origin or self._info.execution
        child = replace(child, execution=derived_id(self._info.project, owner, verb, key))
        self._replay.effect(f"{verb}:{key}", StartChild(child), where)
        return ExecutionHandle(
            id=child.execution,
            workflow_id=child.workflow,
            created_at=datetime.fromtimestamp(self._replay.now_ms / 1000, UTC),
            parent_execution_id=self._info.execution,
            root_workflow_id=self._info.root_workflow or self._info.workflow,
            root_execution_id=self._info.root_execution or self._info.execution,
            session_id=child.session,
            user_id=child.user,
            step_key=key,
        )
