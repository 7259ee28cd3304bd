"""Acting on executions over the API."""

from typing import Any

import pytest

from polos import WorkflowContext, workflow
from support.api import Asker, World

broken: list[bool] = []
calls: list[str] = []


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    broken[:] = [True]
    calls.clear()

    def step(name: str) -> str:
        calls.append(name)
        if name == "b" and broken[0]:
            raise ValueError("not yet")
        return name

    @workflow(id="steps")
    async def steps(ctx: WorkflowContext, payload: dict) -> str:
        return "".join(
            [
                await ctx.step.run("a", step, "a"),
                await ctx.step.run("b", step, "b", max_retries=0),
                payload.get("x", ""),
            ]
        )

    @workflow(id="naps")
    async def naps(ctx: WorkflowContext, payload: dict) -> str:
        await ctx.step.wait_for("nap", hours=1)
        return await ctx.step.run("a", step, "a")

    @workflow(id="asks")
    async def asks(ctx: WorkflowContext, payload: dict) -> Any:
        return (await ctx.step.suspend("q?/#ä", {"question": 1}, timeout=3600))["data"]


def started(ask: Asker, workflow_id: str, payload: Any = None) -> str:
    return str(
        ask("POST", "/v1/executions", {"workflow_id": workflow_id, "payload": payload or {}}).json["id"]
    )


def status(ask: Asker, execution: str) -> str:
    return str(ask("GET", f"/v1/executions/{execution}").json["status"])


def test_cancel_stops_what_runs_and_says_no_to_what_has_ended(world: World, ask: Asker) -> None:
    execution = started(ask, "asks")
    world.harness.pump()
    assert ask("POST", f"/v1/executions/{execution}/cancel").json == {"cancelled": True}
    world.harness.pump()
    assert status(ask, execution) == "cancelled"
    assert ask("POST", f"/v1/executions/{execution}/cancel").json == {"cancelled": False}


def test_resume_answers_a_step_whatever_its_key(world: World, ask: Asker) -> None:
    execution = started(ask, "asks")
    world.harness.pump()
    waiting = ask("GET", f"/v1/executions/{execution}/suspensions").json["suspensions"]
    assert [(one["step_key"], one["data"]) for one in waiting] == [("q?/#ä", {"question": 1})]
    assert waiting[0]["due"] is not None
    assert [field["key"] for field in waiting[0]["form"]["fields"]] == ["approved", "feedback"]
    told = ask("POST", f"/v1/executions/{execution}/resume", {"step_key": "q?/#ä", "data": {"$x": [0, None]}})
    assert told.json["event_type"] == "resume_q?/#ä"
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{execution}").json["result"] == {"$x": [0, None]}
    assert ask("GET", f"/v1/executions/{execution}/suspensions").json["suspensions"] == []


def test_a_resume_may_come_first_and_the_first_counts(world: World, ask: Asker) -> None:
    execution = started(ask, "asks")
    for data in ["first", "second"]:
        assert (
            ask("POST", f"/v1/executions/{execution}/resume", {"step_key": "q?/#ä", "data": data}).status
            == 200
        )
        world.harness.pump()
        if status(ask, execution) == "completed":
            break
    assert ask("GET", f"/v1/executions/{execution}").json["result"] == "first"


def test_a_resume_of_another_workflow_or_an_ended_execution_is_refused(world: World, ask: Asker) -> None:
    execution = started(ask, "asks")
    body = {"step_key": "q?/#ä", "workflow_id": "steps"}
    assert ask("POST", f"/v1/executions/{execution}/resume", body).code == "not_found"
    ask("POST", f"/v1/executions/{execution}/cancel")
    world.harness.pump()
    assert ask("POST", f"/v1/executions/{execution}/resume", {"step_key": "q"}).code == "conflict"


def test_retry_goes_on_behind_what_was_recorded(world: World, ask: Asker) -> None:
    execution = started(ask, "steps", {"x": "!"})
    world.harness.pump()
    assert status(ask, execution) == "failed"
    broken[0] = False
    calls.clear()
    told = ask("POST", f"/v1/executions/{execution}/retry")
    assert told.status == 201
    world.harness.pump()
    copy = ask("GET", f"/v1/executions/{told.json['id']}").json
    assert (copy["status"], copy["result"], copy["copy_of"]) == ("completed", "ab!", execution)
    assert calls == ["b"]
    assert ask("GET", f"/v1/executions/{execution}").json["copies"] == [copy["id"]]


def test_retry_of_what_has_completed_is_a_conflict(world: World, ask: Asker) -> None:
    broken[0] = False
    execution = started(ask, "steps")
    world.harness.pump()
    assert ask("POST", f"/v1/executions/{execution}/retry").code == "conflict"


def test_fork_begins_at_a_step_with_another_payload(world: World, ask: Asker) -> None:
    broken[0] = False
    execution = started(ask, "steps", {"x": "1"})
    world.harness.pump()
    calls.clear()
    told = ask("POST", f"/v1/executions/{execution}/fork", {"from_step": "b", "payload": {"x": "2"}})
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{told.json['id']}").json["result"] == "ab2"
    assert calls == ["b"]
    same = ask("POST", f"/v1/executions/{execution}/fork", {})
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{same.json['id']}").json["result"] == "ab1"


def test_fork_from_a_step_that_was_not_recorded_names_those_that_were(world: World, ask: Asker) -> None:
    execution = started(ask, "steps")
    world.harness.pump()
    told = ask("POST", f"/v1/executions/{execution}/fork", {"from_step": "z"})
    assert (told.status, told.code) == (404, "not_found")
    assert "run:a" in told.json["detail"]


def test_fork_with_a_payload_that_does_not_fit_makes_nothing(world: World, ask: Asker) -> None:
    execution = started(ask, "steps")
    world.harness.pump()
    told = ask("POST", f"/v1/executions/{execution}/fork", {"payload": [1]})
    assert told.code == "invalid_payload"
    assert len(ask("GET", "/v1/executions").json["executions"]) == 1


def test_pause_holds_and_unpause_goes_on(world: World, ask: Asker) -> None:
    execution = started(ask, "naps")
    world.harness.pump()
    assert ask("POST", f"/v1/executions/{execution}/pause").status == 202
    world.harness.advance(7200)
    assert calls == []
    assert ask("POST", f"/v1/executions/{execution}/unpause").status == 202
    world.harness.pump()
    assert status(ask, execution) == "completed"
    assert calls == ["a"]
    assert ask("POST", f"/v1/executions/{execution}/pause").code == "conflict"


@pytest.mark.parametrize("action", ["cancel", "retry", "pause", "unpause", "resume", "fork"])
def test_what_is_not_there_is_not_found(ask: Asker, action: str) -> None:
    body = {"resume": {"step_key": "q"}, "fork": {}}.get(action)
    assert ask("POST", f"/v1/executions/nope/{action}", body).code == "not_found"
