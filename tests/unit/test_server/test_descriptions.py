"""What the API says about definitions, queues, schedules and itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from polos import Queue, RateLimit, WorkflowContext, WorkflowState, tool, workflow
from support.api import Asker, World


class Order(BaseModel):
    sku: str


class Basket(WorkflowState):
    items: list[str] = Field(default_factory=list)


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    @workflow(
        id="order",
        description="Takes an order.",
        queue=Queue("orders", concurrency_limit=1, rate_limit=RateLimit(5, 60)),
    )
    async def order(ctx: WorkflowContext, payload: Order) -> list[Order]:
        await ctx.step.run("hold", lambda: None)
        return [payload]

    @workflow(id="bare", schedule="0 9 * * 1-5", state_schema=Basket)
    async def bare(ctx, payload):  # type: ignore[no-untyped-def]
        return payload

    @workflow(id="odd", trigger_on_event="topic/1")
    async def odd(ctx: WorkflowContext, payload: "Undefined") -> None:  # type: ignore[name-defined] # noqa: F821
        del payload

    @tool(id="weigh")
    def weigh(ctx: WorkflowContext, sku: str, grams: float = 1.0) -> float:
        """Weigh an article.

        Args:
            sku: Which one.
        """
        return grams


# --- definitions -----------------------------------------------------------------------------------------------------


def definitions(ask: Asker, **query: str) -> dict[str, Any]:
    return {one["id"]: one for one in ask("GET", "/v1/definitions", query=query).json["definitions"]}


def test_definitions_come_with_the_schemas_of_what_they_take_and_give(ask: Asker) -> None:
    order = definitions(ask)["order"]
    assert order["payload_schema"]["properties"]["sku"]["type"] == "string"
    assert order["result_schema"]["items"] == {"$ref": "#/$defs/Order"}
    assert (order["kind"], order["description"], order["queue"]) == ("workflow", "Takes an order.", "orders")


def test_code_that_says_nothing_has_no_schema(ask: Asker) -> None:
    bare = definitions(ask)["bare"]
    assert (bare["payload_schema"], bare["result_schema"]) == (None, None)
    assert bare["schedule"] == "0 9 * * 1-5"
    assert "items" in bare["state_schema"]["properties"]


def test_an_annotation_that_cannot_be_resolved_spoils_only_its_own_schema(ask: Asker) -> None:
    odd = definitions(ask)["odd"]
    assert (odd["payload_schema"], odd["trigger"]) == (None, "topic/1")


def test_a_tool_has_the_schema_of_its_arguments(ask: Asker) -> None:
    weigh = definitions(ask)["weigh"]
    assert weigh["kind"] == "tool"
    assert set(weigh["payload_schema"]["properties"]) == {"sku", "grams"}
    assert weigh["payload_schema"]["required"] == ["sku"]
    assert weigh["result_schema"] == {"type": "number"}


def test_a_tool_is_started_with_its_arguments(world: World, ask: Asker) -> None:
    started = ask("POST", "/v1/executions", {"workflow_id": "weigh", "payload": {"sku": "a"}}).json["id"]
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{started}").json["result"] == 1.0
    assert (
        ask("POST", "/v1/executions", {"workflow_id": "weigh", "payload": {"s": "a"}}).code
        == "invalid_payload"
    )


def test_one_definition_is_found_by_its_id(ask: Asker) -> None:
    assert list(definitions(ask, id="order")) == ["order"]
    assert ask("GET", "/v1/definitions", query="id=nope").code == "unknown_workflow"


# --- queues ----------------------------------------------------------------------------------------------------------


def queue(ask: Asker, name: str, **query: str) -> Any:
    return next(one for one in ask("GET", "/v1/queues", query=query).json["queues"] if one["name"] == name)


def test_a_queue_says_what_waits_and_how_many_hold_a_place(world: World, ask: Asker) -> None:
    @workflow(id="sits", queue=Queue("narrow", concurrency_limit=1))
    async def sits(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.run("sit", lambda: seen.append(queue(ask, "narrow")))

    seen: list[Any] = []
    for _ in range(3):
        ask("POST", "/v1/executions", {"workflow_id": "sits", "payload": {}})
    before = queue(ask, "narrow")
    assert (before["concurrency_limit"], before["running"], before["messages"]["ready"]) == (1, 0, 3)
    world.harness.pump()
    assert len(seen) == 3
    assert {one["running"] for one in seen} == {1}
    assert seen[-1]["waiting"] == 0
    after = queue(ask, "narrow")
    assert (after["running"], after["waiting"], after["messages"]["ready"]) == (0, 0, 0)


def test_a_queue_says_its_limits(ask: Asker) -> None:
    told = queue(ask, "orders")
    assert (told["concurrency_limit"], told["rate_limit"]) == (1, "5 per 60 s")
    assert queue(ask, "orders", concurrency_key="k")["running"] == 0
    default = queue(ask, "default")
    assert (default["concurrency_limit"], default["running"], default["waiting"]) == (None, None, None)


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_made_changed_paused_resumed_and_deleted(ask: Asker) -> None:
    body = {"workflow_id": "bare", "cron": "0 9 * * *", "timezone": "Europe/Berlin", "key": "c/7"}
    made = ask("PUT", "/v1/schedules", body).json
    assert (made["id"], made["paused"], made["source"]) == ("bare:c/7", False, "api")
    assert len(made["upcoming"]) == 5
    assert ask("PUT", "/v1/schedules", {**body, "cron": "0 10 * * *"}).json["cron"] == "0 10 * * *"
    assert len(ask("GET", "/v1/schedules").json["schedules"]) == 1
    name = {"workflow_id": "bare", "key": "c/7"}
    assert ask("POST", "/v1/schedules/pause", name).json["paused"] is True
    assert ask("GET", "/v1/schedules").json["schedules"][0]["upcoming"] == []
    assert ask("POST", "/v1/schedules/resume", name).json["paused"] is False
    assert ask("DELETE", "/v1/schedules", query=name).json == {"deleted": True}
    assert ask("DELETE", "/v1/schedules", query=name).json == {"deleted": False}
    assert ask("POST", "/v1/schedules/pause", name).code == "not_found"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cron": "61 * * * *"}, "invalid_schedule"),
        ({"cron": "* * * * * *"}, "invalid_schedule"),
        ({"timezone": "Mars/Base"}, "invalid_schedule"),
        ({"timezone": "../../etc/passwd"}, "invalid_schedule"),
        ({"overlap": "queue"}, "invalid_schedule"),
        ({"workflow_id": "nope"}, "unknown_workflow"),
        ({"key": "a\0"}, "invalid_request"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(ask: Asker, change: dict[str, str], code: str) -> None:
    body = {"workflow_id": "bare", "cron": "0 9 * * *", **change}
    assert ask("PUT", "/v1/schedules", body).code == code
    assert ask("GET", "/v1/schedules").json["schedules"] == []


# --- the API itself --------------------------------------------------------------------------------------------------


@pytest.fixture
def document(world: World) -> Any:
    return json.loads(world.outsider()("GET", "/openapi.json").text)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def test_the_document_has_every_route_and_the_key_that_it_needs(world: World, document: Any) -> None:
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    expected = {
        (route.method, re.sub(r"<(\w+)>", r"{\1}", route.path)): route
        for route in world.api.table.routes
        if route.group
    }
    assert set(described) == set(expected)
    for name, route in expected.items():
        assert bool(described[name].get("security")) is (route.role is not None), name
        assert described[name]["summary"]
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_operations_have_names_of_their_own(document: Any) -> None:
    ids = [one["operationId"] for operations in document["paths"].values() for one in operations.values()]
    assert len(ids) == len(set(ids))


def test_every_reference_of_the_document_leads_somewhere(document: Any) -> None:
    for reference in set(references(document)):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]


def test_the_page_needs_nothing_from_elsewhere(world: World) -> None:
    told = world.outsider()("GET", "/docs")
    assert told.headers["Content-Type"].startswith("text/html")
    assert "SwaggerUIBundle" in told.text
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[^>]*>", told.text[:200_000]) == []
    policy = told.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_health_asks_no_store(world: World) -> None:
    world.api.desk.service_of = lambda project: None  # type: ignore[assignment, method-assign, return-value]
    assert world.outsider()("GET", "/health").json == {"status": "ok"}
