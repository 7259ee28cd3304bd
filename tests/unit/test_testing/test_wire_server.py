"""The server that stands for providers: its log tells the truth, and it is as strict as they are."""

from __future__ import annotations

import http.client
import json
import struct
import threading
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from polos.llm.errors import RealRequestForbidden
from polos.llm.guard import RequestGuard, guard
from polos.testing.turns import Call, call, fail, turn
from polos.testing.wire.converse import frame
from polos.testing.wire.format import strict_problem
from polos.testing.wire_server import WireServer

CHAT = "/v1/chat/completions"


def post(server: WireServer, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if "json" in answer.headers["content-type"] else data
    finally:
        connection.close()


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}


def test_the_log_has_every_request_with_what_it_said_and_how_it_ended() -> None:
    with WireServer(["a", fail(500), "c"]) as server:
        for _ in range(3):
            post(server, CHAT, chat(), authorization="Bearer k")
        assert [(r.number, r.api, r.status, r.outcome) for r in server.requests] == [
            (0, "chat", 200, "complete"),
            (1, "chat", 500, "failed"),
            (2, "chat", 200, "complete"),
        ]
        assert [r.number for r in server.finished()] == [0, 2]
        assert server.requests[0].key == "k"
        assert server.requests[0].body == chat()


def test_a_client_that_goes_away_is_logged_as_gone_and_not_as_answered() -> None:
    gate = threading.Event()
    with WireServer([turn("never read", hold=gate)]) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        connection.request("POST", CHAT, json.dumps(chat(stream=True)))
        server.wait_for(1)
        connection.close()
        gate.set()
        server.wait_for(1, outcome="abandoned")
        assert server.finished() == []


def test_waiting_for_requests_that_do_not_come_says_what_came() -> None:
    with WireServer(["a"]) as server:
        post(server, CHAT, chat())
        with pytest.raises(TimeoutError, match=r"2 requests.*complete"):
            server.wait_for(2, timeout=0.05)


def test_stopping_lets_held_answers_go() -> None:
    server = WireServer([turn("held", hold=threading.Event())]).start()
    thread = threading.Thread(target=post, args=(server, CHAT, chat()), daemon=True)
    thread.start()
    server.wait_for(1)
    server.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_its_address_is_let_through_while_it_runs() -> None:
    server = WireServer(["a"])
    with pytest.raises(RuntimeError, match="started"):
        _ = server.url
    hold = guard.forbid()
    try:
        with server:
            url = server.url
            guard.check("openai", url + "/v1")
        with pytest.raises(RealRequestForbidden):
            guard.check("openai", url + "/v1")
    finally:
        hold.release()


def test_its_environment_sends_every_provider_to_it_also_in_other_processes() -> None:
    with WireServer([]) as server:
        env = {**server.env(), "POLOS_FORBID_MODEL_REQUESTS": "1"}
        assert env["ANTHROPIC_BASE_URL"] == server.url
        assert env["OPENAI_BASE_URL"] == server.url + "/v1"
        assert env["GROQ_API_KEY"]
        RequestGuard(env).check("openai", server.url + "/v1")


def test_by_position_an_answer_belongs_to_its_place_in_the_conversation() -> None:
    """What a test that kills a worker in the middle of a call needs: the call comes again, and gets the same answer."""
    with WireServer(["first", "second"], order="position") as server:
        later = chat({"role": "user", "content": "a"}, {"role": "assistant", "content": "first"})
        said = [
            post(server, CHAT, body)[1]["choices"][0]["message"]["content"]
            for body in (chat(), chat(), later)
        ]
    assert said == ["first", "first", "second"]


def test_a_script_that_has_ended_fails_the_request_for_good() -> None:
    with WireServer([]) as server:
        status, body = post(server, CHAT, chat())
    assert status == 400
    assert "0 turns" in body["error"]["message"]


def test_a_wrong_key_is_refused_where_keys_are_given() -> None:
    with WireServer(["a"], keys=["right"]) as server:
        assert post(server, CHAT, chat(), authorization="Bearer wrong")[0] == 401
        assert post(server, CHAT, chat(), authorization="Bearer right")[0] == 200


def test_an_unknown_path_and_a_malformed_body_are_refused() -> None:
    with WireServer(["a"]) as server:
        assert post(server, "/v1/embeddings", {})[0] == 404
        assert server.requests == []
        assert post(server, CHAT, {"messages": [{"content": "no role"}]})[0] == 400


CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
USER = {"role": "user", "content": "hi"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, chat(USER, CALLED)),
        (CHAT, chat(USER, CALLED, USER)),
        (CHAT, chat(USER, {"role": "tool", "tool_call_id": "c1", "content": "1"})),
        (CHAT, chat(tools=[{"function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}])),
        (
            "/v1/responses",
            {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "1"}]},
        ),
        ("/v1/responses", {"model": "m", "store": False, "input": [{"type": "reasoning", "id": "rs"}]}),
        ("/v1/messages", {"model": "m", "messages": [USER]}),
        ("/v1/messages", {"model": "m", "max_tokens": 1, "messages": [USE]}),
        ("/v1/messages", {"model": "m", "max_tokens": 1, "messages": [USER, USE, USER]}),
        (
            "/v1/messages",
            {
                "model": "m",
                "max_tokens": 1,
                "messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}],
            },
        ),
        ("/model/m/converse", {"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}),
        ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": "a"}]}] * 2}),
        ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": " "}]}]}),
    ],
)
def test_what_the_provider_would_reject_is_rejected(path: str, body: dict[str, Any]) -> None:
    with WireServer(["fine"]) as server:
        assert post(server, path, body)[0] == 400
    with WireServer(["fine"], strict=False) as server:
        assert post(server, path, body)[0] == 200


def test_a_strict_schema_is_judged_deep_down() -> None:
    good = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert strict_problem(good) == ""
    for bad in (
        {"type": "object", "properties": {}},
        {**good, "properties": {"a": {"type": "string"}}},
        {**good, "properties": {"a": {"anyOf": [{"type": "object"}]}}, "required": ["a"]},
        {**good, "$defs": {"A": {"type": "array", "items": {"type": "string", "default": ""}}}},
    ):
        assert strict_problem(bad)


def test_frames_are_those_of_aws_event_streams() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(
        frame("contentBlockDelta", {"a": "ü"})
        + frame("throttlingException", {"message": "m"}, exception=True)
    )
    event, exception = list(buffer)
    assert event.headers[":event-type"] == "contentBlockDelta"
    assert json.loads(event.payload) == {"a": "ü"}
    assert exception.headers[":message-type"] == "exception"
    data = frame("x", {})
    assert struct.unpack("!I", data[-4:])[0] == zlib.crc32(data[:-4])


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
def test_streams_are_server_sent_events(path: str) -> None:
    reply = turn("hi", calls=[call("f", a=1), Call("g", "")])
    body = chat(stream=True, max_tokens=9) | {"input": []}
    with WireServer([reply]) as server:
        status, data = post(server, path, body)
    assert status == 200
    events = [line for line in data.decode().split("\n\n") if line]
    payloads = [event.split("data: ", 1)[1] for event in events]
    assert all(json.loads(payload) for payload in payloads if payload != "[DONE]")
