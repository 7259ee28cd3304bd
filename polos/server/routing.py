"""Which path and method does what, and who may ask for it: the table, and finding a line of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from polos.errors import NotFound
from polos.server.principals import Role
from polos.server.problems import MethodNotAllowed

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table. A part of the path in angle brackets, `<execution_id>`, is an argument of the handler.

    `role`: what the caller's role must allow; None: anybody may ask, and the handler sees to it. `group` is the heading
    in the documentation, "" for what does not stand there. `takes`: the media type of the body, if it has one.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    role: Role | None
    group: str
    status: int = 200
    takes: str = JSON
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"<(\w+)>", r"(?P<\1>[\\w.~-]{1,2048})", re.escape(self.path).replace(r"\-", "-"))
        object.__setattr__(self, "pattern", re.compile(pattern, re.ASCII))

    @property
    def name(self) -> str:
        """How people speak of it."""
        return f"{self.method} {self.path}"


class Table:
    """The routes of an API."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, method: str, path: str) -> Route | None:
        """The route of a request, or None."""
        return next((r for r in self.routes if r.method == method and r.pattern.fullmatch(path)), None)

    def missing(self, method: str, path: str) -> Exception:
        """Why there is none: `MethodNotAllowed`, or `NotFound`."""
        allowed = {route.method for route in self.routes if route.pattern.fullmatch(path)}
        if allowed:
            return MethodNotAllowed(method, path, tuple(sorted(allowed)))
        return NotFound(f"the API has no {path}; GET /docs says what it has")
