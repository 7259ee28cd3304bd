"""With IAM enforced: the stack works with the template's own policies, and no statement of them is there for nothing.

The emulator notes, for each request it decides on, which statements allow it. A statement that alone allows some
request would break that request if it were taken away. Those that never do are listed here with their reasons.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from e2e.conftest import PATIENCE, STACK, api_url, deploy, make_secret
from polos.core.messages import MessageKind
from polos.runtime.http_client import PolosClient
from polos.server.keys import ApiKeys
from polos.server.principals import Role
from support import e2e_app as app
from support.cloud import ROOT, Cloud, Deployment, cloud, until

pytestmark = pytest.mark.e2e

# (kind of role, statement) -> why nothing here breaks without it; "*" stands for all.
NOT_SEEN: dict[tuple[str, str], str] = {
    ("*", "WriteLogs"): "the emulator writes logs without asking for permission",
    ("*", "ConsumeQueue"): "the emulator polls without the role; short functions extend no lease",
    ("*", "HandScheduleRole"): "the emulator does not ask whether a role may be passed",
    ("*", "TellMissingValues"): "an error path: what a value that is gone is told as",
    ("*", "BuryAgain"): "an error path: a dead letter that cannot be recorded",
    ("Dead", "*"): "an error path: a dead message may do whatever the living one would have done",
    ("Sweeper", "ReadJournals"): "an error path: what has been silent for twenty minutes",
    ("Sweeper", "ReadListedRecords"): "an error path: what has been silent for twenty minutes",
    ("Sweeper", "ReadValues"): "an error path: what has been silent for twenty minutes",
    ("Sweeper", "SendNews"): "an error path: what has been silent for twenty minutes",
    ("Sweeper", "SendSteps"): "an error path: what has been silent for twenty minutes",
    ("Schedule", "SendMessages"): "the emulator delivers schedules without taking on their role",
    ("Schedule", "KeepUndelivered"): "the emulator delivers schedules without taking on their role",
    ("Sweep", "WakeSweeper"): "the emulator delivers schedules without taking on their role",
}
RARE_ACTIONS = {
    (
        "SetTimers",
        "scheduler:GetSchedule",
    ): "an error path: a timer that was made already, when the answer was lost",
    (
        "WriteRecords",
        "dynamodb:ConditionCheckItem",
    ): "a write that depends on a record which it leaves as it is",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An AWS that enforces IAM, after everything that the app can do was done in it."""
    with cloud(auth=True) as sky:
        make_secret(sky)
        deploy(sky, tmp_path_factory.mktemp("guarded"), who=deployer(sky))
        deployed = Deployment(sky, f"{STACK}-dev")
        asyncio.run(use(deployed))
        yield sky


def deployer(sky: Cloud) -> dict[str, str]:
    """A user with the policy that the documentation gives to who deploys."""
    policy = (ROOT / "docs" / "deploy-policy.json").read_text()
    for name, value in {"NAME": STACK, "ACCOUNT": "000000000000", "REGION": "us-east-1"}.items():
        policy = policy.replace(name, value)
    return sky.user("deployer", policy)


async def use(deployed: Deployment) -> None:
    """Everything that the app can do."""
    ports = deployed.service.ports
    _, key = ApiKeys(ports.records, ports.clock).create("default", Role.ADMIN)
    async with PolosClient(api_url(deployed), key, "default") as client:
        parent = await app.parent.invoke(client, 21)
        while (await client.get_execution(parent.id))["status"] != "waiting":
            await asyncio.sleep(0.2)
        await client.publish_events("trades", [("trade", 1), ("trade", 2)])
        # Behind its children it waits for the event; what wakes it then has to read its journal.
        await asyncio.sleep(10)
        await client.publish_events("go-21", [("go", {"n": 1})])
        assert await client.wait_result(parent.id, PATIENCE) == [42, "waited", app.BIG, {"n": 1}]
        long = await app.long_wait.invoke(client, 60)
        twice = await app.waits_twice.invoke(client, 60)
        other = await app.large.invoke(client, "y" * 200_000)
        assert await client.wait_result(other.id, PATIENCE) == 200_000
        assert await app.asks_for_its_secret.run(client, timeout=PATIENCE) > 0
        await client.get_execution(other.id)
        await client.list_executions()
        await client.list_queues()
        await client.list_definitions()
        await client.get_timeline(parent.id)
        key_of = {"workflow": "double", "key": "x"}
        await client.schedules("create", **key_of, cron="0 9 * * *", timezone="UTC", overlap="allow")
        await client.schedules("pause", **key_of)
        await client.schedules("resume", **key_of)
        await client.schedules("create", **key_of, cron="0 10 * * *", timezone="UTC", overlap="allow")
        await client.schedules("delete", **key_of)
        await asyncio.to_thread(until, lambda: len(_timers(deployed)) == 2, "both long waits have schedules")
        await client.cancel_execution(long.id)
        await client.cancel_execution(twice.id)
        await ask_every_route_that_reads(api_url(deployed), key, parent.id)
        functions = deployed.cloud.client("lambda")
        for _ in range(2):  # the sweeper records the schedules of the code, unless a tick has just done so
            await client.schedules("delete", workflow="every_minute", key="global")
            name = _physical(deployed, "SweeperFunction")
            await asyncio.to_thread(functions.invoke, FunctionName=name, Payload=b"{}")
    await asyncio.to_thread(deployed.ended, long.id)
    await asyncio.to_thread(deployed.ended, twice.id)
    sqs = deployed.cloud.client("sqs")
    await asyncio.to_thread(_put_to_dead_letters, deployed, sqs)


