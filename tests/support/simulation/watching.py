"""An eye on every port call: who may act before and after it, and how it is told in a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from polos.core.messages import Message
from polos.ports import Ports
from polos.testing.faults import Call

Around = Callable[[Call, Callable[[], Any]], Any]
"""Is given the call and what makes it; returns (or raises) what the caller is to see."""


def watched(ports: Ports, around: Around) -> Ports:
    """The ports with `around` around every call; the clock is left alone."""
    names = ("log", "records", "queue", "timers", "blobs")
    seen: dict[str, Any] = {name: _Port(getattr(ports, name), name, around) for name in names}
    return replace(ports, **seen)


class _Port:
    """A port with an eye on it."""

    def __init__(self, port: object, name: str, around: Around) -> None:
        self._port = port
        self._name = name
        self._around = around

    def __getattr__(self, attribute: str) -> Any:
        target = getattr(self._port, attribute)
        if not callable(target):
            return target
        name, around = f"{self._name}.{attribute}", self._around

        def watched(*args: Any, **kwargs: Any) -> Any:
            return around(Call(name, args, kwargs), lambda: target(*args, **kwargs))

        self.__dict__[attribute] = watched
        return watched


def short(execution: str) -> str:
    """Enough of an id to tell executions apart."""
    return execution[:5]


def shown(call: Call, result: Any) -> str:
    """A call as a line of a trace."""
    match call.name:
        case "log.append" | "log.publish":
            at, entries = (
                (call.args[1], call.args[2]) if call.name == "log.append" else (result, call.args[1])
            )
            heads = ", ".join(text.partition("\n")[0] for text in entries)
            answer = "" if result is not False else "   REFUSED"
            return f"{call.name} {call.args[0].rpartition('|')[2][:24]} at {at}: {heads}{answer}"
        case "queue.send":
            sent = [Message.decode(outgoing.body) for outgoing in call.args[1]]
            return "sends " + ", ".join(
                f"{m.kind.value} {m.key}@{m.attempt}/{m.token} to {short(m.execution)}" for m in sent
            )
        case "records.write":
            return f"records.write {[write.key.partition.partition('|')[2][:40] for write in call.args]} {result}"
        case "log.read":
            start = call.args[1] if len(call.args) > 1 else 0
            return f"log.read {call.args[0].rpartition('|')[2][:24]} from {start}: {len(result)} entries"
        case _:
            return call.name
