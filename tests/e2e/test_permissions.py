"""With IAM enforced: the stack works with the template's own policies, and no statement of them is there for nothing.

The emulator notes, for each request it decides on, which statements allow it. A statement that alone allows some
request would break that request if it were taken away. Those that never do are listed here with their reasons.
"""

from __future__ import annotations

import asyncio

import pytest

from e2e.conftest import Guarded, api_url
from support.cloud import Cloud, patience
from support.e2e_policies import NOT_SEEN, excused, given, kind_of, statements
from support.e2e_use import USES, staged

pytestmark = pytest.mark.e2e

# (statement, action) -> when it is used
RARE_ACTIONS = {
    ("SetTimers", "scheduler:GetSchedule"): "a timer that was made already, when the answer was lost",
    (
        "SetTimers",
        "scheduler:DeleteSchedule",
    ): "the same, which has fired; a tick of the code before any sweep",
}


@pytest.fixture(scope="module", autouse=True)
def used(guarded: Guarded) -> None:
    """Everything that the app can do was done."""

    async def use() -> None:
        async with staged(guarded.deployed, api_url(guarded.deployed), within=patience()) as stage:
            for use in USES:
                await use(stage)

    asyncio.run(use())


def _decisions(sky: Cloud) -> list[tuple[str, str, str, str, list[str]]]:
    """(kind of role, action, resource, decision, statements) of what our functions asked for."""
    asked = [
        (kind_of(principal), *rest) for principal, *rest in sky.decisions() if ":assumed-role/" in principal
    ]
    return [each for each in asked if each[0]]


def test_no_function_is_denied_what_it_asks_for(guarded: Guarded) -> None:
    denied = sorted(
        {
            (role, action, resource)
            for role, action, resource, decision, _ in _decisions(guarded.sky)
            if decision != "Allow"
        }
    )
    assert denied == []


def test_taking_away_any_statement_would_break_something(guarded: Guarded) -> None:
    needed = {
        (role, sids[0])
        for role, _, _, decision, sids in _decisions(guarded.sky)
        if decision == "Allow" and len(sids) == 1
    }
    idle = sorted((kind, sid) for kind, sid in given(guarded.sky) - needed if not excused(kind, sid))
    assert idle == [], "nothing used these: narrow the data in infra/policies.toml, or say here why not"


def test_every_action_of_a_statement_is_used_by_some_function(guarded: Guarded) -> None:
    used = {(sid, action) for _, action, _, _, sids in _decisions(guarded.sky) for sid in sids}
    named = {
        (statement["Sid"], action)
        for _, statement in statements(guarded.sky)
        for action in statement["Action"]
    }
    whole = {sid for _, sid in NOT_SEEN}
    assert named >= set(RARE_ACTIONS)
    named -= set(RARE_ACTIONS)
    assert sorted((sid, action) for sid, action in named - used if sid not in whole) == []


def test_the_list_of_exceptions_is_not_out_of_date(guarded: Guarded) -> None:
    there = given(guarded.sky)
    kinds = {kind for kind, _ in there}
    for role, sid in NOT_SEEN:
        assert any(
            (each, sid) in there or (role, sid) == (each, "*") for each in (kinds if role == "*" else {role})
        ), (role, sid)
