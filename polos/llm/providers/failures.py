"""From what a provider answered in anger to the family of errors in `polos.llm.errors`.

The providers' messages teach, so they are passed on, after what must not leave is cut out: keys, and quotations of
the prompt. The SDK's own exceptions print whole response bodies, so they are not chained.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

from polos.llm.errors import (
    AuthenticationFailed,
    BadRequest,
    ContentRefused,
    ContextTooLong,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from polos.llm.request import ModelRequest
from polos.llm.types import Text, ToolCall, ToolResult

_QUOTE: Final = 24
"""So many characters in a row that also stand in the prompt are a quotation of it."""
_LONGEST: Final = 400

_CONTEXT = re.compile(
    r"context[_ ]length|context window|maximum context|prompt is too long|input is too long|too many input tokens"
    r"|exceeds? the (?:maximum|model)|input token count|reduce the length",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content_filter|content_policy|policy_violation|invalid_prompt|responsible ?ai|bio_policy|safety",
    re.IGNORECASE,
)
_CREDIT = re.compile(r"insufficient_quota|billing|payment|credit", re.IGNORECASE)
_OVERLOADED = re.compile(r"overloaded|over capacity|capacity_exceeded|serviceunavailable", re.IGNORECASE)
_RATE = re.compile(r"rate.?limit|throttl|too.?many.?requests", re.IGNORECASE)
_AUTH = re.compile(r"authentication|permission|invalid_api_key|unauthorized|accessdenied", re.IGNORECASE)
_MODEL_SLIPPED = frozenset({"tool_use_failed", "json_validate_failed"})
"""A 400 for what the model wrote, not for what it was asked: trying again helps."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is known of a failed call. `status` None: the connection failed, or the stream reported it by `code`.

    `means` is the status it should be read as, where a provider's own is odd; `advice` ends the message.
    """

    provider: str
    message: str = ""
    code: str = ""
    status: int | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    key_env: str = ""
    body: Any = None
    means: int | None = None
    advice: str = ""


def to_error(complaint: Complaint, *, request: ModelRequest, key: str = "") -> ModelError:
    """The error of the family that `complaint` stands for, with nothing in it of `key` or of the prompt."""
    message = scrub(complaint.message, secrets=[key], prompts=_prompts(request))
    code = scrub(complaint.code, secrets=[key], prompts=[])
    kind = _kind(complaint.means or complaint.status, complaint.code, complaint.message)
    facts: dict[str, Any] = {
        "provider": complaint.provider,
        "status": complaint.status,
        "request_id": complaint.request_id,
        "provider_code": code or None,
    }
    if kind is AuthenticationFailed:
        return _authentication(complaint, facts)
    wait = retry_after(complaint.headers, complaint.body, complaint.message) if kind.retryable else None
    text = _text(kind, message, request.model) + (f"; {complaint.advice}" if complaint.advice else "")
    return kind(text, **facts, retry_after=wait)


def _kind(status: int | None, code: str, message: str) -> type[ModelError]:
    """The class, from the status and the provider's words; a code in a stream stands for the status it has not."""
    words = f"{code} {message}"
    if status == 402 or _CREDIT.search(code) or (status == 400 and "credit balance" in message):
        return QuotaExhausted  # by the code: "you exceeded your quota, see billing" is also said of a minute's limit
    if code in _MODEL_SLIPPED:
        return ProviderUnavailable
    match status:
        case 401 | 403 if not _REFUSED.search(code):
            return AuthenticationFailed
        case 413:
            return ContextTooLong
        case 429:
            return RateLimited
        case 503 | 529:
            return Overloaded
        case 408 | 409 | 425:
            return ProviderUnavailable
        case int() if status >= 500:
            return Overloaded if _OVERLOADED.search(code) else ProviderUnavailable
        case int() if status >= 400:
            return _rejection(words, code)
    return _by_code(words, code)


def _rejection(words: str, code: str) -> type[ModelError]:
    if _CONTEXT.search(words):
        return ContextTooLong
    if "API key not valid" in words:
        return AuthenticationFailed
    if _REFUSED.search(code) or "content management policy" in words:
        return ContentRefused
    return BadRequest


def _by_code(words: str, code: str) -> type[ModelError]:
    """For an error told in the stream of an answer that began with status 200."""
    if _OVERLOADED.search(code):
        return Overloaded
    if _RATE.search(code):
        return RateLimited
    if _AUTH.search(code):
        return AuthenticationFailed
    if _REFUSED.search(code):
        return ContentRefused
    if _CONTEXT.search(words) and code:
        return ContextTooLong
    if re.search(r"invalid|bad_request|not_found|validation", code, re.IGNORECASE):
        return BadRequest
    return ProviderUnavailable


