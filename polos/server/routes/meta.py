"""The API about itself: its health, its description, and who asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server
from aws_lambda_powertools.event_handler.openapi.swagger_ui import generate_swagger_html

from polos.server.desk import Desk
from polos.server.models.others import Caller, Health
from polos.server.principals import Role
from polos.server.resolver import Resolver
from polos.server.routing import Route

GROUP: Final = "API"
SECURITY: Final[list[dict[str, list[str]]]] = [{"apiKey": []}]
TITLE: Final = "Polos"
VERSION: Final = "1"
ABOUT: Final = (
    "Durable workflows and agents: start, look, act, publish. Errors are problem details (RFC 9457); their `code` says "
    "what happened and stays the same. `polos key create` makes an API key; it is of one project."
)
# The page runs scripts that stand in it, and asks nobody but this API.
_DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def routes(desk: Desk, resolver: Resolver) -> Sequence[Route]:
    """The lines of the table."""
    at = Meta(desk, resolver)
    return (
        Route("GET", "/health", at.health, None, GROUP),
        Route("GET", "/v1/me", at.who_asks, Role.READ, GROUP),
        Route("GET", "/openapi.json", at.openapi, None, ""),
        Route("GET", "/docs", at.docs, None, ""),
    )


class Meta:
    """The handlers."""

    def __init__(self, desk: Desk, resolver: Resolver) -> None:
        self._desk = desk
        self._resolver = resolver

    def health(self) -> Health:
        """Whether the API is there. It asks no store."""
        return Health(status="ok")

    def who_asks(self) -> Caller:
        """Which project and role the key has."""
        principal = self._desk.asked.principal
        if principal is None:
            raise RuntimeError("a route with a role was reached without a caller")
        return Caller(project=principal.project, role=principal.role.value, how=principal.how)

    def openapi(self) -> Response[Any]:
        """The API's description, as OpenAPI."""
        return Response(status_code=200, content_type="application/json", body=self._document)

    def docs(self) -> Response[Any]:
        """The API's description, as a page to read and try. Nothing of it comes from elsewhere."""
        assets = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
        page = generate_swagger_html(
            self._document.replace("</", "<\\/"),
            assets.joinpath("swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
            assets.joinpath("swagger-ui.min.css").read_text(encoding="utf-8"),
            "",
            None,
        )
        headers: dict[str, Any] = {"Content-Security-Policy": _DOCS_POLICY}
        return Response(status_code=200, content_type="text/html; charset=utf-8", body=page, headers=headers)

    @cached_property
    def _document(self) -> str:
        text: str = self._resolver.get_openapi_json_schema(
            title=TITLE,
            version=VERSION,
            description=ABOUT,
            servers=[Server(url="/")],
            security_schemes={"apiKey": HTTPBearer(description="An API key: polos_...")},
        )
        return text
