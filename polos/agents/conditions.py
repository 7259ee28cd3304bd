"""Stop conditions: looked at after each step of an agent; when one holds, the run ends with what there is.

Agent(..., stop_conditions=[max_steps(5), executed_tool("book_flight"), has_text("DONE")])

@stop_condition
def enough_sources(ctx: StopConditionContext, config: SourcesConfig) -> bool: ...

Agent(..., stop_conditions=[enough_sources(SourcesConfig(count=3))])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from pydantic import BaseModel, ConfigDict, Field

from polos.agents.results import AgentStep, Usage
from polos.core.codec import parameter_annotation
from polos.core.hooks import is_async, parameters_of
from polos.errors import InvalidDefinition


class StopConditionContext(BaseModel):
    """What an agent has done so far: its finished steps, and the tokens of the whole run."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    steps: list[AgentStep] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)
    agent_id: str = ""
    agent_run_id: str = ""


@dataclass(frozen=True)
class StopCondition:
    """A condition, with its configuration if it takes one. Called with a configuration, it is the condition with that.

    Those that come with polos are functions of the steps alone (`pure`); others are recorded when they are asked.
    """

    name: str
    function: Callable[..., Any]
    config: Any = None
    configured: bool = False
    pure: bool = False

    @overload
    def __call__(self, ctx: StopConditionContext, /, *config: Any) -> Any: ...
    @overload
    def __call__(self, *config: Any, **fields: Any) -> StopCondition: ...
    def __call__(self, *args: Any, **fields: Any) -> Any:
        """With a `StopConditionContext`: what the function says. Else: the condition with this configuration.

        Raises:
            InvalidDefinition: It takes no configuration, or not this one.
        """
        if args and isinstance(args[0], StopConditionContext):
            return self.function(*args, **fields)
        if not args and not fields:
            return self
        return StopCondition(self.name, self.function, self._configuration(args, fields), True, self.pure)

    def holds(self, ctx: StopConditionContext) -> Any:
        """What the function says now: a bool, or a coroutine of one."""
        return self.function(ctx, self.config) if self.configured else self.function(ctx)

    def question(self, ctx: StopConditionContext) -> Callable[[], Any]:
        """What is recorded of a condition of the user's: a function, sync or async, that tells whether it holds."""

        async def awaited() -> bool:
            return bool(await self.holds(ctx))

        def asked() -> bool:
            return bool(self.holds(ctx))

        return awaited if self.is_async else asked

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited."""
        return is_async(self.function)

    def _configuration(self, args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
        if len(args) > 1 or (args and fields):
            raise InvalidDefinition(f"{self.name}(...) takes one configuration, or its fields by name")
        if args:
            return args[0]
        kind = _config_type(self.function)
        return dict(fields) if kind is None else kind(**fields)


def _config_type(function: Callable[..., Any]) -> Any:
    names = (
        list(function.__code__.co_varnames[: function.__code__.co_argcount])
        if hasattr(function, "__code__")
        else []
    )
    if len(names) < 2:
        raise InvalidDefinition(f"{function!r} takes no configuration: give it a second parameter")
    annotation = parameter_annotation(function, names[1])
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


@overload
def stop_condition(function: Callable[..., Any], /) -> StopCondition: ...
@overload
def stop_condition(*, name: str | None = None) -> Callable[[Callable[..., Any]], StopCondition]: ...
def stop_condition(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a stop condition of `f(ctx)` or `f(ctx, config)`, sync or async, which gives a bool; bare or called."""

    def make(target: Callable[..., Any]) -> StopCondition:
        parameters_of(target, "a stop condition", "f(ctx) or f(ctx, config)")
        return StopCondition(name or str(getattr(target, "__name__", "condition")), target)

    return make if function is None else make(function)


ConditionGiven = StopCondition | Callable[..., Any]
ConditionsGiven = ConditionGiven | Sequence[ConditionGiven] | None
"""How stop conditions are given: one or several, made by `@stop_condition` or plain functions."""


def as_conditions(given: ConditionsGiven) -> tuple[StopCondition, ...]:
    """Conditions from one or several; plain functions are made into conditions.

    Raises:
        InvalidDefinition: Something else is among them, or a condition that was given no configuration.
    """
    several = given if isinstance(given, Sequence) else (() if given is None else (given,))
    return tuple(_as_condition(one) for one in several)


