"""The faults of one run: each is drawn from the seed, as long as the budget lasts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each fault is, where it can happen.

    `crash`: a delivery (or client) dies before, and again after, a port call or inside a step. `process`: all that
    its process works on dies with it. `lost`: a call is applied and its answer is lost (`TryAgain`), or says False.
    `throttle`: a call is refused with `TryAgain`. `duplicate`: a delivered message is there a second time.
    `produced`: a send puts its messages twice. `expire`: a message becomes visible although its worker is alive.
    `early`: timers fire up to two minutes early. `hurry`: a delivery has too little time left to begin a step inline
    (no fault: the engine promises as much without it). `budget`: faults of one run, all kinds together.
    """

    crash: float = 0.0
    process: float = 0.0
    lost: float = 0.0
    throttle: float = 0.0
    duplicate: float = 0.0
    produced: float = 0.0
    expire: float = 0.0
    early: float = 0.0
    hurry: float = 0.1
    budget: int = 40

    def times(self, factor: float, *, budget: int) -> Odds:
        """All faults that much likelier."""
        rates = {name: getattr(self, name) * factor for name in FAULTS}
        return replace(self, budget=budget, **rates)


FAULTS = ("crash", "process", "lost", "throttle", "duplicate", "produced", "expire", "early")
CALM = Odds()
MIXED = Odds(
    crash=0.012,
    process=0.004,
    lost=0.008,
    throttle=0.004,
    duplicate=0.03,
    produced=0.01,
    expire=0.01,
    early=0.05,
)
STORM = MIXED.times(2.5, budget=80)
CRASHES = Odds(crash=0.03, budget=80)


class Chance:
    """Draws from a seed. Once the budget is spent nothing fails any more, so that every run can end."""

    def __init__(self, rng: Random, odds: Odds) -> None:
        self.rng = rng
        self.odds = odds
        self.left = odds.budget
        self.faults: Counter[str] = Counter()

    def strikes(self, kind: str) -> bool:
        """Whether this fault happens here and now."""
        likely = getattr(self.odds, kind)
        if not likely or self.left <= 0 or self.rng.random() >= likely:
            return False
        self.left -= 1
        self.faults[kind] += 1
        return True

    def even(self) -> bool:
        """Heads or tails."""
        return self.rng.randrange(2) == 0

    def hurried(self) -> bool:
        """Whether this delivery has little time."""
        return self.rng.random() < self.odds.hurry
