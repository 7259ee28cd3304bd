"""A model that says what its script tells it to: deterministic, in this process, without keys, network or cost.

fake = FakeModel(["Hello!"])
agent = Agent(id="greeter", provider=fake, model="any")  # as an object, or by name:
with fake.installed("openai"):
    ...  # every agent of that provider talks to the fake
fake.requests[0].messages  # what it was asked
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from polos.llm.errors import BadRequest, ModelError
from polos.llm.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from polos.llm.guard import Hold, guard
from polos.llm.port import Capabilities
from polos.llm.providers.failures import Complaint, to_error
from polos.llm.registry import registry
from polos.llm.request import ModelRequest
from polos.llm.types import Message, ModelResponse, Part, Reasoning, Text, ToolCall, ToolResult
from polos.testing.turns import (
    Failure,
    Order,
    Replies,
    Script,
    Scripted,
    Turn,
    pairing_problem,
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A request as the script sees it."""

    model: str
    position: int


class FakeModel:
    """A scripted provider.

    `replies` is a list of turns (`turn(...)`, `fail(...)`, or a string), a mapping of model name to such a list, or a
    function of the `ModelRequest`. `order` is explained at `Script`. A conversation that a real provider would reject
    (a tool call without its result, say) is rejected here too; `strict=False` lets it pass. `sleep` serves delays.
    """

    def __init__(
        self,
        replies: Replies | Mapping[str, Replies] | Callable[[ModelRequest], Scripted],
        *,
        name: str = "fake",
        order: Order = "arrival",
        capabilities: Capabilities | None = None,
        strict: bool = True,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._function = replies if callable(replies) else None
        self._script: Script[_Seen] = Script([] if callable(replies) else replies, order=order)
        self._capabilities = capabilities or Capabilities()
        self._strict = strict
        self._sleep = sleep
        self.requests: list[ModelRequest] = []
        """Every request, in order of arrival; those that failed too."""
        self.finished: list[ModelResponse] = []
        """Every answer that was given to its end."""

    @property
    def name(self) -> str:
        """What agents call it."""
        return self._name

    def capabilities(self, model: str) -> Capabilities:
        """What the test gave; all by default."""
        return self._capabilities

    def install(self, *names: str) -> Callable[[], None]:
        """Let agents find it by `names` (its own by default), until the returned function is called."""
        undo = ExitStack()
        for name in names or (self._name,):
            undo.callback(registry.register(name, lambda: self))
        return undo.close

    @contextmanager
    def installed(self, *names: str) -> Iterator[FakeModel]:
        """Let agents find it by `names` (its own by default) inside the block; `openai` stands for the real one."""
        undo = self.install(*names)
        try:
            yield self
        finally:
            undo()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Answer as the script says; see `polos.llm.port.Provider.stream`."""
        number = len(self.requests)
        self.requests.append(request)
        if self._strict and (problem := pairing_problem(_pairs(request.messages))):
            raise BadRequest(problem, provider=self._name, status=400)
        reply = self._reply(request)
        if isinstance(reply, Failure):
            raise self._error(reply, request)
        await self._delay(reply.first_delay, reply)
        response = _response(reply, request, number)
        for count, event in enumerate(_events(reply, response)):
            if reply.break_after is not None and count >= reply.break_after:
                raise self._error(Failure(0, "the stream broke off"), request)
            if count:
                await self._delay(reply.chunk_delay, None)
            yield event
        self.finished.append(response)
        yield Done(response)

    def _reply(self, request: ModelRequest) -> Turn | Failure:
        if self._function is not None:
            found = self._function(request)
            return Turn(text=found) if isinstance(found, str) else found
        position = sum(message.role == "assistant" for message in request.messages)
        return self._script.reply(_Seen(request.model, position))

    async def _delay(self, seconds: float, turn: Turn | None) -> None:
        if seconds > 0:
            await self._sleep(seconds)
        if turn is not None and turn.hold is not None:
            await asyncio.to_thread(turn.hold.wait)

    def _error(self, failure: Failure, request: ModelRequest) -> ModelError:
        complaint = Complaint(
            self._name,
            failure.message,
            code=failure.code,
            status=failure.status or None,
            headers=failure.all_headers(),
        )
        return to_error(complaint, request=request)


def forbid_real_requests(allow: Iterable[str] = ()) -> Hold:
    """Forbid requests to real providers in this process from now on: they raise `RealRequestForbidden`.

    Works at once; as a `with` statement, until the end of the block, else until `.release()`. Addresses that begin
    with one of `allow` stay allowed, as those of a running `WireServer` do. POLOS_FORBID_MODEL_REQUESTS=1 does the
    same for a process and the workers it starts.
    """
    return guard.forbid(allow)


def _response(turn: Turn, request: ModelRequest, number: int) -> ModelResponse:
    parts: list[Part] = []
    if turn.reasoning:
        parts.append(Reasoning(text=turn.reasoning))
    if said := turn.text or turn.refusal:
        parts.append(Text(text=said))
    for i, made in enumerate(turn.calls):
        parts.append(
            ToolCall(
                call_id=made.call_id or f"call_{number}_{i}", name=made.name, arguments=made.arguments or "{}"
            )
        )
    asked = request.system + "".join(message.text for message in request.messages)
    return ModelResponse(
        message=Message(role="assistant", parts=tuple(parts)),
        stop_reason=turn.stop_reason,
        usage=turn.tokens(asked),
        model=request.model,
        response_id=f"fake_{number}",
    )


def _events(turn: Turn, response: ModelResponse) -> Iterator[StreamEvent]:
    for part in response.message.parts:
        match part:
            case Reasoning():
                yield from (ReasoningDelta(piece) for piece in turn.pieces(part.text))
            case Text():
                yield from (TextDelta(piece) for piece in turn.pieces(part.text))
            case ToolCall():
                yield ToolCallStart(part.call_id, part.name)
                yield from (ToolCallDelta(part.call_id, piece) for piece in turn.pieces(part.arguments))
                yield ToolCallDone(part)
            case _:
                pass  # a fake writes nothing else


def _pairs(messages: Iterable[Message]) -> Iterator[tuple[str, list[str], list[str]]]:
    for message in messages:
        answered = [part.call_id for part in message.parts if isinstance(part, ToolResult)]
        yield message.role, [made.call_id for made in message.tool_calls], answered
