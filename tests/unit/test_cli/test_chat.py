"""`polos chat`: a conversation at the prompt, with a scripted model, over the store and over a server."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polos.entry.embedded import Embedded
from polos.server.local import serve

Call = Callable[..., Any]

TALK = """
    from polos import Agent, tool, workflow
    from polos.testing import FakeModel, call, fail, turn

    @tool(id="chat-refund", approval="always")
    def refund(ctx, order: str) -> str:
        return f"refunded {order}"

    def model(request):
        last = request.messages[-1]
        text = str(last.parts[0])
        if last.role == "tool":
            return "Done: " + last.parts[0].content
        if "refund" in text:
            return turn(calls=[call("chat-refund", order="A1")])
        if "break" in text:
            return fail(400, "broken")
        return f"You said {len(request.messages)} things."

    clerk = Agent(id="chat-clerk", provider=FakeModel(model), model="any", tools=[refund])
"""


@pytest.fixture
def talk(here: Path) -> Path:
    file = here / "app.py"
    file.write_text(textwrap.dedent(TALK), encoding="utf-8")
    return file


@pytest.fixture(params=["store", "server"])
def at(request: pytest.FixtureRequest, talk: Path, polos: Call) -> Iterator[tuple[str, ...]]:
    if request.param == "store":
        yield ()
        return
    polos("agent", "list")  # loads app.py
    runtime = Embedded(talk.parent / "server.db")
    with serve(runtime, port=0, local_mode=True) as served:
        yield ("--api-url", served.url)
    runtime.close()


def test_each_line_is_a_turn_of_one_session(polos: Call, at: tuple[str, ...]) -> None:
    said = polos("chat", "chat-clerk", *at, stdin="hello\n\nand again\n")
    assert (said.code, said.out) == (0, "You said 1 things.\nYou said 3 things.\n")


def test_a_tool_that_needs_approval_asks_and_does_as_it_is_told(polos: Call, at: tuple[str, ...]) -> None:
    said = polos("chat", "chat-clerk", *at, stdin="refund please\ny\n")
    assert (said.code, said.out) == (0, "Done: refunded A1\n")
    assert '{"order": "A1"}' in said.err
    assert "✓ chat-refund" in said.err
    said = polos("chat", "chat-clerk", *at, stdin="refund please\nmaybe\nno\nit is too late\n")
    assert "say yes or no" in said.err
    assert "it is too late" in said.out
    assert polos("chat", "chat-clerk", "--approve", "-m", "refund", *at).out == "Done: refunded A1\n"


def test_a_run_that_nobody_approves_goes_on_waiting(polos: Call, talk: Path) -> None:
    said = polos("chat", "chat-clerk", "-m", "refund please")
    assert said.code == 5
    assert "polos resume" in said.err
    assert "--step approve_chat-refund_" in said.err


def test_a_session_is_gone_on_with(polos: Call, talk: Path) -> None:
    polos("chat", "chat-clerk", "--session", "s", "-m", "hello")
    assert polos("chat", "chat-clerk", "--session", "s", "-m", "again").out == "You said 3 things.\n"
    shown = polos("session", "show", "s").out
    assert shown.index("hello") < shown.index("again")


def test_json_gives_each_event_in_a_line_and_the_end_last(polos: Call, talk: Path) -> None:
    said = polos("chat", "chat-clerk", "-m", "hello", "--json")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert "text_delta" in [line.get("event_type") for line in lines]
    assert (lines[-1]["event"], lines[-1]["status"]) == ("end", "completed")
    assert lines[-1]["result"]["result"] == "You said 1 things."


def test_a_run_that_fails_is_told_and_ends_in_its_code(polos: Call, talk: Path) -> None:
    said = polos("chat", "chat-clerk", "-m", "break")
    assert said.code == 1
    assert "broken" in said.err


def test_who_is_no_agent_does_not_talk(polos: Call, talk: Path) -> None:
    said = polos("chat", "chat-refund", "-m", "hello")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "is a tool" in said.err
