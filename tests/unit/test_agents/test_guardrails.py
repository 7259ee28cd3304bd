"""Guardrails check an answer before anything is done with it: functions, and rules in words."""

from __future__ import annotations

import pytest

from polos import (
    ExecutionFailed,
    GuardrailContext,
    GuardrailResult,
    InvalidDefinition,
    WorkflowContext,
    guardrail,
)
from polos.middleware.guardrail import Guardrail
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness
from polos.testing.turns import call, turn
from support.agents import add, agent, ask, ping, texts, told


@guardrail
def polite(ctx: GuardrailContext) -> GuardrailResult:
    """No bad words."""
    if "bad" in (ctx.content or ""):
        return GuardrailResult.fail("mind your words")
    return GuardrailResult.continue_with()


@guardrail
async def shouting(ctx: WorkflowContext, at: GuardrailContext) -> GuardrailResult:
    """Everything in capitals."""
    assert ctx.execution_id == at.agent_run_id
    return GuardrailResult.continue_with(modified_content=at.content.upper())


def judged(verdicts: dict[str, list[str]], answers: list[object]) -> FakeModel:
    """A model that answers, and judges by rule: each rule has its verdicts, in order."""
    answers = list(answers)

    def reply(request: object) -> object:
        if request.output is not None and request.output.name == "Verdict":
            question = request.messages[-1].text
            for rule, said in verdicts.items():
                if f"<rule>\n{rule}\n</rule>" in question:
                    return said.pop(0)
        return answers.pop(0)

    return FakeModel(reply)


PASS, FAIL = '{"passed": true, "reason": ""}', '{"passed": false, "reason": "it is rude"}'


def test_each_guardrail_sees_what_the_one_before_it_has_made(world: Harness) -> None:
    seen = []

    def look(at: GuardrailContext) -> GuardrailResult:
        seen.append(at.content)
        return GuardrailResult.continue_with(modified_content=at.content + "!")

    one, _ = agent(["hello"], guardrails=[shouting, look, look])
    assert ask(world, one).result == "HELLO!!"
    assert seen == ["HELLO", "HELLO!"]


def test_a_refused_answer_is_asked_for_anew_with_the_objection(world: Harness) -> None:
    one, fake = agent(["bad", "still bad", "good"], guardrails=polite)
    result = ask(world, one)
    assert (result.result, result.total_steps, len(fake.requests)) == ("good", 1, 3)
    assert texts(fake.requests[1].messages)[1] == "bad"
    assert "mind your words" in texts(fake.requests[1].messages)[2]
    assert len(fake.requests[2].messages) == 5


def test_a_retry_is_a_fresh_call_and_not_the_recorded_answer(world: Harness) -> None:
    one, fake = agent(["bad", "good"], guardrails=[polite])
    started = world.start(one, {"input": "x"})
    assert started.result().result == "good"
    keys = [entry.address for entry in world.journal(started) if entry.address.startswith("run:llm")]
    assert keys == ["run:llm:1", "run:llm:1:guardrail-1"]
    assert len(fake.requests) == 2


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_after_the_retries_the_run_fails(world: Harness, retries: int) -> None:
    one, fake = agent(FakeModel(lambda request: "bad"), guardrails=[polite], guardrail_max_retries=retries)
    with pytest.raises(ExecutionFailed, match="mind your words") as caught:
        ask(world, one)
    assert len(fake.requests) == retries + 1
    assert caught.value.error["cause"] == "GuardrailFailed"


def test_the_objection_is_forgotten_once_an_answer_stands(world: Harness) -> None:
    one, fake = agent(
        ["bad", turn("fine", calls=[call("add", a=1, b=2)]), "done"], guardrails=[polite], tools=[add]
    )
    ask(world, one)
    assert texts(fake.requests[2].messages)[:2] == ["Hi", "fine"]


def test_fail_said_in_text_counts_as_fail(world: Harness) -> None:
    def refuse(at: GuardrailContext) -> GuardrailResult:
        return GuardrailResult(action="fail", error_message="no")

    with pytest.raises(ExecutionFailed, match="the last objection: no"):
        ask(world, agent(FakeModel(lambda request: "x"), guardrails=[refuse])[0])


@pytest.mark.parametrize("returned", [None, True, "ok"])
def test_a_guardrail_that_does_not_decide_is_broken_and_not_satisfied(
    world: Harness, returned: object
) -> None:
    with pytest.raises(ExecutionFailed, match=r"returned .*; return GuardrailResult"):
        ask(world, agent(["x"], guardrails=[lambda at: returned])[0])


def test_a_guardrail_that_raises_fails_the_run(world: Harness) -> None:
    def broken(at: GuardrailContext) -> GuardrailResult:
        raise KeyError("list of words")

    with pytest.raises(ExecutionFailed, match="list of words"):
        ask(world, agent(["x"], guardrails=[broken])[0])


# --- together with tool calls -----------------------------------------------------------------------------------------


