"""What a workflow's function is given: the context, and the body that calls the function with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from polos.core.codec import codec_for
from polos.core.definitions import Definition
from polos.core.failures import failure
from polos.core.hooks import Flow, HookContext, run_hooks
from polos.core.journal import Entry, Outcome
from polos.core.operations import RunStep
from polos.core.replay import Finish, Replay, plain
from polos.core.retry import RetryPolicy
from polos.core.start import StartInfo
from polos.core.step import Resolve, Step
from polos.errors import InvalidPayload, NotAllowedHere, NotStorable

MOST_STATE_BYTES: Final = 1024 * 1024


class WorkflowContext:
    """One execution as its code sees it. `step` holds the durable verbs; everything else is fixed at the start."""

    def __init__(self, info: StartInfo, replay: Replay, *, resolve: Resolve, logger: Any = None) -> None:
        self._info = info
        self._replay = replay
        self.step = Step(info, replay, resolve)
        self.state: Any = None
        self.logger = logger(replay, info) if logger is not None else None
        self.cancel_event: asyncio.Event = replay.cancelled
        self.retry_count: int = int(info.options.get("retry_count", 0))

    @property
    def workflow_id(self) -> str:
        """The id of the workflow this is an execution of."""
        return self._info.workflow

    @property
    def workflow_type(self) -> str:
        """ "workflow", "agent" or "tool"."""
        return self._info.kind

    @property
    def execution_id(self) -> str:
        """This execution's id."""
        return self._info.execution

    @property
    def root_execution_id(self) -> str:
        """The execution that everything here descends from; this one if it has no parent."""
        return self._info.root_execution or self._info.execution

    @property
    def root_workflow_id(self) -> str:
        """The workflow of the root execution."""
        return self._info.root_workflow or self._info.workflow

    @property
    def parent_execution_id(self) -> str | None:
        """The execution that started this one, if one did."""
        return self._info.parent_execution

    @property
    def deployment_id(self) -> str | None:
        """The deployment that the start asked for."""
        return self._info.deployment

    @property
    def session_id(self) -> str | None:
        """The session it belongs to: also the key under which state is kept."""
        return self._info.session

    @property
    def user_id(self) -> str | None:
        """The user it was started for."""
        return self._info.user

    @property
    def created_at(self) -> datetime:
        """When it was asked for."""
        return datetime.fromtimestamp(self._info.created_at / 1000, UTC)

    def patched(self, patch: str) -> bool:
        """Whether to take the new code path: True where nothing was recorded beyond this point when it was reached.

        The way to change code under running executions: `if ctx.patched("v2"): new() else: old()`.
        """
        return self._replay.patched(patch)

    def continue_as_new(self, payload: Any = None) -> NoReturn:
        """End this execution and go on as a new one of the same workflow with `payload`: a fresh, short journal."""
        raise ContinueAsNew(payload)


class ContinueAsNew(BaseException):
    """Raised by `ctx.continue_as_new(payload)`."""

    def __init__(self, payload: Any) -> None:
        super().__init__("continue as new")
        self.payload = payload


def make_body(
    definition: Definition, *, resolve: Resolve, logger: Any = None
) -> Callable[[Replay, Entry, Entry | None], Any]:
    """The coroutine function a replay runs: decode the input, call the user's function, encode what it gives."""
    context = definition.context or WorkflowContext

    async def body(replay: Replay, start: Entry, state: Entry | None) -> Finish:
        info = StartInfo.from_data(start.extra or {}, payload=start.value)
        if info.would_wait_for_ever:
            return Finish(Outcome.FAILED, error=failure(_state_is_held(info)))
        ctx = context(info, replay, resolve=resolve, logger=logger)
        _load_state(ctx, definition, info, state)
        outcome, value, error = Outcome.COMPLETED, None, None
        try:
            value = definition.result_codec.encode(await _call(ctx, definition, replay, info))
        except ContinueAsNew as wish:
            outcome, value = Outcome.CONTINUED, definition.payload_codec.encode(wish.payload)
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
        except (Exception, SystemExit) as raised:  # whatever the user's code raises is the outcome
            outcome, error = Outcome.FAILED, failure(raised)
        return _finish(ctx, definition, Finish(outcome, value=value, error=error))

    return body


