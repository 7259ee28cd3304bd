"""What logs, records and queues are called. Every name begins with the project id; no name is built elsewhere."""

from __future__ import annotations

from typing import Final

from polos.core.ids import derived_id
from polos.ports import Key

NEWS_QUEUE: Final = "$news"
DEAD_QUEUE: Final = "$dead"
SHORT: Final = 200


def journal(project: str, execution: str) -> str:
    """The log of an execution."""
    return f"{project}|journal|{execution}"


def topic(project: str, name: str) -> str:
    """The log of a topic."""
    return f"{project}|topic|{name}"


def meta(project: str, execution: str) -> Key:
    """The record of an execution."""
    return Key(f"{project}|execution|{execution}", "meta")


def waiters(project: str, execution: str) -> str:
    """The partition of those who wait for an execution's end."""
    return f"{project}|waiters|{execution}"


def waiter(execution: str, address: str) -> str:
    """The sort key under which an operation is registered where it waits."""
    return f"{execution}|{short(address)}"


def short(text: str) -> str:
    """Text of any length and content as a part of a name: itself, or a digest of it with how it begins."""
    if len(text) <= SHORT and text.isascii() and "\0" not in text:
        return text
    return f"{text[:40].encode('ascii', 'replace').decode().replace(chr(0), '?')}#{derived_id(text)}"


def places(project: str, queue: str, concurrency_key: str | None) -> str:
    """The partition of a limited queue's places, one per concurrency key."""
    return f"{project}|places|{queue}|{concurrency_key or ''}"


def state_places(project: str, workflow: str, state_key: str) -> str:
    """The partition of the single place that executions sharing a state take in turn."""
    return f"{project}|state-places|{workflow}|{state_key}"


def state(project: str, workflow: str, state_key: str) -> Key:
    """The record of a state."""
    return Key(f"{project}|state|{workflow}", f"key|{state_key}")


def attribute(project: str, name: str, value: str, *, created_at: int = 0, execution: str = "") -> Key:
    """The record by which an execution is found by one of its attributes."""
    return Key(f"{project}|attribute|{len(name)}|{name}={value}", f"{created_at:013d}|{execution}")


def source(project: str, execution: str) -> Key:
    """The record of where the code of an execution was found by the command that started it."""
    return Key(f"{project}|execution|{execution}", "source")


def trigger(project: str, workflow: str, topic: str) -> str:
    """The log of a trigger."""
    return f"{project}|trigger|{len(workflow)}|{workflow}|{topic}"


def schedules(project: str) -> str:
    """The partition of a project's schedules."""
    return f"{project}|schedules"


def rates(project: str, queue: str, concurrency_key: str | None) -> str:
    """The partition of a queue's rate limit, one per concurrency key."""
    return f"{project}|rates|{queue}|{concurrency_key or ''}"


def inbox(project: str) -> str:
    """The partition of the suspended operations of a project, and of their order by time."""
    return f"{project}|inbox"


def topics(project: str) -> str:
    """The partition of the names of a project's topics."""
    return f"{project}|topics"


def sessions(project: str) -> str:
    """The partition of a project's sessions with agents, and of their order by time."""
    return f"{project}|sessions"


def session(project: str, agent: str, session_id: str) -> str:
    """The log of what was said between an agent and a session."""
    return f"{project}|session|{len(agent)}|{agent}|{session_id}"
