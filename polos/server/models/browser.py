"""The session of a browser."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from polos.server.models.texts import Body


class SignIn(Body):
    """Sign in with an API key. The browser does not keep it."""

    api_key: Annotated[str, Field(min_length=1, max_length=400, repr=False)]


class BrowserSession(BaseModel):
    """Who sits at the browser. `csrf` goes into the header `polos-csrf` of every request that changes something.

    `how`: "session" by a cookie, else as in `/v1/me`; then there is no `csrf`, and nothing expires. `expires_at`: when
    the cookie is worth nothing, unless it is renewed by asking for this again; `ends_at`: beyond which it is not.
    """

    project: str
    role: str
    how: str
    csrf: str | None = None
    expires_at: datetime | None = None
    ends_at: datetime | None = None


class SignedOut(BaseModel):
    """`deleted`: whether there was a session."""

    deleted: bool
