"""Events over the API: published, read, and followed as a stream."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.server.principals import Role
from support.api import Asker, World, gateway_event


def published(ask: Asker, topic: str, *data: Any) -> list[int]:
    told = ask("POST", "/v1/events", {"topic": topic, "events": [{"data": one} for one in data]})
    assert told.status == 201, told.text
    return list(told.json["sequence_ids"])


def frames(text: str) -> list[dict[str, str]]:
    """The events of a stream as a browser parses them (WHATWG HTML, 9.2.6)."""
    found = []
    for block in text.split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n") if line and not line.startswith(":")]
        fields = {name: value.removeprefix(" ") for name, _, value in lines}
        if "data" in fields:
            found.append(fields)
    return found


def test_events_are_numbered_and_read_in_order(ask: Asker) -> None:
    assert published(ask, "t", "a", "b") == [1, 2]
    assert published(ask, "t", None) == [3]
    page = ask("GET", "/v1/events", query="topic=t&after=1").json
    assert [(one["sequence_id"], one["data"]) for one in page["events"]] == [(2, "b"), (3, None)]
    assert page["last_sequence_id"] == 3
    assert ask("GET", "/v1/events", query="topic=t&after=3").json == {"events": [], "last_sequence_id": 3}


def test_a_place_beyond_the_end_is_the_end_and_beyond_all_numbers_is_refused(ask: Asker) -> None:
    published(ask, "t", "a", "b")
    page = ask("GET", "/v1/events", query={"topic": "t", "before": 10**12}).json
    assert [one["data"] for one in page["events"]] == ["a", "b"]
    for name in ("before", "after"):
        told = ask("GET", "/v1/events", query={"topic": "t", name: 10**20})
        assert (told.status, name in told.text) == (400, True)
    headers = {"last-event-id": "9" * 20}
    assert ask("GET", "/v1/events/stream", query={"topic": "t"}, headers=headers).status == 400


@pytest.mark.parametrize("topic", ["a,b", "user/1?x=&y", "ä ☃", "a|b", "%2C", "+", "'"])
def test_a_topic_may_hold_anything(ask: Asker, topic: str) -> None:
    published(ask, topic, 1)
    for path in ["/v1/events", "/v1/events/stream"]:
        assert topic in json.dumps(ask("GET", path, query={"topic": topic}).text, ensure_ascii=False).replace(
            '\\"', '"'
        )
    assert len(ask("GET", "/v1/events", query={"topic": topic}).json["events"]) == 1


@pytest.mark.parametrize("data", [{"$tuple": [1]}, {"$$x": {"$model": ["a:B", {}]}}, "\r\n\u2028", [[]], 0])
def test_data_come_back_as_they_went(ask: Asker, data: Any) -> None:
    published(ask, "t", data)
    assert ask("GET", "/v1/events", query="topic=t").json["events"][0]["data"] == data
    (frame,) = frames(ask("GET", "/v1/events/stream", query="topic=t").text)
    assert json.loads(frame["data"])["data"] == data


def test_a_published_event_starts_what_waits_for_it(world: World, ask: Asker) -> None:
    @workflow(id="waits")
    async def waits(ctx: WorkflowContext, payload: dict) -> Any:
        return (await ctx.step.wait_for_event("e", "orders")).data

    execution = ask("POST", "/v1/executions", {"workflow_id": "waits", "payload": {}}).json["id"]
    world.harness.pump()
    published(ask, "orders", {"n": 1})
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{execution}").json["result"] == {"n": 1}


def test_a_read_waits_for_the_first_event_and_no_longer(world: World, ask: Asker) -> None:
    before = world.harness.clock.now()
    assert ask("GET", "/v1/events", query="topic=t&wait=7").json["events"] == []
    assert world.harness.clock.now() - before == pytest.approx(7, abs=0.01)
    published(ask, "t", 1)
    before = world.harness.clock.now()
    ask("GET", "/v1/events", query="topic=t&wait=7")
    assert world.harness.clock.now() == before


def test_a_page_is_cut_where_an_answer_would_not_fit_through_the_gateway(ask: Asker) -> None:
    for _ in range(8):
        published(ask, "t", "x" * 1_000_000)
    seen, after = [], 0
    while page := ask("GET", "/v1/events", query={"topic": "t", "after": after}).json["events"]:
        assert sum(len(one["data"]) for one in page) < 5_000_000
        seen += [one["sequence_id"] for one in page]
        after = seen[-1]
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]


# --- streams that cannot stay open -----------------------------------------------------------------------------------


def test_a_stream_through_a_gateway_ends_with_what_there_is(ask: Asker) -> None:
    published(ask, "t", "a", "b")
    told = ask("GET", "/v1/events/stream", query="topic=t")
    assert told.headers["Content-Type"] == "text/event-stream"
    assert [frame["id"] for frame in frames(told.text)] == ["1", "2"]
    assert told.text.startswith("retry: ")


def test_a_reader_goes_on_behind_the_last_event_it_has(ask: Asker) -> None:
    published(ask, "t", "a", "b", "c")
    told = ask("GET", "/v1/events/stream", query="topic=t&after=1", headers={"last-event-id": "2"})
    assert [frame["id"] for frame in frames(told.text)] == ["3"]


@pytest.mark.parametrize("last", ["-1", "x", "1.0", "٣", "9" * 31])
def test_a_last_event_id_that_is_none_is_refused(ask: Asker, last: str) -> None:
    told = ask("GET", "/v1/events/stream", query="topic=t", headers={"last-event-id": last})
    assert (told.status, told.code) == (400, "invalid_request")


def test_a_quiet_stream_answers_in_time(world: World, ask: Asker) -> None:
    before = world.harness.clock.now()
    told = ask("GET", "/v1/events/stream", query="topic=t")
    assert told.status == 200
    assert frames(told.text) == []
    assert world.harness.clock.now() - before == pytest.approx(20, abs=0.01)


# --- streams that can ------------------------------------------------------------------------------------------------


def opened(world: World, ask: Asker, path: str, query: str = "") -> Iterator[str]:
    event = gateway_event("GET", path, query=query, headers={"authorization": f"Bearer {ask.key}"})
    answer = world.api.answer(event, can_stream=True)
    assert answer.status == 200
    assert answer.stream is not None
    return answer.stream


def test_an_open_stream_goes_on_and_shows_that_it_lives(world: World, ask: Asker) -> None:
    published(ask, "t", "a")
    stream = opened(world, ask, "/v1/events/stream", "topic=t")
    assert next(stream).startswith("retry:")
    assert [frame["id"] for frame in frames(next(stream))] == ["1"]
    assert next(stream).startswith(":")
    published(ask, "t", "b")
    assert [frame["id"] for frame in frames(next(stream))] == ["2"]


def test_an_open_stream_ends_when_its_key_is_revoked(world: World) -> None:
    key, text = world.api.keys.create("test", Role.READ)
    stream = opened(world, Asker(world.api, text), "/v1/events/stream", "topic=t")
    next(stream)
    assert next(stream).startswith(":")
    world.api.keys.revoke("test", key.id)
    assert list(stream) == []


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(world: World, ask: Asker) -> str:
    @workflow(id="child")
    async def child(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.publish_workflow_event("p", {"from": "child"}, event_type="note")

    @workflow(id="parent")
    async def parent(ctx: WorkflowContext, payload: dict) -> Any:
        await ctx.step.invoke_and_wait("c", "child", {})
        return (await ctx.step.suspend("q", {"a": 1}))["data"]

    execution = ask("POST", "/v1/executions", {"workflow_id": "parent", "payload": {}}).json["id"]
    world.harness.pump()
    return str(execution)


def test_a_run_is_read_page_by_page_until_it_ends(world: World, ask: Asker, run: str) -> None:
    first = ask("GET", f"/v1/executions/{run}/events").json
    kinds = [one["event_type"] for one in first["events"]]
    assert kinds[0] == "workflow_start"
    assert {"note", "suspend_q"} <= set(kinds)
    assert first["ended"] is False
    again = ask("GET", f"/v1/executions/{run}/events", query={"cursor": first["cursor"]}).json
    assert again["events"] == []
    ask("POST", f"/v1/executions/{run}/resume", {"step_key": "q"})
    world.harness.pump()
    rest = ask("GET", f"/v1/executions/{run}/events", query={"cursor": again["cursor"]}).json
    assert [one["event_type"] for one in rest["events"]][-1] == "workflow_finish"
    assert rest["ended"] is True


def test_a_stream_of_a_run_ends_with_the_run_and_tells_browsers_to_stop(
    world: World, ask: Asker, run: str
) -> None:
    path = f"/v1/executions/{run}/events/stream"
    first = frames(ask("GET", path).text)
    assert "id" not in first[0]
    ask("POST", f"/v1/executions/{run}/resume", {"step_key": "q"})
    world.harness.pump()
    rest = frames(ask("GET", path, headers={"last-event-id": first[-1]["id"]}).text)
    assert json.loads(rest[-2]["data"])["event_type"] == "workflow_finish"
    assert rest[-1]["event"] == "end"
    done = ask("GET", path, headers={"last-event-id": rest[-2]["id"]})
    assert (done.status, done.text) == (204, "")


def test_an_open_stream_of_a_run_ends_by_itself(world: World, ask: Asker, run: str) -> None:
    stream = opened(world, ask, f"/v1/executions/{run}/events/stream")
    assert next(stream).startswith("retry:")
    assert len(frames(next(stream))) >= 3
    ask("POST", f"/v1/executions/{run}/cancel")
    world.harness.pump()
    rest = frames("".join(stream))
    assert json.loads(rest[-2]["data"])["event_type"] == "workflow_cancel"
    assert rest[-1]["event"] == "end"


def test_an_open_stream_of_no_run_is_refused_before_it_begins(world: World, ask: Asker) -> None:
    headers = {"authorization": f"Bearer {ask.key}"}
    event = gateway_event("GET", "/v1/executions/nope/events/stream", query="", headers=headers)
    answer = world.api.answer(event, can_stream=True)
    assert (answer.status, answer.stream) == (404, None)


@pytest.mark.parametrize("cursor", ["x", "e30.x", "eyJjIjoiIn0.AAAA"])
def test_a_cursor_that_was_not_given_here_is_refused(ask: Asker, run: str, cursor: str) -> None:
    told = ask("GET", f"/v1/executions/{run}/events", query={"cursor": cursor})
    assert (told.status, told.code) == (400, "invalid_request")


def test_a_cursor_of_another_run_is_refused(world: World, ask: Asker, run: str) -> None:
    other = ask("POST", "/v1/executions", {"workflow_id": "child", "payload": {}}).json["id"]
    cursor = ask("GET", f"/v1/executions/{run}/events").json["cursor"]
    told = ask("GET", f"/v1/executions/{other}/events", query={"cursor": cursor})
    assert told.code == "invalid_request"
