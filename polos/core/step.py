"""`ctx.step`: the durable verbs. Each issues one operation (or effect) at its address (verb, key).

A verb is a plain function that notes where it was called and returns a coroutine; the operation is issued when the
coroutine runs, so a verb that is never awaited does nothing, and Python says so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from polos.core.codec import Codec, DoesNotFit, codec_for, plain_json, return_codec
from polos.core.definitions import Definition, Queue
from polos.core.ids import derived_id, derived_uuid, fraction
from polos.core.models import BatchStepResult, BatchWorkflowInput, EventPayload, ExecutionHandle, Match
from polos.core.operations import (
    AwaitChild,
    AwaitEvent,
    CallChild,
    ChildSpec,
    Publish,
    ResumeOther,
    RunStep,
    StartChild,
    Suspend,
    Timer,
)
from polos.core.replay import Replay, Where, plain
from polos.core.retry import retry_policy
from polos.core.start import StartInfo
from polos.errors import InvalidDefinition, InvalidPayload, NotStorable, StepExecutionError

R = TypeVar("R")
Resolve = Callable[[Any], Definition]
"""From a workflow object or an id to its definition; raises `UnknownWorkflow`."""


def run_topic(workflow: str, execution: str) -> str:
    """The topic of a run: everything that its root execution and descendants publish about themselves."""
    return f"workflow/{workflow}/{execution}"


class Step:
    """The verbs of one execution."""

    def __init__(self, info: StartInfo, replay: Replay, resolve: Resolve) -> None:
        self._info = info
        self._replay = replay
        self._resolve = resolve

    # --- run ------------------------------------------------------------------------------------------------------

    @overload
    def run(
        self,
        key: str,
        func: Callable[..., Coroutine[Any, Any, R]],
        *args: Any,
        max_retries: int = 2,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        timeout: float | None = None,
        queue: str | Queue | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def run(
        self,
        key: str,
        func: Callable[..., R],
        *args: Any,
        max_retries: int = 2,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        timeout: float | None = None,
        queue: str | Queue | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, R]: ...

    def run(
        self,
        key: str,
        func: Callable[..., Any],
        *args: Any,
        max_retries: int = 2,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        timeout: float | None = None,
        queue: str | Queue | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, Any]:
        """Call `func(*args, **kwargs)` (sync or async) and record its result.

        A failed attempt is tried again `max_retries` times, `base_delay`, `2 * base_delay` ... seconds later (at most
        `max_delay`), and no compute is used meanwhile; after the last one `StepExecutionError` is raised here.
        `timeout`: seconds for one attempt. `queue`: run this step on that queue's compute.
        """
        if not callable(func):
            raise InvalidDefinition(
                f"ctx.step.run({key!r}, ...) needs a function and its arguments, got {type(func).__name__}; "
                "pass the function itself, not the result of calling it"
            )
        if getattr(func, "definition", None) is not None:
            raise InvalidDefinition(
                f"ctx.step.run({key!r}, ...) was given the workflow {getattr(func, 'id', func)!r}; "
                "a workflow is called with ctx.step.invoke_and_wait(key, workflow, payload)"
            )
        codec = codec_of(func)
        operation = RunStep(
            key=key,
            function=func,
            args=args,
            kwargs=kwargs,
            codec=codec,
            retry=retry_policy(max_retries, base_delay, max_delay),
            timeout=timeout,
            queue=queue.name if isinstance(queue, Queue) else queue,
        )
        return self._operation("run", key, operation, codec.decode, _where())

    # --- chance and time ------------------------------------------------------------------------------------------

    async def uuid(self, key: str) -> str:
        """A UUID that is the same at every replay."""
        self._replay.claim(f"uuid:{key}", _where())
        return derived_uuid(self._info.project, self._info.chance, "uuid", key)

    async def random(self, key: str) -> float:
        """A float in [0, 1) that is the same at every replay."""
        self._replay.claim(f"random:{key}", _where())
        return fraction(self._info.project, self._info.chance, "random", key)

    async def now(self, key: str) -> int:
        """The time, epoch milliseconds: when the last thing was recorded before this point."""
        self._replay.claim(f"now:{key}", _where())
        return self._replay.now_ms

    # --- waiting --------------------------------------------------------------------------------------------------

    def wait_for(
        self,
        key: str | ExecutionHandle,
        handle: ExecutionHandle | None = None,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        weeks: float = 0,
    ) -> Coroutine[Any, Any, Any]:
        """Wait for a time (the units are summed), or for a started execution: then this gives its result."""
        if isinstance(key, ExecutionHandle):
            handle, key = key, key.id
        duration = seconds + 60 * (minutes + 60 * (hours + 24 * (days + 7 * weeks)))
        if handle is not None:
            codec = self._resolve(handle.workflow_id).result_codec
            child = AwaitChild(handle.id, handle.workflow_id, codec)
            return self._operation("wait_for", key, child, _optional(codec.decode), _where())
        if duration < 0:
            raise InvalidDefinition(f"ctx.step.wait_for({key!r}) was asked to wait for {duration} s")
        return self._timer("wait_for", key, duration, _where())

    def wait_until(self, key: str, when: datetime) -> Coroutine[Any, Any, None]:
        """Wait until a point in time; a naive datetime is UTC. A past one returns at once."""
        aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return self._operation("wait_until", key, Timer(aware.timestamp()), _nothing, _where())

    def _timer(self, verb: str, key: str, duration: float, where: Where) -> Coroutine[Any, Any, None]:
        async def wait() -> None:
            timer = Timer(self._replay.now_ms / 1000 + duration)
            await self._replay.issue(f"{verb}:{key}", timer, where, _nothing)

        return wait()

    def wait_for_event(
        self,
        key: str,
        topic: str,
        timeout: float | None = None,
        match: Match | None = None,
        since: str = "start",
    ) -> Coroutine[Any, Any, EventPayload]:
        """Wait for the first event of `topic` since this execution started that it has not consumed yet.

        `match`: a predicate over `EventPayload`, or values its data must have. `since="now"`: only events published
        after this wait began. Raises `WaitTimeout` after `timeout` seconds.
        """
        if since not in ("start", "now"):
            raise InvalidDefinition(
                f"ctx.step.wait_for_event({key!r}): since={since!r}; say 'start' or 'now'"
            )
        where = _where()

        async def wait() -> EventPayload:
            operation = AwaitEvent(topic, match, since, self._due(timeout))
            text = await self._replay.issue(f"wait_for_event:{key}", operation, where, str)
            return EventPayload.model_validate_json(text)

        return wait()

    def suspend(
        self, key: str, data: Any = None, timeout: float | None = None
    ) -> Coroutine[Any, Any, dict[str, Any]]:
        """Publish `suspend_<key>` with `data` and wait for the resume: its event as a dict, the answer under `data`.

        Raises `WaitTimeout` after `timeout` seconds.
        """
        text = plain_json(data, root="data")
        where = _where()

        async def wait() -> dict[str, Any]:
            operation = Suspend(text, self._due(timeout))
            return cast(dict[str, Any], await self._replay.issue(f"suspend:{key}", operation, where, plain))

        return wait()

    def _due(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._replay.now_ms / 1000 + timeout

    # --- children -------------------------------------------------------------------------------------------------

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
            ("invoke", key), workflow, payload, initial_state, queue, concurrency_key, run_timeout_seconds
        )
        return self._start("invoke", key, child, _where())

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
            initial_state,
            queue,
            concurrency_key,
            run_timeout_seconds,
        )
        codec = self._resolve(workflow).result_codec
        return self._operation(
            "invoke_and_wait", key, CallChild(child, codec), _optional(codec.decode), _where()
        )

    def batch_invoke(
        self, key: str, workflows: Sequence[BatchWorkflowInput]
    ) -> Coroutine[Any, Any, list[ExecutionHandle]]:
        """Start several executions and go on; handles in the order of the inputs."""
        where = _where()
        children = [self._batch_child("batch_invoke", key, i, item) for i, item in enumerate(workflows)]

        async def start() -> list[ExecutionHandle]:
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
        where = _where()
        children = [
            self._batch_child("batch_invoke_and_wait", key, i, item) for i, item in enumerate(workflows)
        ]

        async def one(index: int, child: ChildSpec) -> BatchStepResult:
            codec = self._resolve(child.workflow).result_codec
            address = f"batch_item:{index}:{key}"
            try:
                operation = CallChild(child, codec)
                result = await self._replay.issue(address, operation, where, _optional(codec.decode))
            except StepExecutionError as error:
                return BatchStepResult(success=False, error=error.message, execution_id=child.execution)
            return BatchStepResult(success=True, result=result, execution_id=child.execution)

        async def wait() -> list[BatchStepResult]:
            self._replay.claim(f"batch_invoke_and_wait:{key}", where)
            return list(await asyncio.gather(*(one(i, child) for i, child in enumerate(children))))

        return wait()

    def _batch_child(self, verb: str, key: str, index: int, item: BatchWorkflowInput) -> ChildSpec:
        address = (verb, f"{index}:{key}")
        return self._child(
            address,
            item.id,
            item.payload,
            item.initial_state,
            None,
            item.concurrency_key,
            item.run_timeout_seconds,
        )

    def _child(
        self,
        address: tuple[str, str],
        workflow: Any,
        payload: Any,
        initial_state: Any,
        queue: str | Queue | None,
        concurrency_key: str | None,
        run_timeout: float | None,
    ) -> ChildSpec:
        definition = self._resolve(workflow)
        state = None
        if initial_state is not None:
            state = codec_for(definition.state_schema, root="initial_state").encode(initial_state)
        return ChildSpec(
            execution=derived_id(self._info.project, self._info.execution, *address),
            workflow=definition.id,
            payload=encode_payload(definition, payload),
            queue=queue.name if isinstance(queue, Queue) else queue,
            concurrency_key=concurrency_key,
            initial_state=state,
            run_timeout=run_timeout,
            session=self._info.session,
            user=self._info.user,
        )

    async def _start(self, verb: str, key: str, child: ChildSpec, where: Where) -> ExecutionHandle:
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

    # --- telling others -------------------------------------------------------------------------------------------

    async def publish_event(
        self, key: str, topic: str, data: Any = None, event_type: str | None = None
    ) -> None:
        """Publish to a topic: once, however often this execution is replayed."""
        self._publish("publish_event", key, topic, data, event_type)

    async def publish_workflow_event(self, key: str, data: Any = None, event_type: str | None = None) -> None:
        """Publish to the topic of this run: once, however often this execution is replayed."""
        info = self._info
        topic = run_topic(info.root_workflow or info.workflow, info.root_execution or info.execution)
        self._publish("publish_workflow_event", key, topic, data, event_type)

    def _publish(self, verb: str, key: str, topic: str, data: Any, event_type: str | None) -> None:
        event_id = derived_id(self._info.project, self._info.execution, verb, key)
        text = plain_json(data, root="data")
        self._replay.effect(f"{verb}:{key}", Publish(topic, event_id, event_type or "", text), _where(3))

    async def resume(
        self,
        key: str,
        suspend_step_key: str,
        suspend_execution_id: str,
        suspend_workflow_id: str,
        data: Any = None,
    ) -> None:
        """Resume a suspended operation of another execution."""
        event_id = derived_id(self._info.project, self._info.execution, "resume", key)
        text = plain_json(data, root="data")
        effect = ResumeOther(suspend_execution_id, suspend_workflow_id, suspend_step_key, text, event_id)
        self._replay.effect(f"resume:{key}", effect, _where())

    # --- tracing --------------------------------------------------------------------------------------------------

    @contextmanager
    def trace(self, name: str, attributes: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """A span around what the block waits for; more attributes can be put into what it gives."""
        start, kept = self._replay.now_ms, dict(attributes or {})
        try:
            yield kept
        finally:
            self._replay.traced(name, start, kept)

    # --- issuing --------------------------------------------------------------------------------------------------

    def _operation(
        self, verb: str, key: str, operation: Any, decode: Callable[[Any], Any], where: Where
    ) -> Coroutine[Any, Any, Any]:
        async def issue() -> Any:
            return await self._replay.issue(f"{verb}:{key}", operation, where, decode)

        return issue()


_codecs: WeakKeyDictionary[Callable[..., Any], Codec[Any]] = WeakKeyDictionary()


def codec_of(func: Callable[..., Any]) -> Codec[Any]:
    """The codec of a function's results, found once per function: a replay asks for it at every step."""
    try:
        known = _codecs.get(func)
        if known is None:
            known = _codecs[func] = return_codec(func)
    except TypeError:  # what cannot be referred to weakly, or hashed
        return return_codec(func)
    return known


