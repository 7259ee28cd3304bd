"""When a failed attempt of a step is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from polos.core.ids import fraction
from polos.errors import InvalidDefinition


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_retries` further attempts, `base_delay * 2**(n-1)` seconds after the n-th failure, at most `max_delay`.

    Half of each delay is spread by a fraction derived from the operation, so that many executions that failed
    together do not come back together, and every replay computes the same.
    """

    max_retries: int = 2
    base_delay: float = 1.0
    max_delay: float = 10.0

    def __post_init__(self) -> None:
        numbers = (self.max_retries, self.base_delay, self.max_delay)
        if not all(0 <= number < float("inf") for number in numbers):  # what is no number is refused too
            raise InvalidDefinition(
                f"max_retries={self.max_retries}, base_delay={self.base_delay}, max_delay={self.max_delay}: "
                "each must be a number, 0 or more"
            )

    def delay(self, failed_attempt: int, *seed: str) -> float | None:
        """Seconds from the failure of attempt `failed_attempt` (1, 2 ...) to the next; None if it was the last."""
        if failed_attempt > self.max_retries:
            return None
        full = min(self.base_delay * 2.0 ** min(failed_attempt - 1, 60), self.max_delay)
        return full * (0.5 + 0.5 * fraction(*seed, str(failed_attempt)))


@lru_cache(maxsize=256)
def retry_policy(max_retries: int, base_delay: float, max_delay: float) -> RetryPolicy:
    """The policy with these numbers, made once: a replay asks for it at every step."""
    return RetryPolicy(max_retries, base_delay, max_delay)
