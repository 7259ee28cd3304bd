"""What an execution keeps beside its journal: the base class of states."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class WorkflowState(BaseModel):
    """The state of a workflow: subclass it, name it as `state_schema=`, and read and write `ctx.state`.

    Every field needs a default: the first execution begins with `Schema()`. What is assigned to a field is validated as
    its annotation says. The state is saved when the execution ends, well or badly, and loaded by the next one with the
    same state key.
    """

    model_config = ConfigDict(validate_assignment=True)
