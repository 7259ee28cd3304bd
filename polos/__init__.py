"""Durable workflows and AI agents, on AWS Lambda or on one machine.

This is the roof of the package: it re-exports the public names, each loaded on first use, and holds nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # For type checkers and editors: one line for every line of `_HOMES`.
    from polos.features import events as events
    from polos.features import schedules as schedules
    from polos.features import batch as batch
    from polos.core.models import SchedulePayload as SchedulePayload
    from polos.features.events import EventData as EventData
    from polos.core.context import WorkflowContext as WorkflowContext
    from polos.core.definitions import Queue as Queue
    from polos.core.definitions import RateLimit as RateLimit
    from polos.core.models import BatchEventPayload as BatchEventPayload
    from polos.core.models import BatchStepResult as BatchStepResult
    from polos.core.models import BatchWorkflowInput as BatchWorkflowInput
    from polos.core.models import EventPayload as EventPayload
    from polos.core.models import ExecutionHandle as ExecutionHandle
    from polos.core.state import WorkflowState as WorkflowState
    from polos.entry.embedded import Polos as Polos
    from polos.entry.worker import Worker as Worker
    from polos.errors import Conflict as Conflict
    from polos.errors import CredentialsMissing as CredentialsMissing
    from polos.errors import DuplicateKey as DuplicateKey
    from polos.errors import ExecutionCancelled as ExecutionCancelled
    from polos.errors import ExecutionError as ExecutionError
    from polos.errors import ExecutionFailed as ExecutionFailed
    from polos.errors import ExecutionStalled as ExecutionStalled
    from polos.errors import ExecutionTimedOut as ExecutionTimedOut
    from polos.errors import InvalidDefinition as InvalidDefinition
    from polos.errors import InvalidPayload as InvalidPayload
    from polos.errors import InvalidSchedule as InvalidSchedule
    from polos.errors import NonRetryable as NonRetryable
    from polos.errors import NotAllowedHere as NotAllowedHere
    from polos.errors import NotFound as NotFound
    from polos.errors import NotStorable as NotStorable
    from polos.errors import PolosError as PolosError
    from polos.errors import ReplayMismatch as ReplayMismatch
    from polos.errors import ResultTimeout as ResultTimeout
    from polos.errors import ServerUnreachable as ServerUnreachable
    from polos.errors import StepExecutionError as StepExecutionError
    from polos.errors import StoreError as StoreError
    from polos.errors import StoreTooNew as StoreTooNew
    from polos.errors import TryAgain as TryAgain
    from polos.errors import UnknownWorkflow as UnknownWorkflow
    from polos.errors import WaitTimeout as WaitTimeout
    from polos.runtime.workflow import Workflow as Workflow
    from polos.runtime.workflow import queue as queue
    from polos.runtime.workflow import workflow as workflow

__version__: Final = "0.1.0"

# Public name -> what it is imported from, as in `from HOME import NAME`; the name may be a module (`events`). It is
# loaded when first asked for: `import polos` costs milliseconds, and a handler that needs two names pays for two.
_HOMES: Final[dict[str, str]] = {
    "EventData": "polos.features.events",
    "SchedulePayload": "polos.core.models",
    "batch": "polos.features",
    "schedules": "polos.features",
    "events": "polos.features",
    "BatchEventPayload": "polos.core.models",
    "BatchStepResult": "polos.core.models",
    "BatchWorkflowInput": "polos.core.models",
    "Conflict": "polos.errors",
    "CredentialsMissing": "polos.errors",
    "DuplicateKey": "polos.errors",
    "EventPayload": "polos.core.models",
    "ExecutionCancelled": "polos.errors",
    "ExecutionError": "polos.errors",
    "ExecutionFailed": "polos.errors",
    "ExecutionHandle": "polos.core.models",
    "ExecutionStalled": "polos.errors",
    "ExecutionTimedOut": "polos.errors",
    "InvalidDefinition": "polos.errors",
    "InvalidPayload": "polos.errors",
    "InvalidSchedule": "polos.errors",
    "NonRetryable": "polos.errors",
    "NotAllowedHere": "polos.errors",
    "NotFound": "polos.errors",
    "NotStorable": "polos.errors",
    "Polos": "polos.entry.embedded",
    "PolosError": "polos.errors",
    "Queue": "polos.core.definitions",
    "RateLimit": "polos.core.definitions",
    "ReplayMismatch": "polos.errors",
    "ResultTimeout": "polos.errors",
    "ServerUnreachable": "polos.errors",
    "StepExecutionError": "polos.errors",
    "StoreError": "polos.errors",
    "StoreTooNew": "polos.errors",
    "TryAgain": "polos.errors",
    "UnknownWorkflow": "polos.errors",
    "WaitTimeout": "polos.errors",
    "Worker": "polos.entry.worker",
    "Workflow": "polos.runtime.workflow",
    "WorkflowContext": "polos.core.context",
    "WorkflowState": "polos.core.state",
    "queue": "polos.runtime.workflow",
    "workflow": "polos.runtime.workflow",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 (names all: see the annotation of `_HOMES`)


def __getattr__(name: str) -> Any:
    """Load a public name from its home, and keep it.

    Raises:
        AttributeError: `name` is not a public name of polos.
    """
    if name not in _HOMES:
        raise AttributeError(
            f"module 'polos' has no attribute {name!r}; its public names are in polos.__all__"
        )
    home = import_module(_HOMES[name])
    value = getattr(home, name) if hasattr(home, name) else import_module(f"{_HOMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
