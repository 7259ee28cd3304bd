"""Agents with their tools, their sessions, and what was said in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from polos.agents import sessions as remembered
from polos.agents.profile import Profile
from polos.core.definitions import Definition
from polos.runtime import names
from polos.runtime.executions import SessionNote, sessions
from polos.server.desk import Desk
from polos.server.llm_calls import said
from polos.server.models.agents import (
    Agents,
    AgentTool,
    AgentView,
    SessionMessages,
    SessionPage,
    SessionView,
)
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Agents"


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Asking(desk)
    return (
        Route("GET", "/v1/agents", at.list_agents, Role.READ, GROUP),
        Route("GET", "/v1/sessions", at.list_sessions, Role.READ, GROUP),
        Route("GET", "/v1/sessions/messages", at.read_session, Role.READ, GROUP),
    )


class Asking:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_agents(self) -> Agents:
        """The agents of this deployment, with their instructions and tools."""
        found = ((one, one.options.get("profile")) for one in self._desk.service.registry)
        return Agents(agents=[_view(one, profile) for one, profile in found if isinstance(profile, Profile)])

    def list_sessions(
        self,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> SessionPage:
        """Sessions with agents, the one used last first."""
        service, cursors = self._desk.service, self._desk.cursors
        begin = cursors.take(service.project, "sessions", cursor)
        found, following = sessions(service.ports.records, service.project, limit, begin)
        sealed = None if following is None else cursors.give(service.project, "sessions", following)
        return SessionPage(sessions=[_session(note) for note in found], next_cursor=sealed)

    def read_session(
        self, agent_id: Annotated[Name, Query()], session_id: Annotated[Name, Query()]
    ) -> SessionMessages:
        """What an agent remembers of a session. Nothing, if there was no such session."""
        service = self._desk.service
        log = service.ports.log
        past = remembered.look(log, names.session(service.project, agent_id, session_id))
        history = remembered.read(log, past)
        return SessionMessages(
            agent_id=agent_id,
            session_id=session_id,
            runs=past.end,
            summary=history.summary,
            messages=said(history.messages),
        )


def _view(definition: Definition, profile: Profile) -> AgentView:
    shown = profile.model.shown()
    return AgentView(
        id=definition.id,
        description=definition.description,
        provider=str(shown["provider"]),
        model=profile.model.name,
        instructions=profile.system_prompt,
        temperature=profile.model.temperature,
        max_output_tokens=profile.model.max_output_tokens,
        tools=[
            AgentTool(
                name=offer.name,
                id=offer.definition.id,
                kind=offer.definition.kind,
                description=offer.description,
                parameters=offer.parameters,
            )
            for offer in profile.offers.values()
        ],
        tool_sources=[source.name for source in profile.sources],
        stop_conditions=[condition.name for condition in profile.conditions],
        output_schema=None if profile.output is None else dict(profile.output.spec.schema),
        queue=definition.queue_name,
    )


def _session(note: SessionNote) -> SessionView:
    return SessionView(
        agent_id=note.agent,
        session_id=note.session,
        user_id=note.user,
        last_at=datetime.fromtimestamp(note.at / 1000, UTC),
        last_execution_id=note.execution,
    )
