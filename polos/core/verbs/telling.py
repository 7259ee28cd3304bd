"""Telling others: events, resumes, spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from polos.core.codec import plain_json
from polos.core.ids import derived_id
from polos.core.naming import check_name
from polos.core.operations import (
    Publish,
    ResumeOther,
)
from polos.core.verbs.base import Verbs, where_called


def run_topic(workflow: str, execution: str) -> str:
    """The topic of a run: what its root execution and descendants publish about themselves."""
    return f"workflow/{workflow}/{execution}"


class Telling(Verbs):
    """Verbs that need no answer."""

    async def publish_event(
        self, key: str, topic: str, data: Any = None, event_type: str | None = None
    ) -> None:
        """Publish to a topic: once, however often this execution is replayed."""
        await self._replay.gate()
        self._publish("publish_event", key, topic, data=data, event_type=event_type)

    async def publish_workflow_event(self, key: str, data: Any = None, event_type: str | None = None) -> None:
        """Publish to the topic of this run: once, however often this execution is replayed."""
        await self._replay.gate()
        info = self._info
        topic = run_topic(info.root_workflow or info.workflow, info.root_execution or info.execution)
        self._publish("publish_workflow_event", key, topic, data=data, event_type=event_type)

    def _publish(self, verb: str, key: str, topic: str, *, data: Any, event_type: str | None) -> None:
        check_name("the topic", topic)
        event_id = derived_id(self._info.project, self._info.execution, verb, key)
        text = plain_json(data, root="data")
        self._replay.effect(
            f"{verb}:{key}", Publish(topic, event_id, event_type or "", text), where_called(3)
        )

    async def resume(  # noqa: PLR0917 - the contract's order
        self,
        key: str,
        suspend_step_key: str,
        suspend_execution_id: str,
        suspend_workflow_id: str,
        data: Any = None,
    ) -> None:
        """Resume a suspended operation of another execution."""
        await self._replay.gate()
        event_id = derived_id(self._info.project, self._info.execution, "resume", key)
        text = plain_json(data, root="data")
        effect = ResumeOther(suspend_execution_id, suspend_workflow_id, suspend_step_key, text, event_id)
        self._replay.effect(f"resume:{key}", effect, where_called())

    @contextmanager
    def trace(self, name: str, attributes: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """A span around what the block waits for; more attributes can be put into what it gives."""
        start, kept = self._replay.now_ms, dict(attributes or {})
        try:
            yield kept
        finally:
            self._replay.traced(name, start, kept)
