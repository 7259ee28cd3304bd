"""What tests of agents share: a scripted model, and what it was asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from polos import Agent, AgentResult, WorkflowContext, tool
from polos.llm.request import ModelRequest
from polos.llm.types import Message, ToolResult
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness

_numbers = itertools.count(1)


@tool
def add(ctx: WorkflowContext, a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


@tool
def ping(ctx: WorkflowContext) -> str:
    """Answer at once."""
    return "pong"


@tool
def broken(ctx: WorkflowContext, what: str = "do it") -> str:
    """Never work."""
    raise ValueError(f"cannot {what}")


def agent(replies: Any, **settings: Any) -> tuple[Agent, FakeModel]:
    """An agent whose model says what is scripted; each has an id of its own."""
    fake = replies if isinstance(replies, FakeModel) else FakeModel(replies)
    settings = {"id": f"agent-{next(_numbers)}", "model": "fake", **settings}
    return Agent(provider=fake, **settings), fake


def ask(world: Harness, asked: Agent, text: Any = "Hi", **options: Any) -> AgentResult:
    """Run an agent to its end in a world."""
    payload = {name: options.pop(name) for name in ("options", "budget", "streaming") if name in options}
    result: AgentResult = world.run(asked, {"input": text, **payload}, **options)
    return result


def told(request: ModelRequest) -> list[str]:
    """What the model was told of its calls in this request: the texts of all results."""
    return [
        part.content for message in request.messages for part in message.parts if isinstance(part, ToolResult)
    ]


def roles(request: ModelRequest) -> list[str]:
    """The roles of the messages of a request."""
    return [message.role for message in request.messages]


def texts(messages: tuple[Message, ...]) -> list[str]:
    """The texts of messages."""
    return [message.text for message in messages]


Reply = Callable[[ModelRequest], Any]
