"""Looking into executions: timelines that are read on, single steps with all that is known of them, children."""

import logging
from typing import Any

import pytest

from polos import WorkflowContext, tool, workflow
from polos.core.ids import derived_id
from polos.testing.turns import call, turn
from support.agents import agent
from support.api import Asker, World


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    def fail(order: dict) -> None:
        logging.getLogger("looked.at").warning("no money for %s", "<b>7</b>")
        raise ConnectionError("declined")

    @workflow(id="looked-at")
    async def looked_at(ctx: WorkflowContext, payload: dict) -> Any:
        for number in range(payload.get("steps", 3)):
            await ctx.step.run(f"s{number}", abs, -number)
        if payload.get("asks"):
            await ctx.step.suspend("ok", {"question": "<b>?</b>"}, timeout=60)
        if payload.get("child"):
            await ctx.step.invoke_and_wait("kid", "looked-at", {"steps": payload["child"]})
        if payload.get("fail"):
            await ctx.step.run("pay", fail, {"id": 7}, max_retries=2, base_delay=1.0)


def start(ask: Asker, **payload: Any) -> str:
    return str(ask("POST", "/v1/executions", {"workflow_id": "looked-at", "payload": payload}).json["id"])


def test_a_timeline_is_read_in_pages(ask: Asker, world: World) -> None:
    one = f"/v1/executions/{start(ask, steps=7)}/timeline"
    world.harness.pump()
    first = ask("GET", one, query="limit=5").json
    assert (first["total"], first["next_offset"], len(first["operations"])) == (7, 5, 5)
    rest = ask("GET", one, query="limit=5&offset=5").json
    assert rest["next_offset"] is None
    found = [operation["index"] for operation in first["operations"] + rest["operations"]]
    assert found == list(range(7))


def test_a_timeline_is_read_on_with_what_is_new(ask: Asker, world: World) -> None:
    one = start(ask, steps=5, asks=True)
    path = f"/v1/executions/{one}/timeline"
    world.harness.pump()
    first = ask("GET", path).json
    assert [operation["stage"] for operation in first["operations"]] == ["done"] * 5 + ["waiting"]
    quiet = ask("GET", path, query={"since": first["position"], "wait": 3}).json
    assert [operation["address"] for operation in quiet["operations"]] == ["suspend:ok"]
    assert quiet["operations"][0]["wait"]["for"] == "answer"
    ask("POST", f"/v1/executions/{one}/resume", {"step_key": "ok", "data": 1})
    world.harness.pump()
    after = ask("GET", path, query={"since": first["position"], "wait": 20}).json
    assert [(o["index"], o["stage"]) for o in after["operations"]] == [(5, "done")]
    assert after["status"] == "completed"
    over = ask("GET", path, query={"since": after["position"], "wait": 20}).json
    assert over["operations"] == []


def test_a_step_tells_what_it_was_given_and_how_each_attempt_failed(ask: Asker, world: World) -> None:
    one = start(ask, steps=1, fail=True)
    world.harness.pump()
    for _ in range(3):
        world.harness.clock.sleep(10)
        world.harness.pump()
    step = ask("GET", f"/v1/executions/{one}/step", query="address=run:pay").json
    assert step["function"].endswith("fail")
    assert step["input"]["args"] == [{"id": 7}]
    assert (step["max_retries"], step["stage"]) == (2, "failed")
    assert [attempt["number"] for attempt in step["attempts"]] == [1, 2, 3]
    assert all("declined" in attempt["error"]["traceback"] for attempt in step["attempts"])
    assert step["error"]["type"] == "ConnectionError"
    assert [log["attempt"] for log in step["logs"]] == [1, 2, 3]
    [line] = step["logs"][0]["lines"]
    told = (line["level"], line["logger"], line["text"])
    assert told == ("WARNING", "looked.at", "no money for <b>7</b>")
    done = ask("GET", f"/v1/executions/{one}/step", query="address=run:s0").json
    assert (done["output"], done["issued_at"] <= done["started_at"]) == (0, True)
    assert done["logs"] == []


def test_what_a_suspended_step_asks_is_shown(ask: Asker, world: World) -> None:
    one = start(ask, asks=True)
    world.harness.pump()
    step = ask("GET", f"/v1/executions/{one}/step", query="address=suspend:ok").json
    assert step["question"] == {"question": "<b>?</b>"}
    assert step["wait"] == {"for": "answer", "topic": None, "until": step["due_at"]}


def test_without_the_code_what_was_recorded_is_still_told(ask: Asker, world: World) -> None:
    one = start(ask, steps=2)
    world.harness.pump()
    world.harness.service.registry.remove("looked-at")
    step = ask("GET", f"/v1/executions/{one}/step", query="address=run:s1").json
    assert (step["input_known"], step["input"], step["output"]) == (False, None, 1)


def test_a_step_that_is_not_there_is_not_found(ask: Asker, world: World) -> None:
    one = start(ask)
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{one}/step", query="address=run:s9").code == "not_found"


def test_children_are_told_with_how_far_they_are(ask: Asker, world: World) -> None:
    one = start(ask, steps=1, child=2)
    world.harness.pump()
    kid = derived_id("test", one, "invoke_and_wait", "kid")
    operation = ask("GET", f"/v1/executions/{one}/timeline").json["operations"][1]
    assert (operation["child"], operation["child_summary"]["status"]) == (kid, "completed")
    listed = ask("GET", f"/v1/executions/{one}/children").json
    assert ([child["id"] for child in listed["executions"]], listed["next_cursor"]) == ([kid], None)
    assert ask("GET", f"/v1/executions/{kid}/children").json["executions"] == []


def test_a_call_of_a_model_is_told_as_a_conversation(ask: Asker, world: World) -> None:
    @tool(id="looked-up")
    def looked_up(ctx: WorkflowContext, text: str) -> str:
        """Look up."""
        raise LookupError("nothing")

    script = [turn("Wait.", calls=[call("looked-up", text="x")]), "Done."]
    made, _ = agent(script, tools=[looked_up], system_prompt="Be brief.", stream_to_workflow=True)
    body = {"workflow_id": made.id, "payload": {"input": "Find it"}, "session_id": "s"}
    one = ask("POST", "/v1/executions", body).json["id"]
    world.harness.pump()
    step = ask("GET", f"/v1/executions/{one}/step", query="address=run:llm:2").json
    said = step["llm"]
    assert [message["role"] for message in said["messages"]] == ["user", "assistant", "tool"]
    assert said["messages"][2]["parts"][0]["is_error"] is True
    assert said["system"] == "Be brief."
    assert said["response"]["message"]["parts"] == [{"type": "text", "text": "Done."}]
    assert said["usage"]["total_tokens"] > 0
    assert said["tools"] == ["looked-up"]
    assert said["first_token_ms"] is not None
    again = ask("POST", "/v1/executions", body).json["id"]
    world.harness.pump()
    other = ask("GET", f"/v1/executions/{again}/step", query="address=run:llm:1").json["llm"]
    assert len(other["messages"]) == 5  # those of the session before its own
