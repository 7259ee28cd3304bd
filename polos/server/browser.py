"""Who sits at a browser: an API key is shown once, and what the browser keeps is a cookie that soon expires.

    sign in     POST with the key in the body        -> a sealed token in a cookie that no script can read
    look        the cookie goes along by itself      -> project of the token, role of the key as it is now
    act         the cookie, and beside it a word that only a page of ours can know, from an origin that is ours
    go on       GET renews a token that is half over -> never beyond twelve hours after signing in
    sign out    the token is dead from then on, wherever it was copied to

A token names the key that it was made with: when that is revoked or expires, so does the token, with the next request.
It is worth nothing as a key, and a key is nowhere in it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from polos.errors import Forbidden, Unauthorized
from polos.ports import Clock, Key, Put, Records
from polos.server.keys import ApiKey, ApiKeys
from polos.server.principals import Principal
from polos.server.requests import Request
from polos.server.signing import SERVER, Signer, peek

LIFE_SECONDS: Final = 3600
LONGEST_SECONDS: Final = 12 * 3600
PLAIN_COOKIE: Final = "polos_session"
SECURE_COOKIE: Final = "__Host-polos_session"
"""Browsers take a cookie of such a name only over TLS, for this host alone and its whole path."""
CSRF_HEADER: Final = "polos-csrf"
HOW: Final = "session"
_PURPOSE: Final = "browser"
_CSRF: Final = "browser-csrf"


@dataclass(frozen=True, slots=True)
class Session:
    """One signing in. `expires` and `ends` are epoch seconds: of the token at hand, and of the last that follows it."""

    project: str
    key: str
    nonce: str
    expires: int
    ends: int

    @property
    def out(self) -> Key:
        """Where it is noted that somebody has signed out."""
        return Key(f"{SERVER}|signed-out|{self.nonce}", "session")


class BrowserSessions:
    """Makes, checks and ends sessions. `public_url`: where people reach the API, if that is not what requests say."""

    def __init__(
        self, records: Records, clock: Clock, keys: ApiKeys, signer: Signer, *, public_url: str | None = None
    ) -> None:
        self._records = records
        self._clock = clock
        self._keys = keys
        self._signer = signer
        self._public = urlsplit(public_url or "").netloc.lower()

    # --- signing in and out -----------------------------------------------------------------------------------------

    def begin(self, request: Request, text: str) -> tuple[Session, ApiKey]:
        """Sign in with an API key.

        Raises:
            Forbidden: A page of another origin asks, to sign somebody in as somebody else.
            Unauthorized: It is no good key.
        """
        self._check_place(request, must_say=False)
        key = self._keys.verify(text.strip())
        if key is None:
            raise Unauthorized("this API key is not known: it was never made, has expired or was revoked")
        now = int(self._clock.now())
        ends = now + LONGEST_SECONDS
        if key.expires_at is not None:
            ends = min(ends, int(key.expires_at))
        return Session(key.project, key.id, secrets.token_hex(16), min(now + LIFE_SECONDS, ends), ends), key

    def end(self, session: Session) -> None:
        """Sign out: no token of this session is good any more."""
        done = json.dumps({"v": 1})
        self._records.write(Put(session.out, done, expires_at=session.ends + LIFE_SECONDS))

    def renewed(self, session: Session) -> Session | None:
        """What goes on where this one ends; None while there is time."""
        now = int(self._clock.now())
        later = min(now + LIFE_SECONDS, session.ends)
        if session.expires - now > LIFE_SECONDS / 2 or later <= session.expires:
            return None
        return replace(session, expires=later)

    # --- checking ---------------------------------------------------------------------------------------------------

    def of(self, request: Request) -> tuple[Session, ApiKey] | None:
        """Whose browser sends it, if the cookie of one comes along and is still good."""
        text = request.cookie(SECURE_COOKIE) or request.cookie(PLAIN_COOKIE)
        session = self._read(text) if text else None
        if session is None or session.expires <= self._clock.now():
            return None
        key = self._keys.standing(session.key, session.out)
        return None if key is None or key.project != session.project else (session, key)

    def admit(self, request: Request, *, acting: bool) -> Principal | None:
        """Who asks by the cookie; None if none of ours comes along. Browsers send cookies for whoever asks them to.

        Raises:
            Unauthorized: The session is over.
            Forbidden: It was not a page of ours that sent this.
        """
        if not (request.cookie(SECURE_COOKIE) or request.cookie(PLAIN_COOKIE)):
            return None
        found = self.of(request)
        if found is None:
            raise Unauthorized("you are signed out, or were for too long: sign in again with an API key")
        session, key = found
        self.check(request, session, acting=acting)
        return Principal(key.project, key.role, f"key:{key.id}", HOW)

    def check(self, request: Request, session: Session, *, acting: bool) -> None:
        """Whether a page of ours sends it: by where it comes from and, to act, by the word it knows. `Forbidden`."""
        self._check_place(request, must_say=acting)
        if not acting:
            return
        given = self._signer.open(session.project, _CSRF, request.header(CSRF_HEADER))
        if given is None or given.get("n") != session.nonce:
            raise Forbidden(
                f"a request that changes something, sent by a browser, needs the header {CSRF_HEADER}: "
                "GET /v1/browser/session tells its value"
            )

    def _check_place(self, request: Request, *, must_say: bool) -> None:
        if request.header("sec-fetch-site").lower() not in ("", "same-origin", "none"):
            raise Forbidden("this request was sent by a page of another origin")
        origin = request.header("origin")
        ours = {request.host, self._public} - {""}
        if origin and urlsplit(origin).netloc.lower() not in ours:
            raise Forbidden("this request was sent by a page of another origin")
        if must_say and not origin:
            raise Forbidden("a request that changes something, sent by a browser, names its Origin")

    # --- what the browser holds -------------------------------------------------------------------------------------

    def token(self, session: Session) -> str:
        """The cookie's value."""
        data = {
            "p": session.project,
            "k": session.key,
            "n": session.nonce,
            "x": session.expires,
            "e": session.ends,
        }
        return self._signer.seal(session.project, _PURPOSE, data)

    def csrf(self, session: Session) -> str:
        """The word that acting requests bring along: the same as long as the session lasts."""
        return self._signer.seal(session.project, _CSRF, {"n": session.nonce})

    def _read(self, text: str) -> Session | None:
        project = (peek(text) or {}).get("p")
        data = self._signer.open(project, _PURPOSE, text) if isinstance(project, str) and project else None
        return None if data is None else Session(data["p"], data["k"], data["n"], data["x"], data["e"])
