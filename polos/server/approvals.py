"""Links by which a person answers a suspended step: signed, for a time, and good for one answer.

    POST /v1/approvals -> https://.../approve/<what, until when>.<signature>     who has the link may answer, once
    GET  /approve/...   shows a form and changes nothing: mail scanners and previews open links too
    POST /approve/...   claims the link, then resumes the step

The claim is a record that is written before the step is resumed and holds the answer: of two answers one is taken, and
one that was claimed by a process that died is sent by whoever comes next.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polos.errors import Conflict, NotFound, PolosError
from polos.ports import ABSENT, Key, Ports, Put
from polos.runtime.service import Service
from polos.runtime.suspensions import Suspension, suspensions
from polos.server.signing import Signer, peek

PURPOSE: Final = "approval"
KEPT_SECONDS: Final = 86_400.0
"""How long a used link is remembered after it has expired."""


class Stale(StrEnum):
    """Why a link does not work any more."""

    USED = "This link has been used. It takes one answer."
    EXPIRED = "This link has expired."
    ANSWERED = "Nobody waits for an answer any more: it was given elsewhere, or the run has ended."


class StaleLink(PolosError):
    """A link that was good once. `why` says what became of it."""

    code = "stale_link"

    def __init__(self, why: Stale) -> None:
        self.why = why
        super().__init__(why.value)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is about. `expires_at` is epoch seconds; `nonce` tells links apart."""

    project: str
    execution: str
    step: str
    expires_at: int
    nonce: str

    @property
    def record(self) -> Key:
        """Where its use is noted."""
        return Key(f"{self.project}|approval|{self.nonce}", "use")


class Approvals:
    """Makes links and takes answers. `service_of(project)` gives the requests of a project."""

    def __init__(self, ports: Ports, signer: Signer, service_of: Callable[[str], Service]) -> None:
        self._ports = ports
        self._signer = signer
        self._service_of = service_of

    def make(self, service: Service, execution: str, step: str, expires_in: int) -> tuple[str, int]:
        """The token of a new link, and when it expires (epoch seconds). `Conflict` if that step does not wait."""
        if self._waiting(service, execution, step) is None:
            raise Conflict(f"execution {execution} does not wait for an answer to {step!r}")
        expires_at = int(self._ports.clock.now()) + expires_in
        data = {
            "p": service.project,
            "e": execution,
            "k": step,
            "x": expires_at,
            "n": secrets.token_hex(12),
        }
        return self._signer.seal(service.project, PURPOSE, data), expires_at

    def open(self, token: str) -> Link:
        """What a token is about.

        Raises:
            NotFound: It was not made here, or was changed.
            StaleLink: It has expired.
        """
        project = (peek(token) or {}).get("p")
        data = self._signer.open(project, PURPOSE, token) if isinstance(project, str) and project else None
        if data is None:
            raise NotFound("This link is not valid. Was all of it copied?")
        link = Link(data["p"], data["e"], data["k"], data["x"], data["n"])
        if link.expires_at <= self._ports.clock.now():
            raise StaleLink(Stale.EXPIRED)
        return link

    def question(self, link: Link) -> Suspension:
        """What is asked. `StaleLink` if nobody waits for the answer any more."""
        if self._ports.records.get(link.record) is not None:
            raise StaleLink(Stale.USED)
        try:
            waiting = self._waiting(self._service_of(link.project), link.execution, link.step)
        except NotFound:
            waiting = None
        if waiting is None:
            raise StaleLink(Stale.ANSWERED)
        return waiting

    def answer(self, link: Link, data: Any) -> None:
        """Give the answer, once. `StaleLink` if it was given before."""
        claim = json.dumps({"v": 1, "state": "claimed", "data": data}, ensure_ascii=False)
        expires = link.expires_at + KEPT_SECONDS
        if not self._ports.records.write(Put(link.record, claim, expect=ABSENT, expires_at=expires)):
            raise StaleLink(Stale.USED)
        self._finish(link, data)

    def finish(self, link: Link) -> None:
        """Send an answer that was claimed, and perhaps never sent. Nothing if there is none."""
        record = self._ports.records.get(link.record)
        noted = {} if record is None else json.loads(record.value)
        if noted.get("state") == "claimed":
            self._finish(link, noted["data"])

    def _finish(self, link: Link, data: Any) -> None:
        self._service_of(link.project).resume(link.execution, link.step, data)
        done = json.dumps({"v": 1, "state": "sent"})
        self._ports.records.write(Put(link.record, done, expires_at=link.expires_at + KEPT_SECONDS))

    def _waiting(self, service: Service, execution: str, step: str) -> Suspension | None:
        return next((one for one in suspensions(service, execution) if one.key == step), None)
