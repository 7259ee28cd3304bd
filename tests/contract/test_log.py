"""`polos.ports.Log`, sentence by sentence."""

import pytest

from contract.adapters import World
from contract.samples import ODD_NAMES, ODD_TEXTS, at_once

DAY = 86_400.0


def test_a_log_nobody_wrote_to_is_empty(world: World) -> None:
    log = world.name()
    assert world.ports.log.read(log) == []
    assert world.ports.log.read(log, 7, 3) == []
    assert world.ports.log.tail(log) == 0


def test_positions_are_0_1_2_without_a_gap(world: World) -> None:
    log = world.name()
    assert world.ports.log.append(log, 0, ["a"])
    assert world.ports.log.append(log, 1, ["b", "c"])
    assert world.ports.log.publish(log, ["d", "e"]) == 3
    assert world.ports.log.append(log, 5, ["f"])
    assert world.ports.log.tail(log) == 6
    assert world.ports.log.read(log) == list("abcdef")


def test_an_append_at_a_taken_position_is_refused_and_writes_nothing(world: World) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a", "b"])
    assert not world.ports.log.append(log, 0, ["x"])
    assert not world.ports.log.append(log, 1, ["x"])
    assert world.ports.log.read(log) == ["a", "b"]


def test_several_entries_are_all_written_or_none(world: World) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a", "b"])
    assert not world.ports.log.append(log, 1, ["x", "y", "z"])
    assert world.ports.log.read(log) == ["a", "b"]
    assert world.ports.log.append(log, 2, ["y"]), "the refused append left nothing behind the tail"


@pytest.mark.parametrize(
    ("position", "entries"), [(0, ["a", "b", "c"]), (1, ["b"]), (1, ["b", "c"]), (2, ["c"]), (0, ["a"])]
)
def test_a_repeat_of_an_append_that_stands_is_true(world: World, position: int, entries: list[str]) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a", "b", "c"])
    assert world.ports.log.append(log, position, entries)
    assert world.ports.log.read(log) == ["a", "b", "c"]


def test_a_repeat_is_true_whatever_follows(world: World) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a"])
    world.ports.log.append(log, 1, ["b"])
    assert world.ports.log.append(log, 0, ["a"])
    assert world.ports.log.tail(log) == 2


@pytest.mark.parametrize(
    ("position", "entries"),
    [(0, ["a", "b", "x"]), (0, ["a", "b", "c", "d"]), (1, ["b", "c", "d"]), (1, ["a"]), (2, ["c", "d"])],
)
def test_an_append_of_which_a_part_stands_is_refused(world: World, position: int, entries: list[str]) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a", "b", "c"])
    assert not world.ports.log.append(log, position, entries)
    assert world.ports.log.read(log) == ["a", "b", "c"]


def test_of_eight_threads_that_append_at_one_position_exactly_one_wins(world: World) -> None:
    for turn in range(12):
        log = world.name(f"race-{turn}")

        def append(number: int, log: str = log) -> bool:
            return world.ports.log.append(log, 0, [f"from {number}"])

        won = [number for number, stands in enumerate(at_once(8, append)) if stands]
        assert len(won) == 1
        assert world.ports.log.read(log) == [f"from {won[0]}"]


def test_overlapping_appends_of_several_entries_never_mix(world: World) -> None:
    for turn in range(6):
        log = world.name(f"mix-{turn}")
        world.ports.log.append(log, 0, ["head"])

        def append(number: int, log: str = log) -> bool:
            return world.ports.log.append(log, 1, [f"{number}.{part}" for part in range(1 + number)])

        won = [number for number, stands in enumerate(at_once(8, append)) if stands]
        assert len(won) == 1
        assert world.ports.log.read(log, 1) == [f"{won[0]}.{part}" for part in range(1 + won[0])]


def test_what_an_append_said_stands_is_seen_by_every_thread(world: World) -> None:
    log = world.name()
    for position in range(10):
        assert world.ports.log.append(log, position, [str(position)])
        seen = at_once(4, lambda _: world.ports.log.tail(log))
        assert seen == [position + 1] * 4


