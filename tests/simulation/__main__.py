"""`python -m tests.simulation SCENARIO SEED [--setting NAME]`: one seed again, with its trace; or many seeds.

python -m tests.simulation main 4711                       what happened in this seed
python -m tests.simulation main 0 --runs 20000             seeds 0 to 19999, and their figures
python -m tests.simulation all 0 --runs 1000 --setting storm
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.simulation.campaign import SCENARIOS, SETTINGS, report, run_campaign, run_seed


def main() -> int:
    """Run what the arguments ask for; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("seed", type=int)
    parser.add_argument("--setting", choices=[*SETTINGS], default="mixed")
    parser.add_argument("--runs", type=int, default=0, help="so many seeds from SEED on, without traces")
    asked = parser.parse_args()
    if asked.runs:
        return many(asked.scenario, asked.setting, range(asked.seed, asked.seed + asked.runs))
    try:
        world = run_seed(asked.scenario, asked.setting, asked.seed, traced=True)
    except Exception as error:
        say(report(asked.scenario, asked.setting, asked.seed, error))
        return 1
    say("\n".join(world.trace or []))
    return 0


def many(scenario: str, setting: str, seeds: range) -> int:
    """A campaign on one core."""
    broken = 0
    for name in SCENARIOS if scenario == "all" else [scenario]:
        begun = time.process_time()
        try:
            figures = run_campaign(name, setting, seeds)
        except AssertionError as error:
            say(f"{name}/{setting}: BROKEN\n{error}")
            broken = 1
        else:
            say(f"{name}/{setting}: {figures} in {time.process_time() - begun:.1f} s of CPU")
    return broken


def say(text: str) -> None:
    """Tell whoever asked."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
