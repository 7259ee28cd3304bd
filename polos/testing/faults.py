"""Crashes at chosen port calls: before a call (nothing was done), or after it (done, and the answer is lost).

    ports = with_faults(store.ports, CrashAt(3, "after"))   # dies when the third write has been applied
    with pytest.raises(Crash):
        run(ports)

Any object with `before` and `after` is a hook: it may count, raise `Crash`, or hand control to somebody else in
between (a simulation interleaves its workers there). Hooks run in the thread of the caller, under no lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

from polos.ports import Blobs, Log, Ports, Queue, Records, Timers

WRITES: Final = frozenset({
    "log.append", "log.publish", "log.delete", "records.write", "queue.send", "queue.extend", "queue.delete",
    "timers.at", "timers.cancel", "timers.repeat", "timers.stop", "blobs.put", "blobs.delete",
})  # fmt: skip
"""The calls that change something. `queue.receive` hides what it delivers, but hands out no new fact."""


class Crash(BaseException):
    """The process died here. No `except Exception` may catch it, as none can catch a SIGKILL."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port: `name` is port and method, `log.append`."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Hook(Protocol):
    """What is asked around every call. Whatever it raises goes to the caller of the port."""

    def before(self, call: Call) -> None:
        """Nothing has been done yet: raise, and it never will be."""
        ...

    def after(self, call: Call, result: Any) -> None:
        """The call has returned `result`: raise, and the caller will not know. Not asked when the call raised."""
        ...


class CrashAt:
    """Dies once, at the `number`th (from 1) of the calls named in `calls`; `seen` counts them all.

    With number 0 it never dies: what is left is the count, by which to choose the numbers of further runs.
    """

    def __init__(
        self, number: int = 0, when: Literal["before", "after"] = "before", *, calls: frozenset[str] = WRITES
    ) -> None:
        self._number = number
        self._when = when
        self._calls = calls
        self._doomed: Call | None = None
        self.seen = 0

    def before(self, call: Call) -> None:
        """Count the call; die if it is the one."""
        if call.name not in self._calls:
            return
        self.seen += 1
        if self.seen == self._number:
            self._doomed = call
            if self._when == "before":
                self._die(call)

    def after(self, call: Call, result: Any) -> None:
        """Die if it is the one that was just applied."""
        del result
        if call is self._doomed:
            self._die(call)

    def _die(self, call: Call) -> None:
        raise Crash(f"{self._when} {call.name}, call {self._number} of those counted")


def with_faults(ports: Ports, hook: Hook) -> Ports:
    """`ports` with `hook` around every call of the log, records, queue, timers and blobs. The clock is left alone."""
    return Ports(
        log=cast("Log", _Watched(ports.log, "log", hook)),
        records=cast("Records", _Watched(ports.records, "records", hook)),
        queue=cast("Queue", _Watched(ports.queue, "queue", hook)),
        timers=cast("Timers", _Watched(ports.timers, "timers", hook)),
        blobs=cast("Blobs", _Watched(ports.blobs, "blobs", hook)),
        clock=ports.clock,
    )


class _Watched:
    """Looks like the port it wraps. A method is wrapped when first asked for, and kept."""

    def __init__(self, port: object, name: str, hook: Hook) -> None:
        self._port = port
        self._name = name
        self._hook = hook

    def __getattr__(self, attribute: str) -> Any:
        target = getattr(self._port, attribute)
        if not callable(target):
            return target
        hook, name = self._hook, f"{self._name}.{attribute}"

        def watched(*args: Any, **kwargs: Any) -> Any:
            call = Call(name, args, kwargs)
            hook.before(call)
            result = target(*args, **kwargs)
            hook.after(call, result)
            return result

        self.__dict__[attribute] = watched
        return watched
