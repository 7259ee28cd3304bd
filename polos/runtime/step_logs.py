"""What a step logs is kept with its attempt, as far as it is short, and shown where the step is looked at.

Any logger of the standard library will do, and what is kept is what the process's own logging settings let through:
levels, filters and all; not what is printed. Of each attempt the last `Settings.step_log_bytes` are kept, in the entry
that records its outcome: a step that logs nothing costs nothing more. Values of `secret(...)` are masked.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from polos.core.failures import writable
from polos.runtime.secrets import hide_secrets

LINE_LIMIT: Final = 2000
"""Bytes of one line that are kept: the last ones, where an exception says what it is."""
LINE_COST: Final = 40
"""Bytes that a line takes beside its text: when, how serious, which logger."""
_MARK: Final = "polos_step_logs"
_COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EXCEPTIONS: Final = logging.Formatter()


class Line(NamedTuple):
    """One line of a log. `at` is in epoch milliseconds."""

    at: int
    level: str
    logger: str
    text: str


class StepLog:
    """The last lines that one attempt has logged, within `limit` bytes. Any thread may add to it."""

    __slots__ = ("_left_out", "_lines", "_lock", "_room")

    def __init__(self, limit: int) -> None:
        self._lines: deque[Line] = deque()
        self._room = limit
        self._left_out = 0
        self._lock = threading.Lock()

    def add(self, line: Line) -> None:
        """Take a line; the oldest ones make room for it."""
        with self._lock:
            self._lines.append(line)
            self._room -= _size(line)
            while self._room < 0 and self._lines:
                self._room += _size(self._lines.popleft())
                self._left_out += 1

    def kept(self) -> tuple[list[Line], int]:
        """The lines, and how many before them are not kept."""
        with self._lock:
            return list(self._lines), self._left_out


def lines_of(extra: Mapping[str, Any] | None) -> tuple[tuple[Line, ...], int]:
    """The lines in an entry's `x`, and how many before them were not kept."""
    stored: Iterable[Iterable[Any]] = (extra or {}).get("logs", ())
    return tuple(Line(*line) for line in stored), int((extra or {}).get("logs_left_out", 0))


def to_extra(lines: Iterable[Line], left_out: int) -> dict[str, Any]:
    """The same, to be stored; nothing where nothing was logged."""
    kept = [list(line) for line in lines]
    return {**({"logs": kept} if kept else {}), **({"logs_left_out": left_out} if left_out else {})}


step_log: Final[ContextVar[StepLog | None]] = ContextVar("polos_step_log", default=None)
"""Of the attempt that runs here."""


def listen() -> None:
    """Have what is logged inside of steps kept. Once for the process.

    No handler does this: one at the root logger would silence Python's own last resort and make the user's
    `logging.basicConfig` do nothing, and what does not propagate would pass it by. `callHandlers` is what all records
    reach that levels and filters let through.
    """
    before = logging.Logger.callHandlers
    if getattr(before, _MARK, False):
        return

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        log = step_log.get()
        if log is not None:
            log.add(_line(record))
        before(self, record)

    setattr(call_handlers, _MARK, True)
    setattr(logging.Logger, "callHandlers", call_handlers)  # noqa: B010 - said to the type checker so


def _line(record: logging.LogRecord) -> Line:
    try:
        text = record.getMessage()
    except Exception as error:  # its arguments do not fit: logging says so by itself, to who reads the log
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        text = f"{said} (it could not be formatted: {type(error).__name__})"
    if record.exc_info and record.exc_info[0] is not None:
        text = f"{text}\n{_EXCEPTIONS.formatException(record.exc_info)}"
    text = _CONTROLS.sub("?", _COLORS.sub("", writable(hide_secrets(text))))  # before half of one is cut away
    return Line(int(record.created * 1000), record.levelname, record.name, _end(text))


def _end(text: str) -> str:
    data = text.encode()
    return text if len(data) <= LINE_LIMIT else f"...{data[-LINE_LIMIT:].decode(errors='ignore')}"


def _size(line: Line) -> int:
    return LINE_COST + len(line.logger) + len(json.dumps(line.text, ensure_ascii=False).encode())
