"""Memory: one history per agent and session, shortened without changing roles or parting calls from results."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polos import CompactionConfig, ExecutionFailed, WorkflowContext, tool, workflow
from polos.agents.memory import Past, cut_for, estimate, view
from polos.agents.sessions import History, look, read, remember
from polos.llm.request import ModelRequest
from polos.llm.types import Message, Text, ToolCall, ToolResult, assistant, tool_results, user
from polos.memory.types import CompactionConfig as SameConfig
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness
from polos.testing.turns import call, fail, pairing_problem, turn
from support.agents import agent, ask, ping, roles, texts, told

SMALL = CompactionConfig(max_conversation_tokens=60, max_summary_tokens=50, min_recent_messages=2)


def echo(request: object) -> str:
    return f"answer {sum(message.role == 'user' for message in request.messages)}"


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_goes_on_where_it_was(world: Harness) -> None:
    one, fake = agent(FakeModel(echo))
    ask(world, one, "first", session_id="s")
    ask(world, one, "second", session_id="s")
    ask(world, one, "third", session_id="s")
    assert texts(fake.requests[2].messages) == ["first", "answer 1", "second", "answer 2", "third"]


def test_sessions_and_agents_do_not_share_memory(world: Harness) -> None:
    one, fake = agent(FakeModel(echo))
    other, also = agent(FakeModel(echo))
    ask(world, one, "mine", session_id="a|b")
    ask(world, one, "yours", session_id="a")
    ask(world, other, "theirs", session_id="a|b")
    ask(world, one, "nobody's")
    assert [len(request.messages) for request in (*fake.requests, *also.requests)] == [1, 1, 1, 1]


def test_agents_of_one_run_have_a_memory_each(world: Harness) -> None:
    left, asked_left = agent(FakeModel(echo), id="left")
    right, asked_right = agent(FakeModel(echo), id="right")

    @workflow(id="both-sides")
    async def both(ctx: WorkflowContext) -> list[str]:
        requests = [left.with_input("to the left"), right.with_input("to the right")]
        first = await ctx.step.batch_agent_invoke_and_wait("first", requests)
        again = await ctx.step.agent_invoke_and_wait("again", left.with_input("left again"))
        return [one.result for one in [*first, again]]

    assert world.run(both, session_id="s") == ["answer 1", "answer 1", "answer 2"]
    assert texts(asked_left.requests[1].messages) == ["to the left", "answer 1", "left again"]
    assert texts(asked_right.requests[0].messages) == ["to the right"]


def test_tool_calls_are_remembered_with_their_results(world: Harness) -> None:
    one, fake = agent([turn(calls=[call("ping")]), "ok", "again"], tools=[ping])
    ask(world, one, session_id="s")
    ask(world, one, "more", session_id="s")
    assert roles(fake.requests[2]) == ["user", "assistant", "tool", "assistant", "user"]


def test_a_run_that_fails_leaves_the_session_as_it_was(world: Harness) -> None:
    one, fake = agent(["fine", fail(400), "fine too"])
    ask(world, one, "first", session_id="s")
    with pytest.raises(ExecutionFailed):
        ask(world, one, "second", session_id="s")
    ask(world, one, "third", session_id="s")
    assert texts(fake.requests[2].messages) == ["first", "fine", "third"]


def test_what_a_session_holds_is_not_copied_into_each_run(world: Harness) -> None:
    one, _ = agent(FakeModel(lambda request: "needle" * 50))
    sizes = []
    for number in range(6):
        started = world.start(one, {"input": f"question {number}"}, session_id="s")
        started.result()
        sizes.append(sum(len(entry.encode()) for entry in world.journal(started)))
    assert max(sizes) < min(sizes) * 1.2


def test_a_session_is_remembered_once_though_the_worker_dies(world: Harness) -> None:
    for number in range(1, 40):
        with MemoryHarness() as other:
            one, fake = agent(FakeModel(echo))
            other.crash_after(number)
            ask(other, one, "first", session_id="s")
            ask(other, one, "second", session_id="s")
            assert texts(fake.requests[-1].messages) == ["first", "answer 1", "second"], number
            if other.deaths.planned:
                return
    raise AssertionError("there were more writes than expected")


def test_the_session_may_be_named_in_the_payload(world: Harness) -> None:
    one, fake = agent(FakeModel(echo))
    world.run(one, {"input": "a", "session_id": "s"})
    world.run(one, {"input": "b", "session_id": "s"})
    assert len(fake.requests[1].messages) == 3


# --- the log of a session -------------------------------------------------------------------------------------------


def said(text: str) -> list[Message]:
    return [user(text), assistant(text.upper())]


def test_runs_that_overlap_are_all_remembered(world: Harness) -> None:
    log = world.service.ports.log
    empty = look(log, "log")
    remember(log, empty, "run 1", said("a"))
    remember(log, empty, "run 2", said("b"))
    remember(log, empty, "run 2", said("b"))
    assert texts(read(log, look(log, "log")).messages) == ["a", "A", "b", "B"]


def test_a_summary_stands_for_what_its_run_had_read_and_for_nothing_else(world: Harness) -> None:
    log = world.service.ports.log
    remember(log, look(log, "log"), "run 1", said("a"))
    seen = look(log, "log")
    remember(log, seen, "run 2", said("meanwhile"))
    remember(log, seen, "run 3", said("c"), shortened=History("about a", (assistant("A"),)))
    remember(log, look(log, "log"), "run 4", said("d"))
    now = look(log, "log")
    history = read(log, now)
    assert history.summary == now.summary == "about a"
    assert texts(history.messages) == ["A", "meanwhile", "MEANWHILE", "c", "C", "d", "D"]
    assert now.start == 1


def test_two_summaries_of_the_same_past_do_not_double_it(world: Harness) -> None:
    log = world.service.ports.log
    remember(log, look(log, "log"), "run 1", said("a"))
    seen = look(log, "log")
    for number in (2, 3):
        own = said(str(number))
        remember(log, seen, f"run {number}", own, shortened=History(f"summary {number}", (assistant("A"),)))
    history = read(log, look(log, "log"))
    assert (history.summary, texts(history.messages)) == ("summary 3", ["A", "2", "2", "3", "3"])


# --- compaction -----------------------------------------------------------------------------------------------------


def summarizing(answers: list[object]) -> FakeModel:
    """A model that answers in order, and writes `SUMMARY n` when it is to summarize."""
    count = iter(range(1, 100))

    def reply(request: object) -> object:
        if "You summarize conversations" in request.system:
            return f"SUMMARY {next(count)}"
        return answers.pop(0)

    return FakeModel(reply)


def test_a_long_session_is_shortened_and_goes_on(world: Harness) -> None:
    fake = summarizing(["x" * 240, "y" * 240, "z"])
    one, _ = agent(fake, compaction=SMALL)
    ask(world, one, "first", session_id="s")
    ask(world, one, "second", session_id="s")
    ask(world, one, "third", session_id="s")
    last = fake.requests[-1]
    assert roles(last)[0] == "user"
    summarized = [request for request in fake.requests if "You summarize" in request.system]
    assert f"SUMMARY {len(summarized)}" in last.messages[0].text
    assert texts(last.messages)[-1] == "third"
    assert "first" not in "".join(texts(last.messages[1:]))
    second = next(request for request in fake.requests if "SUMMARY 1" in request.messages[0].text)
    assert second.messages[0].role == "user"
    assert "SUMMARY 1" in summarized[1].messages[0].text
    assert summarized[0].max_output_tokens == 50


def test_calls_and_results_stay_together_over_a_compaction_within_a_run(world: Harness) -> None:
    answers = [turn("t" * 90, calls=[call("ping"), call("ping")]) for _ in range(6)] + ["end"]
    fake = summarizing(answers)
    one, _ = agent(fake, tools=[ping], compaction=SMALL)
    result = ask(world, one, "go")
    # The fake rejects a conversation in which a call and its result are parted, as providers do.
    assert (result.result, result.total_steps) == ("end", 7)
    assert sum("You summarize" in request.system for request in fake.requests) >= 3
    assert result.usage.total_tokens == sum(answer.usage.total_tokens for answer in fake.finished)


def test_system_messages_of_the_input_are_kept(world: Harness) -> None:
    fake = summarizing([turn("t" * 200, calls=[call("ping")]), turn("t" * 200, calls=[call("ping")]), "end"])
    one, _ = agent(fake, tools=[ping], compaction=SMALL)
    ask(world, one, [{"role": "system", "content": "RULES"}, {"role": "user", "content": "go"}])
    assert texts(fake.requests[-1].messages)[0] == "RULES"
    assert "SUMMARY" in texts(fake.requests[-1].messages)[1]


def test_rules_that_each_run_of_a_session_begins_with_do_not_pile_up(world: Harness) -> None:
    one, fake = agent(summarizing(["x" * 300] * 6), compaction=SMALL)
    for _ in range(6):
        ask(
            world,
            one,
            [{"role": "system", "content": "RULES"}, {"role": "user", "content": "go"}],
            session_id="s",
        )
    assert "".join(texts(fake.requests[-1].messages)).count("RULES") == 2  # one of them is the last run's own


def test_a_conversation_that_the_provider_finds_too_long_is_shortened_and_asked_again(world: Harness) -> None:
    answers = ["one", fail(400, "prompt is too long: 9000 tokens > 100 maximum"), "two"]
    fake = summarizing(answers)
    one, _ = agent(fake, compaction=CompactionConfig(min_recent_messages=1))
    ask(world, one, "first", session_id="s")
    assert ask(world, one, "second", session_id="s").result == "two"
    assert "SUMMARY 1" in fake.requests[-1].messages[0].text


def test_a_summary_that_says_nothing_replaces_nothing(world: Harness) -> None:
    def reply(request: ModelRequest) -> object:
        return " " if "You summarize" in request.system else "x" * 600

    one, fake = agent(FakeModel(reply), compaction=SMALL)
    ask(world, one, "my name is Ada", session_id="s")
    ask(world, one, "and now?", session_id="s")
    assert any("You summarize" in request.system for request in fake.requests)
    assert texts(fake.requests[-1].messages) == ["my name is Ada", "x" * 600, "and now?"]


def test_a_result_longer_than_the_conversation_may_be_is_cut_for_the_model_alone(world: Harness) -> None:
    @tool
    def read_all(ctx: WorkflowContext) -> str:
        return "x" * 5000

    one, fake = agent(
        summarizing([turn(calls=[call("read_all")]), "end"]), tools=[read_all], compaction=SMALL
    )
    result = ask(world, one)
    assert result.tool_results[0].result == "x" * 5000
    (shown,) = told(fake.requests[-1])
    assert shown == "x" * (2 * SMALL.max_conversation_tokens) + (
        "\n[cut off here: the result has 5000 characters]"
    )


def test_what_cannot_be_shortened_fails_with_the_providers_words(world: Harness) -> None:
    one, fake = agent(FakeModel(lambda request: fail(400, "prompt is too long")))
    with pytest.raises(ExecutionFailed, match="too long"):
        ask(world, one)
    assert len(fake.requests) == 2


def test_compaction_may_be_switched_off(world: Harness) -> None:
    fake = summarizing(["x" * 1000, "y"])
    one, _ = agent(fake, compaction=CompactionConfig(max_conversation_tokens=10, enabled=False))
    ask(world, one, session_id="s")
    ask(world, one, session_id="s")
    assert len(fake.requests) == 2


def test_both_import_paths_name_one_class() -> None:
    assert SameConfig is CompactionConfig
    assert CompactionConfig().max_conversation_tokens == 80_000


turns_of_talk = st.lists(
    st.one_of(
        st.text(max_size=60).map(lambda text: [Message(role="system", parts=(Text(text=text),))]),
        st.text(max_size=60).map(lambda text: [user(text), assistant(text)]),
        st.integers(1, 3).map(
            lambda calls: [
                Message(
                    role="assistant",
                    parts=tuple(ToolCall(call_id=f"c{i}", name="f") for i in range(calls)),
                ),
                tool_results(ToolResult(call_id=f"c{i}", content="r" * 20) for i in range(calls)),
            ]
        ),
    ),
    min_size=1,
    max_size=12,
)


@given(turns_of_talk, st.integers(1, 200), st.integers(1, 5), st.data())
@settings(max_examples=300, deadline=None)
def test_a_cut_changes_no_message_and_parts_no_call_from_its_result(
    turns: list[list[Message]], allowed: int, recent: int, data: st.DataObject
) -> None:
    messages = [message for one in turns for message in one]
    config = CompactionConfig(max_conversation_tokens=allowed, min_recent_messages=recent)
    places = [i for i in range(len(messages)) if messages[i].role != "tool"]
    before = data.draw(st.sampled_from(places))
    cut = cut_for(messages, config, before)
    sent = view(messages, cut, "summary")
    pairs = [
        (m.role, [c.call_id for c in m.tool_calls], [p.call_id for p in m.parts if isinstance(p, ToolResult)])
        for m in sent
    ]
    assert pairing_problem(pairs) == ""
    assert before <= cut <= len(messages)
    assert sent[len(sent) - (len(messages) - cut) :] == messages[cut:]
    assert cut == before or len(messages) - cut >= recent
    assert estimate(view(messages, cut, "")) <= estimate(messages)


def test_a_past_that_holds_nothing_is_read_as_nothing(world: Harness) -> None:
    assert read(world.service.ports.log, Past("none", 0, 0)) == History()
