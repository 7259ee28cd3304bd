"""Steps that ask a model, as people read them: what was said, what came back, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from polos.agents import sessions
from polos.agents.memory import view
from polos.agents.model_step import ModelCall, Prompt
from polos.core.operations import Operation, RunStep
from polos.core.step import run_topic
from polos.llm.types import Message
from polos.ports import Log
from polos.runtime.executions import Meta
from polos.runtime.service import Service
from polos.runtime.timeline import Item
from polos.server.models.steps import LlmCall, Reply, Said, Tokens

_STREAMED: Final = frozenset({"text_delta", "tool_call_delta", "tool_call"})
_LOOKED_AT: Final = 5000
"""Events of a run that are looked through for the first words of a call."""


def llm_call(service: Service, meta: Meta, item: Item, operation: Operation | None) -> LlmCall | None:
    """The call of a model that this operation is, or None: by its code, or by what it gave where that is not known."""
    call = _call_of(operation)
    answer = _answer(item)
    if call is None and answer is None:
        return None
    told = LlmCall()
    if call is not None:
        shown = call.model.shown()
        told.provider, told.model = str(shown["provider"]), call.request.model
        told.system, told.streaming = call.request.system, call.streaming
        told.tools = [tool.name for tool in call.request.tools]
        told.messages = [_said(message) for message in _sent(call.prompt, service.ports.log)]
    if answer is not None:
        _told_answer(told, answer)
    told.first_token_ms = _first_words(service, meta, item) if told.streaming or call is None else None
    return told


def _call_of(operation: Operation | None) -> ModelCall | None:
    if not isinstance(operation, RunStep):
        return None
    return next((one for one in operation.args if isinstance(one, ModelCall)), None)


def _answer(item: Item) -> Mapping[str, Any] | None:
    """What the journal keeps of a model's answer, if this is one."""
    if item.value is None or not item.key.startswith(("llm:", "compact:", "guardrail:")):
        return None
    value = json.loads(item.value)
    return value if isinstance(value, dict) and isinstance(value.get("response"), dict) else None


def _told_answer(told: LlmCall, answer: Mapping[str, Any]) -> None:
    response = answer["response"]
    told.cost = None if answer.get("cost") is None else str(answer["cost"])
    told.usage = Tokens.model_validate(response.get("usage") or {})
    told.response = Reply(
        message=_shown(response.get("message") or {}),
        stop_reason=str(response.get("stop_reason", "")),
        model=str(response.get("model", "")),
        response_id=str(response.get("response_id", "")),
    )


def _sent(prompt: Prompt, log: Log) -> tuple[Message, ...]:
    """The messages as they were sent, those of the session included."""
    if prompt.instead is not None:
        return (*prompt.instead, *prompt.asides)
    past = prompt.past
    earlier = sessions.read(log, past).messages if past is not None and past.count else ()
    return (*view((*earlier, *prompt.own), prompt.cut, prompt.summary), *prompt.asides)


def said(messages: tuple[Message, ...]) -> list[Said]:
    """Messages as they are shown."""
    return [_said(message) for message in messages]


def _said(message: Message) -> Said:
    return _shown(message.model_dump(mode="json"))


def _shown(message: Mapping[str, Any]) -> Said:
    parts = [
        {name: value for name, value in part.items() if name != "raw"} for part in message.get("parts") or ()
    ]
    return Said(role=str(message.get("role", "")), parts=parts)


def _first_words(service: Service, meta: Meta, item: Item) -> int | None:
    """Milliseconds from the beginning of the attempt that answered to its first words, if readers were told them."""
    attempt = item.attempts[-1] if item.attempts else None
    if attempt is None or attempt.started is None:
        return None
    info = meta.info
    topic = run_topic(info.root_workflow or info.workflow, info.root_execution or info.execution)
    step = ":".join(item.key.split(":")[:2])
    for number, event in enumerate(service.topics.since(topic, attempt.started)):
        if number > _LOOKED_AT or (attempt.ended is not None and event.at > attempt.ended):
            return None
        if event.type not in _STREAMED:
            continue
        data = json.loads(event.data)
        about = data.get("_metadata") or {}
        ours = about.get("execution_id") == info.execution and data.get("step") == step
        if ours and data.get("attempt") == attempt.number:
            return event.at - attempt.started
    return None
