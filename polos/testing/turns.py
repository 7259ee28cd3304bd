"""What a scripted model says, one turn after the other: the words that `FakeModel` and `WireServer` share.

    FakeModel(
        [
            turn(calls=[call("get_weather", city="Oslo")]),
            fail(429, retry_after=2),
            "It rains in Oslo.",
        ]
    )

A script is a list of turns, or one list per model name, or a function of the request. A string is a turn that says it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

from polos.errors import NonRetryable
from polos.llm.types import StopReason, Usage


class ScriptEnded(NonRetryable):
    """The model was asked more often than its script has turns."""

    code = "script_ended"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of a scripted turn. `arguments` is JSON text, not always valid.

    `call_id` None: the fake numbers it. Else the id as given, also one that was used before, or an empty one, as
    careless providers do.
    """

    name: str
    arguments: str = "{}"
    call_id: str | None = None


def call(name: str, /, call_id: str | None = None, **arguments: Any) -> Call:
    """A call of the tool `name`; the arguments as keywords, written as JSON."""
    return Call(name, json.dumps(arguments, ensure_ascii=False), call_id)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model.

    `first_delay` passes before the first chunk and `chunk_delay` before each later one (seconds); `hold` is waited
    for before the first. Text and arguments stream in pieces of `chunk_chars` characters. After `break_after` pieces
    the connection breaks. `stop` and `usage` are derived if not given.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    stop: StopReason | None = None
    usage: Usage | None = None
    first_delay: float = 0.0
    chunk_delay: float = 0.0
    chunk_chars: int = 12
    break_after: int | None = None
    hold: threading.Event | None = None

    @property
    def stop_reason(self) -> StopReason:
        """What it stops with."""
        if self.stop is not None:
            return self.stop
        if self.refusal:
            return StopReason.REFUSED
        return StopReason.TOOL_CALLS if self.calls else StopReason.END

    def tokens(self, asked: str) -> Usage:
        """Its usage: as given, or about a token for four characters of what was asked and answered."""
        if self.usage is not None:
            return self.usage
        said = self.text + self.refusal + self.reasoning + "".join(c.name + c.arguments for c in self.calls)
        return Usage.of(len(asked) // 4 + 1, len(said) // 4 + 1)

    def pieces(self, text: str) -> list[str]:
        """`text` as it streams."""
        size = max(self.chunk_chars, 1)
        return [text[at : at + size] for at in range(0, len(text), size)]


def turn(text: str = "", *, calls: Sequence[Call] = (), output: Any = None, **options: Any) -> Turn:
    """An answer: `text`, or `output` as JSON (a pydantic model or plain data), and `calls`; `options` as in `Turn`."""
    if output is not None:
        text = output.model_dump_json() if hasattr(output, "model_dump_json") else json.dumps(output)
    return Turn(text=text, calls=tuple(calls), **options)


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that fails: with `status`, or in the middle of a stream that began well (`in_stream`)."""

    status: int
    message: str = ""
    code: str = ""
    retry_after: float | None = None
    in_stream: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """The headers, `retry-after` among them."""
        told = {} if self.retry_after is None else {"retry-after": f"{self.retry_after:g}"}
        return {**told, **self.headers}


def fail(status: int, message: str = "", **options: Any) -> Failure:
    """A failure: 401, 429, 500, 529 ...; `options` as in `Failure`."""
    return Failure(status, message, **options)


Reply = Turn | Failure
Scripted = Reply | str


class Asked(Protocol):
    """What a script needs to know of a request."""

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def position(self) -> int:
        """How many answers of the model the conversation holds already."""
        ...


R = TypeVar("R", bound=Asked)
Replies = Iterable[Scripted | Sequence[Scripted]]
Order = Literal["arrival", "position"]


class Script(Generic[R]):
    """Which reply a request gets. Safe to use from several threads.

    In order of `arrival`, each request takes the next turn. By `position`, the n-th turn of a conversation gets the
    n-th reply, however often it is asked for: what is right when a call may be repeated after a crash. There a list
    of replies stands for the first, second ... request at that position, the last one for all that follow.
    """

    def __init__(
        self,
        replies: Replies | Mapping[str, Replies] | Callable[[R], Scripted],
        *,
        order: Order = "arrival",
    ) -> None:
        self._lock = threading.Lock()
        self._order = order
        self._function = replies if callable(replies) else None
        self._lists: dict[str, list[Scripted | Sequence[Scripted]]] = {}
        self._asked: dict[tuple[str, int], int] = {}
        if isinstance(replies, Mapping):
            self._lists = {model: list(listed) for model, listed in replies.items()}
        elif not callable(replies):
            self._lists = {"": list(replies)}

    def reply(self, request: R) -> Reply:
        """The reply to `request`.

        Raises:
            ScriptEnded: there is none.
        """
        found = self._function(request) if self._function is not None else self._listed(request)
        return Turn(text=found) if isinstance(found, str) else found

    def _listed(self, request: R) -> Scripted:
        with self._lock:
            name = request.model if request.model in self._lists else ""
            if name not in self._lists:
                raise ScriptEnded(
                    f"the script has no turns for the model {request.model!r}, only for {', '.join(self._lists)}"
                )
            at = request.position if self._order == "position" else self._count(name, -1)
            replies = self._lists[name]
            if at >= len(replies):
                raise ScriptEnded(
                    f"the script for {request.model!r} has {len(replies)} turns, and turn {at + 1} was asked for; "
                    "give it more, or a function"
                )
            entry = replies[at]
            if isinstance(entry, str | Turn | Failure):
                return entry
            return entry[min(self._count(name, at), len(entry) - 1)]

    def _count(self, name: str, at: int) -> int:
        seen = self._asked.get((name, at), 0)
        self._asked[name, at] = seen + 1
        return seen


def pairing_problem(conversation: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> str:
    """What is wrong with the order of calls and results, as a provider would say it; empty if nothing is.

    The conversation as (role, ids called, ids answered) for each message: every call of an answer is answered by
    what follows it, before the user or the model speaks again, and nothing else is.
    """
    open_calls: list[str] = []
    for at, (role, called, answered) in enumerate(conversation):
        for call_id in answered:
            if call_id not in open_calls:
                return f"message {at}: a tool result for {call_id!r}, which no call before it waits for"
            open_calls.remove(call_id)
        if open_calls and not answered:
            return f"message {at} ({role}): the tool calls {', '.join(open_calls)} have no results before it"
        open_calls.extend(called)
    return f"the tool calls {', '.join(open_calls)} have no results" if open_calls else ""
