"""The desk: what the routes share, and the request at hand with the project it is about."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from polos.errors import InvalidRequest, PolosError
from polos.ports import Clock
from polos.runtime.host import Host
from polos.runtime.service import Service
from polos.runtime.timeline import TimelineReader
from polos.server.cursors import Cursors
from polos.server.principals import Principal
from polos.server.requests import Request
from polos.server.signing import Signer, StoredSecrets
from polos.server.streams import CONTENT_TYPE, Next, at_once, endless

LONGEST_WAIT: Final = 20.0
"""Seconds. A gateway gives up after 29."""
LAST_POSITION: Final = 2**53 - 1
"""The greatest position or sequence id to ask for: whatever reads JSON counts so far exactly, and stores further."""
SPARE_SECONDS: Final = 3.0
"""What an invocation keeps of its time for the answer."""
READERS: Final = 16
"""Timelines that are kept between requests: each holds the journal of its execution."""


@dataclass(slots=True)
class Asked:
    """A request. `deadline`: on the monotonic clock, when its answer must be ready.

    `can_stream`: the answer may go on without end; then a handler may set `stream`. `principal`: None until it has been
    admitted, and on routes for everybody.
    """

    request: Request
    deadline: float
    admit: Callable[[Request], Principal]
    can_stream: bool = False
    principal: Principal | None = None
    stream: Iterator[str] | None = None

    @property
    def project(self) -> str:
        """The project of who asks."""
        if self.principal is None:
            raise PolosError("this route is for everybody: nobody's project is known here")
        return self.principal.project

    def still_admitted(self) -> bool:
        """Whether who asked may still: a key may be revoked while it reads a stream."""
        try:
            return self.admit(self.request) == self.principal
        except PolosError:
            return False


class Desk:
    """What routes need beside their arguments.

    Args:
        new_id: Makes ids of executions from the time in epoch milliseconds.
        clock: The time by which requests wait; else the store's.
        public_url: Where people reach this API, for links; else what the request at hand says.
    """

    def __init__(
        self,
        host: Host,
        *,
        new_id: Callable[[int], str],
        clock: Clock | None = None,
        public_url: str | None = None,
    ) -> None:
        self.host = host
        self.clock = clock or host.ports.clock
        self.stored = StoredSecrets(host.ports.records)
        self.signer = Signer(self.stored)
        self.cursors = Cursors(host.ports.records, self.clock, self.signer)
        self._new_id = new_id
        self._public_url = public_url
        self._at_hand = threading.local()
        self._readers: OrderedDict[tuple[str, str], TimelineReader] = OrderedDict()
        self._readers_lock = threading.Lock()

    @property
    def asked(self) -> Asked:
        """The request at hand, on this thread."""
        asked: Asked = self._at_hand.asked
        return asked

    @property
    def service(self) -> Service:
        """The requests of the project that the request at hand is about."""
        return self.service_of(self.asked.project)

    def service_of(self, project: str) -> Service:
        """The requests of a project."""
        return Service(self.host, project, new_id=self._new_id)

    def reader(self, execution: str) -> TimelineReader:
        """Who reads the timeline of an execution of the project at hand: kept, to read on where it was."""
        name = (self.asked.project, execution)
        with self._readers_lock:
            reader = self._readers.get(name) or TimelineReader(self.service, execution)
            self._readers[name] = reader
            self._readers.move_to_end(name)
            while len(self._readers) > READERS:
                self._readers.popitem(last=False)
        return reader

    @contextmanager
    def serving(self, asked: Asked) -> Iterator[None]:
        """Meanwhile it is the one at hand."""
        self._at_hand.asked = asked
        try:
            yield
        finally:
            del self._at_hand.asked

    @property
    def base_url(self) -> str:
        """Where people reach this API, without a slash at the end."""
        if self._public_url:
            return self._public_url.rstrip("/")
        request = self.asked.request
        scheme = request.header("x-forwarded-proto") or "https"
        if scheme not in ("http", "https"):
            raise InvalidRequest(f"X-Forwarded-Proto is {scheme!r}; expected http or https")
        return f"{scheme}://{request.host}"

    def streamed(self, following: Next) -> Response[Any]:
        """The answer that is a stream: of no end where the caller can read one, else as much as there is."""
        asked = self.asked
        text: str | None = ""
        if asked.can_stream:
            asked.stream = endless(following, asked.still_admitted)
        else:
            text = at_once(following, self.patience(LONGEST_WAIT))
        return Response(status_code=204 if text is None else 200, content_type=CONTENT_TYPE, body=text or "")

    def patience(self, wanted: float) -> float:
        """How long the request at hand can wait for something, of the seconds it wants to."""
        left = self.asked.deadline - self.clock.monotonic() - SPARE_SECONDS
        return max(0.0, min(wanted, LONGEST_WAIT, left))