def encode_payload(definition: Definition, payload: Any) -> str:
    """The payload as it is stored: what a caller gave, as the annotation understands it, a dict as its model.

    No payload at all is an empty one where the annotation takes that (a dict, a model of defaults) and not None.
    Raises `InvalidPayload` with every field that does not validate.
    """
    codec = definition.payload_codec
    if payload is None and not _fits(codec, None) and _fits(codec, {}):
        payload = {}
    return _encode_given(definition, codec, payload)


def _fits(codec: Codec[Any], value: Any) -> bool:
    try:
        codec.coerce(value)
    except NotStorable:
        return False
    return True


def _encode_given(definition: Definition, codec: Codec[Any], payload: Any) -> str:
    try:
        return codec.encode(codec.coerce(payload))
    except DoesNotFit as error:
        raise InvalidPayload(definition.id, error.problems) from error
    except NotStorable as error:
        text = str(error).removeprefix(f"{error.path}: ")
        raise InvalidPayload(definition.id, [(error.path, text)]) from error


def _nothing(_: str | None) -> None:
    return None


def _optional(decode: Callable[[str], Any]) -> Callable[[str | None], Any]:
    return lambda text: None if text is None else decode(text)


def _where(depth: int = 2) -> Where:
    frame = sys._getframe(depth)
    return frame.f_code, frame.f_lineno
