"""`ctx.step`: the durable verbs. Each issues one operation (or effect) at its address (verb, key).

A verb is a plain function that notes where it was called and returns a coroutine; the operation is issued when the
coroutine runs, so a verb that is never awaited does nothing, and Python says so.
"""

from __future__ import annotations

from polos.core.verbs.agents import Agents
from polos.core.verbs.base import Resolve, encode_payload
from polos.core.verbs.running import Running
from polos.core.verbs.telling import Telling, run_topic
from polos.core.verbs.waiting import Waiting


class Step(Running, Waiting, Agents, Telling):
    """The verbs of one execution."""


__all__ = ["Resolve", "Step", "encode_payload", "run_topic"]
