"""Stop conditions and budgets: the run ends with what there is, and says why."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from pydantic import BaseModel

from polos import (
    Agent,
    Budget,
    ExecutedToolConfig,
    ExecutionCancelled,
    ExecutionFailed,
    HasTextConfig,
    InvalidDefinition,
    MaxStepsConfig,
    MaxTokensConfig,
    Price,
    Prices,
    StopConditionContext,
    WorkflowContext,
    executed_tool,
    has_text,
    max_steps,
    max_tokens,
    stop_condition,
    tool,
)
from polos.agents.results import AgentStep, ToolResult, Usage
from polos.llm.request import ModelRequest
from polos.llm.types import Usage as ModelUsage
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness
from polos.testing.turns import call, fail, turn
from support.agents import agent, ask, broken, ping
from support.scenario import executions

HUNDRED = ModelUsage.of(90, 10)


@tool
async def slow_tool(ctx: WorkflowContext) -> str:
    """Take an hour."""
    await ctx.step.wait_for("hour", hours=1)
    return "done"


def endless(**settings: object) -> Agent:
    """An agent that would never stop: each step says a word, uses 100 tokens and calls a tool."""
    words = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]

    def reply(request: object) -> object:
        position = sum(message.role == "assistant" for message in request.messages)
        return turn(words[position], calls=[call("ping")], usage=HUNDRED)

    settings.setdefault("tools", [ping])
    return agent(FakeModel(reply), **settings)[0]


# --- conditions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [max_steps(3), max_steps(count=3), max_steps(MaxStepsConfig(count=3))])
def test_max_steps_in_all_its_forms(world: Harness, condition: object) -> None:
    result = ask(world, endless(stop_conditions=[condition]))
    assert (result.total_steps, result.outcome, result.stopped_by, result.result) == (
        3,
        "stopped",
        "max_steps",
        "three",
    )


def test_more_steps_than_the_default_may_be_allowed(world: Harness) -> None:
    assert ask(world, endless(stop_conditions=max_steps(12))).total_steps == 12


@pytest.mark.parametrize(
    "condition", [max_tokens(250), max_tokens(limit=250), max_tokens(MaxTokensConfig(limit=250))]
)
def test_max_tokens_counts_the_whole_run(world: Harness, condition: object) -> None:
    result = ask(world, endless(stop_conditions=[condition]))
    assert (result.total_steps, result.stopped_by) == (3, "max_tokens")


@pytest.mark.parametrize(
    "condition",
    [
        executed_tool("ping"),
        executed_tool(["ping"]),
        executed_tool(tool_names=["ping"]),
        executed_tool(ExecutedToolConfig(tool_names=["ping"])),
    ],
)
def test_executed_tool_stops_behind_the_call(world: Harness, condition: object) -> None:
    result = ask(world, endless(stop_conditions=[condition]))
    assert (result.total_steps, result.stopped_by) == (1, "executed_tool")
    assert [one.result for one in result.tool_results] == ["pong"]


def test_all_named_tools_have_to_have_answered(world: Harness) -> None:
    replies = [turn(calls=[call("broken")]), turn(calls=[call("ping")]), "end"]
    one, fake = agent(replies, tools=[ping, broken], stop_conditions=[executed_tool("ping", "broken")])
    assert ask(world, one).outcome == "completed"
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    "condition",
    [has_text("wo"), has_text("one", "two"), has_text(texts=["two"]), has_text(HasTextConfig(texts=["two"]))],
)
def test_has_text_stops_when_all_was_written(world: Harness, condition: object) -> None:
    assert ask(world, endless(stop_conditions=[condition])).total_steps == 2


class Count(BaseModel):
    calls: int


def test_conditions_of_the_users_are_asked_once_a_step_and_recorded(world: Harness) -> None:
    asked = []

    @stop_condition
    def enough(ctx: StopConditionContext, config: Count) -> bool:
        asked.append(len(ctx.steps))
        return sum(len(step.tool_calls) for step in ctx.steps) >= config.calls

    @stop_condition(name="never")
    async def not_yet(ctx: StopConditionContext) -> bool:
        return False

    result = ask(world, endless(stop_conditions=[not_yet, enough(calls=2)]))
    assert (result.total_steps, result.stopped_by) == (2, "enough")
    assert asked == [1, 2]
    assert enough(Count(calls=1)).config == enough(calls=1).config


def test_a_condition_is_a_function_that_can_be_tested_by_itself() -> None:
    step = AgentStep(step=1, content="DONE", tool_results=[ToolResult(tool_name="t", status="failed")])
    ctx = StopConditionContext(steps=[step], usage=Usage(total_tokens=9))
    assert has_text("DONE").holds(ctx)
    assert not executed_tool("t").holds(ctx)
    assert not max_tokens(10).holds(ctx)


@pytest.mark.parametrize("wrong", [max_steps, has_text, 5, "x"])
def test_what_is_no_condition_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidDefinition):
        agent(["x"], stop_conditions=[wrong])


@pytest.mark.parametrize("make", [max_tokens, executed_tool, has_text, partial(max_steps, 0)])
def test_a_condition_without_a_limit_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidDefinition, match="needs its limit"):
        make()


def test_a_condition_without_its_configuration_is_refused() -> None:
    @stop_condition
    def needs(ctx: StopConditionContext, config: Count) -> bool:
        return True

    with pytest.raises(InvalidDefinition, match="'needs' takes a configuration"):
        agent(["x"], stop_conditions=[needs])


def test_an_answer_without_a_call_is_completed_even_where_a_condition_holds(world: Harness) -> None:
    assert ask(world, agent(["DONE"], stop_conditions=[has_text("DONE")])[0]).outcome == "completed"


# --- budgets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "outcome", "steps"),
    [
        (Budget(steps=2), "step_limit", 2),
        (Budget(steps=12), "step_limit", 12),
        (Budget(tokens=350), "token_limit", 4),
        (Budget(cost=Decimal("0.0003")), "cost_limit", 3),
    ],
)
def test_a_budget_ends_the_run_with_what_there_is(
    world: Harness, budget: Budget, outcome: str, steps: int
) -> None:
    result = ask(world, endless(budget=budget, prices=Prices({"fake": Price(1, 1)})))
    words = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]
    if budget.steps == 12:
        assert result.total_steps == 12
    assert (result.outcome, result.total_steps, result.result) == (outcome, steps, words[steps - 1])
    assert len(result.tool_results) == steps


def test_wall_time_counts_waits(world: Harness) -> None:
    one, fake = agent(
        [turn("a", calls=[call("slow_tool")]), turn("b", calls=[call("slow_tool")]), "c"],
        tools=[slow_tool],
        budget=Budget(seconds=5400),
    )
    result = ask(world, one)
    assert (result.outcome, result.result, len(fake.requests)) == ("time_limit", "b", 2)


@pytest.mark.parametrize("pause", [7200, None], ids=["asked-for", "of-our-own"])
def test_a_busy_provider_is_not_waited_for_longer_than_there_is_time(
    world: Harness, pause: float | None
) -> None:
    def reply(request: ModelRequest) -> object:
        first = len(request.messages) == 1
        return turn("a", calls=[call("ping")]) if first else fail(429, retry_after=pause)

    one, fake = agent(FakeModel(reply), tools=[ping], budget=Budget(seconds=90))
    begun = world.clock.now()
    result = ask(world, one)
    assert (result.outcome, result.result, result.total_steps) == ("time_limit", "a", 1)
    assert world.clock.now() - begun < 90 + 66, "a pause of our own is a minute at most"
    assert len(fake.requests) == 2 or pause is None


def test_a_run_may_have_a_stricter_budget_than_its_agent_and_no_looser_one(world: Harness) -> None:
    one = endless(budget=Budget(steps=3))
    assert ask(world, one, budget={"steps": 2}).total_steps == 2
    assert ask(world, one, budget={"steps": 9}).total_steps == 3


def test_a_budget_of_money_needs_a_price(world: Harness) -> None:
    with pytest.raises(ExecutionFailed, match="a budget of money needs a price"):
        ask(world, endless(budget=Budget(cost=Decimal(1))))


def test_what_sub_agents_use_counts_and_is_limited(world: Harness) -> None:
    helper = endless(id="helper", description="Helps.")
    boss, fake = agent(
        [turn(calls=[call("helper", input="a"), call("helper", input="b")], usage=HUNDRED), "never"],
        tools=[helper],
        budget=Budget(tokens=700),
    )
    result = ask(world, boss)
    # Each of the two has half of the 600 tokens that are left: three steps of a hundred.
    assert result.usage.total_tokens == 700
    assert (result.outcome, result.total_steps, result.run_steps) == ("token_limit", 1, 7)
    assert [one.result for one in result.tool_results] == ["three", "three"]
    assert len(fake.requests) == 1


@pytest.mark.parametrize(("calls", "outcomes"), [(1, ["two"]), (3, ["one", "one", None])])
def test_sub_agents_together_keep_within_the_steps_that_are_left(
    world: Harness, calls: int, outcomes: list[str | None]
) -> None:
    helper = endless(id="stepper", description="Helps.")
    asked = [call("stepper", input="a") for _ in range(calls)]
    boss, _ = agent([turn(calls=asked), "never"], tools=[helper], budget=Budget(steps=3))
    result = ask(world, boss)
    assert (result.outcome, result.run_steps) == ("step_limit", 3)
    assert [one.result for one in result.tool_results] == outcomes


def test_a_sub_agent_for_which_nothing_is_left_is_not_asked(world: Harness) -> None:
    helper, asked = agent(["never"], id="unpaid", description="Helps.")
    boss, _ = agent(
        [turn(calls=[call("unpaid", input="a")], usage=HUNDRED), "never"],
        tools=[helper],
        budget=Budget(tokens=100),
    )
    result = ask(world, boss)
    assert (result.outcome, result.usage.total_tokens, asked.requests) == ("token_limit", 100, [])
    assert "used up" in (result.tool_results[0].error or "")


def test_what_a_failed_sub_agent_has_used_counts(world: Harness) -> None:
    helper, _ = agent(
        [turn("bad", usage=HUNDRED), turn("bad", usage=HUNDRED)], id="failing-helper", output_schema=Count
    )
    boss, _ = agent(
        [turn(calls=[call("failing-helper", input="x")], usage=HUNDRED), turn("sorry", usage=HUNDRED)],
        tools=[helper],
    )
    result = ask(world, boss)
    assert result.usage.total_tokens == 400
    assert result.tool_results[0].status == "failed"


def test_a_cancelled_agent_cancels_the_agents_and_tools_that_it_has_called(world: Harness) -> None:
    helper, _ = agent([turn(calls=[call("slow_tool")])], id="cancelled-helper", tools=[slow_tool])
    boss, _ = agent([turn(calls=[call("cancelled-helper", input="a")])], tools=[helper])
    started = world.start(boss, {"input": "go"})
    world.pump()
    world.cancel(started)
    with pytest.raises(ExecutionCancelled):
        started.result()
    assert {world.status(each) for each in executions(world)} == {"cancelled"}


def test_a_sub_agent_that_is_cancelled_is_a_call_that_failed(world: Harness) -> None:
    helper, _ = agent([turn(calls=[call("slow_tool")])], id="stopped-helper", tools=[slow_tool])
    boss, fake = agent([turn(calls=[call("stopped-helper", input="a")]), "sorry"], tools=[helper])
    started = world.start(boss, {"input": "go"})
    world.pump()
    world.cancel(
        next(each for each in executions(world) if world.service.meta(each).info.workflow == helper.id)
    )
    assert started.result().result == "sorry"
    assert "cancelled" in fake.requests[1].messages[-1].parts[0].content


def test_an_agent_as_a_tool_is_asked_in_words_and_answers_with_its_result(world: Harness) -> None:
    helper, asked = agent(["Oslo"], id="capitals", description="Knows capitals.")
    boss, fake = agent([turn(calls=[call("capitals", input="Norway?")]), "It is Oslo."], tools=[helper])
    result = ask(world, boss)
    assert result.result == "It is Oslo."
    assert [part.text for part in asked.requests[0].messages] == ["Norway?"]
    assert fake.requests[0].tools[0].description == "Knows capitals."
    assert fake.requests[1].messages[-1].parts[0].content == "Oslo"
    assert result.usage.total_tokens == sum(r.usage.total_tokens for r in (*asked.finished, *fake.finished))
