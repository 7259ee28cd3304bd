"""One operation of an execution in full: what it was given and gave, its attempts, its logs, what a model said."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, Final

from polos.core.codec import plain_json
from polos.core.operations import CallChild, Operation, RunStep, Suspend
from polos.errors import NotFound, NotStorable
from polos.runtime.service import Service
from polos.runtime.timeline import Item, TimelineReader
from polos.server import views
from polos.server.llm_calls import llm_call
from polos.server.models.steps import Input, StepDetail
from polos.server.values import to_outside

LARGEST: Final = 2_000_000
"""Bytes of one value in a step's detail."""
_LONGEST_TEXT: Final = 2000


def step_detail(service: Service, reader: TimelineReader, address: str, now_ms: int) -> StepDetail:
    """The operation at that address of the execution that is read. `NotFound` if it has none there."""
    story = reader.read()
    found = next(((i, item) for i, item in enumerate(story.items) if item.address == address), None)
    if found is None:
        raise NotFound(
            f"execution {reader.execution} has no operation {address!r}; its timeline tells which it has"
        )
    index, item = found
    operation = reader.operation(address)
    summaries = views.child_summaries(service, [item])
    known = views.operation(item, index, now_ms, summaries).model_dump(by_alias=False)
    return StepDetail(
        **{**known, "value": None},
        **_given(operation),
        **_gave(item),
        logs=views.logs(item),
        llm=llm_call(service, service.meta(reader.execution), item, operation),
    )


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
