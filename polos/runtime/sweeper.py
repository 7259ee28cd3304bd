"""The sweeper (rule 14): kick executions that are silent for longer than any step may run.

The lease of a message is a local clock, and a queue may lose or dead-letter a message; what must not happen is that an
execution is forgotten. Those in `queued` have their start sent again; those in `running` whose journal has not grown
are kicked, and so are those in `waiting`: for a distant timer that does nothing, as its name is taken. One that was
kicked is let alone for as long, so that a thousand that wait for days hide none that is lost. Triggers look at their
topics once more.
"""

from __future__ import annotations

from typing import Final

from polos.core.journal import Entry
from polos.core.messages import Message, MessageKind
from polos.runtime import names
from polos.runtime.executions import Meta, decode
from polos.runtime.rates import granted
from polos.runtime.service import Service

SILENT_SECONDS: Final = 1200.0
"""Longer than a Lambda may run (900 s) and its message may stay hidden after it."""
PAGE: Final = 100


def sweep(service: Service, *, silent: float = SILENT_SECONDS, pages: int = 10) -> int:
    """Kick what has been silent for `silent` seconds; looks at `pages` pages of each status. Returns how many."""
    before = int((service.ports.clock.now() - silent) * 1000)
    _look_at_topics(service)
    return sum(_sweep(service, status, before, pages) for status in ("queued", "running", "waiting"))


def _look_at_topics(service: Service) -> None:
    for definition in service.registry:
        if definition.trigger is not None:
            token, topic = service.host.token(), definition.trigger.topic
            service.send(
                names.NEWS_QUEUE,
                Message(MessageKind.NOTIFY, service.project, token, workflow=definition.id, key=topic),
            )


def _sweep(service: Service, status: str, before: int, pages: int) -> int:
    partition, cursor, kicked = f"{service.project}|status|{status}", None, 0
    for _ in range(pages):
        page = service.ports.records.find(
            "status", partition, before=f"{before:013d}", limit=PAGE, cursor=cursor
        )
        for record in page.records:
            meta = decode(record)
            if meta.status == status and _silent(service, meta, before) and _is_next(service, meta):
                service.kick(meta.info.execution)
                kicked += 1
        cursor = page.cursor
        if cursor is None:
            break
    return kicked


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
