"""Converse: credentials, cache points, bytes, and the ways in which Bedrock says no."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from polos.llm import stored
from polos.llm.errors import AuthenticationFailed, BadRequest, ProviderUnavailable, RateLimited
from polos.llm.port import complete
from polos.llm.providers.bedrock import Bedrock, make_client
from polos.llm.providers.bedrock_wire import API, BedrockWire, caches, jsonable, with_bytes
from polos.llm.providers.sdk import Broken
from polos.llm.request import ModelRequest, OutputSpec
from polos.llm.types import (
    Image,
    Message,
    ModelResponse,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    tool_results,
    user,
)
from polos.testing.turns import fail, turn
from polos.testing.wire_server import WireServer
from support.providers import BEDROCK, NOW, WEATHER

CLAUDE = "eu.anthropic.claude-sonnet-5-v1:0"
POINT = {"cachePoint": {"type": "default"}}


def body(*messages: Message, model: str = CLAUDE, **options: Any) -> dict[str, Any]:
    return BedrockWire(ModelRequest(model, messages or (user("hello"),), **options)).body()


def run(*chunks: dict[str, Any]) -> ModelResponse:
    wire = BedrockWire(ModelRequest(CLAUDE, (user("hello"),)))
    for chunk in chunks:
        list(wire.feed(chunk))
    return wire.finish()


def test_cache_points_stand_after_the_system_prompt_and_at_the_end() -> None:
    sent = body(system="Rule.", tools=(WEATHER,))
    assert sent["system"] == [{"text": "Rule."}, POINT]
    assert sent["messages"][-1]["content"] == [{"text": "hello"}, POINT]


def test_an_hour_in_the_cache_is_said() -> None:
    assert body(cache="1h", system="x")["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}


@pytest.mark.parametrize("model", ["meta.llama3-70b-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"])
def test_a_model_without_a_cache_gets_no_points(model: str) -> None:
    assert not caches(model)
    assert "cachePoint" not in str(body(model=model, system="Rule.", tools=(WEATHER,)))


def test_no_tools_are_offered_where_none_may_be_called_and_old_calls_are_told_as_text() -> None:
    call = Message(role="assistant", parts=(ToolCall(call_id="t1", name="f", arguments='{"a":1}'),))
    results = tool_results([ToolResult(call_id="t1", content="sleet")])
    sent = body(user("a"), call, results, tools=(WEATHER,), tool_choice="none", cache="off")
    assert "toolConfig" not in sent
    assert "toolUse" not in str(sent)
    assert "sleet" in str(sent["messages"][-1])


def test_a_choice_is_sent_only_to_models_that_know_one() -> None:
    assert body(tools=(NOW,), tool_choice="required")["toolConfig"]["toolChoice"] == {"any": {}}
    assert "toolChoice" not in body(tools=(NOW,))["toolConfig"]
    llama = body(model="meta.llama3-70b-v1:0", tools=(NOW,), tool_choice="required")
    assert "toolChoice" not in llama["toolConfig"]


def test_blank_text_and_thinking_that_was_cut_off_stay_behind() -> None:
    use = {"toolUse": {"toolUseId": "t1", "name": "now", "input": {}}}
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    call = Message(
        role="assistant",
        api=API,
        parts=(Text(text="\n", raw={"text": "\n"}), ToolCall(call_id="t1", name="now", raw=use)),
    )
    cut = Message(role="assistant", api=API, parts=(Reasoning(text="hm", raw=thought),))
    result = tool_results([ToolResult(call_id="t1", content="1")])
    sent = body(user("a"), call, result, cut, user("b"), tools=(WEATHER,))["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == [use]


def test_a_tool_without_a_description_has_none() -> None:
    tool = body(tools=(type(NOW)("bare", "", {"type": "object"}),))["toolConfig"]["tools"][0]
    assert "description" not in tool["toolSpec"]


def test_a_picture_goes_as_bytes_and_never_by_url() -> None:
    sent = body(user(Image(data="AAEC", media_type="image/jpg")))
    assert sent["messages"][0]["content"][0] == {
        "image": {"format": "jpeg", "source": {"bytes": b"\x00\x01\x02"}}
    }
    with pytest.raises(BadRequest, match="url"):
        body(user(Image(url="https://x.test/a.png")))


def test_the_models_schema_is_sent_as_text() -> None:
    output = OutputSpec("o", {"type": "object", "properties": {"a": {"type": "integer"}}})
    structure = body(output=output)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert structure["name"] == "o"
    assert json.loads(structure["schema"])["additionalProperties"] is False


def test_bytes_survive_the_store() -> None:
    value = {"a": [b"\x00\xff", {"b": b""}], "c": "text", "d": {"$bytes": "AAAA"}, "$$bytes": 1}
    assert with_bytes(json.loads(json.dumps(jsonable(value)))) == value


async def test_redacted_reasoning_comes_in_pieces_and_goes_back_as_the_same_bytes() -> None:
    response = run(
        {
            "contentBlockDelta": {
                "contentBlockIndex": 0,
                "delta": {"reasoningContent": {"redactedContent": b"\x00a"}},
            }
        },
        {
            "contentBlockDelta": {
                "contentBlockIndex": 0,
                "delta": {"reasoningContent": {"redactedContent": b"b\xff"}},
            }
        },
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "so"}}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"messageStop": {"stopReason": "end_turn"}},
    )
    kept = stored.load(Message, json.loads(json.dumps(stored.dump(response.message))))
    sent = body(user("a"), kept, user("b"))
    thought = {"reasoningContent": {"redactedContent": b"\x00ab\xff"}}
    assert sent["messages"][1]["content"] == [thought, {"text": "so"}]


def test_text_with_citations_is_one_block_with_them() -> None:
    citation = {"title": "t", "location": {"web": {"url": "https://x.test"}}}
    response = run(
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "It is."}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"citation": citation}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
    )
    raw = {"citationsContent": {"content": [{"text": "It is."}], "citations": [citation]}}
    assert response.message.parts == (Text(text="It is.", raw=raw),)


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_a_guardrail_of_bedrocks_is_a_refusal(reason: str) -> None:
    assert run({"messageStop": {"stopReason": reason}}).stop_reason is StopReason.REFUSED


@pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
def test_an_answer_that_bedrock_could_not_read_may_be_retried(reason: str) -> None:
    with pytest.raises(Broken):
        run({"messageStop": {"stopReason": reason}})


def test_a_stream_without_a_stop_is_broken() -> None:
    with pytest.raises(Broken):
        run({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "half"}}})


async def test_a_role_without_the_right_is_told_what_it_needs() -> None:
    denied = fail(403, "User: arn:aws:sts::1:role is not authorized")
    right = "bedrock:InvokeModelWithResponseStream"
    with WireServer([denied]) as server, pytest.raises(AuthenticationFailed, match=right) as caught:
        await complete(BEDROCK.provider(server), BEDROCK.request())
    assert "arn:aws" not in str(caught.value)
    assert caught.value.provider_code == "AccessDeniedException"


@pytest.mark.parametrize(
    ("status", "kind"), [(424, ProviderUnavailable), (408, ProviderUnavailable), (429, RateLimited)]
)
async def test_bedrocks_own_statuses_are_understood(status: int, kind: type[Exception]) -> None:
    with WireServer([fail(status)]) as server, pytest.raises(kind) as caught:
        await complete(BEDROCK.provider(server), BEDROCK.request())
    assert caught.value.status == status  # type: ignore[attr-defined]


async def test_parameters_that_boto3_rejects_are_a_bad_request_without_the_prompt() -> None:
    secret = "the launch code is 0000 and nobody may know it"
    with WireServer([]) as server, pytest.raises(BadRequest) as caught:
        await complete(BEDROCK.provider(server), BEDROCK.request(user(secret), extra={"system": secret}))
    assert "launch code" not in str(caught.value)
    assert "system" in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (NoCredentialsError(), AuthenticationFailed, "no AWS credentials"),
        (NoRegionError(), BadRequest, "AWS_REGION"),
    ],
)
async def test_a_machine_without_credentials_or_region_is_told(
    error: Exception, kind: type[Exception], told: str
) -> None:
    def make(**_: Any) -> Any:
        raise error

    with pytest.raises(kind, match=told):
        await complete(Bedrock(environ={}, make=make), BEDROCK.request())


async def test_a_boto3_from_before_structured_output_gets_the_schema_in_words() -> None:
    seen: dict[str, Any] = {}

    class Old:
        meta = SimpleNamespace(
            service_model=SimpleNamespace(
                operation_model=lambda _: SimpleNamespace(
                    input_shape=SimpleNamespace(members={"messages": 1})
                )
            )
        )

        def converse(self, **sent: Any) -> dict[str, Any]:
            seen.update(sent)
            content = [{"text": '{"a": 1}'}]
            return {"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": {}}

    output = OutputSpec("o", {"type": "object", "properties": {"a": {"type": "integer"}}})
    provider = Bedrock(environ={}, make=lambda **_: Old())
    response = await complete(provider, BEDROCK.request(output=output, stream=False))
    assert response.text == '{"a": 1}'
    assert "outputConfig" not in seen
    assert '"integer"' in seen["system"][0]["text"]


def test_the_client_leaves_retries_to_us_and_has_its_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client = make_client(url="http://127.0.0.1:9", region="eu-central-1", timeout=7.0)
    config = client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout, client.meta.region_name) == (
        7.0,
        7.0,
        "eu-central-1",
    )


async def test_a_cancelled_stream_lets_the_loop_and_the_connection_go_at_once() -> None:
    import asyncio

    with WireServer([turn("never told", chunk_chars=1, chunk_delay=60)]) as server:
        events = BEDROCK.provider(server).stream(BEDROCK.request())
        await anext(events)
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 5)


async def test_many_streams_wait_side_by_side() -> None:
    """Each is read in a thread of the provider's own: the event loop and its default threads stay free."""
    import asyncio
    import threading

    gate = threading.Event()
    with WireServer([turn("ok", hold=gate)] * 20) as server:
        provider = BEDROCK.provider(server)
        asked = [asyncio.create_task(complete(provider, BEDROCK.request())) for _ in range(20)]
        await asyncio.to_thread(server.wait_for, 20)
        gate.set()
        assert [response.text for response in await asyncio.gather(*asked)] == ["ok"] * 20
