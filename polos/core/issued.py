"""What a replay knows of an operation its code has issued, and of how the body ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from polos.core.journal import Outcome
from polos.core.operations import Operation

Where = tuple[CodeType | None, int]
"""Where a verb was called: the code and the line. Made into text only when somebody asks."""


class Torn(BaseException):
    """Raised at every durable await when a replay is taken down."""


class Rewind(Exception):
    """This replay took a provisional branch that the journal decided otherwise: replay anew."""


class Answer(asyncio.Future[Any]):
    """The future of an operation: tells when the code gives it up, without a callback at every answer."""

    on_cancel: Callable[[], None] | None = None

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancelled: nobody waits for the operation any more."""
        given_up = super().cancel(msg)
        if given_up and self.on_cancel is not None:
            self.on_cancel()
        return given_up


@dataclass(slots=True)
class Issued:
    """An operation the code has issued. Positions count entries; `due` is epoch seconds, None for now.

    `runnable_at`: the position at which its current attempt became dispatchable; None: not yet (no place). `parked`:
    its message came during a pause, so it is sent anew.
    """

    address: str
    operation: Operation
    position: int
    where: Where
    future: Answer
    decode: Callable[[str | None], Any]
    runnable_at: int | None = None
    attempt: int = 1
    due: float | None = None
    abandoned_at: int | None = None
    answered: bool = False
    parked: bool = False

    @property
    def pending(self) -> bool:
        """Somebody still waits for its answer."""
        return not self.answered and self.abandoned_at is None


@dataclass(frozen=True, slots=True)
class Finish:
    """How the body ended. `value` is JSON text; `state` the final state's."""

    outcome: Outcome
    value: str | None = None
    error: dict[str, Any] | None = None
    state: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def place(where: Where) -> str:
    """`file:line`, for people."""
    code, line = where
    return f"{code.co_filename}:{line}" if code is not None else "?"


def plain(text: str | None) -> Any:
    """Decode a value that is plain JSON."""
    return None if text is None else json.loads(text)