def _as_condition(one: Any) -> StopCondition:
    if one in _FACTORIES:
        raise InvalidDefinition(f"the stop condition {one.__name__} needs its limit: {one.__name__}(...)")
    if isinstance(one, StopCondition):
        needs = parameters_of(one.function, f"the stop condition {one.name!r}", "f(ctx) or f(ctx, config)")
        if needs == 2 and not one.configured and not _has_default(one.function):
            raise InvalidDefinition(
                f"the stop condition {one.name!r} takes a configuration: give {one.name}(...)"
            )
        return one
    if callable(one):
        return _as_condition(stop_condition(one))
    raise InvalidDefinition(f"a stop condition is a function f(ctx) -> bool, not {one!r}")


def _has_default(function: Callable[..., Any]) -> bool:
    return bool(getattr(function, "__defaults__", None))


# --- those that come with polos -----------------------------------------------------------------------------------


class MaxStepsConfig(BaseModel):
    """How many steps."""

    count: int = Field(ge=1)


class MaxTokensConfig(BaseModel):
    """How many tokens, of the whole run."""

    limit: int = Field(ge=1)


class ExecutedToolConfig(BaseModel):
    """Which tools: all of them have to have been called."""

    tool_names: list[str] = Field(min_length=1)


class HasTextConfig(BaseModel):
    """Which texts: all of them have to occur."""

    texts: list[str] = Field(min_length=1)


def max_steps(config: int | MaxStepsConfig | None = None, *, count: int | None = None) -> StopCondition:
    """Holds after so many steps: `max_steps(5)`, `max_steps(count=5)`, `max_steps(MaxStepsConfig(count=5))`."""
    settings = _config(MaxStepsConfig, "count", config, count)
    return _builtin("max_steps", settings, lambda ctx, own: len(ctx.steps) >= own.count)


def max_tokens(config: int | MaxTokensConfig | None = None, *, limit: int | None = None) -> StopCondition:
    """Holds when the run has used so many tokens, input and output together."""
    settings = _config(MaxTokensConfig, "limit", config, limit)
    return _builtin("max_tokens", settings, lambda ctx, own: ctx.usage.total_tokens >= own.limit)


def executed_tool(
    *names: str | Sequence[str] | ExecutedToolConfig, tool_names: Sequence[str] | None = None
) -> StopCondition:
    """Holds when every one of the named tools has been called and has answered."""
    settings = _config(ExecutedToolConfig, "tool_names", _only(names, ExecutedToolConfig), tool_names)

    def all_called(ctx: StopConditionContext, own: ExecutedToolConfig) -> bool:
        called = {
            result.tool_name
            for step in ctx.steps
            for result in step.tool_results
            if result.status == "completed"
        }
        return called.issuperset(own.tool_names)

    return _builtin("executed_tool", settings, all_called)


def has_text(
    *given: str | Sequence[str] | HasTextConfig, texts: Sequence[str] | None = None
) -> StopCondition:
    """Holds when the model has written every one of the texts."""
    settings = _config(HasTextConfig, "texts", _only(given, HasTextConfig), texts)

    def all_written(ctx: StopConditionContext, own: HasTextConfig) -> bool:
        written = "\n".join(step.content for step in ctx.steps)
        return all(text in written for text in own.texts)

    return _builtin("has_text", settings, all_written)


_FACTORIES = (max_steps, max_tokens, executed_tool, has_text)


def _builtin(name: str, config: Any, function: Callable[[StopConditionContext, Any], bool]) -> StopCondition:
    return StopCondition(name, function, config, configured=True, pure=True)


def _only(given: tuple[Any, ...], kind: type[BaseModel]) -> Any:
    """The configuration among the arguments, or the names they list; None for none."""
    if len(given) == 1 and isinstance(given[0], kind):
        return given[0]
    names = [name for one in given for name in ([one] if isinstance(one, str) else one)]
    return names or None


def _config(kind: type[BaseModel], field: str, given: Any, named: Any) -> Any:
    if isinstance(given, kind):
        return given
    value = given if given is not None else named
    try:
        return kind.model_validate({field: list(value) if isinstance(value, Sequence) else value})
    except ValueError as error:
        raise InvalidDefinition(
            f"a stop condition needs its limit: give {field}=..., not {value!r} ({kind.__name__})"
        ) from error
