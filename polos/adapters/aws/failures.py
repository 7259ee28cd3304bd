"""What an error of boto3 means: may the call succeed later, may it have been applied, and what to tell the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from polos.errors import CredentialsMissing, StoreError


class Fate(Enum):
    """What became of a request that brought no good answer."""

    NOT_APPLIED = "refused before it did anything, and may succeed later"
    UNSURE = "may have been applied, and may succeed later"
    FINAL = "will fail again"


class Refused(Exception):
    """The service said no in a way its caller asked to hear of.

    `code` is the error code, `answer` the whole error answer. `unsure`: an earlier attempt of the same call brought no
    answer and may have been applied, so that the refusal may be the effect of our own write.
    """

    def __init__(self, code: str, answer: Mapping[str, Any], *, unsure: bool) -> None:
        self.code = code
        self.answer = answer
        self.unsure = unsure
        super().__init__(code)

    @property
    def reasons(self) -> list[Mapping[str, Any]]:
        """Of a cancelled transaction: one reason an item, `{"Code": "None"}` where there is none."""
        return list(self.answer.get("CancellationReasons", ()))


@dataclass(frozen=True, slots=True)
class Failure:
    """`what` was tried and the `reason` it failed; `error` is what to raise if it is final."""

    what: str
    reason: str
    fate: Fate
    error: StoreError
    code: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


_THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",
        "SlowDown",
        "ReplicatedWriteConflictException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "KMS.ThrottlingException",
        "KmsThrottled",
    }
)
_NO_SUCH_RESOURCE: Final = frozenset(
    {
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "NonExistentQueue",
        "NoSuchBucket",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"})
_BAD_CREDENTIALS: Final = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "ExpiredToken",
        "ExpiredTokenException",
    }
)
_NO_CREDENTIALS: Final = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.NoAuthTokenError,
    sdk.TokenRetrievalError,
    sdk.UnauthorizedSSOTokenError,
    sdk.SSOTokenLoadError,
    sdk.ProfileNotFound,
)
_NEVER_SENT: Final = (sdk.ConnectTimeoutError, sdk.EndpointConnectionError, sdk.ProxyConnectionError)
_ANSWER_LOST: Final = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.ResponseStreamingError,
    ResponseParserError,
)

# Several operations have no permission of their own.
_PERMISSION: Final = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "TransactWriteItems": "PutItem, UpdateItem, DeleteItem or ConditionCheckItem",
}


def classify(error: Exception, *, service: str, operation: str, on: str) -> Failure | None:
    """What `error`, raised by a boto3 client, means; None if it is no error of AWS but one of ours (a bug)."""
    name = _wire_name(operation)
    what = f"{service}:{name} on {on}"
    if isinstance(error, sdk.ClientError):
        return _answered(error, service=service, name=name, on=on)
    if isinstance(error, _NO_CREDENTIALS):
        return Failure(what, str(error), Fate.FINAL, _no_credentials(str(error)))
    if isinstance(error, sdk.NoRegionError):
        return Failure(
            what, str(error), Fate.FINAL, StoreError(f"{what}: no AWS region is set; set AWS_REGION")
        )
    if isinstance(error, sdk.SSLError):
        told = StoreError(f"{what}: no trusted connection: {error}; check the endpoint and the CA bundle")
        return Failure(what, str(error), Fate.FINAL, told)
    if isinstance(error, _NEVER_SENT):
        return Failure(what, str(error), Fate.NOT_APPLIED, StoreError(f"{what}: {error}"))
    if isinstance(error, _ANSWER_LOST):
        return Failure(what, str(error) or type(error).__name__, Fate.UNSURE, StoreError(f"{what}: {error}"))
    return None


def _answered(error: sdk.ClientError, *, service: str, name: str, on: str) -> Failure:
    answer: Mapping[str, Any] = error.response
    details = answer.get("Error", {})
    # SQS names some of its errors as its older protocol did: AWS.SimpleQueueService.NonExistentQueue.
    code = str(details.get("Code", "")).removeprefix("AWS.SimpleQueueService.")
    message = str(details.get("Message", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    what = f"{service}:{name} on {on}"
    return Failure(
        what,
        reason=f"{code}: {message}",
        fate=_fate(code, status),
        error=_told(code, message, what=what, action=f"{service}:{_PERMISSION.get(name, name)}", on=on),
        code=code,
        answer=answer,
    )


def _fate(code: str, status: int) -> Fate:
    if code in _THROTTLED or status == 429:
        return Fate.NOT_APPLIED
    return Fate.UNSURE if status >= 500 else Fate.FINAL


def _told(code: str, message: str, *, what: str, action: str, on: str) -> StoreError:
    if code in _DENIED:
        return StoreError(
            f"AWS does not permit {action} on {on} ({code}: {message}); the role or user that runs this needs a "
            "statement that allows it. In a deployed stack roles come from the template: run `polos build` and "
            "`sam deploy` again"
        )
    if code in _BAD_CREDENTIALS:
        return _no_credentials(f"{code}: {message}")
    if code in _NO_SUCH_RESOURCE:
        return StoreError(
            f"there is no {on} ({code}: {message}); the stack is not deployed in this account and region, or was "
            "removed: run `sam deploy`, or point the POLOS_* variables at the right stack"
        )
    return StoreError(f"{what} failed with {code}: {message}")


def _no_credentials(reason: str) -> CredentialsMissing:
    return CredentialsMissing(
        f"no valid AWS credentials: {reason}. Outside of Lambda, set AWS_PROFILE (after `aws sso login` or `aws "
        "configure`) or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `polos dev` needs none"
    )


def _wire_name(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))
