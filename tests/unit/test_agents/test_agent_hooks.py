"""Hooks of agents, at six points: they look, change what flows on, or stop the run."""

from __future__ import annotations

import pytest

from polos import (
    AgentResult,
    ExecutionFailed,
    GuardrailContext,
    GuardrailResult,
    HookContext,
    HookResult,
    WorkflowContext,
    hook,
    tool,
)
from polos.testing.harness import Harness
from polos.testing.turns import call, turn
from support.agents import add, agent, ask, broken, texts, told

POINTS = [
    "on_start",
    "on_end",
    "on_agent_step_start",
    "on_agent_step_end",
    "on_tool_start",
    "on_tool_end",
]


TWO_CALLS = [turn("Adding.", calls=[call("add", a=1, b=2), call("add", a=3, b=4)]), "done"]


def test_all_six_points_are_called_in_order_and_told_where_they_are(world: Harness) -> None:
    seen: list[tuple[object, ...]] = []

    @hook
    def note(ctx: WorkflowContext, at: HookContext) -> None:
        assert at.agent_id == ctx.workflow_id
        assert at.llm_config["model"] == "fake"
        seen.append((at.point, at.step, at.current_tool, len(at.steps)))

    one, _ = agent(TWO_CALLS, tools=[add], **dict.fromkeys(POINTS, note))
    ask(world, one)
    assert sorted(seen[2:6]) == sorted(
        [("on_tool_start", None, "add", 0)] * 2 + [("on_tool_end", None, "add", 0)] * 2
    )
    assert seen[:2] == [("on_start", None, None, 0), ("on_agent_step_start", 1, None, 0)]
    assert seen[6:] == [
        ("on_agent_step_end", 1, None, 0),
        ("on_agent_step_start", 2, None, 1),
        ("on_agent_step_end", 2, None, 1),
        ("on_end", None, None, 0),
    ]


@pytest.mark.parametrize("point", POINTS)
def test_fail_stops_the_run_at_every_point(world: Harness, point: str) -> None:
    one, _ = agent(TWO_CALLS, tools=[add], **{point: lambda ctx, at: HookResult.fail(f"stop at {at.point}")})
    with pytest.raises(ExecutionFailed, match=f"stop at {point}") as caught:
        ask(world, one)
    assert caught.value.error["cause"] == "HookFailed"


def test_two_tools_have_their_hooks_each(world: Harness) -> None:
    def double(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_output=at.current_output * 2)

    one, fake = agent(TWO_CALLS, tools=[add], on_tool_end=double)
    result = ask(world, one)
    assert told(fake.requests[1]) == ["6", "14"]
    assert [r.result for r in result.tool_results] == [6, 14]


def test_arguments_may_be_changed_before_the_call(world: Harness) -> None:
    def hundred(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={**at.current_payload, "b": 100})

    one, fake = agent(TWO_CALLS, tools=[add], on_tool_start=[hundred])
    ask(world, one)
    assert told(fake.requests[1]) == ["101", "103"]


def test_a_failed_tool_is_shown_with_its_error_and_stays_failed(world: Harness) -> None:
    def explain(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_output=f"because: {at.error}")

    one, fake = agent([turn(calls=[call("broken")]), "ok"], tools=[broken], on_tool_end=explain)
    result = ask(world, one)
    assert told(fake.requests[1]) == ["because: cannot do it"]
    assert result.tool_results[0].status == "failed"


def test_a_tools_own_hooks_and_the_agents_are_both_called(world: Harness) -> None:
    def more(ctx: WorkflowContext, at: HookContext) -> HookResult:
        assert at.current_tool == "hooked"
        return HookResult.continue_with(modified_output=at.current_output + 1)

    def start(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={"n": at.current_payload.n * 10})

    @tool(id="hooked", on_start=start, on_end=more)
    def hooked(ctx: WorkflowContext, n: int) -> int:
        return n

    one, fake = agent([turn(calls=[call("hooked", n=4)]), "ok"], tools=[hooked], on_tool_end=more)
    ask(world, one)
    assert told(fake.requests[1]) == ["42"]


def test_what_is_asked_may_be_changed_at_the_start(world: Harness) -> None:
    def rephrase(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(modified_payload={"input": at.current_payload["input"].upper()})

    one, fake = agent(["ok"], on_start=[rephrase])
    ask(world, one, "hello")
    assert texts(fake.requests[0].messages) == ["HELLO"]


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ("another answer", "another answer"),
        ({"result": "by field"}, "by field"),
        ({"anything": "else"}, {"anything": "else"}),
        (0, 0),
    ],
)
def test_the_result_may_be_changed_at_the_end(world: Harness, change: object, result: object) -> None:
    def revise(ctx: WorkflowContext, at: HookContext) -> HookResult:
        assert isinstance(at.current_output, AgentResult)
        return HookResult.continue_with(modified_output=change)

    def keep(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(
            modified_output=at.current_output.model_copy(update={"total_steps": 7})
        )

    given = ask(world, agent(["first"], on_end=[revise, keep])[0])
    assert (given.result, given.total_steps) == (result, 7)


def test_what_one_call_of_the_model_is_sent_may_be_changed(world: Harness) -> None:
    def shorten(ctx: WorkflowContext, at: HookContext) -> HookResult:
        if at.step == 1:
            return HookResult.continue_with()
        return HookResult.continue_with(
            modified_payload={"messages": [{"role": "user", "content": "only this"}]}
        )

    one, fake = agent([*TWO_CALLS], tools=[add], on_agent_step_start=shorten)
    ask(world, one)
    assert [texts(request.messages) for request in fake.requests] == [["Hi"], ["only this"]]


def test_what_a_hook_left_out_stays_out_when_the_step_is_asked_anew(world: Harness) -> None:
    def redact(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(
            modified_payload={"messages": [{"role": "user", "content": "[redacted]"}]}
        )

    def polite(at: GuardrailContext) -> GuardrailResult:
        return GuardrailResult.fail("rude") if at.content == "bad" else GuardrailResult.continue_with()

    one, fake = agent(["bad", "good"], on_agent_step_start=redact, guardrails=polite)
    ask(world, one, "the secret")
    assert texts(fake.requests[1].messages)[:2] == ["[redacted]", "bad"]


def test_what_an_answer_says_may_be_changed_at_the_end_of_its_step(world: Harness) -> None:
    def censor(ctx: WorkflowContext, at: HookContext) -> HookResult:
        return HookResult.continue_with(
            modified_output={"content": at.current_output["content"].replace("g", "*")}
        )

    one, fake = agent(TWO_CALLS, tools=[add], on_agent_step_end=censor)
    ask(world, one)
    assert texts(fake.requests[1].messages)[1] == "Addin*."
