"""Errors as data: what the journal keeps of an exception, and the exception made from it again."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

from polos.errors import NonRetryable, PolosError, StepExecutionError, WaitTimeout

TRACEBACK_LIMIT: Final = 4000
MESSAGE_LIMIT: Final = 4000
TIMED_OUT: Final = "timeout"


def failure(error: BaseException) -> dict[str, Any]:
    """What is stored of an exception: class name, text, the end of the traceback, and whether a retry may help."""
    kept: dict[str, Any] = {
        "type": type(error).__name__,
        "message": _short(writable(_text(error)), MESSAGE_LIMIT),
    }
    if isinstance(error, PolosError):
        kept["code"] = error.code
    if isinstance(error, NonRetryable) or getattr(error, "retryable", True) is False:
        kept["final"] = True
    if isinstance(error, StepExecutionError):
        kept.update({"step": error.step_key, "cause": error.error_type, "attempts": error.attempts})
        if error.data:
            kept["data"] = error.data
    if error.__traceback__ is not None:
        kept["traceback"] = _tail(writable("".join(traceback.format_exception(error))), TRACEBACK_LIMIT)
    return kept


def step_error(stored: Mapping[str, Any], *, key: str, attempts: int) -> StepExecutionError:
    """The exception a workflow's code sees for an operation that failed for good."""
    kind = WaitTimeout if stored.get("code") == WaitTimeout.code else StepExecutionError
    return kind(
        str(stored.get("message", "")),
        step_key=key,
        error_type=str(stored.get("type", "")),
        attempts=attempts,
        traceback=str(stored.get("traceback", "")),
        data=stored.get("data"),
    )


def _text(error: BaseException) -> str:
    """What it says. One that cannot say it must not take the outcome with it."""
    try:
        return str(error)
    except Exception as other:
        return f"its text could not be made: __str__ raised {type(other).__name__}"


def writable(text: str) -> str:
    """The text with a `?` for what UTF-8 cannot write: an error that cannot be stored would be run into again."""
    return text.encode("utf-8", "replace").decode()


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _tail(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"...{text[-limit:]}"
