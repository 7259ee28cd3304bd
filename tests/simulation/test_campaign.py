"""The campaign: seeds of every scenario under every kind of trouble, over the real engine.

POLOS_SIM_RUNS=20000 python -m pytest tests/simulation/test_campaign.py    so many runs instead of the usual ones
POLOS_SIM_SEED=5000000 ...                                                 other seeds than the usual ones
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from support.simulation.campaign import SCENARIOS, SETTINGS, run_campaign, run_seed
from support.simulation.scenarios import BASIC
from support.simulation.surface import SURFACE

USUAL: Final = 3_000
RUNS: Final = int(os.environ.get("POLOS_SIM_RUNS", USUAL))
FIRST: Final = int(os.environ.get("POLOS_SIM_SEED", "0"))
CHUNK: Final = 20

# How many of 100 runs each setting gets; two thirds of them over the basic scenarios, the others over the surface.
TROUBLE: Final = {
    "calm": 10,
    "mixed": 30,
    "storm": 20,
    "crashes": 10,
    "gaps": 8,
    "gapstorm": 12,
    "cold": 5,
    "letters": 5,
}


def chunks() -> list[ParameterSet]:
    """The work in pieces that several processes can share: scenario, setting, seeds."""
    pieces: list[ParameterSet] = []
    for scenarios, share in ((BASIC, 2 / 3), (SURFACE, 1 / 3)):
        for setting, percent in TROUBLE.items():
            runs = math.ceil(RUNS * share * percent / 100 / len(scenarios))
            for name in scenarios:
                for at in range(FIRST, FIRST + runs, CHUNK):
                    seeds = range(at, min(FIRST + runs, at + CHUNK))
                    pieces.append(pytest.param(name, setting, seeds, id=f"{name}-{setting}-{at}"))
    return pieces


@pytest.mark.parametrize(("scenario", "setting", "seeds"), chunks())
def test_whatever_breaks_every_execution_ends_and_its_journal_holds(
    scenario: str, setting: str, seeds: range, record_property: Callable[[str, object], None]
) -> None:
    figures = run_campaign(scenario, setting, seeds)
    record_property("simulation", figures.as_dict())
    assert figures.runs == len(seeds)


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_seed_gives_the_same_run_again(scenario: str) -> None:
    first = run_seed(scenario, "storm", 7, traced=True).trace
    again = run_seed(scenario, "storm", 7, traced=True).trace
    assert first == again


def test_every_setting_is_part_of_the_campaign() -> None:
    assert set(TROUBLE) == set(SETTINGS)
    assert sum(TROUBLE.values()) == 100
