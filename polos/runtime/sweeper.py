"""The sweeper (rule 14): kick executions that are silent for longer than any step may run.

The lease of a message is a local clock, and a queue may lose or dead-letter a message; what must not happen is that an
execution is forgotten. Those in `queued` have their start sent again; those in `running` whose journal has not grown
are kicked, and so are those in `waiting`: for a distant timer that does nothing, as its name is taken. One that was
kicked is let alone for as long, so that a thousand that wait for days hide none that is lost. Triggers look at their
topics once more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from polos.core.journal import Entry
from polos.core.messages import Message, MessageKind
from polos.errors import PolosError
from polos.runtime import names
from polos.runtime.executions import Meta, decode
from polos.runtime.rates import granted
from polos.runtime.service import Service

log = logging.getLogger("polos.sweeper")

SILENT_SECONDS: Final = 1200.0
"""Longer than a Lambda may run (900 s) and its message may stay hidden after it."""
PAGE: Final = 100


def sweep(service: Service, *, silent: float = SILENT_SECONDS, pages: int = 10) -> int:
    """Kick what has been silent for `silent` seconds; looks at `pages` pages of each status. Returns how many.

    Raises:
        PolosError: What the first failed with that could not be kicked; those behind it were.
    """
    before = int((service.ports.clock.now() - silent) * 1000)
    _look_at_topics(service)
    kicked, failures = 0, []
    for status in ("queued", "running", "waiting"):
        for meta in _old(service, status, before, pages):
            try:
                if _silent(service, meta, before) and _is_next(service, meta):
                    service.kick(meta.info.execution)
                    kicked += 1
            except PolosError as error:  # a value that is gone, say: it must not leave the others forgotten
                log.exception("execution %s could not be kicked", meta.info.execution)
                failures.append(error)
    if failures:
        raise failures[0]
    return kicked


def _look_at_topics(service: Service) -> None:
    for definition in service.registry:
        if definition.trigger is not None:
            token, topic = service.host.token(), definition.trigger.topic
            service.send(
                names.NEWS_QUEUE,
                Message(MessageKind.NOTIFY, service.project, token, workflow=definition.id, key=topic),
            )


def _old(service: Service, status: str, before: int, pages: int) -> Iterator[Meta]:
    """Those of a status that nobody has written or looked at since `before`."""
    partition, cursor = f"{service.project}|status|{status}", None
    for _ in range(pages):
        page = service.ports.records.find(
            "status", partition, before=f"{before:013d}", limit=PAGE, cursor=cursor
        )
        metas = (decode(record) for record in page.records)
        yield from (meta for meta in metas if meta.status == status)
        cursor = page.cursor
        if cursor is None:
            return


def _is_next(service: Service, meta: Meta) -> bool:
    """Those that wait for long are many, and in order: looked at first today, they are last until their turn comes."""
    return service.executions.looked_at(meta, int(service.ports.clock.now() * 1000))


def _silent(service: Service, meta: Meta, before: int) -> bool:
    log = names.journal(service.project, meta.info.execution)
    tail = service.ports.log.tail(log)
    if tail == 0:
        return _start_is_due(service, meta, before)
    last = Entry.decode(service.ports.log.read(log, tail - 1)[0])
    return last.at < before


def _start_is_due(service: Service, meta: Meta, before: int) -> bool:
    """Whether its start should have come: where its queue has a rate limit, it may have been given a later time."""
    info = meta.info
    queue = service.registry.queues.get(info.queue)
    if queue is None or queue.rate_limit is None:
        return True
    at = granted(service.ports, names.rates(info.project, info.queue, info.concurrency_key), info.execution)
    return at is None or at * 1000 < before


def stalled(service: Service) -> int:
    """How many executions are stalled, counted up to PAGE: the number that an alarm looks at."""
    page = service.ports.records.find("status", f"{service.project}|status|stalled", limit=PAGE)
    return len(page.records)
