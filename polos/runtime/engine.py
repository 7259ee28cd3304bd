"""The engine: carries out what `decide` says, over the ports.

    read the journal -> decide -> act (run a step) -> append -> dispatch what my entries made runnable -> acknowledge

`handle` works on messages of one execution and returns when they may be acknowledged; whatever it raises means: do
not. All of it may be repeated at any point by any number of workers; the journal position is the fence.
"""

from __future__ import annotations

from collections.abc import Sequence

from polos.core.messages import Message, MessageKind
from polos.errors import PolosError
from polos.runtime.host import Endless, Host, Lease, guarded
from polos.runtime.invocation import Invocation
from polos.runtime.publishing import Publisher
from polos.runtime.schedules import tick
from polos.runtime.topics import Topics
from polos.runtime.triggers import look
from polos.runtime.turn import Turn


class Engine:
    """Handles messages over what `host` shares. One serves one worker process, any number of threads."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def handle(self, messages: Sequence[Message], *, lease: Lease | None = None, dead: bool = False) -> None:
        """Handle messages of one execution. Returns when all may be acknowledged.

        `dead`: they come from the dead-letter queue; no step is run. Raises `LeaseLost`, `TryAgain` or whatever else
        prevents it from finishing: then none may be acknowledged.
        """
        held = lease or Endless()
        if not messages[0].execution:
            self._handle_other(self.host.under(held.check), messages[0])
            return
        turn = Turn(self.host, guarded(self.host.ports, held.check), messages, lease=held, dead=dead)
        try:
            Invocation(turn).run()
        finally:
            turn.close()

    @staticmethod
    def _handle_other(host: Host, message: Message) -> None:
        """A message about a topic or a schedule: no execution's turn."""
        match message.kind:
            case MessageKind.TICK:
                tick(host, message)
            case MessageKind.NOTIFY if message.workflow:
                look(host, message)
            case MessageKind.NOTIFY:
                topics = Topics(host.ports, message.project)
                Publisher(host, message.project, topics).notify(message.key)
            case _:
                raise PolosError(f"a {message.kind} message names no execution")