def _authentication(complaint: Complaint, facts: dict[str, Any]) -> AuthenticationFailed:
    # The provider's message is left out: it quotes the key, masked or not.
    what = f"the key in {complaint.key_env} is" if complaint.key_env else "the credentials are"
    if complaint.status == 403:
        text = f"{what} not allowed to do this; {complaint.advice or 'check its rights and the name of the model'}"
    else:
        text = f"{what} not accepted; {complaint.advice or 'check that it is complete, current and for this provider'}"
    return AuthenticationFailed(text, **facts, key_env=complaint.key_env)


def _text(kind: type[ModelError], message: str, model: str) -> str:
    said = f": {message}" if message else ""
    if kind is RateLimited:
        return f"too many requests or tokens for now{said}"
    if kind is Overloaded:
        return f"overloaded{said}"
    if kind is QuotaExhausted:
        return f"the account has no credit or quota left{said}; top it up, waiting does not help"
    if kind is ContextTooLong:
        return (
            f"the conversation is too long for the model {model!r}{said}; compact it or take a larger model"
        )
    if kind is ContentRefused:
        return f"the provider's policy rejects the request{said}"
    if kind is BadRequest:
        return f"the request for the model {model!r} was rejected{said}"
    return f"no usable answer{said}"


# --- how long to wait ---------------------------------------------------------------------------------------------

_SECONDS = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*s?\s*$")
_IN_WORDS = re.compile(r"try again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(s|ms))?", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], body: Any = None, message: str = "") -> float | None:
    """Seconds the provider asks to wait: by its headers, Google's `retryDelay` in the body, or its words; else None.

    A date in `retry-after` is counted from the answer's own `date`, so that no clock of ours takes part.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(lower.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = lower.get("retry-after")
    if (seconds := _number(given)) is not None:
        return seconds
    if given and (date := lower.get("date")):
        try:
            wait = (parsedate_to_datetime(given) - parsedate_to_datetime(date)).total_seconds()
        except (TypeError, ValueError):  # no date, or one with and one without a zone
            return None
        return max(wait, 0.0)
    told = next((n for text in _retry_delays(body) if (n := _number(text)) is not None), None)
    return told if told is not None else _in_words(message)


def _in_words(message: str) -> float | None:
    match = _IN_WORDS.search(
        message
    )  # "Please try again in 1m7.66s", in a stream, where there are no headers
    if match is None or not any(match.groups()):
        return None
    hours, minutes, number, unit = match.groups()
    seconds = float(number or 0) / (1000 if (unit or "").lower() == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def _number(text: str | None) -> float | None:
    match = _SECONDS.match(text or "")
    number = float(match.group(1)) if match else None
    return number if number is not None and math.isfinite(number) else None


def _retry_delays(body: Any) -> Iterable[str]:
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name == "retryDelay" and isinstance(value, str):
                yield value
            yield from _retry_delays(value)
    elif isinstance(body, list):
        for item in body:
            yield from _retry_delays(item)


# --- what must not leave ------------------------------------------------------------------------------------------


def scrub(text: str, *, secrets: Iterable[str], prompts: Iterable[str]) -> str:
    """`text` without the secrets and without quotations of the prompts, of reasonable length."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = text[: _LONGEST * 2]
    for prompt in prompts:
        text = _without_quotes(text, prompt)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _without_quotes(text: str, prompt: str) -> str:
    if not prompt:
        return text
    short = len(prompt) < _QUOTE
    if short:  # a short prompt is quoted whole, and only then; a word or two of it are anyone's
        return text.replace(prompt, "[...]") if len(prompt) > 8 else text
    kept: list[str] = []
    at = 0
    while at < len(text):
        length = _QUOTE
        if text[at : at + length] not in prompt or len(text) - at < length:
            kept.append(text[at])
            at += 1
            continue
        while at + length < len(text) and text[at : at + length + 1] in prompt:
            length += 1
        kept.append("[...]")
        at += length
    return "".join(kept)


def _prompts(request: ModelRequest) -> Iterable[str]:
    yield request.system
    for message in request.messages:
        for part in message.parts:
            match part:
                case Text(text=text):
                    yield text
                case ToolCall(arguments=arguments):
                    yield arguments
                case ToolResult(content=content):
                    yield content
                case _:
                    pass  # no words of a person's
