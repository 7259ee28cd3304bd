"""Acting on executions that exist: retry, fork, pause, go on; and finding them.

An ended execution stays as it is. A retry or a fork is a new one whose journal begins with a copy of the earlier
entries, so that nothing recorded before the chosen point runs again; the two are linked both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from polos.core.ids import ID_CHARACTERS, begun_between
from polos.core.journal import PAUSE, UNPAUSE
from polos.core.messages import MessageKind
from polos.core.pausing import request
from polos.core.start import StartInfo
from polos.core.step import encode_payload
from polos.errors import Conflict, NotFound
from polos.runtime import names
from polos.runtime.copying import Copying
from polos.runtime.executions import Meta, decode
from polos.runtime.service import Service

UNCHANGED: Final = object()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions a list shows. Times are epoch milliseconds; attributes must all be equal."""

    status: str | None = None
    workflow: str | None = None
    tree: str | None = None
    session: str | None = None
    user: str | None = None
    attributes: Mapping[str, str] | None = None
    created_after: int | None = None
    created_before: int | None = None
    kind: str | None = None
    queue: str | None = None
    roots: bool = False
    id_prefix: str = ""

    def accepts(self, meta: Meta) -> bool:
        """Whether an execution is one of those asked for."""
        info = meta.info
        return (
            self.status in (None, meta.status)
            and self.workflow in (None, info.workflow)
            and self.tree in (None, info.root_execution or info.execution)
            and self.session in (None, info.session)
            and self.user in (None, info.user)
            and self.kind in (None, info.kind)
            and self.queue in (None, info.queue)
            and not (self.roots and info.parent_execution)
            and info.execution.startswith(self.id_prefix)
            and all(info.attributes.get(name) == value for name, value in (self.attributes or {}).items())
            and (self.created_after is None or info.created_at > self.created_after)
            and (self.created_before is None or info.created_at < self.created_before)
        )


class Control:
    """The requests of one project about executions that exist."""

    def __init__(self, service: Service) -> None:
        self._service = service

    # --- again ----------------------------------------------------------------------------------------------------

    def retry(self, execution: str) -> StartInfo:
        """Go on with a failed, cancelled or timed-out execution from where it failed, as a new one.

        Steps that were recorded do not run again; the step that failed starts with fresh attempts. A stalled one is
        kicked instead and stays itself. `Conflict` if it has completed or is under way, or if the state it carries on
        is in use or was changed by others since.
        """
        meta = self._service.meta(execution)
        if meta.status == "stalled":
            self._service.kick(execution)
            return meta.info
        if meta.status not in ("failed", "cancelled", "timed_out"):
            raise Conflict(
                f"execution {execution} is {meta.status}; only failed, cancelled, timed-out and stalled ones can be "
                "retried (a completed one can be forked from a step)"
            )
        return Copying(self._service, meta).retried()

    def fork(self, execution: str, *, from_step: str | None = None, payload: Any = UNCHANGED) -> StartInfo:
        """A new execution that takes over what was recorded before `from_step` (its key or verb:key; None: nothing).

        `payload` replaces the input. A state that is carried from execution to execution is its own from there on, as
        it was then. `NotFound` if no such step was recorded.
        """
        meta = self._service.meta(execution)
        definition = self._service.host.resolve(meta.info.workflow)
        text = meta.info.payload if payload is UNCHANGED else encode_payload(definition, payload)
        copying = Copying(self._service, meta)
        if from_step is None:
            return copying.forked(None, text)
        wanted = {from_step, f"run:{from_step}"}
        recorded = [entry.address for entry in copying.entries]
        cut = next((i for i, address in enumerate(recorded) if address in wanted), None)
        if cut is None:
            known = ", ".join(dict.fromkeys(recorded)) or "none"
            raise NotFound(f"execution {execution} has recorded no step {from_step!r}; recorded: {known}")
        return copying.forked(cut, text)

    # --- pause ----------------------------------------------------------------------------------------------------

    def pause(self, execution: str) -> None:
        """Begin nothing more: steps that run are recorded, news are kept, nothing new starts until `unpause`."""
        self._signal(execution, PAUSE)

    def unpause(self, execution: str) -> None:
        """Go on with everything that is pending."""
        self._signal(execution, UNPAUSE)

    def _signal(self, execution: str, address: str) -> None:
        meta = self._service.meta(execution)
        if meta.ended:
            raise Conflict(f"execution {execution} is {meta.status}: it has ended")
        message = self._service.message(MessageKind.SIGNAL, meta.info)
        key = request(address, self._service.next_request(), message.token)
        self._service.send(names.NEWS_QUEUE, replace(message, key=key))

    # --- finding --------------------------------------------------------------------------------------------------

    def find(
        self, wanted: Filter, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Meta], str | None]:
        """Executions, newest first, and where to go on. One page of work whatever the total.

        The narrowest order that fits is read: attribute, tree, status, workflow, else all; what it does not decide is
        filtered, so a page may hold fewer than `limit` and still have a successor.
        """
        if len(wanted.id_prefix) == ID_CHARACTERS:
            one = self._service.executions.get(self._service.project, wanted.id_prefix)
            return ([one] if one is not None and wanted.accepts(one) else []), None
        page = self._page(wanted, limit, cursor)
        metas = [decode(record) for record in page[0]]
        return [meta for meta in metas if wanted.accepts(meta)], page[1]

    def _page(self, wanted: Filter, limit: int, cursor: str | None) -> tuple[list[Any], str | None]:
        service, project = self._service, self._service.project
        records = service.ports.records
        after, before = _bounds(wanted, int(service.ports.clock.now() * 1000))
        if wanted.attributes:
            name, value = next(iter(wanted.attributes.items()))
            partition = names.attribute(project, name, value).partition
            page = records.query(
                partition, after=after, before=before, limit=limit, reverse=True, cursor=cursor
            )
            keys = [names.meta(project, record.value) for record in page.records]
            found = records.get_many(keys)
            return [found[key] for key in keys if key in found], page.cursor
        index, partition = "created", f"{project}|executions"
        if wanted.tree:
            index, partition = "tree", f"{project}|tree|{wanted.tree}"
        elif wanted.status:
            index, partition = "status", f"{project}|status|{wanted.status}"
            before = None  # it is in order of the last change, which is not before the beginning
        elif wanted.workflow:
            index, partition = "workflow", f"{project}|workflow|{wanted.workflow}"
        page = records.find(
            index, partition, after=after, before=before, limit=limit, reverse=True, cursor=cursor
        )
        return list(page.records), page.cursor


def _bounds(wanted: Filter, now_ms: int) -> tuple[str | None, str | None]:
    """Between which places of an order by time the executions stand that are asked for."""
    after, before = wanted.created_after, wanted.created_before
    begun = begun_between(wanted.id_prefix, now_ms)
    if begun is not None:
        after = begun[0] - 1 if after is None else max(after, begun[0] - 1)
        before = begun[1] if before is None else min(before, begun[1])
    return (
        None if after is None else f"{max(0, after + 1):013d}",
        None if before is None else f"{max(0, before):013d}",
    )
