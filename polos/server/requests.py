"""A request, from the event in which API Gateway (HTTP API, payload 2.0) or a function URL hands it over.

The local server makes the same events. Powertools reads them through this class, which takes query strings and bodies
more literally than its own: a topic may hold a comma, and a body that is not JSON is the caller's mistake.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic_core import from_json

from polos.errors import InvalidRequest

_MOST_FIELDS: Final = 100


class Request(APIGatewayProxyEventV2):
    """One request. Header names are matched in any case."""

    # --- where it comes from, as the gateway (not the caller) says -------------------------------------------------

    @property
    def _context(self) -> dict[str, Any]:
        return self.get("requestContext") or {}

    @property
    def id(self) -> str:
        """The request's id, for logs."""
        return str(self._context.get("requestId", ""))

    @property
    def from_loopback(self) -> bool:
        """Whether it comes from this very machine."""
        source = (self._context.get("http") or {}).get("sourceIp", "")
        try:
            return ipaddress.ip_address(source).is_loopback
        except ValueError:
            return False

    @property
    def iam_arn(self) -> str | None:
        """The AWS identity whose signature the gateway has checked."""
        iam = (self._context.get("authorizer") or {}).get("iam") or {}
        return iam.get("userArn")

    # --- what the caller says ----------------------------------------------------------------------------------------

    def header(self, name: str) -> str:
        """A header, or ""."""
        return str(self.headers.get(name) or "")

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer ...`."""
        scheme, _, token = self.header("authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @property
    def host(self) -> str:
        """The host that the caller means, with its port if any."""
        return self.header("host").lower() or str(self._context.get("domainName", ""))

    def cookie(self, name: str) -> str | None:
        """A cookie's value. The gateway hands them over apart from the other headers."""
        sent = [*(self.get("cookies") or []), *self.header("cookie").split(";")]
        pairs = (pair.strip().partition("=") for pair in sent)
        return next((value for found, _, value in pairs if found == name), None)

    @property
    def cross_site(self) -> bool:
        """Whether a browser sends it on behalf of a page of another origin.

        Browsers say so on every request that could change something; other programs say nothing.
        """
        if self.header("sec-fetch-site").lower() not in ("", "same-origin", "none"):
            return True
        origin = self.header("origin")
        return bool(origin) and urlsplit(origin).netloc.lower() != self.host

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def size(self) -> int:
        """The bytes of the body, about, before it is decoded."""
        return len(self.body or "") * 3 // 4 if self.is_base64_encoded else len(self.body or "")

    @cached_property
    def decoded_body(self) -> str | None:
        """The body as text. `InvalidRequest` if it is none."""
        if not self.body or not self.is_base64_encoded:
            return self.body
        try:
            return base64.b64decode(self.body, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidRequest("the body is not text in UTF-8") from error

    @cached_property
    def json_body(self) -> Any:
        """The body as JSON; None if there is none. `InvalidRequest` if it is not JSON."""
        text = self.decoded_body
        if not text:
            return None
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise InvalidRequest(f"the body is not JSON: {error}") from error

    @property
    def resolved_query_string_parameters(self) -> dict[str, list[str]]:
        """The query, each name with its values. The gateway's own map joins and splits them at commas."""
        raw = self.get("rawQueryString")
        if raw is None:
            return super().resolved_query_string_parameters
        try:
            found: dict[str, list[str]] = parse_qs(
                raw, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
            )
        except ValueError as error:
            raise InvalidRequest(f"the query is not understood: {error}") from error
        return found
