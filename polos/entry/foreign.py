"""Messages about workflows that this process does not know: left for one that does.

Several programs may share one store (`polos run a.py:one` and `polos run b.py:two` in one directory). Whoever receives
a message that is not for its code sends it once more, a little later, and forgets it: sent before deleted, so that
none is lost, and with its token, so that it is the same message. It does not count as a failed delivery.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

from polos.core.definitions import Registry
from polos.ports import Outgoing, Queue
from polos.runtime.delivery import Batch

SHORTEST_SECONDS: Final = 0.02
LONGEST_SECONDS: Final = 1.0
RESENDS_A_SECOND: Final = 100
"""How many messages of others one process moves at most: with more of them each comes up less often."""
REMEMBERED: Final = 10_000

log = logging.getLogger("polos.worker")


class Foreign:
    """What one process does with messages that are not for its code."""

    def __init__(self, queue: Queue, registry: Registry) -> None:
        self._queue = queue
        self._registry = registry
        self._passed: OrderedDict[str, int] = OrderedDict()
        self._named: set[str] = set()

    def is_foreign(self, batch: Batch) -> bool:
        """Whether these messages, all of one execution, are about a workflow that is not registered here."""
        return any(message.workflow and message.workflow not in self._registry for message in batch.messages)

    def pass_on(self, batch: Batch) -> None:
        """Send them once more: soon at first, more and more seldom when nobody takes them."""
        self._say(batch.messages[0].workflow)
        for message, delivery in zip(batch.messages, batch.deliveries, strict=True):
            times = self._passed.pop(message.token, 0)
            self._passed[message.token] = times + 1
            if len(self._passed) > REMEMBERED:
                self._passed.popitem(last=False)
            most = max(LONGEST_SECONDS, len(self._passed) / RESENDS_A_SECOND)
            delay = min(SHORTEST_SECONDS * 2 ** min(times, 20), most)
            self._queue.send(delivery.queue, [Outgoing(delivery.body, delay, group=message.execution)])
            self._queue.delete([delivery])

    def _say(self, workflow: str) -> None:
        if workflow not in self._named:
            self._named.add(workflow)
            log.info(
                "the store holds executions of %r, which is not loaded here; they are left for others",
                workflow,
            )
