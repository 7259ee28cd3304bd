"""Agents and their sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from polos.server.models.steps import Said


class AgentTool(BaseModel):
    """Something an agent's model may call by `name`: the tool, agent or workflow `id`. `parameters`: a JSON schema."""

    name: str
    id: str
    kind: str
    description: str
    parameters: dict[str, Any]


class AgentView(BaseModel):
    """An agent as it is set up. `tool_sources`: servers that are asked for their tools when it runs."""

    id: str
    description: str
    provider: str
    model: str
    instructions: str
    temperature: float | None = None
    max_output_tokens: int | None = None
    tools: list[AgentTool]
    tool_sources: list[str]
    stop_conditions: list[str]
    output_schema: dict[str, Any] | None = None
    queue: str


class Agents(BaseModel):
    """The agents of this deployment."""

    agents: list[AgentView]


class SessionView(BaseModel):
    """A session with an agent, and its latest run."""

    agent_id: str
    session_id: str
    user_id: str | None = None
    last_at: datetime
    last_execution_id: str


class SessionPage(BaseModel):
    """Sessions, the one used last first. `next_cursor`: null if that was all."""

    sessions: list[SessionView]
    next_cursor: str | None = None


class SessionMessages(BaseModel):
    """What an agent remembers of a session: the summary of what was shortened, and the messages since then.

    `runs`: how many runs have become part of it. A run that is under way, or failed, is none.
    """

    agent_id: str
    session_id: str
    runs: int
    summary: str
    messages: list[Said]