def test_threads_that_append_at_the_tail_they_read_lose_nothing(world: World) -> None:
    log = world.name()

    def work(number: int) -> None:
        for part in range(5):
            entry = f"{number}.{part}"
            while not world.ports.log.append(log, world.ports.log.tail(log), [entry]):
                pass

    at_once(6, work)
    entries = world.ports.log.read(log)
    assert sorted(entries) == sorted(f"{number}.{part}" for number in range(6) for part in range(5))
    for number in range(6):
        own = [entry for entry in entries if entry.startswith(f"{number}.")]
        assert own == sorted(own)


# --- publish ------------------------------------------------------------------------------------------------------


def test_publish_puts_entries_side_by_side_at_the_tail(world: World) -> None:
    log = world.name()
    assert world.ports.log.publish(log, ["a"]) == 0
    assert world.ports.log.publish(log, ["b", "c", "d"]) == 1
    assert world.ports.log.publish(log, ["e"]) == 4
    assert world.ports.log.read(log) == list("abcde")


def test_publish_with_an_id_is_made_once_and_keeps_its_position(world: World) -> None:
    log = world.name()
    world.ports.log.publish(log, ["before"])
    assert world.ports.log.publish(log, ["a", "b"], once="id") == 1
    world.ports.log.publish(log, ["after"])
    assert world.ports.log.publish(log, ["a", "b"], once="id") == 1
    assert world.ports.log.publish(log, ["other", "text", "even"], once="id") == 1
    assert world.ports.log.read(log) == ["before", "a", "b", "after"]


def test_once_ids_belong_to_their_log(world: World) -> None:
    first, second = world.name("1"), world.name("2")
    assert world.ports.log.publish(first, ["a"], once="id") == 0
    assert world.ports.log.publish(second, ["b"], once="id") == 0
    assert world.ports.log.publish(first, ["c"], once="ID") == 1


@pytest.mark.parametrize("once", ODD_NAMES)
def test_once_ids_may_be_odd(world: World, once: str) -> None:
    log = world.name()
    assert world.ports.log.publish(log, ["a"], once=once) == 0
    assert world.ports.log.publish(log, ["a"], once=once) == 0
    assert world.ports.log.publish(log, ["b"], once=once + "'") == 1


# Who loses a race for the tail waits before it tries again: on a real clock, since a virtual one lets nobody wait, and
# eight threads that never wait may well lose as often in a row as is tried.


def test_eight_threads_publish_without_a_gap_and_in_one_piece(live_world: World) -> None:
    log = live_world.name()

    def publish(number: int) -> list[tuple[int, list[str]]]:
        made = []
        for part in range(4):
            entries = [f"{number}.{part}.{place}" for place in range(1 + part % 3)]
            made.append((live_world.ports.log.publish(log, entries), entries))
        return made

    made = [one for per_thread in at_once(8, publish) for one in per_thread]
    entries = live_world.ports.log.read(log)
    assert len(entries) == sum(len(part) for _, part in made) == live_world.ports.log.tail(log)
    for position, part in made:
        assert entries[position : position + len(part)] == part


def test_eight_threads_that_publish_one_id_write_it_once(live_world: World) -> None:
    for turn in range(3):
        log = live_world.name(f"once-{turn}")

        def publish(number: int, log: str = log) -> int:
            live_world.ports.log.publish(log, [f"noise {number}"])
            return live_world.ports.log.publish(log, ["the one"], once="id")

        positions = at_once(8, publish)
        assert len(set(positions)) == 1
        entries = live_world.ports.log.read(log)
        assert entries.count("the one") == 1
        assert entries[positions[0]] == "the one"
        assert len(entries) == 9


