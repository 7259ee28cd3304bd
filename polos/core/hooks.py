"""Hooks: a user's functions at fixed points of an execution, which may look, change what flows on, or stop it.

They run one after the other, each recorded in the journal, without an invocation of their own. What a hook is given
is a copy: only what it says in its `HookResult` (and what it does to `ctx.state`) has an effect, now and at every
replay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Self, overload

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import ParamSpec, TypeVar

from polos.core.codec import Codec, codec_for
from polos.core.operations import RunStep
from polos.core.retry import RetryPolicy
from polos.errors import InvalidDefinition, NotStorable, StepExecutionError

if TYPE_CHECKING:
    from polos.core.replay import Replay

P = ParamSpec("P", default=...)
R = TypeVar("R", default=Any)

ANYTHING: Final = codec_for(root="value")
ONCE: Final = RetryPolicy(max_retries=0)


class HookAction(StrEnum):
    """What a hook or a guardrail decided."""

    CONTINUE = "continue"
    FAIL = "fail"


class HookContext(BaseModel):
    """Where an execution stands when a hook is called.

    `point` is `on_start`, `on_end`, `on_agent_step_start`, `on_agent_step_end`, `on_tool_start` or `on_tool_end`.
    `current_payload` is what is about to be worked on and `current_output` what came of it, both copies and typed as
    the workflow's annotations say. At an agent's points, `step` counts its steps from 1, `current_tool` is the tool's
    name, `error` the text of a tool that failed, `steps` the finished steps, `llm_config` the model and its settings.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    point: str = ""
    workflow_id: str = ""
    execution_id: str = ""
    session_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    step: int | None = None
    current_tool: str | None = None
    current_payload: Any = None
    current_output: Any = None
    error: str | None = None
    llm_config: dict[str, Any] = Field(default_factory=dict)
    steps: list[dict[str, Any]] = Field(default_factory=list)


class HookResult(BaseModel):
    """What a hook decided: go on, perhaps with another payload or output (None: as it was), or fail."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    action: HookAction = HookAction.CONTINUE
    modified_payload: Any = None
    modified_output: Any = None
    error_message: str | None = None

    @classmethod
    def continue_with(cls, modified_payload: Any = None, modified_output: Any = None) -> Self:
        """Go on, with these in place of the current ones. None leaves one as it is; `0` and `""` do not."""
        return cls(modified_payload=modified_payload, modified_output=modified_output)

    @classmethod
    def fail(cls, error_message: str) -> Self:
        """Stop: the execution fails with `StepExecutionError` and this text."""
        return cls(action=HookAction.FAIL, error_message=error_message)


class Hook(Generic[P, R]):
    """A function that is called at a point of an execution: `f(ctx, hook_ctx) -> HookResult`, sync or async.

    With one parameter it gets the `HookContext` alone. Returning nothing is to go on.
    """

    def __init__(self, function: Callable[P, R], name: str | None = None) -> None:
        if not callable(function):
            raise InvalidDefinition(f"a hook is a function f(ctx, hook_ctx) -> HookResult, not {function!r}")
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.__wrapped__ = function
        self.__doc__ = getattr(function, "__doc__", None)
        self.arity = parameters_of(function, f"the hook {self.name!r}", "f(ctx, hook_ctx)")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The undecorated function."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<hook {self.name!r}>"

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited."""
        return is_async(self.function)

    def arguments(self, ctx: Any, hook_ctx: HookContext) -> tuple[Any, ...]:
        """What the function is called with."""
        return (hook_ctx,) if self.arity == 1 else (ctx, hook_ctx)

    def verdict(self, returned: Any) -> HookResult:
        """What it returned, as a result."""
        if returned is None:
            return HookResult()
        if isinstance(returned, HookResult):
            return returned
        raise InvalidDefinition(
            f"the hook {self.name!r} returned {type(returned).__name__}; return HookResult.continue_with(...), "
            "HookResult.fail(message), or nothing"
        )


HooksGiven = Hook[..., Any] | Callable[..., Any] | Sequence[Hook[..., Any] | Callable[..., Any]] | None
"""How hooks are given: one or several, made by `@hook` or plain functions."""


