"""Agents over the providers' real SDKs: what a model wrote passes the journal and goes back as it was."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

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


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Shelter(BaseModel):
    name: str
    color: Color
    since: datetime | None = None
    first: Annotated[Cat | Dog, Field(discriminator="kind")]
    others: list[Cat | Dog] = []
    word: int | str | None = None


SHELTER = Shelter(
    name="x", color=Color.BLUE, first=Cat(kind="cat"), others=[Dog(kind="dog", good=True)], word="w"
)
ANSWER = {  # with the nulls that strict modes make a model write
    "name": "x",
    "color": "blue",
    "since": None,
    "first": {"kind": "cat", "lives": None},
    "others": [{"kind": "dog", "good": True}],
    "word": "w",
}


@each_format
@pytest.mark.parametrize(
    ("schema", "said", "value"),
    [
        (Shelter, ANSWER, SHELTER),
        (list[Cat | Dog], {"value": ANSWER["others"]}, SHELTER.others),
        (Cat | Dog, {"value": ANSWER["first"]}, SHELTER.first),
        (Color, {"value": "red"}, Color.RED),
        (Color | None, {"value": None}, None),
    ],
    ids=["model", "list", "union", "enum", "optional"],
)
def test_structured_output_of_every_shape_is_native(
    world: Harness, subject: Subject, schema: Any, said: Any, value: Any
) -> None:
    with WireServer([turn("{}"), turn(output=said)]) as server:
        one = Agent(
            id=f"shaped-{subject.id}",
            provider=subject.provider(server),
            model=subject.model,
            output_schema=schema,
        )
        result = ask(world, one)
    assert result.result == value
    assert len(server.requests) == 2, "the first answer does not fit, and is mended once"
    assert all("json_schema" in str(request.body) for request in server.requests)
