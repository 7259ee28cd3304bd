"""The gate: who asks is found out here, before anything of the request is looked at. What is not certain is refused.

    API key     Authorization: Bearer polos_...     the key names project and role
    IAM         a signature that the gateway has checked (SigV4); which identity may do what is configured
    session     a browser's cookie, made with a key and worth less; see `browser`
    local       no key, for requests from this machine to this machine, when POLOS_LOCAL_MODE=true; a text that was
                never a key, as the `your-api-key` of examples, counts as none there

The project is never taken from what the caller says. A header may say which project the caller means to talk to; that
it is another one than the key's is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from polos.errors import Forbidden, InvalidDefinition, Unauthorized
from polos.server.browser import BrowserSessions
from polos.server.keys import ApiKeys, check_project, looks_like_key
from polos.server.principals import Principal, Role
from polos.server.requests import Request

PROJECT_HEADER: Final = "polos-project"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_HOST: Final = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.ASCII)
_ASSUMED_ROLE: Final = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Access:
    """Who besides the holders of keys may ask.

    `iam`: ARN of a user or role (`arn:aws:iam::123456789012:role/ops`) -> project and role. `local_project`: the
    project of requests without a key from this machine; None: such requests are refused.
    """

    iam: Mapping[str, tuple[str, Role]] = field(default_factory=dict)
    local_project: str | None = None


KEYS_ONLY: Final = Access()


class Gate:
    """Admits requests, or raises `Unauthorized` or `Forbidden`."""

    def __init__(self, keys: ApiKeys, access: Access, sessions: BrowserSessions) -> None:
        self._keys = keys
        self._access = access
        self._sessions = sessions

    def admit(self, request: Request) -> Principal:
        """Who asks."""
        principal = self._principal(request)
        meant = request.header(PROJECT_HEADER)
        if meant and meant != principal.project:
            raise Forbidden(
                f"this key is of project {principal.project!r}, and the request means {meant!r}; use a key of that one"
            )
        return principal

    def _principal(self, request: Request) -> Principal:
        local = self._access.local_project is not None
        if request.bearer is not None and (looks_like_key(request.bearer) or not local):
            return self._by_key(request.bearer)
        if request.iam_arn is not None:
            return self._by_arn(request.iam_arn)
        if self._access.local_project is not None:
            return self._by_place(request, self._access.local_project)
        acting = request.http_method not in SAFE_METHODS
        seated = self._sessions.admit(request, acting=acting)
        if seated is not None:
            return seated
        raise Unauthorized("an API key is needed: send it as `Authorization: Bearer polos_...`")

    def _by_key(self, text: str) -> Principal:
        key = self._keys.verify(text)
        if key is None:
            raise Unauthorized("this API key is not known: it was never made, has expired or was revoked")
        return Principal(key.project, key.role, f"key:{key.id}", "key")

    def _by_arn(self, arn: str) -> Principal:
        grant = self._access.iam.get(role_arn(arn))
        if grant is None:
            raise Forbidden(f"{arn} has no access; give it a project and a role in POLOS_IAM_ACCESS")
        return Principal(*grant, f"iam:{role_arn(arn)}", "iam")

    def _by_place(self, request: Request, project: str) -> Principal:
        """A page in a browser on this machine is not this machine's user: it may come from anywhere.

        Such a page can send requests to a loopback address, and reads the answers when its own name leads there (DNS
        rebinding). So the host that is asked for must be a loopback one, and no other origin may ask for changes.
        """
        if not request.from_loopback:
            raise Unauthorized("without an API key only requests from this machine are taken")
        if not _LOOPBACK_HOST.fullmatch(request.host):
            raise Forbidden(f"local mode answers to localhost, not to {request.host!r}")
        if request.http_method not in SAFE_METHODS and request.cross_site:
            raise Forbidden("this request was sent by a page of another origin")
        return Principal(project, Role.ADMIN, "local", "local")


def role_arn(arn: str) -> str:
    """The role of an assumed-role session, without its path, which no session tells; other ARNs as they are."""
    session = _ASSUMED_ROLE.fullmatch(arn)
    return arn if session is None else "arn:{}:iam::{}:role/{}".format(*session.groups())


def iam_access(text: str) -> dict[str, tuple[str, Role]]:
    """Read POLOS_IAM_ACCESS: `{"arn:aws:iam::123456789012:role/ops": {"project": "shop", "role": "admin"}}`.

    Raises:
        InvalidDefinition: It is something else.
    """
    try:
        data: Any = json.loads(text)
        found = {arn: (grant["project"], Role(grant["role"])) for arn, grant in data.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidDefinition(
            'POLOS_IAM_ACCESS is not a JSON object of ARNs, each with {"project": ..., "role": "read|run|admin"}'
        ) from error
    for project, _ in found.values():
        check_project(project)
    return found
