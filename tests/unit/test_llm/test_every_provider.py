"""What the agent loop may rely on, whichever provider it talks to: each test runs against every provider's real SDK."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from pydantic import BaseModel

from polos.errors import NonRetryable
from polos.llm import stored
from polos.llm.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextTooLong,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    RealRequestForbidden,
)
from polos.llm.events import Done, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallDone, ToolCallStart
from polos.llm.parsing import parse_arguments, parse_output
from polos.llm.port import Provider, complete
from polos.llm.request import ModelRequest, OutputSpec, ToolNamed
from polos.llm.types import (
    Image,
    Message,
    ModelResponse,
    StopReason,
    ToolResult,
    Usage,
    assistant,
    tool_results,
    user,
)
from polos.testing.fake_model import forbid_real_requests
from polos.testing.turns import Call, call, fail, turn
from polos.testing.wire_server import WireServer
from support.providers import (
    ALL,
    BEDROCK,
    CHAT,
    DIFFERING,
    NATIVE,
    NOW,
    RESPONSES,
    WEATHER,
    Subject,
    first_answer,
    turns_of_the_model,
)

all_of_them = pytest.mark.parametrize("subject", ALL, ids=lambda s: s.id)
every = pytest.mark.parametrize("subject", DIFFERING, ids=lambda s: s.id)
each_format = pytest.mark.parametrize("subject", NATIVE, ids=lambda s: s.id)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


async def events_of(provider: Provider, request: ModelRequest) -> list[object]:
    async with aclosing(provider.stream(request)) as stream:
        return [event async for event in stream]


def results_of(response: ModelResponse, text: str = "done") -> Message:
    return tool_results(ToolResult(call_id=call.call_id, content=text) for call in response.tool_calls)


# --- text and streams ---------------------------------------------------------------------------------------------


@all_of_them
async def test_text_streams_as_deltas_that_add_up_to_the_answer(subject: Subject) -> None:
    words = "Grüß dich, 世界: the rain in Spain stays mainly in the plain."
    with WireServer([turn(words, chunk_chars=3)]) as server:
        events = await events_of(subject.provider(server), subject.request(system="Be kind."))

    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(deltas) > 10
    assert "".join(deltas) == words
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Done) for event in events) == 1
    response = events[-1].response
    assert (response.text, response.stop_reason) == (words, StopReason.END)
    assert response.request_id == "req_0"
    assert [(request.api, request.outcome) for request in server.requests] == [(subject.format, "complete")]


@all_of_them
@streamed_or_not
async def test_the_prompt_reaches_the_provider_under_the_name_of_the_model(
    subject: Subject, stream: bool
) -> None:
    with WireServer(["ok"]) as server:
        request = subject.request(
            user("the question"), system="the rule", stream=stream, max_output_tokens=99
        )
        response = await complete(subject.provider(server), request)

    (seen,) = server.requests
    assert response.text == "ok"
    assert (seen.model, seen.streams) == (subject.model, stream)
    assert all(text in str(seen.body) for text in ("the question", "the rule", "99"))


@every
@streamed_or_not
async def test_tokens_are_counted_with_the_cached_ones_in_the_input(subject: Subject, stream: bool) -> None:
    usage = Usage.of(120, 30, read=100)
    with WireServer([turn("ok", usage=usage)]) as server:
        response = await complete(subject.provider(server), subject.request(stream=stream))
    assert response.usage == usage
    assert response.usage.total_tokens == 150


@pytest.mark.parametrize("subject", [RESPONSES, *NATIVE[2:]], ids=lambda s: s.id)
async def test_tokens_written_to_the_cache_are_told_apart(subject: Subject) -> None:
    usage = Usage.of(120, 30, read=50, written=60)
    with WireServer([turn("ok", usage=usage)]) as server:
        response = await complete(subject.provider(server), subject.request())
    assert response.usage == usage


@every
async def test_a_temperature_and_a_limit_reach_the_provider_also_where_its_sdk_has_no_word_for_them(
    subject: Subject,
) -> None:
    with WireServer(["ok"]) as server:
        await complete(subject.provider(server), subject.request(temperature=0.25, max_output_tokens=77))
    body = str(server.requests[0].body)
    assert "0.25" in body
    assert "77" in body


@each_format
async def test_leaving_a_stream_early_closes_the_connection(subject: Subject) -> None:
    with WireServer([turn("word " * 400, chunk_chars=5, chunk_delay=0.01), "next"]) as server:
        provider = subject.provider(server)
        async with aclosing(provider.stream(subject.request())) as stream:
            async for event in stream:
                assert isinstance(event, TextDelta)
                break
        server.wait_for(1, outcome="abandoned")
        assert (await complete(provider, subject.request())).text == "next"


# --- tools --------------------------------------------------------------------------------------------------------


@every
@streamed_or_not
async def test_parallel_calls_arrive_in_order_each_whole_with_its_own_id(
    subject: Subject, stream: bool
) -> None:
    calls = [call("get_weather", city="Oslo"), call("get_weather", city="Köln", unit="F"), call("now")]
    with WireServer([turn("Let me see.", calls=calls, chunk_chars=4)]) as server:
        request = subject.request(tools=(WEATHER, NOW), stream=stream)
        events = await events_of(subject.provider(server), request)

    done = [event.call for event in events if isinstance(event, ToolCallDone)]
    response = events[-1].response
    assert tuple(done) == response.tool_calls
    assert [(c.name, parse_arguments(c, WEATHER.parameters)) for c in done] == [
        ("get_weather", {"city": "Oslo"}),
        ("get_weather", {"city": "Köln", "unit": "F"}),
        ("now", {}),
    ]
    assert len({c.call_id for c in done}) == 3
    assert response.stop_reason is StopReason.TOOL_CALLS
    assert response.text == "Let me see."
    for one in done:
        assert ToolCallStart(one.call_id, one.name) in events
        written = "".join(e.text for e in events if isinstance(e, ToolCallDelta) and e.call_id == one.call_id)
        assert written in {one.arguments, ""}


@every
@pytest.mark.parametrize("arguments", ["{}", ""])
async def test_a_call_without_arguments_is_not_lost_while_streaming(subject: Subject, arguments: str) -> None:
    with WireServer([turn(calls=[Call("now", arguments)]), "noon"]) as server:
        provider = subject.provider(server)
        request = subject.request(tools=(NOW,))
        response = await complete(provider, request)
        (made,) = response.tool_calls
        assert (made.name, made.arguments, parse_arguments(made)) == ("now", "{}", {})
        # and the provider takes it back
        again = subject.request(user("hello"), response.message, results_of(response), tools=(NOW,))
        assert (await complete(provider, again)).text == "noon"


@every
async def test_arguments_that_are_no_json_stay_as_the_model_wrote_them_and_go_back(subject: Subject) -> None:
    bad = '{"city": "Oslo", "unit": '
    with WireServer([turn(calls=[Call("get_weather", bad)]), "sorry"]) as server:
        provider = subject.provider(server)
        response = await complete(provider, subject.request(tools=(WEATHER,)))
        assert response.tool_calls[0].arguments == bad
        failed = tool_results(
            [ToolResult(call_id=response.tool_calls[0].call_id, content="bad", is_error=True)]
        )
        again = subject.request(user("hello"), response.message, failed, tools=(WEATHER,))
        assert (await complete(provider, again)).text == "sorry"
    assert bad in str(server.requests[1].body)


@every
@pytest.mark.parametrize("given", ["call_0", ""], ids=["repeated ids", "no ids"])
async def test_calls_get_ids_of_our_own_where_the_provider_repeats_or_omits_them(
    subject: Subject, given: str
) -> None:
    twice = turn(calls=[Call("now", call_id=given), Call("now", call_id=given)])
    with WireServer([twice, twice, "done"]) as server:
        provider = subject.provider(server)
        messages: list[Message] = [user("hello")]
        ids: list[str] = []
        for _ in range(2):
            response = await complete(provider, subject.request(*messages, tools=(NOW,)))
            ids += [made.call_id for made in response.tool_calls]
            messages += [response.message, results_of(response)]
        last = await complete(provider, subject.request(*messages, tools=(NOW,)))
    assert last.text == "done"
    assert len(set(ids)) == 4
    assert all(ids)


@every
async def test_what_the_model_wrote_goes_back_unchanged_after_a_round_through_the_store(
    subject: Subject,
) -> None:
    first = turn(
        "I will look.",
        reasoning="Weather means a tool.",
        calls=[call("get_weather", city="Oslo"), call("now")],
    )
    with WireServer([first, turn("Rain."), "Bye."]) as server:
        provider = subject.provider(server)
        messages: list[Message] = [user("Weather?")]
        for _ in range(2):
            response = await complete(provider, subject.request(*messages, tools=(WEATHER, NOW)))
            kept = stored.load(ModelResponse, stored.dump(response))
            assert kept == response
            messages.append(kept.message)
            messages.append(results_of(kept) if kept.tool_calls else user("Thanks"))
        await complete(provider, subject.request(*messages, tools=(WEATHER, NOW)))

    whole = [request.format.answer for request in server.requests]
    assert len(whole) == 3
    for number in (1, 2):
        sent = turns_of_the_model(server.requests[number].body)
        assert sent[0] == first_answer(subject, server)


@each_format
async def test_reasoning_streams_apart_from_the_text(subject: Subject) -> None:
    with WireServer([turn("42", reasoning="Six times seven is what they want.")]) as server:
        events = await events_of(subject.provider(server), subject.request())
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thought == "Six times seven is what they want."
    assert events[-1].response.text == "42"


@every
async def test_a_conversation_of_another_provider_goes_on_here(subject: Subject) -> None:
    """Its reasoning and raw items stay behind; its calls and results come along."""
    other = RESPONSES if subject.format != "responses" else CHAT
    answer = turn("Looking.", reasoning="hm", calls=[call("get_weather", city="Oslo")])
    with WireServer([answer, "Rain."]) as server:
        first = await complete(other.provider(server), other.request(tools=(WEATHER,)))
        request = subject.request(user("hello"), first.message, results_of(first, "rain"), tools=(WEATHER,))
        second = await complete(subject.provider(server), request)
    assert second.text == "Rain."
    body = str(server.requests[1].body)
    assert first.tool_calls[0].call_id in body
    assert "gAAAA" not in body
    assert "thought_signature" not in body


@each_format
async def test_a_conversation_with_calls_goes_on_without_tools(subject: Subject) -> None:
    """As a summary of it needs: some providers take no calls in the conversation if the request has no tools."""
    with WireServer([turn(calls=[call("get_weather", city="Oslo")]), "A summary."]) as server:
        provider = subject.provider(server)
        first = await complete(provider, subject.request(tools=(WEATHER,)))
        request = subject.request(
            user("hello"), first.message, results_of(first, "sleet"), user("Sum it up.")
        )
        assert (await complete(provider, request)).text == "A summary."
    assert "sleet" in str(server.requests[1].body)


@each_format
async def test_the_model_can_be_made_to_call_a_tool(subject: Subject) -> None:
    with WireServer(["a"] * 2) as server:
        provider = subject.provider(server)
        for choice in ("required", ToolNamed("now")):
            await complete(provider, subject.request(tools=(WEATHER, NOW), tool_choice=choice))
    required, named = (str(request.body) for request in server.requests)
    assert "required" in required.replace("'required': [", "") or "'any'" in required
    assert named.count("'now'") == 2


@every
async def test_a_call_cut_off_at_the_limit_says_so(subject: Subject) -> None:
    cut = turn(calls=[Call("get_weather", '{"city": "Os')], stop=StopReason.MAX_TOKENS)
    with WireServer([cut]) as server:
        response = await complete(subject.provider(server), subject.request(tools=(WEATHER,)))
    assert response.stop_reason is StopReason.MAX_TOKENS


@every
async def test_a_refusal_is_an_answer_that_says_so(subject: Subject) -> None:
    with WireServer([turn(refusal="I cannot help with that.")]) as server:
        response = await complete(subject.provider(server), subject.request())
    assert response.stop_reason is StopReason.REFUSED
    assert response.text == "I cannot help with that."
    assert response.usage.total_tokens > 0


@every
async def test_pictures_are_sent(subject: Subject) -> None:
    picture = Image(data="iVBORw0KGgo=", media_type="image/png")
    with WireServer(["a dot"]) as server:
        await complete(subject.provider(server), subject.request(user("What is this?", picture)))
    assert "iVBORw0KGgo=" in str(server.requests[0].body)


# --- structured output --------------------------------------------------------------------------------------------


class Weather(BaseModel):
    city: str
    degrees: float
    note: str | None = None
    tags: list[str] = []


OUTPUT = OutputSpec("weather", Weather.model_json_schema())


@all_of_them
@streamed_or_not
async def test_structured_output_is_asked_for_and_comes_back(subject: Subject, stream: bool) -> None:
    with WireServer([turn(output={"city": "Oslo", "degrees": -3.5, "note": None, "tags": None})]) as server:
        provider = subject.provider(server)
        response = await complete(provider, subject.request(output=OUTPUT, stream=stream))
    assert Weather.model_validate(parse_output(response.text, OUTPUT.schema)) == Weather(
        city="Oslo", degrees=-3.5
    )
    body = server.requests[0].body
    native = "json_schema" in str(body)
    assert native == provider.capabilities(subject.model).native_schema
    assert "degrees" in str(body)


@every
async def test_structured_output_and_tools_go_together_by_prompt_where_not_by_schema(
    subject: Subject,
) -> None:
    with WireServer([turn(output={"city": "Oslo", "degrees": 1})]) as server:
        provider = subject.provider(server)
        await complete(provider, subject.request(output=OUTPUT, tools=(WEATHER,), system="Be exact."))
    body = str(server.requests[0].body)
    assert ("json_schema" in body) == provider.capabilities(subject.model).tools_with_schema
    assert "get_weather" in body
    assert "degrees" in body
    assert "Be exact." in body


@each_format
async def test_an_answer_that_is_no_object_is_wrapped_on_the_way_out_and_taken_out_on_the_way_in(
    subject: Subject,
) -> None:
    output = OutputSpec("names", {"type": "array", "items": {"type": "string"}})
    with WireServer([turn(output={"value": ["a", "b"]})]) as server:
        response = await complete(subject.provider(server), subject.request(output=output))
    assert parse_output(response.text, output.schema) == ["a", "b"]


@each_format
async def test_a_schema_that_native_modes_cannot_say_is_still_asked_for(subject: Subject) -> None:
    free = OutputSpec("free", {"type": "object", "additionalProperties": {"type": "integer"}})
    with WireServer([turn(output={"any": 1})]) as server:
        response = await complete(subject.provider(server), subject.request(output=free))
    assert parse_output(response.text, free.schema) == {"any": 1}
    assert "additionalProperties" in str(server.requests[0].body)


# --- failures -----------------------------------------------------------------------------------------------------


async def failure_of(subject: Subject, *replies: object, stream: bool = True, **env: str) -> ModelError:
    with WireServer(replies) as server:
        with pytest.raises(ModelError) as caught:
            await complete(subject.provider(server, **env), subject.request(stream=stream))
        assert len(server.requests) == 1, "the SDK retried by itself"
    return caught.value


@every
@streamed_or_not
async def test_a_rate_limit_is_told_once_with_the_seconds_to_wait(subject: Subject, stream: bool) -> None:
    error = await failure_of(subject, fail(429, "slow down", retry_after=7.5), stream=stream)
    assert isinstance(error, RateLimited)
    assert (error.retryable, error.retry_after, error.status, error.request_id) == (True, 7.5, 429, "req_0")


@every
async def test_a_rate_limit_without_a_time_leaves_the_time_open(subject: Subject) -> None:
    error = await failure_of(subject, fail(429))
    assert isinstance(error, RateLimited)
    assert error.retry_after is None


@every
@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, ProviderUnavailable), (502, ProviderUnavailable), (503, Overloaded), (529, Overloaded)],
)
async def test_trouble_of_the_provider_may_be_retried(
    subject: Subject, status: int, kind: type[ModelError]
) -> None:
    error = await failure_of(subject, fail(status, retry_after=3))
    if subject is BEDROCK and status not in {500, 503}:
        assert error.retryable  # statuses that Bedrock does not use
        return
    assert type(error) is kind
    assert error.retryable
    assert error.retry_after == 3


@every
async def test_a_wrong_key_is_told_with_the_variable_to_look_at_and_never_the_key(subject: Subject) -> None:
    secret = "sk-abcdefghij1234567890"
    failure = fail(401, f"Incorrect API key provided: {secret}")
    error = await failure_of(subject, failure, **({subject.key_env: secret} if subject.key_env else {}))
    assert isinstance(error, AuthenticationFailed)
    assert isinstance(error, NonRetryable)
    assert subject.key_env in str(error)
    assert error.key_env == subject.key_env or not subject.key_env
    assert secret not in str(error)
    assert secret not in repr(vars(error))


@each_format
async def test_a_rejected_request_teaches_and_does_not_quote_the_prompt(subject: Subject) -> None:
    prompt = "My name is Ada Lovelace and my password is hunter2hunter2."
    said = f"Invalid 'tools[0].name': too long. You sent: {prompt}"
    with WireServer([fail(400, said)]) as server, pytest.raises(BadRequest) as caught:
        await complete(subject.provider(server), subject.request(user(prompt)))
    error = caught.value
    assert isinstance(error, NonRetryable)
    assert "Invalid 'tools[0].name': too long." in str(error)
    assert "hunter2" not in str(error)
    assert error.__suppress_context__, "the SDK's own error, with the whole body, would be printed"


@each_format
@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 128000 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Input is too long for requested model.",
    ],
)
async def test_a_conversation_too_long_is_told_as_such(subject: Subject, said: str) -> None:
    error = await failure_of(subject, fail(400, said))
    assert isinstance(error, ContextTooLong)


@every
@pytest.mark.parametrize("after", [0, 3])
async def test_a_stream_that_breaks_off_raises_and_never_ends_as_if_whole(
    subject: Subject, after: int
) -> None:
    with WireServer([turn("a long answer that never ends", break_after=after)]) as server:
        seen: list[object] = []

        async def read() -> None:
            async for event in subject.provider(server).stream(subject.request()):
                seen.append(event)

        with pytest.raises(ProviderUnavailable) as caught:
            await read()
    assert len(seen) == after
    assert not any(isinstance(event, Done) for event in seen)
    assert caught.value.retryable
    assert server.requests[0].outcome == "broken"


@every
async def test_an_answer_that_breaks_off_before_it_begins_may_be_retried(subject: Subject) -> None:
    error = await failure_of(subject, turn("never", break_after=0), stream=False)
    assert isinstance(error, ProviderUnavailable)


@each_format
@pytest.mark.parametrize(
    ("status", "codes", "kind"),
    [
        (529, ("server_is_overloaded", "overloaded_error", "serviceUnavailableException"), Overloaded),
        (429, ("rate_limit_exceeded", "rate_limit_error", "throttlingException"), RateLimited),
        (500, ("server_error", "api_error", "internalServerException"), ProviderUnavailable),
        (400, ("invalid_request_error", "invalid_request_error", "validationException"), BadRequest),
    ],
    ids=["overloaded", "rate limited", "server error", "bad request"],
)
async def test_an_error_told_in_the_stream_is_the_same_error(
    subject: Subject, status: int, codes: tuple[str, str, str], kind: type[ModelError]
) -> None:
    code = codes[
        ("responses", "messages", "converse").index(subject.format) if subject.format != "chat" else 0
    ]
    error = await failure_of(subject, fail(status, "in the middle", code=code, in_stream=True))
    assert type(error) is kind
    assert "in the middle" in str(error)


@each_format
async def test_a_provider_that_cannot_be_reached_may_be_retried(subject: Subject) -> None:
    with WireServer([]) as server:
        env = server.env()
    with pytest.raises(ProviderUnavailable) as caught:
        await complete(subject.make(env), subject.request())
    assert caught.value.status is None


@each_format
async def test_silence_longer_than_the_timeout_is_given_up(subject: Subject) -> None:
    with WireServer([turn("late", first_delay=30)]) as server, pytest.raises(ProviderUnavailable):
        await complete(subject.provider(server), subject.request(timeout=0.3))


@every
async def test_forbidden_requests_are_stopped_before_they_leave(subject: Subject) -> None:
    with WireServer(["allowed"]) as server:
        provider = subject.provider(server)
        with forbid_real_requests():
            assert (await complete(provider, subject.request())).text == "allowed"
            elsewhere = subject.request(base_url="http://127.0.0.1:9")
            with pytest.raises(RealRequestForbidden, match=r"127\.0\.0\.1:9"):
                await complete(provider, elsewhere)
    assert len(server.requests) == 1


@each_format
async def test_extra_options_reach_the_api_beside_ours(subject: Subject) -> None:
    extra = {
        "responses": {"text": {"verbosity": "low"}, "service_tier": "flex"},
        "chat": {"verbosity": "low", "service_tier": "flex"},
        "messages": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        "converse": {"serviceTier": {"type": "flex"}, "top_k": 5},
    }[subject.format]
    with WireServer([turn(output={"city": "Oslo", "degrees": 1})]) as server:
        await complete(subject.provider(server), subject.request(output=OUTPUT, extra=extra))
    body = server.requests[0].body
    for name, value in extra.items():
        if name == "top_k":
            assert body["additionalModelRequestFields"] == {"top_k": 5}
        elif isinstance(value, dict):
            assert value.items() <= body[name].items()
        else:
            assert body[name] == value
    assert "json_schema" in str(body)


@all_of_them
async def test_the_key_is_read_at_each_call(subject: Subject) -> None:
    if not subject.key_env:
        pytest.skip("has no key")
    with WireServer(["a", "b", "c"]) as server:
        env = server.env()
        provider = subject.make(env)
        for key in ("first", "second"):
            env[subject.key_env] = key
            await complete(provider, subject.request())
        env["TEAM_KEY"] = "third"
        await complete(provider, subject.request(api_key_env="TEAM_KEY"))
    if subject.id == "unlisted":
        return
    assert [request.key for request in server.requests] == ["first", "second", "third"]


@all_of_them
async def test_a_missing_key_is_told_by_the_name_of_its_variable(subject: Subject) -> None:
    if not subject.key_env:
        pytest.skip("has no key")
    with WireServer(["a"]) as server:
        env = {name: value for name, value in server.env().items() if not name.endswith("_KEY")}
        with pytest.raises(AuthenticationFailed, match=subject.key_env):
            await complete(subject.make(env), subject.request())
    assert server.requests == []


@each_format
async def test_an_assistant_turn_that_no_provider_wrote_is_taken(subject: Subject) -> None:
    """A summary after compaction, say."""
    with WireServer(["ok"]) as server:
        messages = (user("hello"), assistant("hi"), user("again"))
        await complete(subject.provider(server), subject.request(*messages))
    assert server.requests[0].position == 1
