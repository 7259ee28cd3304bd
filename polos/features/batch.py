"""Start many executions at once: `await batch.run(workflow_id="my_workflow", inputs=[...])`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from polos.core.models import BatchStepResult, BatchWorkflowInput, ExecutionHandle
from polos.errors import ExecutionError, ResultTimeout
from polos.runtime.client import Client, StartOptions, client_first

AT_ONCE: Final = 50
"""Starts, and waits, that are under way at the same time."""


async def invoke(
    *args: Any,
    workflow_id: Any = None,
    inputs: Sequence[Any] = (),
    client: Client | None = None,
    **options: Any,
) -> list[ExecutionHandle]:
    """Start one execution of the workflow per input; handles in their order.

    Also `invoke([client,] [BatchWorkflowInput, ...])`, each with its own workflow.
    """
    used, rest = client_first(args, client)
    items = _items(rest, workflow_id, inputs)
    gate = asyncio.Semaphore(AT_ONCE)

    async def start(item: BatchWorkflowInput) -> ExecutionHandle:
        async with gate:
            asked = {**options, "initial_state": item.initial_state, "run_timeout": item.run_timeout_seconds}
            asked["concurrency_key"] = item.concurrency_key or options.get("concurrency_key")
            return await used.start(item.id, item.payload, StartOptions(**asked))

    return list(await asyncio.gather(*(start(item) for item in items)))


async def run(
    *args: Any,
    workflow_id: Any = None,
    inputs: Sequence[Any] = (),
    timeout: float | None = 600.0,
    client: Client | None = None,
    **options: Any,
) -> list[BatchStepResult]:
    """Start them and wait for all: a `BatchStepResult` each, in order; a failure is data, not an exception."""
    used, rest = client_first(args, client)
    handles = await invoke(used, *rest, workflow_id=workflow_id, inputs=inputs, **options)

    async def outcome(handle: ExecutionHandle) -> BatchStepResult:
        try:
            result = await used.wait_result(handle.id, timeout)
        except (ExecutionError, ResultTimeout) as error:
            return BatchStepResult(success=False, error=str(error), execution_id=handle.id)
        return BatchStepResult(success=True, result=result, execution_id=handle.id)

    return list(await asyncio.gather(*(outcome(handle) for handle in handles)))


def _items(rest: list[Any], workflow_id: Any, inputs: Sequence[Any]) -> list[BatchWorkflowInput]:
    if rest and not isinstance(rest[0], str) and not hasattr(rest[0], "definition"):
        return [BatchWorkflowInput.model_validate(item) for item in rest[0]]
    name = rest[0] if rest else workflow_id
    given = rest[1] if len(rest) > 1 else inputs
    if name is None:
        raise TypeError("which workflow? call it as batch.run(workflow_id=..., inputs=[...])")
    return [BatchWorkflowInput(id=getattr(name, "id", name), payload=payload) for payload in given]
