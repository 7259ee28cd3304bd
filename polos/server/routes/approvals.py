"""Links by which a person answers a suspended step, and the pages behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from polos.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    PolosError,
    TooLarge,
    UnknownWorkflow,
)
from polos.runtime.inbox import Inbox, Note
from polos.runtime.service import Service
from polos.runtime.suspensions import Suspension, suspensions
from polos.server.approvals import Approvals, Link, StaleLink
from polos.server.desk import Desk
from polos.server.forms import Form, form_of, read_answer
from polos.server.models.approvals import Approval, ApprovalRequest, Question, Questions
from polos.server.pages import POLICY, form_page, message_page
from polos.server.principals import Role
from polos.server.problems import problem
from polos.server.routing import FORM, Route

GROUP: Final = "Approvals"
MAX_FORM: Final = 200_000

Token = Annotated[str, Path()]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Answering(desk)
    return (
        Route("GET", "/v1/approvals", at.list_questions, Role.READ, GROUP),
        Route("POST", "/v1/approvals", at.make_link, Role.RUN, GROUP, 201),
        Route("GET", "/approve/<token>", at.show_form, None, ""),
        Route("POST", "/approve/<token>", at.take_answer, None, "", takes=FORM),
    )


class Answering:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._approvals = Approvals(desk.host.ports, desk.signer, desk.service_of)

    def list_questions(
        self,
        limit: Annotated[int, Query(ge=1, le=100)] = 25,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> Questions:
        """What waits for somebody's answer, the oldest first. A page may hold fewer than `limit`."""
        service, cursors = self._desk.service, self._desk.cursors
        begin = cursors.take(service.project, "inbox", cursor)
        notes, following = Inbox(service.ports, service.project).page(limit, begin)
        sealed = None if following is None else cursors.give(service.project, "inbox", following)
        found = [made for note in notes if (made := _question(service, note)) is not None]
        return Questions(approvals=found, next_cursor=sealed)

    def make_link(self, request: ApprovalRequest) -> Approval:
        """Make a link by which a person answers a suspended step, once. Who has the link can answer."""
        token, expires_at = self._approvals.make(
            self._desk.service, request.execution_id, request.step_key, request.expires_in
        )
        return Approval(
            url=f"{self._desk.base_url}/approve/{token}", expires_at=datetime.fromtimestamp(expires_at, UTC)
        )

    def show_form(self, token: Token) -> Response[Any]:
        """Show what is asked. It changes nothing."""
        return self._page(lambda: _html(200, form_page(self._form(self._approvals.open(token)))))

    def take_answer(self, token: Token) -> Response[Any]:
        """Take the answer."""
        return self._page(lambda: self._answered(self._approvals.open(token)))

    def _form(self, link: Link) -> Form:
        return form_of(json.loads(self._approvals.question(link).data))

    def _answered(self, link: Link) -> Response[Any]:
        request = self._desk.asked.request
        if request.cross_site:
            raise Forbidden("The answer was sent from another page. Open the link itself, and answer there.")
        self._approvals.finish(link)
        form, sent = self._form(link), _sent(request.decoded_body or "")
        answer, wrong = read_answer(form, sent)
        if wrong:
            return _html(422, form_page(form, sent=sent, wrong=wrong))
        self._approvals.answer(link, answer)
        return _html(200, message_page("Thank you", "Your answer was sent."))

    def _page(self, make: Callable[[], Response[Any]]) -> Response[Any]:
        """What is made, or a page that says what is wrong."""
        try:
            return make()
        except StaleLink as error:
            return _html(410, message_page("Too late", str(error)))
        except NotFound as error:
            return _html(404, message_page("Not found", str(error)))
        except (Forbidden, InvalidRequest, TooLarge) as error:
            return _html(400, message_page("Not accepted", str(error)))
        except PolosError as error:
            told = problem(error, request_id=self._desk.asked.request.id)
            return _html(told.status, message_page("That did not work", "Please try again in a moment."))


def _question(service: Service, note: Note) -> Question | None:
    """What is asked; None if nobody waits for it any more. Where the code is not here, what it asks is not known."""
    meta = service.executions.get(service.project, note.execution)
    if meta is None or meta.ended:
        return None
    asked: Suspension | None
    try:
        waiting = suspensions(service, note.execution)
    except (UnknownWorkflow, Conflict):
        asked = Suspension(note.key, "null", None)
    else:
        asked = next((one for one in waiting if one.key == note.key), None)
    if asked is None:
        return None
    data = json.loads(asked.data)
    return Question(
        execution_id=note.execution,
        workflow_id=note.workflow,
        root_execution_id=meta.info.root_execution or note.execution,
        step_key=note.key,
        asked_at=datetime.fromtimestamp(note.asked_at / 1000, UTC),
        due=None if asked.due is None else datetime.fromtimestamp(asked.due, UTC),
        data=data,
        form=form_of(data),
    )


def _sent(body: str) -> dict[str, list[str]]:
    if len(body) > MAX_FORM:
        raise TooLarge("The answer is too long.")
    try:
        return parse_qs(body, keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise InvalidRequest("The answer could not be read.") from error


def _html(status: int, page: str) -> Response[Any]:
    headers: dict[str, Any] = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY"}
    return Response(status_code=status, content_type="text/html; charset=utf-8", body=page, headers=headers)