def _finish(ctx: WorkflowContext, definition: Definition, finish: Finish) -> Finish:
    """With the state to save. One that cannot be stored is an error, and what was stored before stays."""
    try:
        return replace(finish, state=_dump_state(ctx, definition))
    except NotStorable as refused:
        if finish.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            return finish  # it has an error to tell already, or nobody who asks
        return Finish(Outcome.FAILED, error=failure(refused))


def _state_is_held(info: StartInfo) -> NotAllowedHere:
    return NotAllowedHere(
        f"workflow {info.workflow!r} was called with the state key {info.state_key!r}, and an execution that waits for "
        "this one holds that state until it ends: the call could never return. Start it with ctx.step.invoke and do "
        "not wait for it, give it another session_id, or an initial_state of its own"
    )


async def _call(ctx: WorkflowContext, definition: Definition, replay: Replay, info: StartInfo) -> Any:
    """The user's function between its hooks: those of the start may change its payload, those of the end its result."""
    hooked = bool(definition.on_start or definition.on_end)
    payload = _payload(definition, info) if definition.takes_payload or hooked else None
    if definition.on_start:
        payload = await _on_start(ctx, definition, payload)
    arguments = [ctx, payload] if definition.takes_payload else [ctx]
    if definition.is_async:
        result = await definition.function(*arguments)
    else:
        result = await _call_sync(ctx, definition, replay, arguments)
    if definition.on_end:
        result = await _on_end(ctx, definition, payload, result)
    return result


async def _on_start(ctx: WorkflowContext, definition: Definition, payload: Any) -> Any:
    changed = await run_hooks(
        ctx,
        "on_start",
        hooks=definition.on_start,
        at=lambda: _hook_context(ctx, "on_start", payload),
        flow=_flow(definition),
    )
    return changed.get("current_payload", payload)


async def _on_end(ctx: WorkflowContext, definition: Definition, payload: Any, result: Any) -> Any:
    changed = await run_hooks(
        ctx,
        "on_end",
        hooks=definition.on_end,
        at=lambda: _hook_context(ctx, "on_end", payload, result),
        flow=_flow(definition),
    )
    return changed.get("current_output", result)


def _hook_context(ctx: WorkflowContext, point: str, payload: Any, output: Any = None) -> HookContext:
    return HookContext(
        point=point,
        workflow_id=ctx.workflow_id,
        execution_id=ctx.execution_id,
        session_id=ctx.session_id,
        user_id=ctx.user_id,
        current_tool=ctx.workflow_id if ctx.workflow_type == "tool" else None,
        current_payload=payload,
        current_output=output,
    )


def _flow(definition: Definition) -> Flow:
    state = None if definition.state_schema is None else _state_codec(definition)
    return Flow(definition.payload_codec, definition.result_codec, state)


async def _call_sync(
    ctx: WorkflowContext, definition: Definition, replay: Replay, arguments: list[Any]
) -> Any:
    """A sync body is one step, so that a replay does not run it again; its state travels with its result."""

    def call() -> Any:
        result = definition.function(*arguments)
        return [definition.result_codec.encode(result), _dump_state(ctx, definition)]

    operation = RunStep("$body", call, codec=codec_for(list[str | None]), retry=RetryPolicy(max_retries=0))
    text, state = await replay.issue("run:$body", operation, (None, 0), plain)
    if state is not None:
        ctx.state = _state_codec(definition).decode(state)
    return definition.result_codec.decode(text)


def _payload(definition: Definition, info: StartInfo) -> Any:
    try:
        return definition.payload_codec.decode(info.payload)
    except NotStorable as error:
        raise InvalidPayload(info.workflow, [(error.path, str(error))]) from error


def _state_codec(definition: Definition) -> Any:
    return codec_for(definition.state_schema, root="state")


def _load_state(ctx: WorkflowContext, definition: Definition, info: StartInfo, state: Entry | None) -> None:
    if definition.state_schema is None:
        return
    text = info.initial_state if state is None else state.value
    ctx.state = definition.state_schema() if text in (None, "null") else _state_codec(definition).decode(text)


def _dump_state(ctx: WorkflowContext, definition: Definition) -> str | None:
    if definition.state_schema is None:
        return None
    text: str = _state_codec(definition).encode(ctx.state)
    size = len(text.encode())
    if size > MOST_STATE_BYTES:
        raise NotStorable(
            f"the state is {size:,} bytes, and at most {MOST_STATE_BYTES:,} are kept",
            path="state",
            hint="keep what grows in a store of your own, and its keys in the state",
        )
    return text
