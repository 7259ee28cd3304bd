"""Every error a user of polos can meet, with the fields that say what to do about it.

The ground floor: this module imports nothing of the project. Each message says what happened, what was expected and
what to do; the fields keep the facts for code that wants to act on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class PolosError(Exception):
    """Base of every error of this package. `code` is stable across versions and used by the HTTP API."""

    code = "polos_error"


# --- definitions ------------------------------------------------------------------------------------------------


class InvalidDefinition(PolosError):
    """A decorator, queue or agent was described in a way that cannot work."""

    code = "invalid_definition"


class InvalidSchedule(InvalidDefinition):
    """A cron expression or time zone that cannot be used; the message says how to write it."""

    code = "invalid_schedule"


class CannotLoad(PolosError):
    """The file or module that defines workflows could not be imported. `target` is what was asked for."""

    code = "cannot_load"

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        super().__init__(f"{target} cannot be loaded: {reason}")


class UnknownWorkflow(PolosError):
    """No workflow of that id is registered here."""

    code = "unknown_workflow"

    def __init__(self, workflow_id: str, known: Sequence[str] = ()) -> None:
        self.workflow_id = workflow_id
        self.known = tuple(known)
        names = ", ".join(sorted(known)[:10]) or "none"
        super().__init__(
            f"no workflow {workflow_id!r} is registered here (registered: {names}); "
            "import the module that defines it before the worker or client is started"
        )


# --- values -----------------------------------------------------------------------------------------------------


class NotStorable(PolosError):
    """A value that cannot be stored, or stored text that cannot be read back as the annotated type.

    `path` leads to the offending part, e.g. `result.items[3].client`; `hint` says what to do.
    """

    code = "not_storable"

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        self.path = path
        self.hint = hint
        text = f"{path}: {message}" if path else message
        super().__init__(f"{text}; {hint}" if hint else text)


class InvalidPayload(PolosError):
    """A payload that does not validate. `problems` is one (path, message) per field."""

    code = "invalid_payload"

    def __init__(self, workflow_id: str, problems: Sequence[tuple[str, str]]) -> None:
        self.workflow_id = workflow_id
        self.problems = tuple(problems)
        lines = "; ".join(f"{path or 'payload'}: {text}" for path, text in problems)
        super().__init__(f"the payload of workflow {workflow_id!r} does not validate: {lines}")


# --- inside a workflow ------------------------------------------------------------------------------------------


class StepExecutionError(PolosError):
    """A step, child, hook or guardrail failed for good.

    `error_type` is the class name of the original error, `message` its text, `step_key` the operation's key,
    `attempts` how often it was tried, `traceback` the original traceback as text (for people, never compared).
    """

    code = "step_failed"

    def __init__(
        self,
        message: str,
        *,
        step_key: str = "",
        error_type: str = "",
        attempts: int = 1,
        traceback: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message
        self.step_key = step_key
        self.error_type = error_type
        self.attempts = attempts
        self.traceback = traceback
        self.data = dict(data or {})
        super().__init__(message)


class WaitTimeout(StepExecutionError):
    """`wait_for_event` or `suspend` reached its timeout before anything came."""

    code = "wait_timeout"


class NonRetryable(PolosError):
    """Raise this (or a subclass) in a step to fail at once, without the remaining attempts."""

    code = "non_retryable"


class DuplicateKey(PolosError):
    """The same (verb, key) was used twice in one execution."""

    code = "duplicate_key"

    def __init__(self, verb: str, key: str, first: str, second: str) -> None:
        self.verb, self.key = verb, key
        super().__init__(
            f"the step key {key!r} is used twice by {verb!r} in one execution: first at {first}, again at {second}; "
            f"keys are the operation's address in the journal, so give each its own, e.g. {key!r} + f'-{{i}}'"
        )


class NotAllowedHere(PolosError):
    """A durable verb was used where it cannot be recorded (inside a step, in a sync workflow, after the end)."""

    code = "not_allowed_here"


# --- an execution as its client sees it ---------------------------------------------------------------------------


class ExecutionError(PolosError):
    """An execution did not complete. `execution_id` names it, `error` is its stored error."""

    code = "execution_error"

    def __init__(
        self,
        message: str,
        *,
        execution_id: str = "",
        error: Mapping[str, Any] | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.error = dict(error or {})
        super().__init__(message)


class ExecutionFailed(ExecutionError):
    """The workflow raised, or a step failed for good and was not caught."""

    code = "execution_failed"


class ExecutionCancelled(ExecutionError):
    """The execution was cancelled."""

    code = "execution_cancelled"


class ExecutionTimedOut(ExecutionError):
    """The execution's own run timeout passed."""

    code = "execution_timed_out"


