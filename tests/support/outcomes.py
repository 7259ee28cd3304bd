"""What stories compare: how executions ended, with nothing in it that differs between two tellings."""

from __future__ import annotations

from typing import Any

from polos.errors import ExecutionError
from polos.testing.harness import Harness, Started
from support.scenario import executions


def ended(started: Started) -> tuple[str, Any]:
    """Let it run to its end: its status, and its result or the text of its error."""
    try:
        result = started.result()
    except ExecutionError as error:
        return started.status, str(error).replace(started.id, "ID")
    return started.status, result


def statuses(world: Harness) -> list[tuple[str, str]]:
    """Workflow and status of every execution, sorted: ids and order of creation differ between worlds."""
    metas = [world.service.meta(execution) for execution in executions(world)]
    return sorted((meta.info.workflow, meta.status) for meta in metas)


def of(world: Harness, workflow: str) -> list[Started]:
    """The executions of one workflow, in order of creation."""
    metas = [world.service.meta(execution) for execution in executions(world)]
    return [Started(world, m.info.execution, workflow) for m in metas if m.info.workflow == workflow]
