"""Agents: models and tools in a loop, each call recorded, each failure told to the model."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from enum import Enum
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from polos import (
    Agent,
    AgentOutcome,
    AgentResult,
    ExecutionFailed,
    InvalidDefinition,
    InvalidPayload,
    Price,
    Prices,
    Queue,
    Usage,
    WorkflowContext,
    max_steps,
    tool,
    workflow,
)
from polos.agents.model_step import CannotAsk
from polos.llm.request import ToolNamed
from polos.llm.types import Message, StopReason, Text, ToolCall
from polos.llm.types import Usage as ModelUsage
from polos.runtime.host import Settings
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness, NothingHappens
from polos.testing.local import MemoryHarness
from polos.testing.turns import Call, call, fail, turn
from support.agents import add, agent, ask, broken, ping, roles, texts, told
from support.scenario import executions


class Report(BaseModel):
    title: str
    when: datetime


@tool
async def report(ctx: WorkflowContext, title: str) -> Report:
    """Make a report."""
    return Report(title=title, when=datetime(2026, 1, 2, tzinfo=UTC))


# --- the loop -----------------------------------------------------------------------------------------------------


def test_without_a_call_the_answer_is_the_result(world: Harness) -> None:
    greeter, fake = agent(["Hello!"], system_prompt="Be kind.")
    result = ask(world, greeter)
    assert isinstance(result, AgentResult)
    assert (result.result, result.total_steps, result.outcome) == ("Hello!", 1, AgentOutcome.COMPLETED)
    assert fake.requests[0].system == "Be kind."
    assert texts(fake.requests[0].messages) == ["Hi"]


def test_calls_are_made_side_by_side_and_their_results_told_in_order(world: Harness) -> None:
    adder, fake = agent(
        [turn("Let me see.", calls=[call("add", a=1), call("ping"), call("add", a=4, b=5)]), "9"],
        tools=[add, ping],
    )
    result = ask(world, adder)
    assert told(fake.requests[1]) == ["3", "pong", "9"]
    assert roles(fake.requests[1]) == ["user", "assistant", "tool"]
    assert [(r.tool_name, r.status, r.result) for r in result.tool_results] == [
        ("add", "completed", 3),
        ("ping", "completed", "pong"),
        ("add", "completed", 9),
    ]
    assert result.tool_results[0].tool_call_call_id == "call_0_0"


@tool(approval="always")
def delete_all(ctx: WorkflowContext) -> str:
    """Delete everything."""
    return "deleted"


@tool(run_timeout_seconds=5)
async def too_slow(ctx: WorkflowContext) -> str:
    """Take an hour."""
    await ctx.step.wait_for("hour", hours=1)
    return "late"


@tool(queue=Queue("in-turn", concurrency_limit=1))
async def in_turn(ctx: WorkflowContext, n: int) -> int:
    """Give the number back."""
    return n


def test_what_becomes_of_one_call_changes_nothing_for_those_beside_it(world: Harness) -> None:
    calls = [
        *(call("ping"), call("broken"), call("delete_all"), call("too_slow")),
        *(call("in_turn", n=1), call("in_turn", n=2), Call("in_turn", '{"n":'), call("unknown")),
    ]
    one, fake = agent([turn(calls=calls), "end"], tools=[ping, broken, delete_all, too_slow, in_turn])
    started = world.start(one, {"input": "go"})
    with pytest.raises(NothingHappens, match="delete_all"):
        started.result()
    asking = next(
        each for each in executions(world) if world.service.meta(each).info.workflow == "delete_all"
    )
    (address,) = world.waits_for(asking)
    world.resume(asking, address.removeprefix("suspend:"), {"approved": True})
    result = started.result()
    assert [r.result for r in result.tool_results] == ["pong", None, "deleted", None, 1, 2, None, None]
    assert [r.status == "completed" for r in result.tool_results] == [
        bool(r.result) for r in result.tool_results
    ]
    assert [text.startswith("Error: ") for text in told(fake.requests[1])] == [
        not r.result for r in result.tool_results
    ]


def test_what_the_model_is_shown_of_a_tool(world: Harness) -> None:
    adder, fake = agent(["ok"], tools=[add])
    ask(world, adder)
    (spec,) = fake.requests[0].tools
    assert (spec.name, spec.description) == ("add", "Add two numbers.")
    assert spec.parameters["properties"]["a"] == {"description": "The first.", "type": "integer"}
    assert spec.parameters["required"] == ["a"]


def test_a_failed_tool_is_told_and_reported_as_failed(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("broken", what="dig")]), "I could not."], tools=[broken])
    result = ask(world, one)
    assert told(fake.requests[1]) == ["Error: cannot dig"]
    (outcome,) = result.tool_results
    assert (outcome.status, outcome.error, outcome.result) == ("failed", "cannot dig", None)


def test_an_unknown_tool_does_not_end_the_agent(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("sing")]), turn(calls=[call("ping")]), "Done."], tools=[ping])
    result = ask(world, one)
    assert told(fake.requests[1]) == ["Error: there is no tool 'sing'. The tools are: ping"]
    assert result.result == "Done."
    assert [r.status for r in result.tool_results] == ["failed", "completed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"a": 1', "could not be read as JSON"),
        ("[1]", "must be a JSON object"),
        ('{"a": "one"}', "a: input should be a valid integer"),
        ('{"a": 1, "c": 2}', "c: extra inputs are not permitted"),
        ("{}", "a: field required"),
    ],
)
def test_invalid_arguments_go_back_to_the_model_which_corrects_itself(
    world: Harness, arguments: str, said: str
) -> None:
    one, fake = agent(
        [turn(calls=[Call("add", arguments)]), turn(calls=[call("add", a=1)]), "3"], tools=[add]
    )
    result = ask(world, one)
    assert said in told(fake.requests[1])[0]
    assert [r.status for r in result.tool_results] == ["failed", "completed"]


def test_a_call_without_arguments_is_made(world: Harness) -> None:
    one, fake = agent([turn(calls=[Call("ping", "")]), "ok"], tools=[ping])
    ask(world, one)
    assert told(fake.requests[1]) == ["pong"]


def test_a_models_result_is_json_to_the_model_and_names_its_class(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("report", title="Q3")]), "ok"], tools=[report])
    result = ask(world, one)
    assert json.loads(told(fake.requests[1])[0]) == {"title": "Q3", "when": "2026-01-02T00:00:00Z"}
    assert result.tool_results[0].result == {"title": "Q3", "when": "2026-01-02T00:00:00Z"}
    assert result.tool_results[0].result_schema.endswith("Report")


def test_ten_steps_are_the_most_unless_it_says_otherwise(
    world: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = FakeModel(lambda request: turn("still at it", calls=[call("ping")]))
    result = ask(world, agent(endless, tools=[ping])[0])
    assert (result.total_steps, result.outcome, result.result) == (10, "step_limit", "still at it")
    monkeypatch.setenv("POLOS_AGENT_MAX_STEPS", "3")
    assert ask(world, agent(endless, tools=[ping])[0]).total_steps == 3


def test_the_step_limit_is_recorded_and_not_read_again(
    world: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = FakeModel(lambda request: turn(calls=[call("ping")]))
    one, _ = agent(endless, tools=[ping])
    monkeypatch.setenv("POLOS_AGENT_MAX_STEPS", "4")
    started = world.start(one, {"input": "go"})
    world.pump()
    monkeypatch.setenv("POLOS_AGENT_MAX_STEPS", "2")
    world.restart()
    assert started.result().total_steps == 4


def test_a_paused_turn_goes_on(world: Harness) -> None:
    one, fake = agent([turn("Searching", stop=StopReason.PAUSED), "Found."])
    result = ask(world, one)
    assert (result.result, result.total_steps) == ("Found.", 2)
    assert roles(fake.requests[1]) == ["user", "assistant"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (turn("half an ans", stop=StopReason.MAX_TOKENS), "truncated"),
        (turn(refusal="I will not."), "refused"),
    ],
)
def test_how_the_model_stopped_is_told(world: Harness, said: object, outcome: str) -> None:
    result = ask(world, agent([said])[0])
    assert result.outcome == outcome
    assert result.result in ("half an ans", "I will not.")


@tool
def wipe(ctx: WorkflowContext, scope: str = "everything") -> str:
    """Delete what is in a scope."""
    return f"deleted {scope}"


@pytest.mark.parametrize("arguments", ["", "{}", '{"scope": "tm'])
def test_a_call_that_was_cut_off_is_not_made_with_what_was_written_of_it(
    world: Harness, arguments: str
) -> None:
    cut = turn(calls=[call("ping"), Call("wipe", arguments)], stop=StopReason.MAX_TOKENS)
    one, fake = agent([cut, "end"], tools=[wipe, ping])
    result = ask(world, one)
    assert [r.status for r in result.tool_results] == ["completed", "failed"]
    assert "limit of tokens" in told(fake.requests[1])[1]


def test_a_whole_call_before_the_cut_is_made(world: Harness) -> None:
    cut = turn(calls=[call("wipe", scope="tmp")], stop=StopReason.MAX_TOKENS)
    one, fake = agent([cut, "end"], tools=[wipe])
    ask(world, one)
    assert told(fake.requests[1]) == ["deleted tmp"]


def test_calls_of_an_answer_that_was_broken_off_for_its_content_are_not_made(world: Harness) -> None:
    refused = turn("I can", calls=[call("wipe")], stop=StopReason.REFUSED)
    one, fake = agent([refused, "later"], tools=[wipe])
    result = ask(world, one, session_id="s")
    assert (result.outcome, result.result, result.tool_results) == ("refused", "I can", [])
    assert ask(world, one, session_id="s").result == "later"
    assert not any(message.tool_calls for message in fake.requests[1].messages)


def test_half_a_character_in_an_answer_does_not_lose_it(world: Harness) -> None:
    said = turn("odd \ud83d\ude00 \ud83d", calls=[Call("wipe", '{"scope": "\\ud83d"}')])
    one, fake = agent([said, "end \ud800"], tools=[wipe])
    result = ask(world, one)
    assert (result.result, len(fake.requests)) == ("end \ufffd", 2)
    assert told(fake.requests[1]) == ["deleted \ufffd"]
    assert texts(fake.requests[1].messages)[1] == "odd \U0001f600 \ufffd"


# --- input --------------------------------------------------------------------------------------------------------


def test_a_conversation_is_taken_as_input(world: Harness) -> None:
    one, fake = agent(["7"])
    given = [
        {"role": "system", "content": "Count."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "3+4?"},
                {"type": "image_url", "image_url": "http://x/a.png"},
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
        Message(role="user", parts=(Text(text="So?"),)),
    ]
    ask(world, one, given)
    sent = fake.requests[0].messages
    assert [message.role for message in sent] == ["system", "user", "assistant", "tool", "user"]
    assert sent[2].tool_calls == (ToolCall(call_id="c1", name="f", arguments='{"x": 1}'),)
    assert sent[4].text == "So?"


@pytest.mark.parametrize(
    "given",
    [
        7,
        None,
        [],
        [{"content": "x"}],
        [{"role": "robot", "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": [{"type": "smell"}]}],
    ],
)
async def test_what_is_no_input_is_refused_before_anything_starts(given: object) -> None:
    one, _ = agent(["never"])
    with pytest.raises(InvalidPayload, match="input"):
        await one.run(given)


def test_options_of_a_run_reach_the_model_over_those_of_the_agent(world: Harness) -> None:
    one, fake = agent(["ok"], temperature=1.0, max_output_tokens=10, options={"top_p": 0.5, "seed": 1})
    ask(world, one, options={"temperature": 0.2, "max_tokens": 99, "seed": 2, "reasoning": {"effort": "low"}})
    request = fake.requests[0]
    assert (request.temperature, request.max_output_tokens) == (0.2, 99)
    assert request.extra == {"top_p": 0.5, "seed": 2, "reasoning": {"effort": "low"}}


def test_a_tool_choice_holds_for_the_first_step_only(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("ping")]), "ok"], tools=[ping])
    ask(world, one, options={"tool_choice": "required"})
    assert [request.tool_choice for request in fake.requests] == ["required", "auto"]


# --- both forms of a call -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("ping", ToolNamed("ping")),
        ({"type": "function", "function": {"name": "ping"}}, ToolNamed("ping")),
        ({"type": "tool", "name": "ping"}, ToolNamed("ping")),
        ({"type": "any"}, "required"),
    ],
    ids=["name", "openai", "anthropic", "any"],
)
def test_a_tool_choice_is_understood_as_providers_write_it(
    world: Harness, given: object, sent: object
) -> None:
    one, fake = agent([turn(calls=[call("ping")]), "end"], tools=[ping], options={"tool_choice": given})
    ask(world, one)
    assert [request.tool_choice for request in fake.requests] == [sent, "auto"]


def test_a_tool_choice_that_is_none_is_refused() -> None:
    with pytest.raises(CannotAsk, match="the name of one of the agent's tools"):
        agent(["x"], options={"tool_choice": 7})


def test_the_same_tool_twice_is_one(world: Harness) -> None:
    one, fake = agent(["ok"], tools=[ping, ping])
    ask(world, one)
    assert [spec.name for spec in fake.requests[0].tools] == ["ping"]


def test_a_client_may_come_first_or_be_the_default_one(world: Harness) -> None:
    one, _ = agent(FakeModel(lambda request: "Hello " + request.messages[-1].text))

    async def both() -> list[str]:
        client = world._client
        return [
            (await one.run("a")).result,
            (await one.run(client, "b")).result,
            (await one.run(input="c", client=client)).result,
            (await (await one.invoke(client, "d", user_id="u1")).result()).result,
        ]

    assert asyncio.run(both()) == ["Hello a", "Hello b", "Hello c", "Hello d"]


# --- money --------------------------------------------------------------------------------------------------------


def test_usage_and_cost_are_summed(world: Harness) -> None:
    used = ModelUsage.of(1000, 100, read=400, written=50)
    one, _ = agent(
        [turn(calls=[call("ping")], usage=used), turn("ok", usage=used)],
        tools=[ping],
        prices=Prices({"fake": Price(1, 10)}),
    )
    result = ask(world, one)
    assert result.usage == Usage(
        input_tokens=2000,
        output_tokens=200,
        total_tokens=2200,
        cache_read_input_tokens=800,
        cache_creation_input_tokens=100,
    )
    assert float(result.cost) == pytest.approx(0.004)


def test_without_a_price_there_is_no_cost(world: Harness) -> None:
    assert ask(world, agent(["ok"])[0]).cost is None


# --- structured output ----------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Wheel(BaseModel):
    size: int


class Car(BaseModel):
    name: str
    colour: Colour
    wheels: list[Wheel] = Field(min_length=1)
    owner: str | None = None
    engine: Literal["petrol"] | Wheel = "petrol"
    built: datetime | None = None


def test_an_answer_is_an_instance_of_the_schema(world: Harness) -> None:
    car = Car(name="Beetle", colour=Colour.RED, wheels=[Wheel(size=15)], engine=Wheel(size=1))
    one, fake = agent([turn(output=car)], output_schema=Car)
    result = ask(world, one)
    assert result.result == car
    assert result.result_schema.endswith("Car")
    assert fake.requests[0].output.name == "Car"


def test_a_list_is_an_answer_too(world: Harness) -> None:
    one, _ = agent(['[{"size": 1}, {"size": 2}]'], output_schema=list[Wheel])
    assert ask(world, one).result == [Wheel(size=1), Wheel(size=2)]


def test_an_answer_that_does_not_fit_is_mended_once(world: Harness) -> None:
    one, fake = agent(
        [
            turn(output={"name": "x", "colour": "green", "wheels": []}),
            turn(output=Car(name="x", colour="red", wheels=[Wheel(size=1)])),
        ],
        output_schema=Car,
    )
    result = ask(world, one)
    assert result.result.colour is Colour.RED
    assert result.total_steps == 1
    objection = fake.requests[1].messages[-1].text
    assert "colour" in objection
    assert "wheels" in objection


def test_an_answer_that_is_not_mended_fails_the_run_with_what_is_wrong(world: Harness) -> None:
    one, fake = agent(["no json", "still none", "never asked for"], output_schema=Car)
    with pytest.raises(
        ExecutionFailed, match="output_schema asks: the answer could not be read as JSON"
    ) as caught:
        ask(world, one)
    assert len(fake.requests) == 2
    assert caught.value.error["data"]["agent"]["usage"]["total_tokens"] > 0


def test_a_refusal_is_not_mended(world: Harness) -> None:
    one, fake = agent([turn(refusal="No.")], output_schema=Car)
    result = ask(world, one)
    assert (result.outcome, result.result, result.result_schema, len(fake.requests)) == (
        "refused",
        "No.",
        None,
        1,
    )


def test_only_the_mended_answer_stays_in_the_conversation(world: Harness) -> None:
    one, fake = agent(
        ["no json", turn(output=Wheel(size=1)), turn(output=Wheel(size=2))], output_schema=Wheel
    )
    ask(world, one, session_id="s")
    ask(world, one, "And now?", session_id="s")
    assert texts(fake.requests[2].messages) == ["Hi", '{"size":1}', "And now?"]


# --- errors of the provider -----------------------------------------------------------------------------------------


def test_what_may_succeed_later_is_tried_again(world: Harness) -> None:
    one, fake = agent([fail(500), fail(529), turn("ok", break_after=0), "fine"])
    started = world.clock.now()
    assert ask(world, one).result == "fine"
    assert len(fake.requests) == 4
    assert world.clock.now() - started < 20


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_asks(world: Harness) -> None:
    one, fake = agent([fail(429, retry_after=7200), "fine"])
    execution = world.start(one, {"input": "hi"})
    begun = world.clock.now()
    world.advance(7100)
    assert len(fake.requests) == 1
    assert execution.result().result == "fine"
    assert 7200 <= world.clock.now() - begun < 8000


@pytest.mark.parametrize(("status", "named"), [(401, "AuthenticationFailed"), (400, "BadRequest")])
def test_what_a_person_has_to_mend_fails_at_once(world: Harness, status: int, named: str) -> None:
    one, fake = agent([fail(status), "never"])
    with pytest.raises(ExecutionFailed) as caught:
        ask(world, one)
    assert caught.value.error["cause"] == named
    assert len(fake.requests) == 1


def test_an_unknown_provider_fails_at_once_and_says_which_there_are(world: Harness) -> None:
    one = Agent(id="lost", provider="opnai", model="m")
    with pytest.raises(ExecutionFailed, match=r"no provider 'opnai'.*openai"):
        ask(world, one)


# --- definitions ----------------------------------------------------------------------------------------------------


def test_a_provider_with_a_bug_is_not_asked_and_paid_again(world: Harness) -> None:
    one, fake = agent(FakeModel(lambda request: {}["no such key"]))
    with pytest.raises(ExecutionFailed, match="raised KeyError: 'no such key'"):
        ask(world, one)
    assert len(fake.requests) == 1


def test_two_agents_of_one_id_are_refused() -> None:
    agent(["a"], id="twin")
    with pytest.raises(InvalidDefinition, match="'twin'"):
        Agent(id="twin", provider="openai", model="m")


@pytest.mark.parametrize(
    "settings",
    [
        {"id": ""},
        {"model": ""},
        {"guardrail_max_retries": -1},
        {"stop_conditions": [7]},
        {"on_start": "log"},
        {"guardrails": [" "]},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidDefinition):
        agent(["a"], **settings)


def test_a_provider_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="provider=7"):
        Agent(id="p", provider=7, model="m")


def test_a_plain_function_among_the_tools_is_refused_with_advice(world: Harness) -> None:
    one, _ = agent(["a"], tools=[print])
    with pytest.raises(ExecutionFailed, match="decorate the function with @tool"):
        ask(world, one)


def test_a_workflow_is_a_tool_too(world: Harness) -> None:
    @workflow(id="double")
    async def double(ctx: WorkflowContext, payload: Wheel) -> int:
        """Double a size."""
        return payload.size * 2

    one, fake = agent([turn(calls=[call("double", size=4)]), "8"], tools=[double])
    ask(world, one)
    assert told(fake.requests[1]) == ["8"]
    assert fake.requests[0].tools[0].parameters["required"] == ["size"]


def test_a_result_given_as_result_stays_the_same() -> None:
    result = AgentResult(agent_run_id="x", result="y")
    assert AgentResult.model_validate(result) is result


@pytest.mark.parametrize("turns", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_an_agent_of_many_turns_stores_each_message_once(turns: int) -> None:
    mark = "needle" * 20

    def reply(request) -> object:
        position = sum(message.role == "assistant" for message in request.messages)
        return turn(mark, calls=[call("ping")]) if position < turns else turn("done")

    one, _ = agent(FakeModel(reply), tools=[ping], stop_conditions=[max_steps(300)])
    with MemoryHarness(settings=Settings()) as world:
        started = world.start(one, {"input": "go"})
        assert started.result().total_steps == turns + 1
        stored = [entry.encode() for entry in world.journal(started)]
    assert sum(text.count(mark) for text in stored) == turns
    assert max(map(len, stored[:-1])) < 4000