def test_guardrails_see_and_change_calls(world: Harness) -> None:
    seen = []

    @guardrail
    def halve(at: GuardrailContext) -> GuardrailResult:
        seen.append([(one["function"]["name"], one["function"]["arguments"]) for one in at.tool_calls])
        if not at.tool_calls:
            return GuardrailResult.continue_with()
        first = dict(at.tool_calls[0])
        first["function"] = {"name": "add", "arguments": {"a": 1, "b": 1}}
        return GuardrailResult.continue_with(modified_tool_calls=[first])

    one, fake = agent(
        [turn(calls=[call("add", a=5, b=5), call("add", a=9, b=9)]), "end"], tools=[add], guardrails=halve
    )
    result = ask(world, one)
    assert told(fake.requests[1]) == ["2"]
    assert [r.result for r in result.tool_results] == [2]
    assert seen == [[("add", '{"a": 5, "b": 5}'), ("add", '{"a": 9, "b": 9}')], []]


def test_calls_may_be_taken_away(world: Harness) -> None:
    def none(at: GuardrailContext) -> GuardrailResult:
        return GuardrailResult.continue_with(modified_content="no tools", modified_tool_calls=[])

    result = ask(world, agent([turn(calls=[call("add", a=1, b=1)])], tools=[add], guardrails=[none])[0])
    assert (result.result, result.tool_results, result.total_steps) == ("no tools", [], 1)


def test_calls_that_guardrails_write_have_ids_that_no_other_call_has(world: Harness) -> None:
    def pings(at: GuardrailContext) -> GuardrailResult:
        wanted = [{"name": "ping", "arguments": {}}] * 2
        return GuardrailResult.continue_with(modified_tool_calls=wanted if at.content == "go" else None)

    one, fake = agent(["go", "go", "end", "go", "end"], tools=[ping], guardrails=pings)
    ask(world, one, session_id="s")
    ask(world, one, session_id="s")
    ids = [made.call_id for message in fake.requests[-1].messages for made in message.tool_calls]
    assert len(ids) == len(set(ids)) == 6
    assert max(map(len, ids)) <= 40  # more, and Chat Completions rejects it


def test_calls_that_cannot_be_made_are_refused(world: Harness) -> None:
    def spoil(at: GuardrailContext) -> GuardrailResult:
        return GuardrailResult.continue_with(modified_tool_calls=[{"function": {}}])

    with pytest.raises(ExecutionFailed, match="modified_tool_calls"):
        ask(world, agent([turn(calls=[call("add", a=1, b=1)])], tools=[add], guardrails=[spoil])[0])


def test_a_refused_answer_with_calls_leaves_no_call_without_result(world: Harness) -> None:
    one, fake = agent([turn("bad", calls=[call("add", a=1, b=1)]), "good"], tools=[add], guardrails=[polite])
    assert ask(world, one).result == "good"
    assert all(not message.tool_calls for message in fake.requests[1].messages)


# --- rules in words ---------------------------------------------------------------------------------------------------


def test_a_rule_is_judged_by_the_agents_model(world: Harness) -> None:
    fake = judged({"Be polite.": [FAIL, PASS]}, ["go away", "good day"])
    result = ask(world, agent(fake, guardrails=["Be polite."])[0])
    assert result.result == "good day"
    judge = fake.requests[1]
    assert "go away" in judge.messages[-1].text
    assert "it is rude" in fake.requests[2].messages[-1].text
    assert result.usage.total_tokens == sum(answer.usage.total_tokens for answer in fake.finished)


def test_two_rules_have_a_verdict_each(world: Harness) -> None:
    fake = judged({"Be polite.": [PASS, PASS], "Be brief.": [FAIL, PASS]}, ["long", "short"])
    result = ask(world, agent(fake, guardrails=["Be polite.", "Be brief."])[0])
    assert result.result == "short"
    assert len(fake.requests) == 6


def test_the_same_rule_twice_is_judged_twice(world: Harness) -> None:
    fake = judged({"Be polite.": [PASS, FAIL, PASS, PASS]}, ["one", "two"])
    assert ask(world, agent(fake, guardrails=["Be polite.", "Be polite."])[0]).result == "two"


def test_a_judgement_that_cannot_be_read_is_no_pass(world: Harness) -> None:
    fake = judged({"Be polite.": ["I think it is fine", PASS]}, ["one", "two"])
    assert ask(world, agent(fake, guardrails=["Be polite."])[0]).result == "two"


def test_rules_and_functions_stand_side_by_side(world: Harness) -> None:
    fake = judged({"Be polite.": [PASS]}, ["hello"])
    assert ask(world, agent(fake, guardrails=[shouting, "Be polite.", polite])[0]).result == "HELLO"
    assert "HELLO" in fake.requests[1].messages[-1].text


# --- definitions ------------------------------------------------------------------------------------------------------


def test_a_guardrail_is_still_the_function_it_was() -> None:
    assert isinstance(polite, Guardrail)
    assert polite(GuardrailContext(content="bad")).error_message == "mind your words"


def test_what_can_be_no_guardrail_is_refused() -> None:
    for wrong in (7, "", lambda: None, lambda a, b, c: None):
        with pytest.raises(InvalidDefinition):
            agent(["x"], guardrails=[wrong])
