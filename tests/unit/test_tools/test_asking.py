"""Tools that wait for a person: approval of a call, and questions of the model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polos import ExecutionFailed, WorkflowContext, create_ask_user_tool, tool
from polos.testing.harness import Harness, Started
from polos.testing.turns import call, turn
from polos.tools.ask_user import AskUserInput, question_form
from support.agents import agent, ask, told

paid: list[int] = []


@tool(approval="always")
def pay(ctx: WorkflowContext, amount: int) -> str:
    """Pay an amount.

    Args:
        amount: In euros.
    """
    paid.append(amount)
    return f"paid {amount}"


@pytest.fixture(autouse=True)
def nothing_is_paid() -> None:
    paid.clear()


def waiting(world: Harness, started: Started) -> tuple[str, dict[str, Any]]:
    """The key under which something waits, and what was published for it."""
    world.pump()
    (event,) = [
        event
        for event in world.service.topics.read(f"workflow/{started.workflow_id}/{started.id}")
        if event.type.startswith("suspend_")
    ]
    return event.type.removeprefix("suspend_"), json.loads(event.data)


def test_a_call_waits_for_approval_and_shows_a_form(world: Harness) -> None:
    started = world.start(pay, {"amount": 5})
    key, data = waiting(world, started)
    assert key.startswith("approve_pay_")
    assert (data["_source"], data["_tool"]) == ("tool_approval", "pay")
    form = data["_form"]
    assert form["description"] == "Pay an amount."
    assert [field["key"] for field in form["fields"]] == ["approved", "feedback"]
    assert form["context"] == {"tool": "pay", "input": {"amount": 5}}
    assert data["_metadata"]["execution_id"] == started.id
    world.advance(86_400)
    assert paid == []
    started.resume(key, {"approved": True})
    assert started.result() == "paid 5"
    assert paid == [5]


@pytest.mark.parametrize(
    "answer",
    [
        {"approved": False},
        {"approved": "true"},
        {"approved": 1},
        {},
        None,
        True,
        "yes",
        {"approved": None, "feedback": 7},
    ],
)
def test_whatever_is_not_an_approval_is_none(world: Harness, answer: Any) -> None:
    started = world.start(pay, {"amount": 5})
    key, _ = waiting(world, started)
    started.resume(key, answer)
    with pytest.raises(ExecutionFailed, match="rejected by the user"):
        started.result()
    assert paid == []


def test_the_model_is_told_of_a_rejection_with_the_feedback(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("pay", amount=900)]), "As you wish."], tools=[pay])
    started = world.start(one, {"input": "Pay."})
    key, data = waiting(world, started)
    world.resume(data["_metadata"]["execution_id"], key, {"approved": False, "feedback": "too much"})
    result = started.result()
    assert told(fake.requests[1]) == ["Error: rejected by the user: too much"]
    assert (result.tool_results[0].status, result.result) == ("failed", "As you wish.")
    assert paid == []


def test_two_calls_are_approved_each_by_itself(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("pay", amount=1), call("pay", amount=2)]), "ok"], tools=[pay])
    started = world.start(one, {"input": "Pay."})
    world.pump()
    events = world.service.topics.read(f"workflow/{one.id}/{started.id}")
    for event in events:
        data = json.loads(event.data)
        approved = data["_form"]["context"]["input"]["amount"] == 2
        world.resume(
            data["_metadata"]["execution_id"], event.type.removeprefix("suspend_"), {"approved": approved}
        )
    started.result()
    assert told(fake.requests[1]) == ["Error: rejected by the user", "paid 2"]
    assert paid == [2]


# --- questions --------------------------------------------------------------------------------------------------------


def test_a_model_asks_and_gets_the_answer(world: Harness) -> None:
    asks = create_ask_user_tool()
    one, fake = agent([turn(calls=[call("ask_user", question="Which city?")]), "Oslo it is."], tools=[asks])
    started = world.start(one, {"input": "Plan."})
    key, data = waiting(world, started)
    assert key.startswith("ask_user_")
    assert (data["_source"], data["_form"]["description"]) == ("ask_user", "Which city?")
    assert [field["key"] for field in data["_form"]["fields"]] == ["response"]
    world.resume(data["_metadata"]["execution_id"], key, {"response": "Oslo"})
    assert started.result().result == "Oslo it is."
    assert told(fake.requests[1]) == ['{"response":"Oslo"}']


def test_nobody_answers_in_time(world: Harness) -> None:
    asks = create_ask_user_tool("ask_for_an_hour", timeout=3600)
    one, fake = agent([turn(calls=[call("ask_for_an_hour", question="?")]), "Never mind."], tools=[asks])
    assert ask(world, one).result == "Never mind."
    assert "timed out" in told(fake.requests[1])[0]


def test_fields_are_named_by_key_or_name() -> None:
    request = AskUserInput.model_validate(
        {
            "question": "Who?",
            "fields": [
                {"name": "first", "type": "text"},
                {"key": "size", "type": "select", "options": [{"label": "Small", "value": "s"}], "extra": 1},
            ],
        }
    )
    fields = question_form(request)["_form"]["fields"]
    assert [(field["key"], field["label"]) for field in fields] == [("first", "first"), ("size", "size")]
    assert fields[1]["options"] == [{"label": "Small", "value": "s"}]


def test_the_tool_may_be_made_more_than_once() -> None:
    assert create_ask_user_tool().id == create_ask_user_tool().id == "ask_user"
