"""Agents as children: `agent.with_input(...)` says which agent is asked what."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from polos.core.definitions import Definition
from polos.core.models import ExecutionHandle
from polos.core.operations import CallChild, ChildSpec
from polos.core.verbs.base import optional, where_called
from polos.core.verbs.children import Children
from polos.errors import InvalidDefinition

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class AgentRequest(Protocol[R_co]):
    """What `agent.with_input(...)` gives. Without a session or user of its own, it has those of the caller."""

    @property
    def definition(self) -> Definition: ...
    @property
    def payload(self) -> Any: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def initial_state(self) -> Any: ...
    @property
    def run_timeout_seconds(self) -> float | None: ...
    def decode(self, text: str) -> R_co: ...


class Agents(Children):
    """Verbs that ask agents."""

    def agent_invoke(self, key: str, request: AgentRequest[R]) -> Coroutine[Any, Any, ExecutionHandle[R]]:
        """Ask an agent and go on; the handle can be waited for with `wait_for(handle)`."""
        return self._start("agent_invoke", key, self._asked(("agent_invoke", key), request), where_called())

    def agent_invoke_and_wait(self, key: str, request: AgentRequest[R]) -> Coroutine[Any, Any, R]:
        """Ask an agent and wait for its `AgentResult`. If it fails, `StepExecutionError` with its error."""
        child = self._asked(("agent_invoke_and_wait", key), request)
        codec = request.definition.result_codec
        return self._operation(
            f"agent_invoke_and_wait:{key}", CallChild(child, codec), optional(request.decode), where_called()
        )

    def batch_agent_invoke(
        self, key: str, requests: Sequence[AgentRequest[R]]
    ) -> Coroutine[Any, Any, list[ExecutionHandle[R]]]:
        """Ask several agents and go on; handles in the order of the requests."""
        where = where_called()
        children = [self._asked(("batch_agent_invoke", f"{i}:{key}"), one) for i, one in enumerate(requests)]

        async def start() -> list[ExecutionHandle[R]]:
            await self._replay.gate()
            self._replay.claim(f"batch_agent_invoke:{key}", where)
            return [
                await self._start("batch_agent_invoke", f"{i}:{key}", child, where)
                for i, child in enumerate(children)
            ]

        return start()

    def batch_agent_invoke_and_wait(
        self, key: str, requests: Sequence[AgentRequest[R]]
    ) -> Coroutine[Any, Any, list[R]]:
        """Ask several agents and wait for all: their `AgentResult`s in the order of the requests.

        If some fail, the first failure in that order is raised as `StepExecutionError`, after all have ended.
        """
        where = where_called()
        verb = "batch_agent_invoke_and_wait"
        children = [self._asked((verb, f"{i}:{key}"), one) for i, one in enumerate(requests)]

        async def wait() -> list[R]:
            await self._replay.gate()
            self._replay.claim(f"{verb}:{key}", where)
            answers = [
                self._replay.issue(
                    f"batch_agent_item:{i}:{key}",
                    CallChild(child, request.definition.result_codec),
                    where,
                    optional(request.decode),
                )
                for i, (child, request) in enumerate(zip(children, requests, strict=True))
            ]
            results = await asyncio.gather(*answers, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            return cast(list[R], results)

        return wait()

    def _asked(self, address: tuple[str, str], request: AgentRequest[Any]) -> ChildSpec:
        if not hasattr(request, "definition") or not hasattr(request, "payload"):
            raise InvalidDefinition(
                f"ctx.step.{address[0]}({address[1]!r}, ...) needs agent.with_input(...), got "
                f"{type(request).__name__}"
            )
        child = self._child(
            address,
            request.definition,
            request.payload,
            initial_state=request.initial_state,
            concurrency_key=None,
            run_timeout=request.run_timeout_seconds,
        )
        return replace(
            child,
            session=request.session_id or child.session,
            user=request.user_id or child.user,
        )
