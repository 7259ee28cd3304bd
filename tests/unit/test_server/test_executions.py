"""Starting, looking, waiting and listing over the API."""

import enum
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from polos import Queue, WorkflowContext, WorkflowState, workflow
from polos.testing.event_source import LambdaContext
from support.api import Asker, World, gateway_event


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Order(BaseModel):
    sku: str
    at: datetime
    size: Size = Size.SMALL
    price: int = 1


class Counter(WorkflowState):
    count: int = 0


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    @workflow(id="order")
    async def order(ctx: WorkflowContext, payload: Order) -> Order:
        return payload.model_copy(update={"price": await ctx.step.run("price", lambda: payload.price * 2)})

    @workflow(id="loose")
    async def loose(ctx: WorkflowContext, payload):  # type: ignore[no-untyped-def]
        return {"got": payload, "at": datetime(2026, 1, 2, tzinfo=UTC), "some": {1, 2}}

    @workflow(id="fails")
    async def fails(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.run("bad", _fail, max_retries=0)

    @workflow(id="waits")
    async def waits(ctx: WorkflowContext, payload: dict) -> str:
        await ctx.step.wait_for("nap", hours=1)
        return "awake"

    @workflow(id="counts", state_schema=Counter)
    async def counts(ctx: WorkflowContext, payload: dict) -> int:
        ctx.state.count += 1
        return ctx.state.count

    @workflow(id="again")
    async def again(ctx: WorkflowContext, payload: int) -> int:
        if payload < 3:
            ctx.continue_as_new(payload + 1)
        return payload


def _fail() -> None:
    raise ValueError("no stock")


ORDER = {"sku": "a1", "at": "2026-01-02T03:04:05Z", "size": "l"}


def started(ask: Asker, workflow_id: str, payload: Any = None, **options: Any) -> str:
    told = ask("POST", "/v1/executions", {"workflow_id": workflow_id, "payload": payload, **options})
    assert told.status == 201, told.text
    return str(told.json["id"])


def ended(world: World, ask: Asker, execution: str, query: str = "") -> Any:
    world.harness.pump()
    return ask("GET", f"/v1/executions/{execution}/wait", query=query).json


# --- starting --------------------------------------------------------------------------------------------------------


def test_an_execution_is_started_and_its_result_is_plain_json(world: World, ask: Asker) -> None:
    told = ended(world, ask, started(ask, "order", ORDER))
    assert told["status"] == "completed"
    assert told["ended"] is True
    assert told["payload"] == {"sku": "a1", "at": "2026-01-02T03:04:05Z", "size": "l", "price": 1}
    assert told["result"] == {"sku": "a1", "at": "2026-01-02T03:04:05Z", "size": "l", "price": 2}
    assert told["stored"] is None


def test_the_stored_form_is_told_to_who_asks_for_it(world: World, ask: Asker) -> None:
    execution = started(ask, "loose", {"a": 1})
    told = ended(world, ask, execution, "stored=true")
    assert told["result"] == {"got": {"a": 1}, "at": "2026-01-02T00:00:00Z", "some": [1, 2]}
    assert '"$datetime"' in told["stored"]["result"]
    assert ask("GET", f"/v1/executions/{execution}").json["stored"] is None


def test_what_looks_like_a_stored_type_is_plain_data_when_it_comes_from_outside(
    world: World, ask: Asker
) -> None:
    tagged = {"$model": ["support.api:World", {}], "$tuple": [1], "x": {"$datetime": "2026-01-02T00:00:00Z"}}
    told = ended(world, ask, started(ask, "loose", tagged))
    assert told["payload"] == tagged
    assert told["result"]["got"] == tagged


@pytest.mark.parametrize("payload", [None, 0, False, "", [], {}, 1.5, "ä☃", [None], {"": ""}, 10**30])
def test_every_json_value_is_a_payload(world: World, ask: Asker, payload: Any) -> None:
    assert ended(world, ask, started(ask, "loose", payload))["result"]["got"] == payload


def test_a_payload_that_does_not_fit_names_every_field(ask: Asker) -> None:
    told = ask("POST", "/v1/executions", {"workflow_id": "order", "payload": {"at": "soon", "size": "xl"}})
    assert (told.status, told.code) == (422, "invalid_payload")
    assert {path for path, _ in told.json["problems"]} == {"payload.sku", "payload.at", "payload.size"}
    assert ask("GET", "/v1/executions").json["executions"] == []


def test_an_unknown_workflow_is_not_found_and_the_known_ones_are_named(ask: Asker) -> None:
    told = ask("POST", "/v1/executions", {"workflow_id": "ordr"})
    assert (told.status, told.code) == (404, "unknown_workflow")
    assert "order" in told.json["known"]


def test_the_same_key_starts_once(ask: Asker) -> None:
    body = {"workflow_id": "order", "payload": ORDER, "idempotency_key": "o-1"}
    first, second = ask("POST", "/v1/executions", body), ask("POST", "/v1/executions", body)
    assert first.json == second.json
    other = ask("POST", "/v1/executions", {**body, "payload": {**ORDER, "sku": "b2"}})
    assert (other.status, other.code) == (409, "conflict")
    rejected = ask("POST", "/v1/executions", {**body, "on_conflict": "reject"})
    assert rejected.code == "conflict"


def test_options_reach_the_execution(world: World, ask: Asker) -> None:
    options = {
        "queue_name": "narrow", "queue_concurrency_limit": 2, "concurrency_key": "k", "session_id": "s",
        "user_id": "u", "deployment_id": "d", "priority": 7, "attributes": {"team": "red"},
        "run_timeout_seconds": 60,
    }  # fmt: skip
    execution = started(ask, "waits", {}, **options)
    told = ask("GET", f"/v1/executions/{execution}").json
    assert told["queue"] == "narrow"
    assert (told["session_id"], told["user_id"], told["deployment_id"]) == ("s", "u", "d")
    assert (told["concurrency_key"], told["priority"], told["attributes"]) == ("k", 7, {"team": "red"})
    world.harness.advance(61)
    assert ask("GET", f"/v1/executions/{execution}").json["status"] == "timed_out"


def test_an_initial_state_is_checked_and_used(world: World, ask: Asker) -> None:
    execution = started(ask, "counts", {}, initial_state={"count": 41})
    assert ended(world, ask, execution)["result"] == 42
    told = ask("POST", "/v1/executions", {"workflow_id": "counts", "initial_state": {"count": "x"}})
    assert (told.status, told.code) == (422, "not_storable")
    told = ask("POST", "/v1/executions", {"workflow_id": "loose", "initial_state": {}})
    assert "no state_schema" in told.json["detail"]


def test_two_limits_of_one_queue_are_a_conflict(world: World, ask: Asker) -> None:
    world.harness.registry.add_queue(Queue("limited", concurrency_limit=3))
    body = {"workflow_id": "loose", "queue_name": "limited"}
    assert ask("POST", "/v1/executions", {**body, "queue_concurrency_limit": 4}).code == "conflict"
    assert ask("POST", "/v1/executions", {**body, "queue_concurrency_limit": 3}).status == 201
    nameless = ask("POST", "/v1/executions", {"workflow_id": "loose", "queue_concurrency_limit": 3})
    assert nameless.code == "invalid_request"


# --- several ---------------------------------------------------------------------------------------------------------


def test_a_batch_starts_in_order_and_once(world: World, ask: Asker) -> None:
    body = {
        "executions": [{"workflow_id": "loose", "payload": i} for i in range(5)],
        "idempotency_key": "batch-1",
    }
    first, second = ask("POST", "/v1/executions/batch", body), ask("POST", "/v1/executions/batch", body)
    assert first.status == 201
    assert first.json == second.json
    results = [ended(world, ask, one["id"])["result"]["got"] for one in first.json["executions"]]
    assert results == [0, 1, 2, 3, 4]


def test_one_bad_payload_keeps_a_batch_from_starting(ask: Asker) -> None:
    body = {
        "executions": [{"workflow_id": "order", "payload": ORDER}, {"workflow_id": "order", "payload": {}}]
    }
    assert ask("POST", "/v1/executions/batch", body).code == "invalid_payload"
    assert ask("GET", "/v1/executions").json["executions"] == []


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_1_to_100(ask: Asker, count: int) -> None:
    body = {"executions": [{"workflow_id": "loose"}] * count}
    assert ask("POST", "/v1/executions/batch", body).code == "invalid_request"


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_waiting_gives_up_in_time_and_says_how_it_stands(world: World, ask: Asker) -> None:
    execution = started(ask, "waits", {})
    world.harness.pump()
    before = world.harness.clock.now()
    told = ask("GET", f"/v1/executions/{execution}/wait", query="timeout=5").json
    assert (told["status"], told["ended"], told["result"]) == ("waiting", False, None)
    assert world.harness.clock.now() - before == pytest.approx(5, abs=0.01)


def test_waiting_never_outlasts_the_invocation(world: World, ask: Asker) -> None:
    execution = started(ask, "waits", {})
    ask.seconds = 6
    before = world.harness.clock.now()
    ask("GET", f"/v1/executions/{execution}/wait", query="timeout=20")
    assert world.harness.clock.now() - before == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("timeout", ["21", "-1", "nan", "inf"])
def test_waiting_takes_up_to_20_seconds(ask: Asker, timeout: str) -> None:
    told = ask("GET", "/v1/executions/x/wait", query=f"timeout={timeout}")
    assert told.json["problems"][0][0] == "query.timeout"


def test_one_that_goes_on_as_another_is_waited_for_to_the_last(world: World, ask: Asker) -> None:
    execution = started(ask, "again", 0)
    told = ended(world, ask, execution)
    assert (told["status"], told["result"]) == ("completed", 3)
    assert told["id"] != execution
    assert ask("GET", f"/v1/executions/{execution}").json["status"] == "continued"


def test_a_failure_is_told_with_its_error(world: World, ask: Asker) -> None:
    told = ended(world, ask, started(ask, "fails", {}))
    assert (told["status"], told["error_message"], told["result"]) == ("failed", "no stock", None)
    assert told["error"]["step"] == "bad"


# --- looking ---------------------------------------------------------------------------------------------------------


def test_a_list_goes_on_page_by_page_newest_first(world: World, ask: Asker) -> None:
    executions = []
    for _ in range(5):
        executions.append(started(ask, "loose"))
        world.harness.clock.advance(1)
    seen, cursor = [], None
    for _ in range(10):
        page = ask("GET", "/v1/executions", query={"limit": 2, **({"cursor": cursor} if cursor else {})}).json
        seen += [one["id"] for one in page["executions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == executions[::-1]


def test_a_list_is_filtered(world: World, ask: Asker) -> None:
    mine = started(ask, "loose", None, session_id="s,1", user_id="u", attributes={"team": "red"})
    world.harness.pump()
    world.harness.clock.advance(60)
    later = started(ask, "order", ORDER)
    at = datetime.fromtimestamp(world.harness.clock.now(), UTC) - timedelta(seconds=30)

    def ids(**query: Any) -> list[str]:
        return [one["id"] for one in ask("GET", "/v1/executions", query=query).json["executions"]]

    assert ids(status="completed") == [mine]
    assert ids(workflow_id="order") == [later]
    assert ids(session_id="s,1") == ids(user_id="u") == ids(attribute="team=red") == [mine]
    assert ids(root_execution_id=later) == [later]
    assert ids(created_after=at.isoformat()) == [later]
    assert ids(created_before=at.isoformat()) == [mine]
    assert ids(status="failed") == []


def test_a_cursor_goes_with_its_filters(ask: Asker) -> None:
    for _ in range(3):
        started(ask, "loose")
    cursor = ask("GET", "/v1/executions", query="limit=1").json["next_cursor"]
    told = ask("GET", "/v1/executions", query={"cursor": cursor, "limit": 1, "status": "queued"})
    assert told.code == "invalid_request"


def test_a_list_leaves_out_what_may_be_large(world: World, ask: Asker) -> None:
    execution = started(ask, "loose", "x" * 1000)
    world.harness.pump()
    text = ask("GET", "/v1/executions").text
    assert execution in text
    assert "xxx" not in text


def test_the_journal_is_read_in_parts(world: World, ask: Asker) -> None:
    execution = started(ask, "order", ORDER)
    world.harness.pump()
    first = ask("GET", f"/v1/executions/{execution}/journal", query="limit=2").json
    rest = ask("GET", f"/v1/executions/{execution}/journal", query={"after": first["next"]}).json
    entries = first["entries"] + rest["entries"]
    assert [one["address"] for one in entries] == ["$start", "run:price", "$end"]
    assert [one["position"] for one in entries] == [0, 1, 2]
    assert entries[1]["value"] == 2
    end = ask("GET", f"/v1/executions/{execution}/journal", query={"after": 3}).json
    assert end == {"entries": [], "next": None}


def test_the_timeline_shows_attempts_and_what_is_under_way(world: World, ask: Asker) -> None:
    failed, waiting = started(ask, "fails", {}), started(ask, "waits", {})
    world.harness.pump()
    told = ask("GET", f"/v1/executions/{failed}/timeline").json
    assert told["status"] == "failed"
    assert [(one["key"], one["stage"], len(one["attempts"])) for one in told["operations"]] == [
        ("bad", "failed", 1)
    ]
    (nap,) = ask("GET", f"/v1/executions/{waiting}/timeline").json["operations"]
    assert (nap["key"], nap["stage"]) == ("nap", "waiting")
    assert nap["due_at"] is not None


def test_what_is_too_large_for_an_answer_is_left_out_and_named(world: World, ask: Asker) -> None:
    @workflow(id="large")
    async def large(ctx: WorkflowContext, payload: int) -> str:
        await ctx.step.run("chunk", lambda: "y" * 10_000)
        return "x" * payload

    fits, too_large = started(ask, "large", 1_500_000), started(ask, "large", 6_000_000)
    world.harness.pump()
    told = ask("GET", f"/v1/executions/{fits}", query="stored=true").json
    assert (len(told["result"]), told["omitted"]) == (1_500_000, [])
    told = ask("GET", f"/v1/executions/{too_large}", query="stored=true").json
    assert (told["status"], told["result"], told["omitted"]) == ("completed", None, ["result"])
    assert told["payload"] == 6_000_000
    (chunk,) = ask("GET", f"/v1/executions/{fits}/timeline").json["operations"]
    assert (chunk["value"], chunk["value_bytes"]) == (None, 10_002)


def test_an_answer_that_no_gateway_takes_is_a_problem_instead(world: World, ask: Asker) -> None:
    @workflow(id="large")
    async def large(ctx: WorkflowContext, payload: int) -> None:
        await ctx.step.run("chunk", lambda: "y" * payload)

    execution = started(ask, "large", 7_000_000)
    world.harness.pump()
    journal, headers = f"/v1/executions/{execution}/journal", {"authorization": f"Bearer {ask.key}"}
    event = gateway_event("GET", journal, query="after=1", headers=headers)
    told = world.api.handle(
        event, LambdaContext(world.harness.clock, world.harness.clock.now() + 9, "api", "r")
    )
    assert told["statusCode"] == 413
    assert json.loads(told["body"])["code"] == "too_large"


def test_a_result_whose_code_is_gone_is_told_as_it_is_stored(world: World, ask: Asker) -> None:
    execution = started(ask, "loose", 1)
    world.harness.pump()
    world.harness.registry.remove("loose")
    told = ask("GET", f"/v1/executions/{execution}").json
    assert told["result"]["got"] == 1
