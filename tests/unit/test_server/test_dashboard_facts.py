"""What the dashboard shows beside executions: questions, agents, sessions, dead letters, topics, cost, long lists."""

import asyncio
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from polos import PolosClient, WorkflowContext, tool, workflow
from polos.llm.pricing import Price, Prices
from polos.runtime.control import Control, Filter
from polos.runtime.schedules import ScheduleRecord
from polos.server import costing
from polos.testing.local import SqliteHarness
from support.agents import agent
from support.api import Asker, LambdaTransport, World
from support.filling import put

CODE = {"changed": False}


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    CODE["changed"] = False

    @workflow(id="facts-ask")
    async def asks(ctx: WorkflowContext, payload: dict) -> Any:
        form = {"title": "Pay?", "fields": [{"key": "approved", "type": "boolean"}]}
        return (await ctx.step.suspend(payload["key"], {"_form": form}, timeout=600))["data"]

    @workflow(id="facts-change")
    async def changes(ctx: WorkflowContext, payload: dict) -> str:
        await ctx.step.run("after" if CODE["changed"] else "before", str, 1)
        return str((await ctx.step.suspend("go"))["data"])

    @workflow(id="facts-tick", schedule=True)
    async def ticks(ctx: WorkflowContext, payload: dict) -> Any:
        return payload


def start(ask: Asker, workflow_id: str, payload: Any = None, **options: Any) -> str:
    body = {"workflow_id": workflow_id, "payload": payload or {}, **options}
    return str(ask("POST", "/v1/executions", body).json["id"])


# --- approvals --------------------------------------------------------------------------------------------------------


def questions(ask: Asker) -> list[str]:
    return [one["step_key"] for one in ask("GET", "/v1/approvals").json["approvals"]]


def test_the_inbox_holds_what_waits_for_an_answer_and_nothing_else(ask: Asker, world: World) -> None:
    ids = {}
    for key in ("a", "b/|ä", "c"):
        ids[key] = start(ask, "facts-ask", {"key": key})
        world.harness.pump()
        world.harness.clock.sleep(1)
    assert questions(ask) == ["a", "b/|ä", "c"]
    shown = ask("GET", "/v1/approvals").json["approvals"][0]
    assert (shown["execution_id"], shown["form"]["title"]) == (ids["a"], "Pay?")
    ask("POST", f"/v1/executions/{ids['b/|ä']}/resume", {"step_key": "b/|ä", "data": {"approved": True}})
    world.harness.pump()
    assert questions(ask) == ["a", "c"]
    ask("POST", f"/v1/executions/{ids['c']}/cancel")
    world.harness.pump()
    assert questions(ask) == ["a"]
    world.harness.clock.sleep(700)
    world.harness.pump()
    assert questions(ask) == []
    assert world.harness.service.ports.records.query("test|inbox").records == ()


