"""From deliveries of a queue to handled messages: grouping, dead letters, and what becomes of a failure.

Both compute adapters, the threads of one machine and the Lambda handlers, hand their deliveries to `Intake`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polos.core.failures import failure
from polos.core.messages import Message, MessageKind
from polos.errors import LeaseLost, NotFound, PolosError, StoreError, TryAgain
from polos.ports import Delivery, Outgoing
from polos.runtime import names
from polos.runtime.engine import Engine
from polos.runtime.host import Lease
from polos.runtime.spilling import restored

MAX_RECEIVES: Final = 5
"""Deliveries of a message that end in nothing before it is handled as a dead letter."""

PUT_OFF_SECONDS: Final = 30.0

log = logging.getLogger("polos.worker")


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one execution that are handled together, with their deliveries. `dead`: see rule 10.

    Without messages: a body that nobody can read, to be thrown away, or one that may be read `later`: by a newer
    worker, or when the store is back.
    """

    messages: tuple[Message, ...]
    deliveries: tuple[Delivery, ...]
    dead: bool = False
    later: bool = False


class Intake:
    """Turns deliveries into batches, and handles a batch.

    `gives_up`: what makes the store unusable is raised, and not taken for a fault of the message at hand. For a store
    that belongs to this process: it would run the same step again and again, and record none of it.
    """

    def __init__(self, engine: Engine, *, gives_up: bool = False) -> None:
        self._engine = engine
        self._gives_up = gives_up

    def batches(self, deliveries: Sequence[Delivery], *, dead: bool = False) -> list[Batch]:
        """News and steps of one execution together; starts, dead letters and what cannot be read each alone."""
        alone: list[Batch] = []
        together: dict[tuple[str, str], list[tuple[Message, Delivery]]] = {}
        for delivery in deliveries:
            message = self._read(delivery)
            if isinstance(message, Batch):
                alone.append(message)
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

    def _read(self, delivery: Delivery) -> Message | Batch:
        """The message, or what becomes of one that cannot be read: it must not stop the others beside it."""
        try:
            return Message.decode(restored(delivery.body, self._engine.host.ports.blobs))
        except (NotFound, StoreError) as error:
            log.warning("queue %s: a message is left for later: %s", delivery.queue, error)
            return Batch((), (delivery,), later=True)
        except (ValueError, TypeError, RecursionError):
            size = len(delivery.body)  # not the body: it may be anything, secrets included
            log.error("queue %s: %d characters of no message, thrown away", delivery.queue, size)  # noqa: TRY400
            return Batch((), (delivery,))

    def handle(self, batch: Batch, lease: Lease) -> bool:
        """Handle one batch. True: its deliveries may be acknowledged. `LeaseLost` is False too: they are not ours.

        Raises:
            StoreError: The store cannot be used, and this intake gives up then.
        """
        if not batch.messages:
            return not batch.later
        try:
            self._engine.handle(batch.messages, lease=lease, dead=batch.dead)
        except LeaseLost:
            log.info("execution %s: another worker went on", batch.messages[0].execution)
            return False
        except TryAgain as error:
            log.warning("execution %s: a message is put off: %s", batch.messages[0].execution, error)
            return self._put_off(batch)
        except Exception as error:
            if self._gives_up and isinstance(error, StoreError):
                raise
            log.exception("execution %s: a message was not handled", batch.messages[0].execution)
            return batch.dead and self._bury(batch.messages[0], error)
        return True

    def _put_off(self, batch: Batch) -> bool:
        """The store is throttled or away: sent once more, delayed, with its token, so that this counts as no receive.

        Else an outage of some minutes would turn every message at hand into a dead letter, and steps that nothing is
        wrong with into failures.
        """
        queue = self._engine.host.ports.queue
        try:
            for delivery, message in zip(batch.deliveries, batch.messages, strict=True):
                queue.send(
                    delivery.queue,
                    [Outgoing(delivery.body, PUT_OFF_SECONDS, group=message.execution or None)],
                )
        except PolosError:
            return False
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
        return host.executions.replace(meta, position=meta.position, change=change) is not None
