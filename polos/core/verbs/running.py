"""`run`, and time and chance that replay the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

from polos.core.definitions import Queue
from polos.core.durations import check_seconds
from polos.core.ids import derived_uuid, fraction
from polos.core.operations import (
    RunStep,
)
from polos.core.retry import retry_policy
from polos.core.verbs.base import Verbs, codec_of, where_called
from polos.errors import InvalidDefinition

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Running(Verbs):
    """Calling functions, once recorded."""

    # A step's own options are checked together with the function's positional arguments, or its arguments by name
    # without options: no signature says both. `functools.partial` joins them: partial(f, by_name=1), max_retries=5.
    @overload
    def run(
        self,
        key: str,
        func: Callable[[*Ts], Coroutine[Any, Any, R]],
        *args: *Ts,
        max_retries: int = 2,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        timeout: float | None = None,
        queue: str | Queue | None = None,
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def run(
        self,
        key: str,
        func: Callable[[*Ts], R],
        *args: *Ts,
        max_retries: int = 2,
        base_delay: float = 1.0,
        max_delay: float = 10.0,
        timeout: float | None = None,
        queue: str | Queue | None = None,
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def run(
        self, key: str, func: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def run(
        self, key: str, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...

    def run(  # type: ignore[misc]  # mypy compares no `*args: Any` with the packs above
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
        if timeout is not None:
            check_seconds(f"ctx.step.run({key!r}): timeout", timeout, zero=False)
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
        return self._operation(f"run:{key}", operation, codec.decode, where_called())

    async def uuid(self, key: str) -> str:
        """A UUID that is the same at every replay."""
        await self._replay.gate()
        self._replay.claim(f"uuid:{key}", where_called())
        return derived_uuid(self._info.project, self._info.chance, "uuid", key)

    async def random(self, key: str) -> float:
        """A float in [0, 1) that is the same at every replay."""
        await self._replay.gate()
        self._replay.claim(f"random:{key}", where_called())
        return fraction(self._info.project, self._info.chance, "random", key)

    async def now(self, key: str) -> int:
        """The time, epoch milliseconds: when the last thing was recorded before this point."""
        await self._replay.gate()
        self._replay.claim(f"now:{key}", where_called())
        return self._replay.now_ms
