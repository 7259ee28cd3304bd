"""Every route of the API, walked with the wrong key: another project's, a weaker role's, none.

A route that is added without a line in `REQUESTS` fails here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.core.definitions import Queue
from polos.runtime.schedules import ScheduleRecord
from polos.server.principals import Role
from polos.server.routing import Route
from polos.testing.local import SqliteHarness
from support.agents import agent
from support.api import Asker, Told, World, about, rows

SECRET = "for the eyes of bee only"


@dataclass
class Theirs:
    """What the project `bee` has."""

    waiting: str
    failed: str
    cursor: str
    run_cursor: str
    link: str


@dataclass
class Place:
    world: World
    file: Path
    theirs: Theirs

    @property
    def routes(self) -> list[Route]:
        return list(self.world.api.table.routes)


FORM = {"content-type": "application/x-www-form-urlencoded"}

# What to ask of each route, about things of `bee`.
REQUESTS: dict[str, Callable[[Asker, Theirs], Told]] = {
    "POST /v1/executions": lambda ask, bee: ask(
        "POST",
        "/v1/executions",
        {"workflow_id": "asks", "payload": {}, "idempotency_key": "order-1", "on_conflict": "restart"},
    ),
    "POST /v1/executions/batch": lambda ask, bee: ask(
        "POST", "/v1/executions/batch", {"executions": [{"workflow_id": "asks", "payload": {}}]}
    ),
    "GET /v1/executions": lambda ask, bee: ask(
        "GET", "/v1/executions", query={"root_execution_id": bee.waiting}
    ),
    "GET /v1/executions/<execution_id>": lambda ask, bee: ask("GET", f"/v1/executions/{bee.waiting}"),
    "GET /v1/executions/<execution_id>/wait": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.failed}/wait", query="timeout=0"
    ),
    "GET /v1/executions/<execution_id>/journal": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/journal"
    ),
    "GET /v1/executions/<execution_id>/timeline": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/timeline"
    ),
    "GET /v1/executions/<execution_id>/step": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/step", query="address=suspend:q"
    ),
    "GET /v1/executions/<execution_id>/children": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/children"
    ),
    "GET /v1/executions/<execution_id>/suspensions": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/suspensions"
    ),
    "GET /v1/executions/<execution_id>/events": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/events", query={"cursor": bee.run_cursor}
    ),
    "GET /v1/executions/<execution_id>/events/stream": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/events/stream", headers={"last-event-id": bee.run_cursor}
    ),
    "POST /v1/executions/<execution_id>/cancel": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.waiting}/cancel"
    ),
    "POST /v1/executions/<execution_id>/resume": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.waiting}/resume", {"step_key": "q", "data": "forged"}
    ),
    "POST /v1/executions/<execution_id>/retry": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.failed}/retry"
    ),
    "POST /v1/executions/<execution_id>/fork": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.failed}/fork", {}
    ),
    "POST /v1/executions/<execution_id>/pause": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.waiting}/pause"
    ),
    "POST /v1/executions/<execution_id>/unpause": lambda ask, bee: ask(
        "POST", f"/v1/executions/{bee.waiting}/unpause"
    ),
    "POST /v1/events": lambda ask, bee: ask(
        "POST", "/v1/events", {"topic": "orders", "events": [{"data": 1}]}
    ),
    "GET /v1/events": lambda ask, bee: ask("GET", "/v1/events", query="topic=orders"),
    "GET /v1/events/stream": lambda ask, bee: ask("GET", "/v1/events/stream", query="topic=orders"),
    "GET /v1/schedules": lambda ask, bee: ask("GET", "/v1/schedules"),
    "PUT /v1/schedules": lambda ask, bee: ask(
        "PUT", "/v1/schedules", {"workflow_id": "asks", "cron": "1 1 * * *", "key": "nightly"}
    ),
    "DELETE /v1/schedules": lambda ask, bee: ask(
        "DELETE", "/v1/schedules", query="workflow_id=asks&key=nightly"
    ),
    "POST /v1/schedules/pause": lambda ask, bee: ask(
        "POST", "/v1/schedules/pause", {"workflow_id": "asks", "key": "nightly"}
    ),
    "POST /v1/schedules/resume": lambda ask, bee: ask(
        "POST", "/v1/schedules/resume", {"workflow_id": "asks", "key": "nightly"}
    ),
    "GET /v1/queues": lambda ask, bee: ask("GET", "/v1/queues"),
    "GET /v1/definitions": lambda ask, bee: ask("GET", "/v1/definitions"),
    "GET /v1/queues/dead-letters": lambda ask, bee: ask("GET", "/v1/queues/dead-letters"),
    "POST /v1/queues/redrive": lambda ask, bee: ask(
        "POST", "/v1/queues/redrive", {"execution_ids": [bee.waiting, bee.failed]}
    ),
    "POST /v1/schedules/run": lambda ask, bee: ask(
        "POST", "/v1/schedules/run", {"workflow_id": "asks", "key": "nightly"}
    ),
    "GET /v1/topics": lambda ask, bee: ask("GET", "/v1/topics"),
    "GET /v1/agents": lambda ask, bee: ask("GET", "/v1/agents"),
    "GET /v1/sessions": lambda ask, bee: ask("GET", "/v1/sessions"),
    "GET /v1/sessions/messages": lambda ask, bee: ask(
        "GET", "/v1/sessions/messages", query="agent_id=talks&session_id=s1"
    ),
    "GET /v1/cost": lambda ask, bee: ask("GET", "/v1/cost"),
    "GET /v1/executions/<execution_id>/cost": lambda ask, bee: ask(
        "GET", f"/v1/executions/{bee.waiting}/cost"
    ),
    "GET /v1/approvals": lambda ask, bee: ask("GET", "/v1/approvals"),
    "POST /v1/approvals": lambda ask, bee: ask(
        "POST", "/v1/approvals", {"execution_id": bee.waiting, "step_key": "q"}
    ),
    "GET /approve/<token>": lambda ask, bee: ask("GET", f"/approve/{bee.link}"),
    "POST /approve/<token>": lambda ask, bee: ask(
        "POST", f"/approve/{bee.link}", "f0=true", headers=FORM
    ),
    "GET /v1/browser/session": lambda ask, bee: ask("GET", "/v1/browser/session"),
    "POST /v1/browser/session": lambda ask, bee: ask(
        "POST", "/v1/browser/session", {"api_key": ask.key or "none"}
    ),
    "DELETE /v1/browser/session": lambda ask, bee: ask("DELETE", "/v1/browser/session"),
    "GET /health": lambda ask, bee: ask("GET", "/health"),
    "GET /v1/me": lambda ask, bee: ask("GET", "/v1/me"),
    "GET /openapi.json": lambda ask, bee: ask("GET", "/openapi.json"),
    "GET /docs": lambda ask, bee: ask("GET", "/docs"),
}  # fmt: skip

# Routes for everybody. A link to approve is its own authority: who has it may answer. Who signs in at a browser shows a
# key, and who signs out a cookie.
PUBLIC = {
    "GET /health",
    "GET /openapi.json",
    "GET /docs",
    "GET /approve/<token>",
    "POST /approve/<token>",
    "POST /v1/browser/session",
    "DELETE /v1/browser/session",
}
# What a key of another project does there, it does in its own project.
OWN = {
    "POST /v1/executions",
    "POST /v1/executions/batch",
    "GET /v1/executions",
    "POST /v1/events",
    "GET /v1/events",
    "GET /v1/events/stream",
    "GET /v1/schedules",
    "PUT /v1/schedules",
    "DELETE /v1/schedules",
    "GET /v1/queues",
    "GET /v1/definitions",
    "GET /v1/me",
    "GET /v1/browser/session",
    "GET /v1/queues/dead-letters",
    "POST /v1/queues/redrive",
    "GET /v1/topics",
    "GET /v1/agents",
    "GET /v1/sessions",
    "GET /v1/sessions/messages",
    "GET /v1/cost",
    "GET /v1/approvals",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("store")
    with SqliteHarness(directory) as harness:
        world = World(harness, rate=None)
        yield Place(world, directory / "polos.db", furnished(world))


def furnished(world: World) -> Theirs:
    @workflow(id="asks", queue=Queue("narrow", concurrency_limit=1))
    async def asks(ctx: WorkflowContext, payload: dict) -> Any:
        return (await ctx.step.suspend("q", payload))["data"]

    @workflow(id="fails")
    async def fails(ctx: WorkflowContext, payload: dict) -> Any:
        raise ValueError(SECRET)

    talks, _ = agent([SECRET], id="talks")
    bee = world.asker("bee")
    said = {"workflow_id": talks.id, "payload": {"input": SECRET}, "session_id": "s1", "user_id": SECRET}
    bee("POST", "/v1/executions", said)
    body = {"workflow_id": "asks", "payload": {"secret": SECRET}, "idempotency_key": "order-1"}
    waiting = bee("POST", "/v1/executions", body).json["id"]
    failed = bee("POST", "/v1/executions", {"workflow_id": "fails", "payload": {}}).json["id"]
    bee("POST", "/v1/executions", {"workflow_id": "fails", "payload": {}})
    bee("POST", "/v1/events", {"topic": "orders", "events": [{"data": SECRET}]})
    world.api.desk.service_of("bee").schedules.put(ScheduleRecord("asks", "nightly", "0 0 * * *"))
    world.harness.pump()
    url = bee("POST", "/v1/approvals", {"execution_id": waiting, "step_key": "q"}).json["url"]
    return Theirs(
        waiting,
        failed,
        bee("GET", "/v1/executions", query="limit=1").json["next_cursor"],
        bee("GET", f"/v1/executions/{waiting}/events").json["cursor"],
        url.rpartition("/")[2],
    )


def test_every_route_is_walked_here(place: Place) -> None:
    assert {route.name for route in place.routes} == set(REQUESTS)


def test_the_resolver_has_no_route_beside_the_table(place: Place) -> None:
    resolver = place.world.api._resolver
    known = {f"{r.method} {r.path}" for r in [*resolver._static_routes, *resolver._dynamic_routes]}
    assert known == set(REQUESTS)


def test_what_everybody_may_ask_is_a_short_list(place: Place) -> None:
    assert {route.name for route in place.routes if route.role is None} == PUBLIC


def test_what_changes_something_needs_more_than_to_look(place: Place) -> None:
    changing = [route for route in place.routes if route.method != "GET" and route.name not in PUBLIC]
    assert changing
    assert all(route.role is not None and not Role.READ.allows(route.role) for route in changing)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in PUBLIC])
def test_without_a_key_a_route_answers_401_and_does_nothing(place: Place, name: str) -> None:
    before = rows(place.file)
    for key in [None, "", "polos_" + "a" * 16 + "_" + "b" * 52, "nonsense"]:
        told = REQUESTS[name](Asker(place.world.api, key), place.theirs)
        assert (told.status, told.code) == (401, "unauthorized")
        assert told.headers["WWW-Authenticate"].startswith("Bearer")
        assert SECRET not in told.text
    assert rows(place.file) == before


@pytest.mark.parametrize("name", REQUESTS)
def test_with_a_key_that_reads_nothing_changes(place: Place, name: str) -> None:
    if name == "POST /approve/<token>":
        pytest.skip("a link is its own authority, whatever key is sent beside it")
    ask = place.world.asker("bee", Role.READ)
    route = next(route for route in place.routes if route.name == name)
    before = rows(place.file)
    told = REQUESTS[name](ask, place.theirs)
    assert rows(place.file) == before
    if route.role is None or route.role is Role.READ:
        assert told.status == 200, told.text
    else:
        assert (told.status, told.code) == (403, "forbidden")
        assert route.role.value in told.json["detail"]


@pytest.mark.parametrize("name", [name for name in REQUESTS if "schedules" in name and "run" not in name])
def test_schedules_are_changed_by_an_admin_only(place: Place, name: str) -> None:
    told = REQUESTS[name](place.world.asker("bee", Role.RUN), place.theirs)
    assert told.status == (200 if name.startswith("GET") else 403)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in PUBLIC])
def test_a_key_of_another_project_sees_and_changes_nothing(place: Place, name: str) -> None:
    ant = place.world.asker("ant", Role.ADMIN)
    before = about("bee", place.file)
    assert any(before.values())
    told = REQUESTS[name](ant, place.theirs)
    place.world.harness.pump()
    assert about("bee", place.file) == before
    assert SECRET not in told.text
    if name in OWN:
        assert told.status < 300
        if name != "POST /v1/queues/redrive":  # which says of each that there is none
            assert place.theirs.waiting not in told.text
            assert place.theirs.failed not in told.text
    else:
        assert told.status in (400, 404), told.text
        assert told.code in ("not_found", "invalid_request")


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in PUBLIC])
def test_a_header_does_not_choose_the_project(place: Place, name: str) -> None:
    ant = place.world.asker("ant", Role.ADMIN)
    ant.headers = {"polos-project": "bee"}
    told = REQUESTS[name](ant, place.theirs)
    assert (told.status, told.code) == (403, "forbidden")
    assert "ant" in told.json["detail"]


def test_a_cursor_of_another_project_is_refused(place: Place) -> None:
    ant = place.world.asker("ant", Role.ADMIN)
    told = ant("GET", "/v1/executions", query={"cursor": place.theirs.cursor, "limit": 1})
    assert (told.status, told.code) == (400, "invalid_request")


def test_the_same_idempotency_key_is_another_in_another_project(place: Place) -> None:
    ant, bee = place.world.asker("ant"), place.world.asker("bee")
    body = {"workflow_id": "asks", "payload": {"other": 1}, "idempotency_key": "order-1"}
    assert ant("POST", "/v1/executions", {**body, "on_conflict": "return"}).status in (201, 409)
    assert bee("POST", "/v1/executions", body).status == 409
