"""A stack is deployed, used over HTTP, hurt and updated. `test_who_deploys.py` destroys one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import APP, STACK, TOKEN, Ask, deploy
from polos.testing import WireServer
from support import e2e_app as app
from support.cloud import Cloud, Deployment, patience, until

pytestmark = pytest.mark.e2e


def test_a_workflow_gives_its_result(ask: Ask) -> None:
    assert ask(lambda client: app.chain.run(client, 30, timeout=patience())) == 30


def test_children_another_queue_a_wait_a_large_value_and_an_event(ask: Ask) -> None:
    handle = ask(lambda client: app.parent.invoke(client, 21))
    ask(lambda client: client.publish_events("go-21", [("go", {"n": 1})]))
    assert ask(lambda client: client.wait_result(handle.id, patience())) == [42, "waited", app.BIG, {"n": 1}]


def test_what_the_decorator_says_of_the_environment_is_in_the_function(ask: Ask) -> None:
    assert ask(lambda client: app.greets.run(client, timeout=patience())) == "hello"


def test_an_agent_asks_its_model_and_its_tool_and_pays_for_no_call_twice(ask: Ask, model: WireServer) -> None:
    told = ask(lambda client: app.clerk.run(client, "How much tea is there?", timeout=patience()))
    assert (told.result, told.total_steps) == ("There are 3.", 2)
    assert [each.status for each in told.tool_results] == ["completed"]
    assert [request.outcome for request in model.requests] == ["complete", "complete"]


def test_a_secret_is_read_where_it_is_needed_and_shown_nowhere(
    sky: Cloud, deployed: Deployment, ask: Ask
) -> None:
    assert ask(lambda client: app.asks_for_its_secret.run(client, timeout=patience())) == len(TOKEN)
    template = sky.client("cloudformation").get_template(StackName=deployed.name, TemplateStage="Original")
    assert TOKEN not in str(template["TemplateBody"])
    assert TOKEN not in deployed.logs()


def test_events_start_what_is_triggered_by_them(ask: Ask) -> None:
    ask(lambda client: client.publish_events("trades", [("trade", 1), ("trade", 2)]))

    def started() -> Any:
        return ask(lambda client: client.list_executions(workflow_id="on_trade", status="completed"))[
            "executions"
        ]

    assert until(started, "on_trade ran")[0]["workflow_id"] == "on_trade"


def test_a_schedule_of_the_code_starts_executions(ask: Ask) -> None:
    def started() -> Any:
        return ask(lambda client: client.list_executions(workflow_id="every_minute", status="completed"))[
            "executions"
        ]

    ran = until(started, "every_minute ran")
    assert ran[0]["workflow_id"] == "every_minute"
    schedules = ask(lambda client: client.schedules("list"))
    assert [(each["workflow_id"], each["source"]) for each in schedules] == [("every_minute", "code")]


def test_a_long_wait_is_a_schedule_of_the_stacks_group(deployed: Deployment, ask: Ask) -> None:
    handle = ask(lambda client: app.long_wait.invoke(client, 60))
    scheduler = deployed.cloud.client("scheduler")

    def one_shot() -> list[str]:
        found = scheduler.list_schedules(GroupName=deployed.outputs["ScheduleGroup"])["Schedules"]
        return [each["Name"] for each in found if each["Name"].startswith("t.")]

    until(one_shot, "the wait has a schedule")
    ask(lambda client: client.cancel_execution(handle.id))
    assert deployed.ended(handle.id)["status"] == "cancelled"


def test_an_execution_outlives_the_death_of_every_function(
    deployed: Deployment, ask: Ask, tmp_path: Path
) -> None:
    sign = tmp_path / "in the step"
    handle = ask(lambda client: app.slow.invoke(client, str(sign)))
    until(sign.exists, "the step is under way")
    assert deployed.cloud.kill_workers()
    assert deployed.ended(handle.id)["result"] == "killed once"


def test_an_update_of_the_stack_lets_executions_go_on(
    sky: Cloud, deployed: Deployment, ask: Ask, workdir: Path, tmp_path: Path
) -> None:
    handle = ask(lambda client: app.across_update.invoke(client, "it"))
    until(lambda: ask(lambda client: client.get_execution(handle.id))["status"] == "waiting", "it waits")
    changed = tmp_path / APP.name
    changed.write_text(APP.read_text().replace('"E2E_GREETING": "hello"', '"E2E_GREETING": "good day"'))
    deploy(sky, workdir, changed)
    assert ask(lambda client: app.greets.run(client, timeout=patience())) == "good day"
    ask(lambda client: client.publish_events("updates", [("updated", {})]))
    assert ask(lambda client: client.wait_result(handle.id, patience())) == "it-begun-ended"


def test_the_logs_of_an_execution_are_found_by_its_id(sky: Cloud, ask: Ask) -> None:
    handle = ask(lambda client: app.double.invoke(client, 1))
    ask(lambda client: client.wait_result(handle.id, patience()))

    def said() -> str:
        return sky.polos("logs", "--name", STACK, "--execution", handle.id).stdout

    assert handle.id in until(said, "its logs come")


def test_a_secret_that_is_not_there_is_told_before_anything_is_made(sky: Cloud, tmp_path: Path) -> None:
    app = tmp_path / "lacks.py"
    app.write_text(
        "from polos import secret, workflow\n\nKEY = secret('not-there')\n\n\n"
        "@workflow(id='lacks')\nasync def lacks(ctx):\n    return len(KEY.get())\n"
    )
    told = r"(?s)nothing was deployed.*'polos/default/not-there'.*aws secretsmanager create-secret"
    with pytest.raises(AssertionError, match=told):
        sky.polos("deploy", str(app), "--name", "lacks", "--output", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} <= {"lacks.py", "__pycache__"}
    stacks = sky.client("cloudformation").list_stacks()["StackSummaries"]
    assert "lacks-dev" not in {stack["StackName"] for stack in stacks}
