"""Answers that are waited for, and links by which people give them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from polos.server.forms import Form
from polos.server.models.texts import Body, Name


class Question(BaseModel):
    """A step that waits for somebody's answer. `data` is what the code shows; `form` is how to ask, made from it.

    The answer is an object with the form's keys, given by resuming `step_key` of the execution.
    """

    execution_id: str
    workflow_id: str
    root_execution_id: str
    step_key: str
    asked_at: datetime
    due: datetime | None = None
    data: Any = None
    form: Form


class Questions(BaseModel):
    """What waits for an answer in the project, the oldest first. `next_cursor`: null if that was all."""

    approvals: list[Question]
    next_cursor: str | None = None


class ApprovalRequest(Body):
    """Make a link by which a person answers a suspended step, once. `expires_in`: seconds, up to 30 days."""

    execution_id: Annotated[str, Field(pattern=r"^[0-9a-z]{1,64}$")]
    step_key: Name
    expires_in: Annotated[int, Field(ge=60, le=30 * 86_400)] = 7 * 86_400


class Approval(BaseModel):
    """The link. Who has it can answer: treat it as a secret."""

    url: str
    expires_at: datetime
