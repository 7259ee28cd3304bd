"""The log of a session: what was said between one agent and one session, over all of its runs.

Each run that completes appends one entry, once:

    {"v": 1, "run": "01k...", "base": 0, "messages": [...]}         what was said in it
    {..., "base": 4, "covers": 4, "summary": "...", "kept": [...]}  the same, and what stands for all before entry 4

`base` is where a reader has to begin. Runs that overlap in time append one behind the other: a summary covers what its
run had read, and what others appended meanwhile stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polos.agents.memory import Past, estimate
from polos.errors import StoreTooNew
from polos.llm import stored
from polos.llm.types import Message
from polos.ports import Log

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class History:
    """What a reader makes of a range of a session's log."""

    summary: str = ""
    messages: tuple[Message, ...] = ()


def look(log: Log, name: str) -> Past:
    """What a session holds now, as a reference to it."""
    tail = log.tail(name)
    if tail == 0:
        return Past(name, 0, 0)
    last = log.read(name, tail - 1, 1)
    start = _decode(last[0]).get("base", 0) if last else 0
    history = read(log, Past(name, start, tail))
    tokens = estimate(history.messages) + len(history.summary) // 4
    return Past(name, start, tail, len(history.messages), tokens, history.summary)


def read(log: Log, past: Past) -> History:
    """The messages that a reference stands for."""
    texts = log.read(past.log, past.start, past.end - past.start)
    return _fold(past.start, [_decode(text) for text in texts])


def remember(
    log: Log, past: Past, run: str, messages: Sequence[Message], *, shortened: History | None = None
) -> None:
    """Append what was said in a run: once, however often this is called for it.

    `shortened`: what stands from now on for all that the run had read.
    """
    entry: dict[str, Any] = {"v": FORMAT, "run": run, "base": past.start}
    if shortened is not None:
        kept = [stored.dump(message) for message in shortened.messages]
        entry |= {"base": past.end, "covers": past.end, "summary": shortened.summary, "kept": kept}
    entry["messages"] = [stored.dump(message) for message in messages]
    log.publish(past.log, [json.dumps(entry, ensure_ascii=False, separators=(",", ":"))], once=run)


def _decode(text: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(text or '{"v": 1, "messages": []}')  # "": forgotten by the store
    if entry["v"] > FORMAT:
        raise StoreTooNew(
            f"a session was stored in format {entry['v']}, and this version of polos reads up to {FORMAT}: upgrade it"
        )
    return entry


def _fold(start: int, entries: Sequence[dict[str, Any]]) -> History:
    summary = ""
    kept: list[Message] = []
    said: dict[int, list[Message]] = {}
    for position, entry in enumerate(entries, start):
        if "covers" in entry:
            summary, kept = entry["summary"], _messages(entry["kept"])
            said = {at: messages for at, messages in said.items() if at >= entry["covers"]}
        said[position] = _messages(entry["messages"])
    return History(summary, (*kept, *(message for messages in said.values() for message in messages)))


def _messages(data: Sequence[Any]) -> list[Message]:
    return [stored.load(Message, one) for one in data]
