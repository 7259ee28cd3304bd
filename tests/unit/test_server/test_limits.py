"""The rate limit: exact enough over all processes, and cheap."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from polos.adapters.memory import MemoryStore
from polos.errors import RateLimited
from polos.server.limits import Rate, RateLimiter


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore.virtual()


def granted(limiter: RateLimiter, who: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.take(who)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_burst_is_allowed_and_then_the_rate(store: MemoryStore) -> None:
    limiter = RateLimiter(store.records, store.clock, Rate(10, 20))
    assert granted(limiter, "a", 100) == 20
    store.clock.advance(1)
    assert granted(limiter, "a", 100) == 10
    store.clock.advance(3600)
    assert granted(limiter, "a", 100) == 20


def test_callers_have_buckets_of_their_own(store: MemoryStore) -> None:
    limiter = RateLimiter(store.records, store.clock, Rate(1, 5))
    assert granted(limiter, "a", 10) == 5
    assert granted(limiter, "b", 10) == 5


def test_all_processes_share_a_bucket(store: MemoryStore) -> None:
    limiters = [RateLimiter(store.records, store.clock, Rate(1, 50)) for _ in range(5)]
    assert sum(granted(limiter, "a", 40) for limiter in limiters) == 50


def test_processes_that_draw_at_once_never_draw_too_much(store: MemoryStore) -> None:
    limiters = [RateLimiter(store.records, store.clock, Rate(0.001, 40)) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda limiter: granted(limiter, "a", 20), limiters))
    assert sum(counts) <= 40


def test_a_refusal_says_when_there_is_room(store: MemoryStore) -> None:
    limiter = RateLimiter(store.records, store.clock, Rate(0.5, 1))
    limiter.take("a")
    with pytest.raises(RateLimited, match=r"0\.5 times a second") as refused:
        limiter.take("a")
    store.clock.advance(refused.value.retry_after)
    limiter.take("a")


def test_most_requests_ask_no_store(store: MemoryStore) -> None:
    writes = []

    class Counting:
        def get(self, key):
            return store.records.get(key)

        def write(self, *parts):
            writes.append(parts)
            return store.records.write(*parts)

    limiter = RateLimiter(Counting(), store.clock, Rate(10, 100))  # type: ignore[arg-type]
    for _ in range(50):
        limiter.take("a")
    assert len(writes) == 5


def test_what_a_sleeping_process_had_drawn_is_lost(store: MemoryStore) -> None:
    limiter = RateLimiter(store.records, store.clock, Rate(0.001, 20))
    limiter.take("a")
    store.clock.advance(60)
    assert granted(limiter, "a", 100) == 18