def test_publish_and_append_share_the_positions(live_world: World) -> None:
    log = live_world.name()

    def work(number: int) -> int:
        if number % 2:
            return live_world.ports.log.publish(log, [f"publish {number}"])
        entry = f"append {number}"
        while not live_world.ports.log.append(log, position := live_world.ports.log.tail(log), [entry]):
            pass
        return position

    positions = at_once(8, work)
    assert sorted(positions) == list(range(8))
    entries = live_world.ports.log.read(log)
    for number, position in enumerate(positions):
        assert entries[position].endswith(f" {number}")


# --- read ---------------------------------------------------------------------------------------------------------


def test_read_gives_a_part_from_a_position_on(world: World) -> None:
    log = world.name()
    entries = [str(number) for number in range(120)]
    for start in range(0, 120, 40):
        world.ports.log.append(log, start, entries[start : start + 40])
    assert world.ports.log.read(log) == entries
    assert world.ports.log.read(log, 37) == entries[37:]
    assert world.ports.log.read(log, 37, 5) == entries[37:42]
    assert world.ports.log.read(log, 118, 50) == entries[118:]
    assert world.ports.log.read(log, 0, 0) == []
    assert world.ports.log.read(log, 120) == []
    assert world.ports.log.read(log, 5_000, 1) == []


def test_entries_come_in_order_of_position_and_not_of_its_digits(world: World) -> None:
    log = world.name()
    for position in range(12):
        world.ports.log.append(log, position, [f"e{position}"])
    assert world.ports.log.read(log, 8) == ["e8", "e9", "e10", "e11"]


def test_what_a_reader_does_with_its_list_does_not_change_the_log(world: World) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ["a"])
    world.ports.log.read(log).append("b")
    assert world.ports.log.read(log) == ["a"]
    assert world.ports.log.tail(log) == 1


def test_entries_are_given_back_as_they_were(world: World) -> None:
    log = world.name()
    world.ports.log.append(log, 0, ODD_TEXTS)
    assert world.ports.log.read(log) == ODD_TEXTS
    assert world.ports.log.append(log, 0, ODD_TEXTS)


def test_large_entries_are_given_back_as_they_were(world: World) -> None:
    log = world.name()
    repetitive = "0123456789abcdef" * 327_680  # 5 MiB
    varied = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(700_000))  # 2 MB
    assert world.ports.log.append(log, 0, [repetitive])
    assert world.ports.log.append(log, 1, ["small", varied, "small"])
    assert world.ports.log.read(log) == [repetitive, "small", varied, "small"]
    assert world.ports.log.append(log, 0, [repetitive])
    assert not world.ports.log.append(log, 0, [repetitive[:-1] + "x"])
    assert world.ports.log.publish(log, [varied], once="big") == 4
    assert world.ports.log.read(log, 4) == [varied]


def test_entries_whose_sizes_pass_a_page_of_a_store_are_read_whole(world: World) -> None:
    log = world.name()
    entries = [f"{number}:" + "y" * 100_000 for number in range(40)]  # 4 MB, where DynamoDB pages at 1 MB
    for position, entry in enumerate(entries):
        world.ports.log.append(log, position, [entry])
    assert world.ports.log.read(log) == entries
    assert world.ports.log.read(log, 3, 30) == entries[3:33]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_log_may_have_an_odd_name(world: World, name: str) -> None:
    log = world.name(name)
    other = world.name(name + "+")
    world.ports.log.append(log, 0, ["a"])
    world.ports.log.append(other, 0, ["b"])
    assert world.ports.log.read(log) == ["a"]
    assert world.ports.log.tail(other) == 1
    world.ports.log.delete(log)
    assert world.ports.log.read(log) == []
    assert world.ports.log.read(other) == ["b"]


# --- delete, expiry -----------------------------------------------------------------------------------------------


def test_delete_forgets_the_log_and_its_once_ids(world: World) -> None:
    log, other = world.name("log"), world.name("log2")
    world.ports.log.publish(log, ["a"] * 50, once="id")
    world.ports.log.publish(log, ["b"] * 50)
    world.ports.log.publish(other, ["o"], once="id")
    world.ports.log.delete(log)
    world.ports.log.delete(log)
    assert world.ports.log.read(log) == []
    assert world.ports.log.tail(log) == 0
    assert world.ports.log.publish(log, ["again"], once="id") == 0
    assert world.ports.log.read(log) == ["again"]
    assert world.ports.log.read(other) == ["o"]


