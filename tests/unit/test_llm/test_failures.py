"""How long to wait, what kind of error it is, and what must not be told."""

from __future__ import annotations

import pytest

from polos.llm.errors import (
    AuthenticationFailed,
    BadRequest,
    ContentRefused,
    ContextTooLong,
    ModelError,
    Overloaded,
    ProviderSdkMissing,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from polos.llm.providers.connections import load_sdk, read_key
from polos.llm.providers.failures import Complaint, retry_after, scrub, to_error
from polos.llm.providers.sdk import error_in, merged
from polos.llm.request import ModelRequest
from polos.llm.types import ToolResult, tool_results, user

GOOGLE = [{"error": {"code": 429, "details": [{"@type": "x/RetryInfo", "retryDelay": "17.5s"}]}}]


@pytest.mark.parametrize(
    ("headers", "body", "message", "seconds"),
    [
        ({"retry-after": "20"}, None, "", 20),
        ({"Retry-After": "1.5"}, None, "", 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, None, "", 0.25),
        (
            {"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            None,
            "",
            30,
        ),
        (
            {"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            None,
            "",
            0,
        ),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, None, "", None),
        ({"retry-after": "soon", "date": "now"}, None, "", None),
        ({"retry-after": "nan"}, None, "", None),
        ({}, GOOGLE, "", 17.5),
        ({}, None, "Rate limit reached. Please try again in 1m7.66s.", 67.66),
        ({}, None, "Please try again in 120ms.", 0.12),
        ({}, None, "Please try again in 1h2m.", 3720),
        ({}, None, "Please try again in a while.", None),
        ({}, None, "", None),
    ],
)
def test_the_time_to_wait_is_found_wherever_providers_put_it(
    headers: dict[str, str], body: object, message: str, seconds: float | None
) -> None:
    assert retry_after(headers, body, message) == seconds


REQUEST = ModelRequest("m", (user("hello"),))


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "context_length_exceeded", "", ContextTooLong),
        (
            400,
            "",
            "The input token count (2000000) exceeds the maximum number of tokens allowed",
            ContextTooLong,
        ),
        (413, "request_too_large", "", ContextTooLong),
        (400, "content_filter", "The response was filtered", ContentRefused),
        (400, "invalid_prompt", "", ContentRefused),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", AuthenticationFailed),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", QuotaExhausted),
        (402, "", "", QuotaExhausted),
        (
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your billing",
            QuotaExhausted,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your billing",
            RateLimited,
        ),
        (400, "tool_use_failed", "Failed to call a function.", ProviderUnavailable),
        (403, "permission_error", "", AuthenticationFailed),
        (404, "model_not_found", "", BadRequest),
        (422, "", "", BadRequest),
        (408, "", "", ProviderUnavailable),
        (409, "", "", ProviderUnavailable),
        (500, "overloaded_error", "", Overloaded),
        (None, "", "", ProviderUnavailable),
        (None, "authentication_error", "", AuthenticationFailed),
        (None, "bio_policy", "", ContentRefused),
        (None, "something_new", "", ProviderUnavailable),
    ],
)
def test_what_a_provider_says_becomes_what_to_do(
    status: int | None, code: str, message: str, kind: type[ModelError]
) -> None:
    error = to_error(Complaint("p", message, code=code, status=status), request=REQUEST)
    assert type(error) is kind


def test_a_key_in_a_message_is_cut_out() -> None:
    assert scrub("bad key sk-123 (sk-123)", secrets=["sk-123", ""], prompts=[]) == "bad key [key] ([key])"


def test_quotations_of_the_conversation_are_cut_out_and_the_lesson_stays() -> None:
    secret = "The merger with Initech closes on Friday at nine."
    request = ModelRequest("m", (user("hi"), tool_results([ToolResult(call_id="c", content=secret)])))
    error = to_error(Complaint("p", f"messages.1: invalid: {secret} is bad", status=400), request=request)
    assert "Initech" not in str(error)
    assert "messages.1: invalid:" in str(error)


def test_single_words_of_the_prompt_are_nobodys_secret() -> None:
    assert scrub("unknown model gpt-9", secrets=[], prompts=["model", "gpt-9 is great, isn't it? " * 9]) == (
        "unknown model gpt-9"
    )


def test_an_endless_message_is_shortened() -> None:
    assert len(scrub("x" * 10_000, secrets=[], prompts=["y" * 50])) < 500


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"message": "m", "code": "c"}, ("c", "m")),
        ({"error": {"message": "m", "type": "t", "code": None}}, ("t", "m")),
        (GOOGLE, ("", "")),
        ({"error": "plain"}, ("", "plain")),
        ("<html>502</html>", ("", "")),
        ("bad gateway", ("", "bad gateway")),
        (None, ("", "")),
        ([], ("", "")),
    ],
)
def test_an_error_is_read_in_any_shape(body: object, found: tuple[str, str]) -> None:
    assert error_in(body) == found


def test_options_are_merged_object_by_object() -> None:
    body = {"text": {"format": {"type": "x"}}, "store": False}
    assert merged(body, {"text": {"verbosity": "low"}, "store": True}) == {
        "text": {"format": {"type": "x"}, "verbosity": "low"},
        "store": True,
    }
    assert body["store"] is False


def test_a_missing_sdk_is_told_with_the_extra_that_brings_it() -> None:
    with pytest.raises(ProviderSdkMissing, match=r"pip install 'polos-worker\[groq\]'"):
        load_sdk("groq", "no_such_sdk_anywhere", "groq")


def test_a_key_is_taken_from_the_first_variable_that_has_one() -> None:
    env = {"A": " ", "B": "b", "C": "c"}
    assert read_key("p", ("A", "B", "C"), environ=env) == ("b", "B")
    assert read_key("p", ("A",), environ=env, optional=True) == ("", "A")
    with pytest.raises(AuthenticationFailed, match="A or X"):
        read_key("p", ("A", "X"), environ=env)
