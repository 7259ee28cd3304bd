"""All or nothing over several items: `TransactWriteItems`, repeated under one token."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.adapters.aws.sizes import item_size
from polos.errors import StoreError, TryAgain

MOST_ACTIONS: Final = 100
MOST_BYTES: Final = 4 * 1024 * 1024

CONDITION: Final = "ConditionalCheckFailed"
"""The code of a reason: the condition on this item did not hold."""

_PASSING: Final = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)
_CANCELLED: Final = "TransactionCanceledException"


def transact(aws: Aws, actions: Sequence[Mapping[str, Any]], *, on: str) -> list[Mapping[str, Any]] | None:
    """Make all of `actions` (each `{"Put": {...}}` or its like), or none.

    Returns None if they were made, else one reason an action in the same order, at least one of them with the code
    CONDITION. All attempts carry one `ClientRequestToken`: if an earlier one was applied and its answer lost, the next
    one succeeds without applying it again (for ten minutes).

    Raises:
        ValueError: More than 100 actions, or more than 4 MB: AWS takes no more, and some emulators do not check.
        TryAgain: Others kept writing to the same items.
    """
    _check(actions)
    token = uuid.uuid4().hex
    for repeat in range(aws.patience.attempts):
        try:
            aws.call(
                "dynamodb",
                "transact_write_items",
                on=on,
                hear=(_CANCELLED,),
                TransactItems=list(actions),
                ClientRequestToken=token,
            )
            return None
        except Refused as refused:
            reasons = refused.reasons
            if any(reason.get("Code") == CONDITION for reason in reasons):
                return reasons
            _pass_over(reasons, on=on)
            aws.pause(repeat)
    raise TryAgain(
        f"others kept writing to the same items of {on}: a transaction was cancelled {aws.patience.attempts} times. "
        "Nothing is wrong with it; it may succeed later"
    )


def _check(actions: Sequence[Mapping[str, Any]]) -> None:
    if len(actions) > MOST_ACTIONS:
        raise ValueError(f"a transaction takes up to {MOST_ACTIONS} actions; this one has {len(actions)}")
    size = sum(
        item_size(details.get("Item") or details["Key"])
        + item_size(details.get("ExpressionAttributeValues", {}))
        for action in actions
        for details in action.values()
    )
    if size > MOST_BYTES:
        raise ValueError(f"a transaction takes up to {MOST_BYTES} bytes; this one has {size}")


def _pass_over(reasons: Sequence[Mapping[str, Any]], *, on: str) -> None:
    """Raise what will not go away by itself, such as a validation error."""
    lasting = [
        f"action {index}: {reason.get('Code')}: {reason.get('Message', '')}"
        for index, reason in enumerate(reasons)
        if reason.get("Code", "None") not in {"None", *_PASSING}
    ]
    if lasting or not reasons:
        raise StoreError(
            f"a transaction on {on} was cancelled: {'; '.join(lasting) or 'no reason was given'}"
        )