class ExecutionStalled(ExecutionError):
    """Code and journal disagree, or news keep dying: nothing is lost, and `polos retry` goes on once it is mended."""

    code = "execution_stalled"


class ResultTimeout(PolosError):
    """The caller stopped waiting; the execution goes on."""

    code = "result_timeout"


class NotFound(PolosError):
    """No such execution, schedule, session ... in this project."""

    code = "not_found"


class Conflict(PolosError):
    """The request contradicts what is stored: same key with another payload, wrong state for this action."""

    code = "conflict"


# --- replay -----------------------------------------------------------------------------------------------------


class ReplayMismatch(PolosError):
    """The code does not do what the journal says it did. The execution stalls; it does not fail."""

    code = "replay_mismatch"

    def __init__(self, message: str, *, position: int = -1) -> None:
        self.position = position
        super().__init__(message)


# --- stores and services ------------------------------------------------------------------------------------------


class StoreError(PolosError):
    """The store cannot be used as it is: corrupt, unreachable, not permitted."""

    code = "store_error"


class StoreTooNew(StoreError):
    """What is stored was written by a newer version of polos; upgrade this one."""

    code = "store_too_new"


class CredentialsMissing(StoreError):
    """No AWS credentials were found where the SDK looks for them."""

    code = "credentials_missing"


class TryAgain(StoreError):
    """Throttled or unreachable after all retries of the adapter; the same call may succeed later."""

    code = "try_again"


class ServerUnreachable(PolosError):
    """No server answers at the address the client was given."""

    code = "server_unreachable"


# --- the HTTP API -------------------------------------------------------------------------------------------------


class InvalidRequest(PolosError):
    """A request that the API cannot read. `problems` is one (path, message) per field."""

    code = "invalid_request"

    def __init__(self, message: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        self.problems = tuple(problems)
        lines = "; ".join(f"{path}: {text}" for path, text in problems)
        super().__init__(f"{message}: {lines}" if lines else message)


class Unauthorized(PolosError):
    """The API does not know who asks: no key, or one that was never made, has expired or was revoked."""

    code = "unauthorized"


class Forbidden(PolosError):
    """The API knows who asks, and they may not do this: the key's role, another project, a forged request."""

    code = "forbidden"


class RateLimited(PolosError):
    """Too many requests with this key. `retry_after` is in how many seconds there is room again."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class TooLarge(PolosError):
    """A request body, or a value in it, that is larger than can be taken; the message says how large it may be."""

    code = "too_large"


class ServerError(PolosError):
    """The API failed, and it is not the caller's doing. `request_id` finds the cause in the server's log."""

    code = "server_error"

    def __init__(self, message: str, *, request_id: str = "") -> None:
        self.request_id = request_id
        super().__init__(message)


# --- secrets ------------------------------------------------------------------------------------------------------


class SecretMissing(PolosError):
    """A secret that is nowhere to be found; the message says where it was looked for."""

    code = "secret_missing"


# --- workers ------------------------------------------------------------------------------------------------------


class StepStuck(PolosError):
    """A sync step did not stop at its timeout. It is recorded as failed; only the end of its process stops it."""

    code = "step_stuck"

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = tuple(addresses)
        super().__init__(
            f"a sync step did not stop at its timeout ({', '.join(addresses)}): this process ends; start it again. Let "
            "the step look at a deadline of its own, or make it async"
        )


class LeaseLost(PolosError):
    """This worker no longer owns the message it works on; it stops, and whoever owns it now goes on."""

    code = "lease_lost"
