"""What a client promises, held by each way to a project: in this process, over a local server, over the Lambda API."""

import enum
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from polos import (
    BatchWorkflowInput,
    Conflict,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionTimedOut,
    InvalidPayload,
    InvalidSchedule,
    NotFound,
    Polos,
    PolosClient,
    Queue,
    ResultTimeout,
    UnknownWorkflow,
    WorkflowContext,
    WorkflowState,
    batch,
    events,
    schedules,
    workflow,
)
from polos.core.definitions import registry
from polos.entry.aws import AwsRuntime
from polos.entry.embedded import Embedded
from polos.features.streams import stream_run
from polos.server.function import ApiFunction
from polos.server.local import serve
from polos.server.principals import Role
from polos.testing.aws import AwsHarness
from support.api import LambdaTransport

WAIT = 30.0


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Order(BaseModel):
    sku: str
    at: datetime
    sizes: tuple[Size, ...] = ()


@dataclass
class Receipt:
    order: Order
    total: int


class Counter(WorkflowState):
    count: int = 0


@pytest.fixture(autouse=True)
def _defined() -> Iterator[None]:
    @workflow(id="order")
    async def order(ctx: WorkflowContext, payload: Order) -> Receipt:
        return Receipt(payload, await ctx.step.run("total", lambda: len(payload.sizes)))

    @workflow(id="echo")
    async def echo(ctx: WorkflowContext, payload):  # type: ignore[no-untyped-def]
        return payload

    @workflow(id="loose")
    async def loose(ctx: WorkflowContext, payload: dict) -> Any:
        return {
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "set": {1, 2},
            "order": Order(sku="a", at=datetime(2026, 1, 1)),
        }

    @workflow(id="fails")
    async def fails(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.run("bad", _fail, max_retries=0)

    @workflow(id="asks")
    async def asks(ctx: WorkflowContext, payload: dict) -> Any:
        return (await ctx.step.suspend("q/1", {"question": 1}))["data"]

    @workflow(id="counts", state_schema=Counter)
    async def counts(ctx: WorkflowContext, payload: dict) -> int:
        ctx.state.count += 1
        return ctx.state.count

    @workflow(id="daily", schedule=True)
    async def daily(ctx: WorkflowContext, payload: dict) -> None:
        return None

    yield
    for definition in list(registry):
        registry.remove(definition.id)


def _fail() -> None:
    raise ValueError("no stock")


@asynccontextmanager
async def in_process(path: Path) -> AsyncIterator[Any]:
    async with Polos(path / "polos.db") as client:
        yield client


@asynccontextmanager
async def over_a_local_server(path: Path) -> AsyncIterator[Any]:
    runtime = Embedded(path / "polos.db", project="test", threads=4)
    try:
        with serve(runtime, port=0, local_mode=False) as server:
            key = server.api.keys.create("test", Role.ADMIN)[1]
            async with PolosClient(server.url, key, "test") as client:
                yield client
    finally:
        runtime.close()


@asynccontextmanager
async def over_the_lambda_api(path: Path) -> AsyncIterator[Any]:
    with AwsHarness() as harness:
        ports = harness.account.ports()
        runtime = AwsRuntime(harness.account.settings, project="test", ports=ports, registry=harness.registry)
        function = ApiFunction(runtime, environ={"POLOS_RATE_LIMIT": "0"})
        key = function.api.keys.create("test", Role.ADMIN)[1]
        transport = LambdaTransport(function.handler, harness)
        async with PolosClient(
            "https://api.example.com", key, "test", transport=transport, sleep=_at_once
        ) as client:
            yield client


@asynccontextmanager
async def polos_with_an_address(path: Path) -> AsyncIterator[Any]:
    runtime = Embedded(path / "polos.db", project="test", threads=4)
    try:
        with serve(runtime, port=0, local_mode=True) as server:
            async with Polos(api_url=server.url, project_id="test") as client:
                yield client
    finally:
        runtime.close()


async def _at_once(seconds: float) -> None:
    del seconds


WAYS = {
    "embedded": in_process,
    "local-server": over_a_local_server,
    "lambda": over_the_lambda_api,
    "polos-with-api-url": polos_with_an_address,
}
ORDER = Order(sku="a1", at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), sizes=(Size.SMALL, Size.LARGE))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return lambda: WAYS[request.param](tmp_path)


