"""The part of the client that looks: single steps, what waits for an answer, sessions, dead letters, cost.

Each gives what the API answers, as plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polos.errors import NotFound
from polos.runtime.http_transport import HttpTransport


def path_of(execution_id: str) -> str:
    """The path of an execution. What is no id cannot lead anywhere else."""
    if not (execution_id.isascii() and execution_id.replace("-", "").replace("_", "").isalnum()):
        raise NotFound(f"{execution_id!r} is no id of an execution")
    return f"/v1/executions/{execution_id}"


class Facts:
    """Facts about a project, by requests over `_http`."""

    _http: HttpTransport

    async def get_step(self, execution_id: str, address: str) -> dict[str, Any]:
        """One operation in full, by its address in the timeline: input, output, attempts, a model's conversation."""
        params = {"address": address}
        told: dict[str, Any] = await self._http.request("GET", f"{path_of(execution_id)}/step", params=params)
        return told

    async def get_cost(self, execution_id: str) -> dict[str, Any]:
        """What an execution costs: `llm` (None if it asks no model) and `aws`, in US dollars."""
        told: dict[str, Any] = await self._http.request("GET", f"{path_of(execution_id)}/cost")
        return told

    async def list_approvals(self, *, limit: int = 25, cursor: str | None = None) -> dict[str, Any]:
        """A page of what waits for somebody's answer in the project: `approvals`, oldest first, and `next_cursor`."""
        params = {"limit": limit, "cursor": cursor}
        told: dict[str, Any] = await self._http.request("GET", "/v1/approvals", params=params)
        return told

    async def list_sessions(self, *, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """A page of sessions with agents: `sessions`, the one used last first, and `next_cursor`."""
        params = {"limit": limit, "cursor": cursor}
        told: dict[str, Any] = await self._http.request("GET", "/v1/sessions", params=params)
        return told

    async def get_session(self, agent_id: str, session_id: str) -> dict[str, Any]:
        """What an agent remembers of a session: `messages`, and the `summary` of what was shortened."""
        params = {"agent_id": agent_id, "session_id": session_id}
        told: dict[str, Any] = await self._http.request("GET", "/v1/sessions/messages", params=params)
        return told

    async def list_dead_letters(self, *, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """A page of executions that go no further: `dead_letters`, latest first, and `next_cursor`."""
        params = {"limit": limit, "cursor": cursor}
        told: dict[str, Any] = await self._http.request("GET", "/v1/queues/dead-letters", params=params)
        return told

    async def redrive(self, execution_ids: Sequence[str]) -> dict[str, Any]:
        """Send stalled executions on their way: the ids of those that were, `redriven`, and the `refused`."""
        body = {"execution_ids": list(execution_ids)}
        told: dict[str, Any] = await self._http.request("POST", "/v1/queues/redrive", body=body)
        return told
