"""One request of boto3 on its way to moto, read as service, operation and parameters; and answers of our own to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import MockRawResponse


@dataclass(slots=True)
class Call:
    """`service` ("dynamodb"), `operation` ("PutItem") and, where the body is JSON, its content as `params`."""

    service: str
    operation: str
    params: dict[str, Any]
    request: AWSPreparedRequest

    @classmethod
    def of(cls, event: str, request: AWSPreparedRequest) -> Call:
        """Read a request; `event` is botocore's, `before-send.<service>.<operation>`."""
        _, service, operation = event.split(".", 2)
        return cls(service, operation, _json_body(request), request)

    def rewrite(self, params: dict[str, Any]) -> Call:
        """The same request with other parameters. The signature no longer fits, which moto does not check."""
        body = json.dumps(params).encode()
        headers = HTTPHeaders()
        for name, value in self.request.headers.items():
            if name.lower() != "content-length":
                headers[name] = value
        headers["Content-Length"] = str(len(body))
        request = AWSPreparedRequest(
            method=self.request.method, url=self.request.url, headers=headers, body=body, stream_output=False
        )
        return Call(self.service, self.operation, params, request)

    def answer(self, content: Mapping[str, Any], *, status: int = 200) -> AWSResponse:
        """An answer with a JSON body."""
        body = json.dumps(content).encode()
        return _response(self.request.url, status, {"Content-Type": "application/x-amz-json-1.0"}, body)

    def refuse(self, code: str, message: str, *, status: int = 400, **details: Any) -> AWSResponse:
        """An error answer, in the form of the service's protocol."""
        if self.service == "s3":
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            return _response(self.request.url, status, {}, body.encode())
        answer = self.answer(
            {"__type": code, "message": message, "Message": message, **details}, status=status
        )
        answer.headers["x-amzn-ErrorType"] = code
        return answer


def content_of(response: AWSResponse) -> dict[str, Any]:
    """The JSON body of an answer that is read before botocore reads it; `replay` must follow."""
    text = response.content
    return dict(json.loads(text)) if text else {}


def replay(response: AWSResponse) -> AWSResponse:
    """The same answer, to be read once more."""
    return _response(response.url, response.status_code, response.headers, response.content)


def _response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AWSResponse:
    # botocore's stubs ask for its own class of headers; at run time any mapping will do, and moto passes dicts too.
    return AWSResponse(url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]


def _json_body(request: AWSPreparedRequest) -> dict[str, Any]:
    body = request.body
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes) or not body.lstrip().startswith(b"{"):
        return {}
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
