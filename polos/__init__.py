"""Durable workflows and AI agents, on AWS Lambda or on one machine.

This is the roof of the package: it re-exports the public names, each loaded on first use, and holds nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # For type checkers and editors: one line for every line of `_HOMES`.
    from polos.agents.agent import Agent as Agent
    from polos.agents.budget import Budget as Budget
    from polos.agents.conditions import ExecutedToolConfig as ExecutedToolConfig
    from polos.agents.conditions import HasTextConfig as HasTextConfig
    from polos.agents.conditions import MaxStepsConfig as MaxStepsConfig
    from polos.agents.conditions import MaxTokensConfig as MaxTokensConfig
    from polos.agents.conditions import StopCondition as StopCondition
    from polos.agents.conditions import StopConditionContext as StopConditionContext
    from polos.agents.conditions import executed_tool as executed_tool
    from polos.agents.conditions import has_text as has_text
    from polos.agents.conditions import max_steps as max_steps
    from polos.agents.conditions import max_tokens as max_tokens
    from polos.agents.conditions import stop_condition as stop_condition
    from polos.agents.context import AgentContext as AgentContext
    from polos.agents.memory import CompactionConfig as CompactionConfig
    from polos.agents.results import AgentOutcome as AgentOutcome
    from polos.agents.results import AgentResult as AgentResult
    from polos.agents.results import AgentStep as AgentStep
    from polos.agents.results import ToolResult as ToolResult
    from polos.agents.results import Usage as Usage
    from polos.agents.streaming import StreamResult as StreamResult
    from polos.core.context import WorkflowContext as WorkflowContext
    from polos.core.definitions import Queue as Queue
    from polos.core.definitions import RateLimit as RateLimit
    from polos.core.hooks import Hook as Hook
    from polos.core.hooks import HookAction as HookAction
    from polos.core.hooks import HookContext as HookContext
    from polos.core.hooks import HookResult as HookResult
    from polos.core.hooks import hook as hook
    from polos.core.models import BatchEventPayload as BatchEventPayload
    from polos.core.models import BatchStepResult as BatchStepResult
    from polos.core.models import BatchWorkflowInput as BatchWorkflowInput
    from polos.core.models import EventPayload as EventPayload
    from polos.core.models import ExecutionHandle as ExecutionHandle
    from polos.core.models import SchedulePayload as SchedulePayload
    from polos.core.models import StreamEvent as StreamEvent
    from polos.core.state import WorkflowState as WorkflowState
    from polos.entry.polos import Polos as Polos
    from polos.entry.worker import Worker as Worker
    from polos.errors import Conflict as Conflict
    from polos.errors import CredentialsMissing as CredentialsMissing
    from polos.errors import DuplicateKey as DuplicateKey
    from polos.errors import ExecutionCancelled as ExecutionCancelled
    from polos.errors import ExecutionError as ExecutionError
    from polos.errors import ExecutionFailed as ExecutionFailed
    from polos.errors import ExecutionStalled as ExecutionStalled
    from polos.errors import ExecutionTimedOut as ExecutionTimedOut
    from polos.errors import Forbidden as Forbidden
    from polos.errors import InvalidDefinition as InvalidDefinition
    from polos.errors import InvalidPayload as InvalidPayload
    from polos.errors import InvalidRequest as InvalidRequest
    from polos.errors import InvalidSchedule as InvalidSchedule
    from polos.errors import NonRetryable as NonRetryable
    from polos.errors import NotAllowedHere as NotAllowedHere
    from polos.errors import NotFound as NotFound
    from polos.errors import NotStorable as NotStorable
    from polos.errors import PolosError as PolosError
    from polos.errors import RateLimited as RateLimited
    from polos.errors import ReplayMismatch as ReplayMismatch
    from polos.errors import ResultTimeout as ResultTimeout
    from polos.errors import SecretMissing as SecretMissing
    from polos.errors import ServerError as ServerError
    from polos.errors import ServerUnreachable as ServerUnreachable
    from polos.errors import StepExecutionError as StepExecutionError
    from polos.errors import StoreError as StoreError
    from polos.errors import StoreTooNew as StoreTooNew
    from polos.errors import TooLarge as TooLarge
    from polos.errors import TryAgain as TryAgain
    from polos.errors import Unauthorized as Unauthorized
    from polos.errors import UnknownWorkflow as UnknownWorkflow
    from polos.errors import WaitTimeout as WaitTimeout
    from polos.features import batch as batch
    from polos.features import events as events
    from polos.features import schedules as schedules
    from polos.features.events import EventData as EventData
    from polos.llm.pricing import Price as Price
    from polos.llm.pricing import Prices as Prices
    from polos.llm.registry import register_provider as register_provider
    from polos.middleware.guardrail import Guardrail as Guardrail
    from polos.middleware.guardrail import GuardrailContext as GuardrailContext
    from polos.middleware.guardrail import GuardrailResult as GuardrailResult
    from polos.middleware.guardrail import guardrail as guardrail
    from polos.runtime.client import configure as configure
    from polos.runtime.http_client import PolosClient as PolosClient
    from polos.runtime.secrets import secret as secret
    from polos.runtime.workflow import Workflow as Workflow
    from polos.runtime.workflow import queue as queue
    from polos.runtime.workflow import workflow as workflow
    from polos.tools.ask_user import create_ask_user_tool as create_ask_user_tool
    from polos.tools.mcp import McpServer as McpServer
    from polos.tools.tool import Tool as Tool
    from polos.tools.tool import tool as tool
    from polos.tools.web_search import WebSearchToolConfig as WebSearchToolConfig
    from polos.tools.web_search import create_web_search_tool as create_web_search_tool

__version__: Final = "0.1.0"

# Public name -> what it is imported from, as in `from HOME import NAME`; the name may be a module (`events`). It is
# loaded when first asked for: `import polos` costs milliseconds, and a handler that needs two names pays for two.
_HOMES: Final[dict[str, str]] = {
    "Agent": "polos.agents.agent",
    "AgentContext": "polos.agents.context",
    "AgentOutcome": "polos.agents.results",
    "AgentResult": "polos.agents.results",
    "AgentStep": "polos.agents.results",
    "BatchEventPayload": "polos.core.models",
    "BatchStepResult": "polos.core.models",
    "BatchWorkflowInput": "polos.core.models",
    "Budget": "polos.agents.budget",
    "CompactionConfig": "polos.agents.memory",
    "Conflict": "polos.errors",
    "CredentialsMissing": "polos.errors",
    "DuplicateKey": "polos.errors",
    "EventData": "polos.features.events",
    "EventPayload": "polos.core.models",
    "ExecutedToolConfig": "polos.agents.conditions",
    "ExecutionCancelled": "polos.errors",
    "ExecutionError": "polos.errors",
    "ExecutionFailed": "polos.errors",
    "ExecutionHandle": "polos.core.models",
    "ExecutionStalled": "polos.errors",
    "ExecutionTimedOut": "polos.errors",
    "Guardrail": "polos.middleware.guardrail",
    "GuardrailContext": "polos.middleware.guardrail",
    "GuardrailResult": "polos.middleware.guardrail",
    "HasTextConfig": "polos.agents.conditions",
    "Hook": "polos.core.hooks",
    "HookAction": "polos.core.hooks",
    "HookContext": "polos.core.hooks",
    "HookResult": "polos.core.hooks",
    "InvalidDefinition": "polos.errors",
    "InvalidPayload": "polos.errors",
    "InvalidSchedule": "polos.errors",
    "MaxStepsConfig": "polos.agents.conditions",
    "MaxTokensConfig": "polos.agents.conditions",
    "McpServer": "polos.tools.mcp",
    "NonRetryable": "polos.errors",
    "NotAllowedHere": "polos.errors",
    "NotFound": "polos.errors",
    "NotStorable": "polos.errors",
    "Polos": "polos.entry.polos",
    "PolosClient": "polos.runtime.http_client",
    "PolosError": "polos.errors",
    "Price": "polos.llm.pricing",
    "Prices": "polos.llm.pricing",
    "Queue": "polos.core.definitions",
    "RateLimit": "polos.core.definitions",
    "ReplayMismatch": "polos.errors",
    "ResultTimeout": "polos.errors",
    "SchedulePayload": "polos.core.models",
    "Forbidden": "polos.errors",
    "InvalidRequest": "polos.errors",
    "RateLimited": "polos.errors",
    "SecretMissing": "polos.errors",
    "ServerError": "polos.errors",
    "TooLarge": "polos.errors",
    "Unauthorized": "polos.errors",
    "ServerUnreachable": "polos.errors",
    "StepExecutionError": "polos.errors",
    "StopCondition": "polos.agents.conditions",
    "StopConditionContext": "polos.agents.conditions",
    "StoreError": "polos.errors",
    "StoreTooNew": "polos.errors",
    "StreamEvent": "polos.core.models",
    "StreamResult": "polos.agents.streaming",
    "Tool": "polos.tools.tool",
    "ToolResult": "polos.agents.results",
    "TryAgain": "polos.errors",
    "UnknownWorkflow": "polos.errors",
    "Usage": "polos.agents.results",
    "WaitTimeout": "polos.errors",
    "WebSearchToolConfig": "polos.tools.web_search",
    "Worker": "polos.entry.worker",
    "Workflow": "polos.runtime.workflow",
    "WorkflowContext": "polos.core.context",
    "WorkflowState": "polos.core.state",
    "batch": "polos.features",
    "configure": "polos.runtime.client",
    "create_ask_user_tool": "polos.tools.ask_user",
    "create_web_search_tool": "polos.tools.web_search",
    "events": "polos.features",
    "executed_tool": "polos.agents.conditions",
    "guardrail": "polos.middleware.guardrail",
    "has_text": "polos.agents.conditions",
    "hook": "polos.core.hooks",
    "max_steps": "polos.agents.conditions",
    "max_tokens": "polos.agents.conditions",
    "queue": "polos.runtime.workflow",
    "secret": "polos.runtime.secrets",
    "register_provider": "polos.llm.registry",
    "schedules": "polos.features",
    "stop_condition": "polos.agents.conditions",
    "tool": "polos.tools.tool",
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