def test_entries_stand_until_they_expire(world: World) -> None:
    log = world.name()
    later = world.now() + 30 * DAY
    assert world.ports.log.append(log, 0, ["a", "b"], expires_at=later)
    assert world.ports.log.publish(log, ["c"], once="id", expires_at=later) == 2
    if world.purge:
        world.purge()
    assert world.ports.log.read(log) == ["a", "b", "c"]
    assert world.ports.log.publish(log, ["c"], once="id", expires_at=later) == 2


def test_what_stands_keeps_its_position_when_the_front_is_forgotten(world: World) -> None:
    if world.purge is None:
        pytest.skip("this store forgets in its own time")
    log = world.name()
    soon = world.now() + 1
    world.ports.log.publish(log, ["a", "b"], once="id", expires_at=soon)
    world.ports.log.publish(log, ["c"], once="later", expires_at=soon + DAY)
    world.ports.log.publish(log, ["d"])
    world.advance(2)
    world.purge()
    assert world.ports.log.read(log) == ["", "", "c", "d"]
    assert world.ports.log.read(log, 1) == ["", "c", "d"]
    assert world.ports.log.read(log, 1, 2) == ["", "c"]
    assert world.ports.log.read(log, 2) == ["c", "d"]
    assert world.ports.log.tail(log) == 4
    assert world.ports.log.publish(log, ["c"], once="later") == 2
    assert world.ports.log.publish(log, ["e"]) == 4
    world.advance(2 * DAY)
    world.purge()
    assert world.ports.log.read(log) == ["", "", "", "d", "e"]


def test_a_log_of_which_nothing_stands_begins_anew(world: World) -> None:
    if world.purge is None:
        pytest.skip("this store forgets in its own time")
    log = world.name()
    world.ports.log.append(log, 0, ["a", "b"], expires_at=world.now() + 1)
    world.ports.log.publish(log, ["c"], once="id", expires_at=world.now() + 2)
    world.advance(3)
    world.purge()
    assert world.ports.log.read(log) == []
    assert world.ports.log.publish(log, ["n"], once="id") == 0


# --- limits -------------------------------------------------------------------------------------------------------


def test_fifty_entries_are_taken_and_fifty_one_are_not(world: World) -> None:
    log = world.name()
    assert world.ports.log.append(log, 0, [f"{number}" for number in range(50)])
    assert world.ports.log.publish(log, [f"p{number}" for number in range(50)], once="id") == 50
    with pytest.raises(ValueError, match="50"):
        world.ports.log.append(log, 100, ["x"] * 51)
    with pytest.raises(ValueError, match="50"):
        world.ports.log.publish(log, ["x"] * 51)
    assert world.ports.log.tail(log) == 100


@pytest.mark.parametrize("entries", [[], [""], ["a", ""]])
def test_nothing_and_empty_entries_are_mistakes(world: World, entries: list[str]) -> None:
    log = world.name()
    with pytest.raises(ValueError, match="entr"):
        world.ports.log.append(log, 0, entries)
    with pytest.raises(ValueError, match="entr"):
        world.ports.log.publish(log, entries)
    assert world.ports.log.tail(log) == 0


@pytest.mark.parametrize("name", ["", "x" * 901, "é" * 451, "a\0b", "\ud800"])
def test_names_beyond_the_limits_are_mistakes(world: World, name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a surrogate is Python's own error
        world.ports.log.append(name, 0, ["a"])
    with pytest.raises(ValueError):  # noqa: PT011
        world.ports.log.read(name)


def test_a_position_below_zero_is_a_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="position"):
        world.ports.log.append(world.name(), -1, ["a"])
    with pytest.raises(ValueError, match="position"):
        world.ports.log.read(world.name(), -1)
