"""What can go wrong with a model: a small closed family, told apart by what to do about it.

Retry (`retryable`): RateLimited, Overloaded, ProviderUnavailable; after `retry_after` seconds, if the provider said.
Give up, and tell a person: the others. They are `NonRetryable`, so a step that raises one fails at once.
None of them carries a key or a piece of the prompt.
"""

from __future__ import annotations

from typing import ClassVar

from polos.errors import InvalidDefinition, NonRetryable, PolosError


class ModelError(PolosError):
    """Base of what a call of a model raises.

    `status` is the HTTP status (None: there was no answer), `request_id` the provider's id of the request for its
    support, `provider_code` the provider's own word for the error, `retry_after` the seconds it asked to wait.
    """

    code = "model_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status: int | None = None,
        request_id: str | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.provider_code = provider_code
        self.retry_after = retry_after
        facts = [f"status {status}" if status else "", f"request {request_id}" if request_id else ""]
        told = ", ".join(fact for fact in facts if fact)
        super().__init__(f"{provider}: {message}" + (f" ({told})" if told else ""))


class RateLimited(ModelError):
    """Too many requests or tokens per minute. Wait `retry_after` seconds; None: back off."""

    code = "model_rate_limited"
    retryable = True


class Overloaded(ModelError):
    """The provider has no capacity now. Wait `retry_after` seconds; None: back off."""

    code = "model_overloaded"
    retryable = True


class ProviderUnavailable(ModelError):
    """No usable answer: network, 5xx, a stream that broke off. The same call may succeed later."""

    code = "model_unavailable"
    retryable = True


class AuthenticationFailed(ModelError, NonRetryable):
    """No key, a wrong one, or one without the right. `key_env` is the environment variable to look at."""

    code = "model_authentication_failed"

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        key_env: str = "",
        status: int | None = None,
        request_id: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        self.key_env = key_env
        super().__init__(
            message, provider=provider, status=status, request_id=request_id, provider_code=provider_code
        )


class QuotaExhausted(ModelError, NonRetryable):
    """The account is out of credit: waiting does not help, paying does."""

    code = "model_quota_exhausted"


class BadRequest(ModelError, NonRetryable):
    """The provider does not take this request: an unknown model, a parameter or schema it does not know."""

    code = "model_bad_request"


class ContextTooLong(BadRequest):
    """The conversation does not fit into the model's context: compact it, or take a model with a larger one."""

    code = "model_context_too_long"


class ContentRefused(ModelError, NonRetryable):
    """The provider's policy rejects what was asked, before any answer.

    An answer that the model itself declines is no error: it is a response that stops with `StopReason.REFUSED`.
    """

    code = "model_content_refused"


class UnknownProvider(InvalidDefinition):
    """No provider of that name; the message lists those there are."""

    code = "unknown_provider"


class ProviderSdkMissing(InvalidDefinition, NonRetryable):
    """The provider's SDK is not installed; the message says which extra brings it."""

    code = "provider_sdk_missing"

    def __init__(self, provider: str, package: str, extra: str) -> None:
        self.provider, self.package, self.extra = provider, package, extra
        super().__init__(
            f"the provider {provider!r} is reached with the package {package!r}, which is not installed; "
            f"run: pip install 'polos-worker[{extra}]'"
        )


class RealRequestForbidden(NonRetryable):
    """A real provider was about to be called while real requests are forbidden."""

    code = "real_request_forbidden"

    def __init__(self, provider: str, url: str) -> None:
        self.provider, self.url = provider, url
        super().__init__(
            f"a request to {provider!r} at {url} was stopped: real model requests are forbidden here "
            "(forbid_real_requests() or POLOS_FORBID_MODEL_REQUESTS); use polos.testing.FakeModel or WireServer, "
            "or allow the address with forbid_real_requests(allow=[...]) or POLOS_ALLOW_MODEL_URLS"
        )


class InvalidModelOutput(PolosError):
    """What the model wrote cannot be used as JSON. The text is made to be told to the model, so that it can mend it."""

    code = "invalid_model_output"
