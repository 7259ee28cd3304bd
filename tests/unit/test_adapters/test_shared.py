"""What all adapters share: ranges of names, limits, clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polos.adapters.clock import SystemClock, VirtualClock
from polos.adapters.limits import check_name, utf8_size
from polos.adapters.ranges import Spot, behind_prefix, between, cursor_of, spot_of

names = st.text(
    st.one_of(
        st.sampled_from("ab/#\U0010ffff\ud7ff\ue000\x01"),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=6,
)


@given(names, st.none() | names, st.none() | names, names)
def test_a_range_holds_a_name_just_if_all_arguments_do(
    prefix: str, after: str | None, before: str | None, name: str
) -> None:
    lower, upper = between(prefix=prefix, after=after, before=before)
    wanted = name.startswith(prefix) and (after is None or name > after) and (before is None or name < before)
    assert (lower <= name and (upper is None or name < upper)) == wanted


@given(names, names)
def test_what_begins_with_a_prefix_lies_before_its_end(prefix: str, rest: str) -> None:
    end = behind_prefix(prefix)
    if end is not None:
        assert prefix + rest < end
        assert not end.startswith(prefix)
        end.encode()


@given(names, names)
def test_code_points_and_utf8_order_alike(one: str, two: str) -> None:
    assert (one < two) == (one.encode() < two.encode())


@given(names, names, names)
def test_a_cursor_leads_back_to_its_spot(sort: str, partition: str, key: str) -> None:
    spot = Spot(sort, partition, key)
    assert spot_of(cursor_of(spot)) == spot


@pytest.mark.parametrize("cursor", ["", "x", "[]", "[1,2,3]", '["a","b"]', '{"a":1}', "null"])
def test_a_made_up_cursor_is_a_mistake(cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        spot_of(cursor)


@pytest.mark.parametrize("name", ["x" * 900, "é" * 450, "日" * 300, "🙂" * 225, " "])
def test_a_name_takes_900_bytes(name: str) -> None:
    check_name(name, "log")
    assert utf8_size(name) == len(name.encode())
    with pytest.raises(ValueError, match="1 to 900 bytes"):
        check_name("x" * (901 - len(name.encode())) + name, "log")


def test_virtual_time_passes_only_by_hand() -> None:
    clock = VirtualClock(100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    clock.sleep(5)
    clock.sleep(-1)
    clock.advance(2.5)
    clock.advance_to(50.0)
    assert (clock.now(), clock.monotonic()) == (107.5, 7.5)
    clock.advance_to(200)
    assert clock.now() == 200
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_the_clock_of_the_system_moves_by_itself() -> None:
    clock = SystemClock()
    wall, monotonic = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    clock.sleep(-5)
    assert clock.monotonic() > monotonic
    assert clock.now() >= wall
