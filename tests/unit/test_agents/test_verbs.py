"""Workflows ask agents: one or several, waiting or going on."""

from __future__ import annotations

import pytest

from polos import (
    AgentContext,
    AgentResult,
    ExecutionFailed,
    ExecutionHandle,
    HookContext,
    WorkflowContext,
    workflow,
)
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness
from polos.testing.turns import fail
from support.agents import agent, ask


def repeat(request: object) -> str:
    return f"you said {request.messages[-1].text}"


def test_agents_are_asked_in_all_four_ways(world: Harness) -> None:
    one, fake = agent(FakeModel(repeat))

    @workflow(id="four-ways")
    async def four_ways(ctx: WorkflowContext) -> list[str]:
        first: AgentResult = await ctx.step.agent_invoke_and_wait("a", one.with_input("a", temperature=1))
        handle: ExecutionHandle = await ctx.step.agent_invoke("b", one.with_input("b"))
        second = await ctx.step.wait_for(handle)
        both = await ctx.step.batch_agent_invoke_and_wait("c", [one.with_input("c"), one.with_input("d")])
        handles = await ctx.step.batch_agent_invoke("e", [one.with_input("e")])
        last = await ctx.step.wait_for(handles[0])
        plain = await ctx.step.invoke_and_wait("f", one, {"input": "f"})
        return [result.result for result in [first, second, *both, last, plain]]

    assert world.run(four_ways) == [f"you said {letter}" for letter in "abcdef"]
    assert fake.requests[0].temperature == 1


def test_a_request_has_the_callers_session_and_user_unless_it_says_otherwise(world: Harness) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def note(ctx: AgentContext, at: HookContext) -> None:
        assert ctx.conversation_id == ctx.session_id
        seen.append((ctx.session_id, ctx.user_id))

    one, _ = agent(FakeModel(repeat), on_start=note)

    @workflow(id="hands-on")
    async def hands_on(ctx: WorkflowContext) -> None:
        await ctx.step.agent_invoke_and_wait("a", one.with_input("a"))
        await ctx.step.agent_invoke_and_wait("b", one.with_input("b", session_id="s2", user_id="u2"))

    world.run(hands_on, session_id="s1", user_id="u1")
    assert seen == [("s1", "u1"), ("s2", "u2")]


def test_a_failed_agent_raises_after_all_have_ended(world: Harness) -> None:
    good, asked = agent(FakeModel(repeat))
    bad, _ = agent([fail(401)])

    @workflow(id="one-fails")
    async def one_fails(ctx: WorkflowContext) -> None:
        await ctx.step.batch_agent_invoke_and_wait("x", [bad.with_input("a"), good.with_input("b")])

    with pytest.raises(ExecutionFailed, match="not accepted"):
        world.run(one_fails)
    assert len(asked.finished) == 1


def test_what_is_no_request_is_refused_with_advice(world: Harness) -> None:
    one, _ = agent(FakeModel(repeat))

    @workflow(id="no-request")
    async def no_request(ctx: WorkflowContext) -> None:
        await ctx.step.agent_invoke("x", one)

    with pytest.raises(ExecutionFailed, match=r"needs agent\.with_input"):
        world.run(no_request)


def test_the_context_of_an_agent_tells_what_it_is(world: Harness) -> None:
    found: list[object] = []

    def look(ctx: AgentContext, at: HookContext) -> None:
        found.append(
            (ctx.agent_id, ctx.model, ctx.provider, ctx.system_prompt, ctx.temperature, ctx.max_tokens)
        )
        found.append((ctx.workflow_type, ctx.tools))

    one, _ = agent(["ok"], on_start=look, system_prompt="S", temperature=0.3, max_output_tokens=9)
    ask(world, one)
    assert found == [(one.id, "fake", "fake", "S", 0.3, 9), ("agent", [])]
