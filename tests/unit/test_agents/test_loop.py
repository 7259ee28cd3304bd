"""The loop by itself: every state has a move, and every history ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from polos import AgentOutcome, Budget
from polos.agents import loop
from polos.agents.budget import Spent
from polos.agents.loop import (
    CallModel,
    CallTools,
    CheckAnswer,
    Compact,
    EndStep,
    Fail,
    Finish,
    Phase,
    Rules,
    State,
    decide,
)
from polos.agents.results import Usage
from polos.llm.types import Message, ModelResponse, StopReason, Text, ToolCall


def response(text: str = "", calls: int = 0, stop: StopReason = StopReason.END) -> ModelResponse:
    made = [ToolCall(call_id=f"c{i}", name="f") for i in range(calls)]
    said = [Text(text=text)] if text else []
    return ModelResponse(message=Message(role="assistant", parts=(*said, *made)), stop_reason=stop)


states = st.builds(
    State,
    phase=st.sampled_from(Phase),
    steps=st.integers(0, 12),
    answer=st.builds(response, st.sampled_from(["", "text"]), st.integers(0, 2), st.sampled_from(StopReason)),
    rejections=st.integers(0, 4),
    repairs=st.integers(0, 3),
    refusals=st.integers(0, 3),
    feedback=st.just("why"),
    problem=st.sampled_from(["", "no json"]),
    stopped_by=st.sampled_from([None, "max_steps"]),
    spent=st.builds(
        Spent,
        usage=st.builds(Usage, total_tokens=st.integers(0, 100)),
        steps=st.integers(0, 12),
        seconds=st.floats(0, 100),
    ),
    tokens=st.integers(0, 100),
    just_compacted=st.booleans(),
)
rules = st.builds(
    Rules,
    max_steps=st.none() | st.integers(1, 10),
    budget=st.builds(
        Budget,
        steps=st.none() | st.integers(1, 10),
        tokens=st.none() | st.integers(1, 90),
        cost=st.none(),
        seconds=st.none(),
    ),
    guardrail_retries=st.integers(0, 3),
    compact_above=st.none() | st.integers(1, 90),
)


@given(states, rules)
@settings(max_examples=500, deadline=None)
def test_every_state_has_a_move_and_the_same_one_each_time(state: State, given_rules: Rules) -> None:
    move = decide(state, given_rules)
    assert isinstance(move, CallModel | CheckAnswer | CallTools | EndStep | Compact | Finish | Fail)
    assert decide(state, given_rules) == move


@given(rules, st.data())
@settings(max_examples=300, deadline=None)
def test_every_history_ends_and_no_two_calls_have_one_name(given_rules: Rules, data: st.DataObject) -> None:
    bounded = Rules(**{**{f: getattr(given_rules, f) for f in Rules.__dataclass_fields__}, "max_steps": 4})
    state, names = loop.begun(State(), data.draw(st.integers(0, 100))), []
    for _ in range(200):
        move = decide(state, bounded)
        match move:
            case CallModel(name=name):
                names.append(name)
                happens = data.draw(st.sampled_from(["answers", "too long", "too late"]))
                if happens == "answers":
                    answer = response(
                        "text", data.draw(st.integers(0, 2)), data.draw(st.sampled_from(StopReason))
                    )
                    state = loop.answered(state, answer)
                else:
                    state = (
                        loop.too_late(state) if happens == "too late" else loop.too_long(state, "too long")
                    )
            case CheckAnswer(answer=answer):
                if data.draw(st.booleans(), label="accepted"):
                    state = loop.accepted(state, answer, data.draw(st.sampled_from(["", "no json"])))
                else:
                    state = loop.rejected(state, "no")
            case CallTools():
                state = loop.called(state)
            case EndStep():
                stop = data.draw(st.sampled_from([None, "condition"]))
                state = loop.step_ended(state, stop, data.draw(st.integers(0, 100)))
            case Compact():
                state = loop.compacted(state, data.draw(st.integers(0, 100)))
            case Finish() | Fail():
                break
    else:
        raise AssertionError("it goes on for ever")
    assert len(names) == len(set(names))
    assert state.steps <= 4


def test_a_limit_is_looked_at_before_a_call_is_paid_for() -> None:
    spent = Spent(usage=Usage(total_tokens=10))
    assert decide(State(spent=spent), Rules(budget=Budget(tokens=10))) == Finish(AgentOutcome.TOKEN_LIMIT)
    assert decide(State(spent=spent), Rules(budget=Budget(tokens=11))) == CallModel(1, "1")


def test_a_conversation_is_shortened_once_before_each_call() -> None:
    long = State(tokens=100)
    assert decide(long, Rules(compact_above=50)) == Compact()
    assert decide(loop.compacted(long, 90), Rules(compact_above=50)) == CallModel(1, "1")
    assert decide(long, Rules(compact_above=None)) == CallModel(1, "1")


def test_an_answer_that_was_refused_goes_along_with_the_objection() -> None:
    state = loop.rejected(loop.answered(State(), response("rude", calls=1)), "be kind")
    move = decide(state, Rules())
    assert isinstance(move, CallModel)
    assert [message.role for message in move.asides] == ["assistant", "user"]
    assert all(not message.tool_calls for message in move.asides)
    assert "be kind" in move.asides[1].text
    assert not move.first


def test_calls_of_an_answer_are_made_also_when_a_schema_asks_for_json() -> None:
    state = loop.accepted(loop.answered(State(), response("", 2)), response("", 2), "no json")
    assert isinstance(decide(state, Rules()), CallTools)


def test_a_condition_that_holds_does_not_turn_a_complete_answer_into_a_stop() -> None:
    ended = loop.step_ended(
        loop.accepted(loop.answered(State(), response("x")), response("x")), "has_text", 0
    )
    assert decide(ended, Rules()) == Finish(AgentOutcome.COMPLETED)
    with_calls = loop.step_ended(loop.called(loop.answered(State(), response("x", 1))), "has_text", 0)
    assert decide(with_calls, Rules()) == Finish(AgentOutcome.STOPPED, "has_text")
