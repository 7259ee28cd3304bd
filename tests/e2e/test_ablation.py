"""Each statement of the template's policies is taken away, one by one, and something breaks that came about before.

With IAM enforced, and POLOS_ABLATION=1: it takes some minutes. `test_permissions.py` says the same of what the emulator
notes, request by request; here the statement is truly gone. What is broken is seen twice: a request of that role is
refused, and what was asked for does not come about.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from e2e.conftest import Guarded, api_url
from polos.errors import PolosError
from support import e2e_use as uses
from support.cloud import until
from support.e2e_policies import excused, given, kind_of, without
from support.e2e_use import Stage, staged

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not os.environ.get("POLOS_ABLATION"), reason="POLOS_ABLATION=1 takes statements away"),
]

BROKEN = (PolosError, httpx.HTTPError, AssertionError, TimeoutError)
Use = Callable[[Stage], Awaitable[None]]

# (kind of role, statement) -> what cannot be done without it
NEEDED_FOR: dict[tuple[str, str], Use] = {
    ("Api", "ReadJournals"): uses.timeline,
    ("Api", "PublishEvents"): uses.events,
    ("Api", "ReadRecords"): uses.steps,
    ("Api", "WriteRecords"): uses.steps,
    ("Api", "ListRecords"): uses.lists,
    ("Api", "ReadListedRecords"): uses.lists,
    ("Api", "StoreValues"): uses.large,
    ("Api", "SendSteps"): uses.steps,
    ("Api", "SendNews"): uses.long_wait,
    ("Api", "LookAtQueues"): uses.queues,
    ("Api", "KeepSchedules"): uses.schedules,
    ("Worker", "ReadJournals"): uses.family,
    ("Worker", "AppendJournals"): uses.steps,
    ("Worker", "ReadRecords"): uses.steps,
    ("Worker", "WriteRecords"): uses.steps,
    ("Worker", "StoreValues"): uses.family,
    ("Worker", "SendSteps"): uses.family,
    ("Worker", "SendNews"): uses.family,
    ("Worker", "SetTimers"): uses.long_wait,
    ("Worker", "ReadSecrets"): uses.secret,
    ("News", "ReadJournals"): uses.family,
    ("News", "AppendJournals"): uses.family,
    ("News", "ReadRecords"): uses.family,
    ("News", "WriteRecords"): uses.family,
    ("News", "StoreValues"): uses.family,
    ("News", "SendSteps"): uses.triggered,
    ("News", "SendNews"): uses.family,
    ("News", "SetTimers"): uses.long_wait_behind_another,
    ("News", "ReadSecrets"): uses.secret,
    ("Sweeper", "ReadRecords"): uses.sweep,
    ("Sweeper", "WriteRecords"): uses.sweep,
    ("Sweeper", "ListRecords"): uses.sweep,
    ("Sweeper", "StopTimers"): uses.sweep,
    ("Sweeper", "ReadJournals"): uses.sweep_lost,
    ("Sweeper", "ReadListedRecords"): uses.sweep_lost,
    ("Sweeper", "StoreValues"): uses.sweep_lost,
    ("Sweeper", "SendSteps"): uses.sweep_lost,
    ("Sweeper", "SendNews"): uses.sweep_lost,
    ("Dead", "ReadJournals"): uses.dead_step,
    ("Dead", "AppendJournals"): uses.dead_start,
    ("Dead", "ReadRecords"): uses.dead_start,
    ("Dead", "WriteRecords"): uses.dead_start,
    ("Dead", "StoreValues"): uses.dead_large,
    ("Dead", "SendSteps"): uses.dead_start,
    ("Dead", "SendNews"): uses.dead_step,
    ("Dead", "SetTimers"): uses.dead_long_wait,
    ("Dead", "ReadSecrets"): uses.dead_secret,
    ("Dead", "BuryAgain"): uses.dead_again,
}


@pytest.fixture(scope="module")
def within(guarded: Guarded) -> dict[Use, float]:
    """How long each use takes with every statement in place, at most: it comes about, and nothing is denied."""
    taken: dict[Use, float] = {}
    for use in dict.fromkeys(NEEDED_FOR.values()):
        for _ in range(2):
            began = time.monotonic()
            done(guarded, use, within=120)
            taken[use] = max(taken.get(use, 0.0), time.monotonic() - began)
    return taken


def done(guarded: Guarded, use: Use, *, within: float) -> None:
    """Do it; raises what goes wrong, TimeoutError too."""

    async def do() -> None:
        async with staged(guarded.deployed, api_url(guarded.deployed), within=within, attempts=1) as stage:
            async with asyncio.timeout(within + 5):
                await use(stage)

    asyncio.run(do())


def test_each_statement_of_the_template_is_taken_away_orexcused(guarded: Guarded) -> None:
    assert set(NEEDED_FOR) == {each for each in given(guarded.sky) if not excused(*each)}


@pytest.mark.parametrize(("kind", "sid"), NEEDED_FOR, ids=[f"{kind}-{sid}" for kind, sid in NEEDED_FOR])
def test_without_a_statement_something_breaks(
    guarded: Guarded, within: dict[Use, float], kind: str, sid: str
) -> None:
    use = NEEDED_FOR[kind, sid]
    seen = len(guarded.sky.decisions())

    def denied() -> list[tuple[str, str]]:
        return [
            (action, resource)
            for principal, action, resource, decision, _ in guarded.sky.decisions()[seen:]
            if decision != "Allow" and kind_of(principal) == kind
        ]

    if sid == "ReadSecrets":
        guarded.sky.kill_workers()  # they know it already
    with without(guarded.sky, kind, sid):
        with pytest.raises(BROKEN) as broken:
            done(guarded, use, within=max(8.0, 2 * within[use]))
        # What came before may have left messages that are hidden for a minute, with ours behind them.
        refused = until(denied, f"something is refused; what broke: {broken.value!r}", within=120)
    sys.stdout.write(f"{kind} without {sid}: {refused[0]}; {broken.value!r}"[:300] + "\n")
