"""Signing in from a browser, and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite

from polos.server.browser import HOW, PLAIN_COOKIE, SECURE_COOKIE, BrowserSessions, Session
from polos.server.desk import Desk
from polos.server.keys import ApiKey
from polos.server.models.browser import BrowserSession, SignedOut, SignIn
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Browser"


def routes(desk: Desk, sessions: BrowserSessions) -> Sequence[Route]:
    """The lines of the table."""
    at = Browsing(desk, sessions)
    path = "/v1/browser/session"
    return (
        Route("GET", path, at.look, Role.READ, GROUP),
        Route("POST", path, at.sign_in, None, GROUP),
        Route("DELETE", path, at.sign_out, None, GROUP),
    )


class Browsing:
    """The handlers."""

    def __init__(self, desk: Desk, sessions: BrowserSessions) -> None:
        self._desk = desk
        self._sessions = sessions

    def look(self) -> Response[BrowserSession]:
        """Who sits at this browser. Renews the cookie when half of its time is over."""
        asked = self._desk.asked
        principal = asked.principal
        if principal is None:
            raise RuntimeError("a route with a role was reached without a caller")
        found = self._sessions.of(asked.request) if principal.how == HOW else None
        if found is None:
            told = BrowserSession(project=principal.project, role=principal.role.value, how=principal.how)
            return Response(status_code=200, content_type="application/json", body=told)
        session, key = found
        renewed = self._sessions.renewed(session)
        return self._told(renewed or session, key, renewed is not None)

    def sign_in(self, request: SignIn) -> Response[BrowserSession]:
        """Sign in with an API key: what comes back is a cookie that scripts cannot read, good for an hour."""
        session, key = self._sessions.begin(self._desk.asked.request, request.api_key)
        return self._told(session, key, fresh=True)

    def sign_out(self) -> Response[SignedOut]:
        """Sign out: the cookie is worth nothing any more, wherever it is."""
        request = self._desk.asked.request
        found = self._sessions.of(request)
        if found is not None:
            self._sessions.check(request, found[0], acting=True)
            self._sessions.end(found[0])
        return Response(
            status_code=200,
            content_type="application/json",
            body=SignedOut(deleted=found is not None),
            cookies=[self._cookie("", 0)],
        )

    def _told(self, session: Session, key: ApiKey, fresh: bool) -> Response[BrowserSession]:
        told = BrowserSession(
            project=key.project,
            role=key.role.value,
            how=HOW,
            csrf=self._sessions.csrf(session),
            expires_at=datetime.fromtimestamp(session.expires, UTC),
            ends_at=datetime.fromtimestamp(session.ends, UTC),
        )
        life = session.expires - int(self._desk.clock.now())
        cookies = [self._cookie(self._sessions.token(session), life)] if fresh else []
        return Response(status_code=200, content_type="application/json", body=told, cookies=cookies)

    def _cookie(self, value: str, seconds: int) -> Cookie:
        secure = self._desk.base_url.startswith("https:")
        return Cookie(
            name=SECURE_COOKIE if secure else PLAIN_COOKIE,
            value=value,
            path="/",
            secure=secure,
            http_only=True,
            max_age=seconds,
            same_site=SameSite.STRICT_MODE,
        )
