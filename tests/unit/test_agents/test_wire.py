"""Agents over the providers' real SDKs: what a model wrote passes the journal and goes back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polos import Agent, WorkflowContext, tool
from polos.testing.harness import Harness
from polos.testing.turns import Call, turn
from polos.testing.wire_server import WireServer
from support.agents import ask
from support.providers import NATIVE, Subject, first_answer, turns_of_the_model

each_format = pytest.mark.parametrize("subject", NATIVE, ids=lambda subject: subject.id)


@tool
def find_documents(ctx: WorkflowContext, query: dict[str, Any]) -> dict[str, Any]:
    """Find documents."""
    return {"found": query}


def over(server: WireServer, subject: Subject) -> Agent:
    return Agent(
        id=f"over-{subject.id}",
        provider=subject.provider(server),
        model=subject.model,
        tools=[find_documents],
    )


@each_format
def test_raw_items_go_back_unchanged_whatever_words_the_model_wrote_in_them(
    world: Harness, subject: Subject
) -> None:
    query = {"$set": {"a": [1]}, "$bytes": "AAAA", "nested": {"$bytes": "AAAA"}, "$$ref": {"$date": "x"}}
    first = turn(
        "Looking.",
        reasoning="Documents mean a tool.",
        calls=[Call("find_documents", json.dumps({"query": query}))],
    )
    with WireServer([first, "Found."]) as server:
        result = ask(world, over(server, subject))
    assert (result.result, len(server.requests)) == ("Found.", 2)
    assert [one.result for one in result.tool_results] == [{"found": query}]
    assert turns_of_the_model(server.requests[1].body)[0] == first_answer(subject, server)


@each_format
@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "not-streamed"])
def test_half_a_character_costs_no_second_call(world: Harness, subject: Subject, streaming: bool) -> None:
    arguments = '{"query": {"name": "\\ud83d"}}'
    first = turn("odd \ud83d", reasoning="\ud83d", calls=[Call("find_documents", arguments)])
    with WireServer([first, "end"]) as server:
        result = ask(world, over(server, subject), streaming=streaming)
    assert (result.result, len(server.requests)) == ("end", 2)
    assert [one.result for one in result.tool_results] == [{"found": {"name": "\ufffd"}}]
