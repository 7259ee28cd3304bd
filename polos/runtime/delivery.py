"""From deliveries of a queue to handled messages: grouping, dead letters, and what becomes of a failure.

Both compute adapters, the threads of one machine and the Lambda handlers, hand their deliveries to `Intake`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polos.core.failures import failure
from polos.core.messages import Message, MessageKind
from polos.errors import LeaseLost, PolosError, StoreTooNew
from polos.ports import Delivery, Outgoing
from polos.runtime import names
from polos.runtime.engine import Engine
from polos.runtime.host import Lease

MAX_RECEIVES: Final = 5
"""Deliveries of a message that end in nothing before it is handled as a dead letter."""

log = logging.getLogger("polos.worker")


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one execution that are handled together, with their deliveries. `dead`: see rule 10."""

    messages: tuple[Message, ...]
    deliveries: tuple[Delivery, ...]
    dead: bool = False


class Intake:
    """Turns deliveries into batches, and handles a batch."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def batches(self, deliveries: Sequence[Delivery], *, dead: bool = False) -> list[Batch]:
        """News and steps of one execution together; starts and dead letters each alone.

        A body that is no message of ours is logged and left out: nothing could ever be done with it.
        """
        alone: list[Batch] = []
        together: dict[tuple[str, str], list[tuple[Message, Delivery]]] = {}
        for delivery in deliveries:
            try:
                message = Message.decode(delivery.body)
            except StoreTooNew:
                raise
            except (ValueError, TypeError, json.JSONDecodeError):
                log.error("queue %s holds a body that is no message of polos; it is ignored", delivery.queue)  # noqa: TRY400
                continue
            died = dead or delivery.receives > MAX_RECEIVES
            if died or message.kind is MessageKind.START or not message.execution:
                alone.append(Batch((message,), (delivery,), dead=died))
            else:
                together.setdefault((message.project, message.execution), []).append((message, delivery))
        grouped = [
            Batch(tuple(m for m, _ in pairs), tuple(d for _, d in pairs)) for pairs in together.values()
        ]
        return alone + grouped

    def handle(self, batch: Batch, lease: Lease) -> bool:
        """Handle one batch. True: its deliveries may be acknowledged. `LeaseLost` is False too: they are not ours."""
        try:
            self._engine.handle(batch.messages, lease=lease, dead=batch.dead)
        except LeaseLost:
            log.info("execution %s: another worker went on", batch.messages[0].execution)
            return False
        except Exception as error:
            log.exception("execution %s: a message was not handled", batch.messages[0].execution)
            return batch.dead and self._bury(batch.messages[0], error)
        return True

    def _bury(self, message: Message, error: Exception) -> bool:
        """A dead letter died again: count it, and stall the execution when that goes on (rule 10)."""
        host = self._engine.host
        again = message.died_again()
        try:
            if again.deaths < host.settings.max_deaths:
                delay = min(60.0 * 4**again.deaths, host.ports.queue.max_delay)
                host.ports.queue.send(names.DEAD_QUEUE, [Outgoing(again.encode(), delay)])
                return True
            return self._stall(message, error)
        except PolosError:
            log.exception("execution %s: its dead letter could not be put aside", message.execution)
            return False

    def _stall(self, message: Message, error: Exception) -> bool:
        host = self._engine.host
        meta = host.executions.get(message.project, message.execution)
        if meta is None or meta.ended:
            return True
        change: dict[str, Any] = {
            "status": "stalled",
            "error": failure(error),
            "updated_at": int(host.ports.clock.now() * 1000),
        }
        return host.executions.replace(meta, position=meta.position, change=change)
