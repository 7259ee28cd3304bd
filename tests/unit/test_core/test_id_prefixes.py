"""What the beginning of an id says about when it was made."""

from hypothesis import given
from hypothesis import strategies as st

from polos.core.ids import begun_between, derived_id, time_ordered_id

NOW = 1_795_000_000_000


@given(
    at=st.integers(1_740_000_000_000, NOW),
    size=st.integers(4, 26),
    chance=st.binary(min_size=10),
)
def test_an_id_was_made_between_the_times_that_its_beginning_tells(at: int, size: int, chance: bytes) -> None:
    told = begun_between(time_ordered_id(at, chance)[:size], NOW)
    assert told is not None
    assert told[0] <= at < told[1]


def test_ten_characters_tell_the_millisecond() -> None:
    assert begun_between(time_ordered_id(NOW, bytes(10))[:10], NOW) == (NOW, NOW + 1)


def test_what_says_too_little_tells_no_time() -> None:
    assert begun_between("01m", NOW) is None
    assert begun_between("", NOW) is None
    assert begun_between("no id at all!", NOW) is None
    told = [begun_between(derived_id("p", str(number)), NOW) for number in range(1000)]
    assert told.count(None) > 990