def test_the_inbox_is_read_in_pages(ask: Asker, world: World) -> None:
    for number in range(5):
        start(ask, "facts-ask", {"key": f"k{number}"})
    world.harness.pump()
    seen, cursor = [], ""
    while cursor is not None:
        page = ask("GET", "/v1/approvals", query={"limit": 2, "cursor": cursor}).json
        seen += [one["step_key"] for one in page["approvals"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == [f"k{number}" for number in range(5)]


# --- agents -----------------------------------------------------------------------------------------------------------


def test_agents_are_told_with_their_tools_and_sessions_with_their_messages(ask: Asker, world: World) -> None:
    @tool(id="facts-add")
    def add(ctx: WorkflowContext, a: int) -> int:
        """Add.

        Args:
            a: A number.
        """
        return a

    made, _ = agent(["One.", "Two."], tools=[add], system_prompt="Count.", prices=_prices())
    [view] = [one for one in ask("GET", "/v1/agents").json["agents"] if one["id"] == made.id]
    assert (view["instructions"], view["model"], view["provider"]) == ("Count.", "fake", "fake")
    assert view["tools"][0]["parameters"]["properties"]["a"]["description"] == "A number."
    for text in ("first", "second"):
        start(ask, made.id, {"input": text}, session_id="s|1", user_id="ann")
        world.harness.pump()
        world.harness.clock.sleep(1)
    [session] = ask("GET", "/v1/sessions").json["sessions"]
    assert (session["agent_id"], session["session_id"], session["user_id"]) == (made.id, "s|1", "ann")
    told = ask("GET", "/v1/sessions/messages", query={"agent_id": made.id, "session_id": "s|1"}).json
    said = [(message["role"], message["parts"][0]["text"]) for message in told["messages"]]
    assert said == [("user", "first"), ("assistant", "One."), ("user", "second"), ("assistant", "Two.")]
    assert told["runs"] == 2


def _prices() -> Prices:
    return Prices({"fake": Price("1000000", "0")})


def test_what_models_asked_for_is_counted_once_with_their_sub_agents(ask: Asker, world: World) -> None:
    from polos.testing.turns import call, turn

    sub, _ = agent([turn("x", usage=_usage(3))], prices=_prices(), description="d")
    top, _ = agent(
        [turn(calls=[call(sub.id, input="go")], usage=_usage(5)), turn("y", usage=_usage(7))],
        tools=[sub],
        prices=_prices(),
    )
    one = start(ask, top.id, {"input": "hi"})
    world.harness.pump()
    cost = ask("GET", f"/v1/executions/{one}/cost").json
    assert Decimal(cost["llm"]["cost"]) == 15
    rows = ask("GET", "/v1/cost").json["rows"]
    assert sum(Decimal(row["llm_cost"]) for row in rows) == 15
    assert sum(row["executions"] for row in rows) == 2
    assert Decimal(cost["aws"]["dollars"]) > 0


def _usage(tokens: int) -> Any:
    from polos.llm.types import Usage

    return Usage.of(tokens, 0)


def test_what_aws_asks_for_is_what_polos_cost_has_counted() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cost.md").read_text(encoding="utf-8")
    counted = dict(re.findall(r"^\| ([a-z ]+) \|(?:[^|]*\|){5} \$([\d.]+) \|", text, re.MULTILINE))
    assert Decimal(counted["start and end of an execution"]) / 10**6 == costing.START_AND_END
    assert Decimal(counted["step"]) / 10**6 == costing.STEP


# --- queues, schedules, topics ----------------------------------------------------------------------------------------


def test_what_has_stalled_is_a_dead_letter_until_it_is_sent_on_its_way(ask: Asker, world: World) -> None:
    one = start(ask, "facts-change")
    world.harness.pump()
    CODE["changed"] = True
    world.harness.service.kick(one)
    world.harness.pump()
    [letter] = ask("GET", "/v1/queues/dead-letters").json["dead_letters"]
    assert (letter["execution_id"], letter["error"]["code"]) == (one, "replay_mismatch")
    CODE["changed"] = False
    told = ask("POST", "/v1/queues/redrive", {"execution_ids": [one, one, "0" * 26]}).json
    assert told["redriven"] == [one]
    assert "no execution" in told["refused"][0]["reason"]
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{one}").json["status"] == "waiting"
    assert ask("GET", "/v1/queues/dead-letters").json["dead_letters"] == []
    again = ask("POST", "/v1/queues/redrive", {"execution_ids": [one]}).json
    assert again["redriven"] == []


def test_a_schedule_is_run_beside_its_ticks(ask: Asker, world: World) -> None:
    world.harness.service.schedules.put(ScheduleRecord("facts-tick", "nightly", "0 0 * * *"))
    [schedule] = ask("GET", "/v1/schedules").json["schedules"]
    assert len(schedule["upcoming"]) == 5
    name = {"workflow_id": "facts-tick", "key": "nightly"}
    one = ask("POST", "/v1/schedules/run", name).json["id"]
    world.harness.pump()
    told = ask("GET", f"/v1/executions/{one}").json
    assert (told["status"], told["result"]["key"]) == ("completed", "nightly")
    assert ask("POST", "/v1/schedules/run", {**name, "key": "none"}).code == "not_found"


def test_topics_are_listed_without_those_of_runs_and_read_from_their_end(ask: Asker, world: World) -> None:
    for number in range(7):
        ask("POST", "/v1/events", {"topic": "orders/ä", "events": [{"data": number}]})
    start(ask, "facts-ask", {"key": "k"})
    world.harness.pump()
    [topic] = ask("GET", "/v1/topics").json["topics"]
    assert (topic["topic"], topic["events"]) == ("orders/ä", 7)
    query = {"topic": "orders/ä", "limit": 3}
    last = ask("GET", "/v1/events", query={**query, "before": 0}).json["events"]
    assert [event["sequence_id"] for event in last] == [5, 6, 7]
    earlier = ask("GET", "/v1/events", query={**query, "before": 3}).json["events"]
    assert [event["sequence_id"] for event in earlier] == [1, 2]
    assert ask("GET", "/v1/events", query={**query, "before": 1}).json["events"] == []
    assert ask("GET", "/v1/events", query={"topic": "none", "before": 0}).json["events"] == []


# --- by the client ----------------------------------------------------------------------------------------------------


def test_a_client_asks_for_all_of_it(ask: Asker, world: World) -> None:
    waiting, stalled = start(ask, "facts-ask", {"key": "k"}), start(ask, "facts-change")
    world.harness.pump()
    CODE["changed"] = True
    world.harness.service.kick(stalled)
    made, _ = agent(["Hello."], prices=_prices())
    one = start(ask, made.id, {"input": "hi"}, session_id="s")
    transport = LambdaTransport(world.api.handle, world.harness)

    async def asked() -> None:
        async with PolosClient("https://api.example.com", ask.key, transport=transport) as client:
            step = await client.get_step(one, "run:llm:1")
            assert step["llm"]["response"]["stop_reason"] == "end"
            assert (await client.get_cost(one))["llm"]["cost"] is not None
            asking = (await client.list_approvals())["approvals"]
            assert waiting in [one["execution_id"] for one in asking]
            assert (await client.list_sessions())["sessions"][0]["session_id"] == "s"
            assert (await client.get_session(made.id, "s"))["runs"] == 1
            assert (await client.list_dead_letters())["dead_letters"][0]["execution_id"] == stalled
            assert (await client.redrive([stalled]))["redriven"] == [stalled]
            agents = await client.list_executions(kind="agent", roots_only=True, id_prefix=one[:12])
            assert [found["id"] for found in agents["executions"]] == [one]

    asyncio.run(asked())


# --- long lists -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteHarness]:
    with SqliteHarness(tmp_path) as harness:
        yield harness


def test_a_list_is_filtered_by_time_id_kind_and_parent(ask: Asker, world: World) -> None:
    early = start(ask, "facts-ask", {"key": "k"})
    world.harness.pump()
    world.harness.clock.sleep(5000)
    late = start(ask, "facts-ask", {"key": "k"})

    def listed(**query: Any) -> list[str]:
        return [one["id"] for one in ask("GET", "/v1/executions", query=query).json["executions"]]

    assert listed(id_prefix=late[:9].upper()) == [late]
    assert listed(id_prefix=early) == [early]
    assert listed(id_prefix="zz") == []
    assert listed(kind="agent") == []
    assert listed(roots_only="true", queue="default") == [late, early]
    between = ask("GET", f"/v1/executions/{late}").json["created_at"]
    assert listed(created_before=between) == [early]
    assert listed(created_after=between) == []


def test_a_page_costs_the_same_among_few_and_among_many(store: SqliteHarness) -> None:
    wanted = [
        Filter(),
        Filter(status="completed"),
        Filter(workflow="shown-order"),
        Filter(created_before=int(store.clock.now() * 1000) - 86_400_000),
        Filter(roots=True),
    ]
    put(store.service, 300)
    few = [_steps(store, one) for one in wanted]
    put(store.service, 3000, seed=8)
    many = [_steps(store, one) for one in wanted]
    assert all(after < before * 1.2 for before, after in zip(few, many, strict=True)), (few, many)


def _steps(store: SqliteHarness, wanted: Filter) -> int:
    """How many instructions SQLite's machine runs for a page: its work, whatever the time."""
    connection = store.service.ports.records._database._connection
    done = [0]

    def count() -> int:
        done[0] += 1
        return 0

    connection.set_progress_handler(count, 1)
    try:
        found, _ = Control(store.service).find(wanted, limit=50)
    finally:
        connection.set_progress_handler(None, 0)
    assert len(found) == 50
    return done[0]
