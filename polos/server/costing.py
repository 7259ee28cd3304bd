"""What executions cost, as far as their records tell: what models asked for, and about what AWS asks for the rest.

Models: the usage and the cost that an agent's run gives with its result (sub-agents included, so their own runs are not
counted again), or with its error. AWS: so much for the start and the end of an execution, and so much for each entry of
its journal between them, as `polos cost` measures both; functions' time is not in it, nor are large values and waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from polos.core.definitions import Registry
from polos.runtime.executions import Meta

START_AND_END: Final = Decimal("8.22e-6")
"""US dollars, for an execution; the figures of `docs/cost.md`."""
STEP: Final = Decimal("2.35e-6")
"""For an operation or a retry, each with a message and an invocation of its own."""
STEP_INSIDE: Final = Decimal("0.625e-6")
"""For one that an invocation runs beside others: its write."""
ASSUMED: Final = (
    "about: so much for the start and end of an execution and for each entry between, as polos cost counts them "
    "(us-east-1, on demand); without the time of functions, large values, long waits and storage"
)


@dataclass(frozen=True, slots=True)
class LlmUse:
    """What a run has used of models. `cost` in US dollars; None: a model has no price."""

    input_tokens: int
    output_tokens: int
    cost: Decimal | None


def llm_use(meta: Meta, registry: Registry) -> LlmUse | None:
    """What an agent's run has used, if it has ended and is no sub-agent's: that is in its parent's."""
    info = meta.info
    parent = registry.find(info.parent_workflow) if info.parent_workflow else None
    if info.kind != "agent" or (parent is not None and parent.kind == "agent"):
        return None
    account = _account(meta)
    usage = account.get("usage")
    if not isinstance(usage, Mapping):
        return None
    cost = account.get("cost")
    return LlmUse(
        int(usage.get("input_tokens", 0)),
        int(usage.get("output_tokens", 0)),
        None if cost is None else Decimal(str(cost)),
    )


def aws_dollars(meta: Meta, registry: Registry) -> Decimal:
    """About what AWS asks for an execution, without the time of functions."""
    return START_AND_END + operations(meta) * step_price(meta, registry)


def operations(meta: Meta) -> int:
    """How many entries its journal had besides the start and the end, when its record was last written."""
    return max(0, meta.position - (2 if meta.ended else 1))


def step_price(meta: Meta, registry: Registry) -> Decimal:
    """What one operation costs: less where an invocation runs as many steps as fit."""
    definition = registry.find(meta.info.workflow)
    inside = definition is not None and definition.steps_per_invocation is None
    return STEP_INSIDE if inside else STEP


def _account(meta: Meta) -> Mapping[str, Any]:
    if meta.status == "completed" and meta.result is not None:
        result = json.loads(meta.result)
        return result if isinstance(result, Mapping) else {}
    data = (meta.error or {}).get("data")
    account = data.get("agent") if isinstance(data, Mapping) else None
    return account if isinstance(account, Mapping) else {}
