"""Looking into an execution: its operations one by one, and its children."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from polos.core.codec import plain_json
from polos.core.operations import CallChild, Operation, RunStep, Suspend
from polos.errors import NotFound, NotStorable
from polos.runtime.executions import Meta, decode
from polos.runtime.timeline import Item
from polos.server import views
from polos.server.desk import Desk
from polos.server.llm_calls import llm_call
from polos.server.models.executions import ExecutionPage
from polos.server.models.steps import Input, StepDetail
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.values import to_outside

GROUP: Final = "Executions"
LARGEST: Final = 2_000_000
"""Bytes of one value in a step's detail."""
_LONGEST_TEXT: Final = 2000
_PAGES: Final = 5

Id = Annotated[str, Path(description="The id of an execution.")]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Steps(desk)
    one = "/v1/executions/<execution_id>"
    return (
        Route("GET", f"{one}/step", at.read_step, Role.READ, GROUP),
        Route("GET", f"{one}/children", at.list_children, Role.READ, GROUP),
    )


class Steps:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read_step(
        self,
        execution_id: Id,
        address: Annotated[Name, Query(description="verb:key, as the timeline has it.")],
    ) -> StepDetail:
        """One operation in full: what it was given and gave, its attempts with their tracebacks, what a model said."""
        service = self._desk.service
        reader = self._desk.reader(execution_id)
        story = reader.read()
        found = next(((i, item) for i, item in enumerate(story.items) if item.address == address), None)
        if found is None:
            raise NotFound(
                f"execution {execution_id} has no operation {address!r}; its timeline tells which it has"
            )
        index, item = found
        operation = reader.operation(address)
        now_ms = int(self._desk.clock.now() * 1000)
        summaries = views.child_summaries(service, [item])
        known = views.operation(item, index, now_ms, summaries).model_dump(by_alias=False)
        return StepDetail(
            **{**known, "value": None},
            **_given(operation),
            **_gave(item),
            logs=views.logs(item),
            llm=llm_call(service, service.meta(execution_id), item, operation),
        )

    def list_children(
        self,
        execution_id: Id,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> ExecutionPage:
        """The executions that this one started, oldest first. A page may hold fewer than `limit`."""
        service, cursors = self._desk.service, self._desk.cursors
        info = service.meta(execution_id).info
        purpose, root = f"children:{execution_id}", info.root_execution or execution_id
        begin = cursors.take(service.project, purpose, cursor)
        found: list[Meta] = []
        for _ in range(_PAGES):
            page = service.ports.records.find(
                "tree",
                f"{service.project}|tree|{root}",
                after=f"{info.created_at:013d}",
                limit=limit,
                cursor=begin,
            )
            metas = (decode(record) for record in page.records)
            found = [meta for meta in metas if meta.info.parent_execution == execution_id]
            begin = page.cursor
            if found or begin is None:
                break
        sealed = None if begin is None else cursors.give(service.project, purpose, begin)
        return ExecutionPage(executions=[views.summary(meta) for meta in found], next_cursor=sealed)


def _given(operation: Operation | None) -> dict[str, Any]:
    """What the code says of an operation: its input, and how it is tried."""
    match operation:
        case RunStep() as step:
            about = {
                "function": _name(step.function),
                "max_retries": step.retry.max_retries,
                "timeout": step.timeout,
                "queue": step.queue,
            }
            given = Input(
                args=[_plain(one) for one in step.args],
                kwargs={name: _plain(one) for name, one in step.kwargs.items()},
            )
            return {**about, **_fitting(given)}
        case CallChild(child=child):
            return {"queue": child.queue, **_fitting(Input(payload=to_outside(child.payload, None)))}
        case Suspend(data=data):
            return {"input_known": True, "question": json.loads(data)}
        case None:
            return {}
        case _:
            return {"input_known": True}


def _gave(item: Item) -> dict[str, Any]:
    error = None if item.error is None else dict(item.error)
    if item.value is None:
        return {"error": error}
    if len(item.value.encode()) > LARGEST:
        return {"error": error, "output_omitted": True}
    return {"error": error, "output": to_outside(item.value, None)}


def _fitting(given: Input) -> dict[str, Any]:
    large = len(given.model_dump_json().encode()) > LARGEST
    return {"input_known": True, "input_omitted": large, "input": None if large else given}


def _plain(value: Any) -> Any:
    """A value as JSON; what JSON has no form for as a text that describes it."""
    try:
        return json.loads(plain_json(value))
    except (NotStorable, ValueError, RecursionError):
        text = repr(value)
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _name(function: Callable[..., Any]) -> str:
    inner = inspect.unwrap(function)
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    return f"{getattr(inner, '__module__', '')}.{name}"
