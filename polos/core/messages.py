"""The messages between invocations, and their wire format (version 1, JSON).

A message names an execution and what it is about; its `token` was minted by its sender and stays with it through every
re-send, redrive and dead letter (rule 1). `hops` counts the messages between the start of the chain and this one: the
runaway guard.

    kind    key            what its handling does
    start   $start         appends the start entry from META
    run     run:...        runs one attempt of a step and appends its outcome
    timer   verb:key       a wait is over, or a timeout was reached
    child   verb:key       a child ended: `value` or `error` is its outcome
    event   event:key      a hint: look into the topic
    signal  verb:key       a resume with `value`; `$cancel` asks to stop
    place   $go#g          try to get a place in the limited queue
    kick                   dispatch whatever is pending
    notify  topic          tell the topic's waiters and triggers to look
    tick    schedule       a schedule is due
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from polos.errors import StoreTooNew

FORMAT: Final = 1


class MessageKind(StrEnum):
    """What a message is about; see the table above."""

    START = "start"
    RUN = "run"
    TIMER = "timer"
    CHILD = "child"
    EVENT = "event"
    SIGNAL = "signal"
    PLACE = "place"
    KICK = "kick"
    NOTIFY = "notify"
    TICK = "tick"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `due` is epoch seconds before which it must not be handled; `value` is JSON text."""

    kind: MessageKind
    project: str
    token: str
    execution: str = ""
    workflow: str = ""
    key: str = ""
    attempt: int = 1
    due: float | None = None
    value: str | None = None
    error: Mapping[str, Any] | None = None
    hops: int = 0
    deaths: int = 0
    extra: Mapping[str, Any] | None = None

    def encode(self) -> str:
        """The body as it travels."""
        body: dict[str, Any] = {
            "v": FORMAT,
            "kind": self.kind.value,
            "project": self.project,
            "token": self.token,
            "execution": self.execution,
            "workflow": self.workflow,
            "key": self.key,
        }
        optional: dict[str, tuple[Any, Any]] = {
            "attempt": (self.attempt, 1),
            "due": (self.due, None),
            "value": (self.value, None),
            "error": (self.error, None),
            "hops": (self.hops, 0),
            "deaths": (self.deaths, 0),
            "extra": (self.extra, None),
        }
        body.update((name, value) for name, (value, default) in optional.items() if value != default)
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Message:
        """Read a body. Raises `StoreTooNew` for a later format, `ValueError` for what is no message of ours."""
        body = json.loads(text)
        if not isinstance(body, dict) or "v" not in body or "kind" not in body:
            raise ValueError("the queue holds a body that is not a message of polos")
        if body.pop("v") > FORMAT:
            raise StoreTooNew("a message was sent by a newer version of polos; upgrade this worker")
        return cls(kind=MessageKind(body.pop("kind")), **body)

    @property
    def woken(self) -> bool:
        """Whether it was sent to the first in line for a place, which others wait behind."""
        return bool(self.extra and self.extra.get("woken"))

    def died_again(self) -> Message:
        """The same message, counted as having killed its handler once more."""
        return replace(self, deaths=self.deaths + 1)
