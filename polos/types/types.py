"""The models that are passed in and given back, under one import path."""

from polos.agents.asking import AgentInput, AgentRequest
from polos.agents.results import AgentOutcome, AgentResult, AgentStep, ToolResult, Usage
from polos.agents.streaming import StreamResult
from polos.core.models import (
    BatchEventPayload,
    BatchStepResult,
    BatchWorkflowInput,
    EventPayload,
    ExecutionHandle,
    SchedulePayload,
    StreamEvent,
)

__all__ = [
    "AgentInput",
    "AgentOutcome",
    "AgentRequest",
    "AgentResult",
    "AgentStep",
    "BatchEventPayload",
    "BatchStepResult",
    "BatchWorkflowInput",
    "EventPayload",
    "ExecutionHandle",
    "SchedulePayload",
    "StreamEvent",
    "StreamResult",
    "ToolResult",
    "Usage",
]
