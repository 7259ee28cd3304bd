"""Waiting: for a time, an event, an answer, another execution."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, overload

from polos.core.codec import plain_json
from polos.core.durations import check_seconds
from polos.core.models import EventPayload, ExecutionHandle, Match
from polos.core.naming import check_name
from polos.core.operations import (
    AwaitChild,
    AwaitEvent,
    Suspend,
    Timer,
)
from polos.core.replay import Where, plain
from polos.core.verbs.base import Verbs, nothing, optional, where_called
from polos.errors import InvalidDefinition

T = TypeVar("T")


class Waiting(Verbs):
    """Verbs during which nothing runs and nothing is billed."""

    @overload
    def wait_for(self, key: ExecutionHandle[T]) -> Coroutine[Any, Any, T]: ...
    @overload
    def wait_for(self, key: str, handle: ExecutionHandle[T]) -> Coroutine[Any, Any, T]: ...
    @overload
    def wait_for(
        self,
        key: str,
        *,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        weeks: float = 0,
    ) -> Coroutine[Any, Any, None]: ...
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
            return self._operation(f"wait_for:{key}", child, optional(codec.decode), where_called())
        check_seconds(f"ctx.step.wait_for({key!r}): the time", duration)
        return self._timer("wait_for", key, duration, where_called())

    def wait_until(self, key: str, when: datetime) -> Coroutine[Any, Any, None]:
        """Wait until a point in time; a naive datetime is UTC. A past one returns at once."""
        aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return self._operation(f"wait_until:{key}", Timer(aware.timestamp()), nothing, where_called())

    def _timer(self, verb: str, key: str, duration: float, where: Where) -> Coroutine[Any, Any, None]:
        async def wait() -> None:
            timer = Timer(self._replay.now_ms / 1000 + duration)
            await self._replay.issue(f"{verb}:{key}", timer, where, nothing)

        return wait()

    def wait_for_event(
        self,
        key: str,
        topic: str,
        timeout: float | None = None,
        match: Match | None = None,
        *,
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
        check_name("the topic", topic)
        _check_timeout(f"ctx.step.wait_for_event({key!r})", timeout)
        where = where_called()

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
        _check_timeout(f"ctx.step.suspend({key!r})", timeout)
        where = where_called()

        async def wait() -> dict[str, Any]:
            operation = Suspend(text, self._due(timeout))
            return cast(dict[str, Any], await self._replay.issue(f"suspend:{key}", operation, where, plain))

        return wait()


def _check_timeout(what: str, timeout: float | None) -> None:
    """One that is over already (what is left of a deadline) is a timeout at once."""
    check_seconds(f"{what}: timeout", None if timeout is None else max(timeout, 0.0))