async def ask_every_route_that_reads(url: str, key: str, execution: str) -> None:
    """Each GET of the API's own description, so that no route needs more than the function's role allows."""
    wanted = {"topic": "trades", "wait": "0", "timeout": "0", "session_id": "s", "agent_id": "clerk"}
    headers = {"Authorization": f"Bearer {key}", "Last-Event-ID": "0"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        for path in [path for path, verbs in paths.items() if "get" in verbs]:
            place = re.sub(r"[{<][a-z_]*id[}>]", execution, path)
            told = await http.get(re.sub(r"[{<][a-z_]+[}>]", "x", place), params=wanted)
            assert told.status_code < 500, (path, told.text)


def _put_to_dead_letters(deployed: Deployment, sqs: Any) -> None:
    """A start that no function could handle, as a queue puts it aside: its execution goes on all the same."""
    service = deployed.service
    info = service.start(app.double, 4)
    deployed.ended(info.execution)
    url = deployed.settings.queue_url("$dead")
    message = service.message(MessageKind.KICK, info)
    sqs.send_message(QueueUrl=url, MessageBody=message.encode())
    until(lambda: _empty(sqs, url), "the dead letter was handled")


def _timers(deployed: Deployment) -> list[str]:
    group = deployed.outputs["ScheduleGroup"]
    found = deployed.cloud.client("scheduler").list_schedules(GroupName=group)["Schedules"]
    return [each["Name"] for each in found if each["Name"].startswith("t.")]


def _empty(sqs: Any, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return all(int(found[name]) == 0 for name in names)


def _physical(deployed: Deployment, logical: str) -> str:
    answer = deployed.cloud.client("cloudformation").describe_stack_resource(
        StackName=deployed.name, LogicalResourceId=logical
    )
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _kind(role: str) -> str:
    """The kind of a role's function. All workers have the same statements; which of them an app uses is its own."""
    return "Worker" if role.startswith("Role") else role.removesuffix("Role")


def _excused(kind: str, sid: str) -> bool:
    return bool({(kind, sid), ("*", sid), (kind, "*")} & set(NOT_SEEN))


def _decisions(sky: Cloud) -> list[tuple[str, str, str, str, list[str]]]:
    """(role's logical id, action, resource, decision, statements) of what our functions asked for."""
    found = []
    for principal, action, resource, decision, sids in sky.decisions():
        role = re.search(rf"assumed-role/{STACK}-dev-([A-Za-z0-9]+)-", principal)
        if role:
            found.append((_kind(role[1]), action, resource, decision, sids))
    return found


def test_no_function_is_denied_what_it_asks_for(guarded: Cloud) -> None:
    denied = sorted(
        {
            (role, action, resource)
            for role, action, resource, decision, _ in _decisions(guarded)
            if decision != "Allow"
        }
    )
    assert denied == []


def test_who_deploys_is_denied_nothing_that_the_documented_policy_says(guarded: Cloud) -> None:
    asked = [each for each in guarded.decisions() if each[0].endswith(":user/deployer")]
    assert {"cloudformation:CreateChangeSet", "s3:PutObject"} <= {action for _, action, *_ in asked}
    assert [each for each in asked if each[3] != "Allow"] == []


def test_taking_away_any_statement_would_break_something(guarded: Cloud) -> None:
    needed = {
        (role, sids[0])
        for role, _, _, decision, sids in _decisions(guarded)
        if decision == "Allow" and len(sids) == 1
    }
    given = _given(guarded)
    idle = sorted((kind, sid) for kind, sid in given - needed if not _excused(kind, sid))
    assert idle == [], "nothing used these: narrow the data in infra/policies.toml, or say here why not"


def test_every_action_of_a_statement_is_used_by_some_function(guarded: Cloud) -> None:
    used = {(sid, action) for _, action, _, _, sids in _decisions(guarded) for sid in sids}
    given = {
        (statement["Sid"], action) for _, statement in _statements(guarded) for action in statement["Action"]
    }
    excused = {sid for _, sid in NOT_SEEN}
    given -= set(RARE_ACTIONS)
    assert sorted((sid, action) for sid, action in given - used if sid not in excused) == []


def _given(sky: Cloud) -> set[tuple[str, str]]:
    return {(role, statement["Sid"]) for role, statement in _statements(sky)}


def _statements(sky: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    iam = sky.client("iam")
    for role in iam.list_roles()["Roles"]:
        logical = re.fullmatch(rf"{STACK}-dev-([A-Za-z0-9]+)-.*", role["RoleName"])
        if logical:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="polos")["PolicyDocument"]
            yield from ((_kind(logical[1]), statement) for statement in document["Statement"])


def test_the_list_of_exceptions_is_not_out_of_date(guarded: Cloud) -> None:
    given = _given(guarded)
    roles = {role for role, _ in given}
    for role, sid in NOT_SEEN:
        assert any(
            (each, sid) in given or (role, sid) == (each, "*") for each in (roles if role == "*" else {role})
        ), (role, sid)