def flow(workflow_id: str) -> Any:
    return registry.get(workflow_id)


async def test_values_keep_their_types(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("order", ORDER)
        assert await handle.result(WAIT) == Receipt(ORDER, 2)
        as_dict = {"sku": "a1", "at": "2026-01-02T03:04:05Z", "sizes": ["s", "l"]}
        assert await (await client.invoke("order", as_dict)).result(WAIT) == Receipt(ORDER, 2)
        loose = await (await client.invoke("loose", {})).result(WAIT)
        assert loose["set"] == {1, 2}
        assert loose["at"] == datetime(2026, 1, 2, tzinfo=UTC)
        assert isinstance(loose["order"], Order)


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}, [None, 0.5], {"$tuple": [1]}, "☃", 10**25])
async def test_plain_values_come_back_as_they_are(way: Any, value: Any) -> None:
    async with way() as client:
        assert await (await client.invoke("echo", value)).result(WAIT) == value


async def test_the_execution_tells_how_it_stands(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("order", ORDER, session_id="s/1", user_id="u", attributes={"a": "b"})
        await handle.result(WAIT)
        told = await handle.get()
        assert (told["id"], told["workflow_id"], told["status"]) == (handle.id, "order", "completed")
        assert told["result"] == Receipt(ORDER, 2)
        assert told["payload"]["sku"] == "a1"
        assert (told["session_id"], told["user_id"], told["error"]) == ("s/1", "u", None)
        assert told["created_at"] <= told["completed_at"]


async def test_each_end_is_an_error_of_its_own(way: Any) -> None:
    async with way() as client:
        with pytest.raises(ExecutionFailed, match="no stock") as failed:
            await (await client.invoke("fails", {})).result(WAIT)
        assert failed.value.error["step"] == "bad"
        cancelled = await client.invoke("asks", {})
        assert await cancelled.cancel() is True
        with pytest.raises(ExecutionCancelled) as error:
            await cancelled.result(WAIT)
        assert error.value.execution_id == cancelled.id
        assert await cancelled.cancel() is False
        with pytest.raises(ExecutionTimedOut):
            await (await client.invoke("asks", {}, run_timeout_seconds=0.2)).result(WAIT)


async def test_a_client_that_stops_waiting_leaves_the_execution_alone(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("asks", {})
        with pytest.raises(ResultTimeout, match="it goes on"):
            await handle.result(0.1)
        await client.resume("asks", handle.id, "q/1", {"yes": True})
        assert await handle.result(WAIT) == {"yes": True}


async def test_what_is_wrong_with_a_call_is_an_error_of_its_own(way: Any) -> None:
    async with way() as client:
        with pytest.raises(UnknownWorkflow) as unknown:
            await client.invoke("nope")
        assert unknown.value.workflow_id == "nope"
        assert "order" in unknown.value.known
        with pytest.raises(InvalidPayload) as invalid:
            await client.invoke("order", {"at": "soon"})
        assert {path for path, _ in invalid.value.problems} == {"payload.sku", "payload.at"}
        with pytest.raises(NotFound):
            await client.get_execution("nope")
        with pytest.raises(NotFound):
            await client.cancel_execution("nope")
        with pytest.raises(NotFound):
            await client.resume("order", (await client.invoke("asks", {})).id, "q/1", 1)


async def test_the_same_key_starts_once(way: Any) -> None:
    async with way() as client:
        first = await client.invoke("echo", 1, idempotency_key="k")
        assert (await client.invoke("echo", 1, idempotency_key="k")).id == first.id
        with pytest.raises(Conflict):
            await client.invoke("echo", 2, idempotency_key="k")


async def test_a_batch_starts_all_or_none(way: Any) -> None:
    async with way() as client:
        inputs = [BatchWorkflowInput(id="echo", payload=i) for i in range(5)]
        handles = await client.batch_invoke(inputs)
        assert [await handle.result(WAIT) for handle in handles] == [0, 1, 2, 3, 4]
        before = await listed(client)
        with pytest.raises(InvalidPayload):
            await client.batch_invoke([*inputs, BatchWorkflowInput(id="order", payload={})])
        assert await listed(client) == before


async def test_the_module_functions_take_the_client(way: Any) -> None:
    async with way() as client:
        results = await batch.run(client, workflow_id="echo", inputs=[1, 2], timeout=WAIT)
        assert [one.result for one in results] == [1, 2]
        assert await events.publish(client, "t/1,2", events.EventData(data={"n": 1})) == 1
        assert await events.batch_publish(client, topic="t/1,2", events=[{"data": 2}, {"data": 3}]) == [2, 3]
        seen = []
        async for event in events.stream_topic(client, "t/1,2"):
            seen.append(event.data)
            if len(seen) == 3:
                break
        assert seen == [{"n": 1}, 2, 3]


async def test_a_run_is_followed_to_its_end(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("asks", {})
        kinds = []
        async for event in stream_run(client, handle.id):
            kinds.append(event.event_type)
            if event.event_type == "suspend_q/1":
                await client.resume("asks", handle.id, "q/1", 1)
        assert kinds[0] == "workflow_start"
        assert kinds[-1] == "workflow_finish"


async def test_schedules_are_kept(way: Any) -> None:
    async with way() as client:
        made = await schedules.create(client, "daily", "0 9 * * *", timezone="Europe/Berlin", key="c/7")
        assert (made.id, made.timezone, len(made.upcoming)) == ("daily:c/7", "Europe/Berlin", 5)
        assert [one.id for one in await schedules.list(client)] == ["daily:c/7"]
        assert (await schedules.pause(client, "daily", key="c/7")).paused
        assert not (await schedules.resume(client, "daily", key="c/7")).paused
        with pytest.raises(InvalidSchedule):
            await schedules.create(client, "daily", "61 * * * *")
        with pytest.raises(UnknownWorkflow):
            await schedules.create(client, "nope", "0 9 * * *")
        assert await schedules.delete(client, "daily", key="c/7") is True
        assert await schedules.delete(client, "daily", key="c/7") is False


async def test_executions_are_listed_page_by_page_and_filtered(way: Any) -> None:
    async with way() as client:
        for number in range(5):
            await (await client.invoke("echo", number, user_id=f"u{number % 2}")).result(WAIT)
        assert len(await listed(client)) == 5
        assert len(await listed(client, user_id="u1")) == 2
        assert await listed(client, status="failed") == []


async def listed(client: Any, **wanted: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = await client.list_executions(limit=2, cursor=cursor, **wanted)
        found += [one["id"] for one in page["executions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_a_failed_execution_is_retried_and_forked(way: Any) -> None:
    async with way() as client:
        failed = await client.invoke("fails", {})
        with pytest.raises(ExecutionFailed):
            await failed.result(WAIT)
        again = await client.retry_execution(failed.id)
        assert again.id != failed.id
        with pytest.raises(ExecutionFailed):
            await again.result(WAIT)
        done = await client.invoke("echo", 1)
        await done.result(WAIT)
        with pytest.raises(Conflict):
            await client.retry_execution(done.id)
        assert await (await client.fork_execution(done.id, payload=2)).result(WAIT) == 2


async def test_an_execution_is_paused_and_goes_on(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("asks", {})
        await client.pause_execution(handle.id)
        await client.unpause_execution(handle.id)
        await client.resume("asks", handle.id, "q/1", "done")
        assert await handle.result(WAIT) == "done"
        with pytest.raises(Conflict):
            await client.pause_execution(handle.id)


async def test_state_and_queues_are_given_with_the_call(way: Any) -> None:
    async with way() as client:
        handle = await client.invoke("counts", {}, initial_state=Counter(count=4))
        assert await handle.result(WAIT) == 5
        handle = await client.invoke("counts", {}, initial_state={"count": 6})
        assert await handle.result(WAIT) == 7
        handle = await client.invoke("echo", 1, queue_name="narrow", queue_concurrency_limit=1)
        assert await handle.result(WAIT) == 1
        assert (await handle.get())["queue"] == "narrow"


async def test_a_workflow_runs_through_the_client_that_it_is_given(way: Any) -> None:
    @workflow(id="typed", queue=Queue("typed"))
    async def typed(ctx: WorkflowContext, payload: Order) -> Order:
        return payload

    async with way() as client:
        assert await typed.run(client, ORDER, timeout=WAIT) == ORDER