@overload
def hook(function: Callable[P, R], /) -> Hook[P, R]: ...
@overload
def hook(*, name: str | None = None) -> Callable[[Callable[P, R]], Hook[P, R]]: ...
def hook(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a hook of `f(ctx, hook_ctx) -> HookResult`; bare or called. `name` is its name in the journal."""
    if function is None:
        return lambda target: Hook(target, name)
    return Hook(function, name)


def as_hooks(given: HooksGiven) -> tuple[Hook, ...]:
    """Hooks from one or several functions or hooks; None is none."""
    if given is None:
        return ()
    one_or_more: Any = given  # whatever was truly given: a text is told to be no hook as a whole
    single = isinstance(one_or_more, str) or not isinstance(one_or_more, Sequence)
    several = (one_or_more,) if single else one_or_more
    return tuple(one if isinstance(one, Hook) else Hook(one) for one in several)


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine."""
    called = getattr(type(function), "__call__", None)  # noqa: B004 (the method itself is wanted)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def parameters_of(function: Callable[..., Any], what: str, form: str) -> int:
    """How many positional parameters it takes, 1 or 2.

    Raises:
        InvalidDefinition: It takes none, or needs more.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(function).parameters.values())
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    needed = [parameter for parameter in named if parameter.default is inspect.Parameter.empty]
    if not named or len(needed) > 2:
        raise InvalidDefinition(f"{what} takes {len(needed)} parameters; it is called as {form}")
    return 2 if len(named) > 1 else 1


# --- running them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flow:
    """How the values that hooks may change are stored: a codec each for payload and output, and the state if any."""

    payload: Codec[Any] = ANYTHING
    output: Codec[Any] = ANYTHING
    state: Codec[Any] | None = None


async def inline(
    replay: Replay, address: str, function: Callable[[], Any], codec: Codec[Any], *, retry: RetryPolicy = ONCE
) -> Any:
    """Call a function and record what it gives, wherever the workflow runs: no invocation of its own.

    Raises:
        StepExecutionError: It raised.
    """
    operation = RunStep(address.partition(":")[2], function, codec=codec, retry=retry, inline=True)
    return await replay.issue(address, operation, (None, 0), lambda text: codec.decode(text or "null"))


async def run_hooks(
    ctx: Any, key: str, *, hooks: Sequence[Any], at: Callable[[], HookContext], flow: Flow = Flow()
) -> dict[str, Any]:
    """Call the hooks of one point in order. Gives what they changed: `current_payload`, `current_output`, or nothing.

    `key` is unique among the points of the execution. `at` is asked only when a hook is truly called: a replay takes
    what was recorded.

    Raises:
        StepExecutionError: One of them said fail, or raised.
    """
    changed: dict[str, Any] = {}
    for index, one in enumerate(as_hooks(hooks)):
        address = f"hook:{key}:{index}:{one.name}"
        call = _Call(one, ctx, at, dict(changed), flow)
        function = call.awaited if one.is_async else call.called
        action, payload, output, message, state = await inline(ctx._replay, address, function, _RECORD)
        if state is not None and flow.state is not None:
            ctx.state = flow.state.decode(state)
        if action == HookAction.FAIL:
            raise StepExecutionError(
                message or f"the hook {one.name!r} failed",
                step_key=address.partition(":")[2],
                error_type="HookFailed",
            )
        if payload is not None:
            changed["current_payload"] = flow.payload.decode(payload)
        if output is not None:
            changed["current_output"] = flow.output.decode(output)
    return changed


_RECORD: Final = codec_for(list[str | None])


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of one hook, from what flows in to what is recorded: action, payload, output, message, state."""

    hook: Hook
    ctx: Any
    at: Callable[[], HookContext]
    changed: dict[str, Any]
    flow: Flow

    def called(self) -> list[str | None]:
        before = self._state()
        return self._record(self.hook(*self._arguments()), before)

    async def awaited(self) -> list[str | None]:
        before = self._state()
        return self._record(await self.hook(*self._arguments()), before)

    def _arguments(self) -> tuple[Any, ...]:
        """With copies, so that what a hook does to them has no effect that a replay would not have."""
        at = self.at().model_copy(update=self.changed)
        copies = {
            "current_payload": _copy(self.flow.payload, at.current_payload),
            "current_output": _copy(self.flow.output, at.current_output),
        }
        return self.hook.arguments(self.ctx, at.model_copy(update=copies))

    def _state(self) -> str | None:
        return None if self.flow.state is None else self.flow.state.encode(self.ctx.state)

    def _record(self, returned: Any, before: str | None) -> list[str | None]:
        verdict = self.hook.verdict(returned)
        state = self._state()
        return [
            verdict.action.value,
            self._changed(self.flow.payload, verdict.modified_payload, "modified_payload"),
            self._changed(self.flow.output, verdict.modified_output, "modified_output"),
            verdict.error_message,
            None if state == before else state,
        ]

    def _changed(self, codec: Codec[Any], value: Any, name: str) -> str | None:
        if value is None:
            return None
        try:
            return codec.encode(codec.coerce(value))
        except NotStorable as error:
            raise InvalidDefinition(
                f"the {name} of the hook {self.hook.name!r} cannot be used: {error}"
            ) from error


def _copy(codec: Codec[Any], value: Any) -> Any:
    return None if value is None else codec.decode(codec.encode(value))


__all__ = [
    "ANYTHING",
    "Flow",
    "Hook",
    "HookAction",
    "HookContext",
    "HookResult",
    "as_hooks",
    "hook",
    "inline",
    "is_async",
    "parameters_of",
    "run_hooks",
]
