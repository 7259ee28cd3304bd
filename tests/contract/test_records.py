"""`polos.ports.Records`, sentence by sentence."""

import pytest

from contract.adapters import World
from contract.samples import ODD_NAMES, ODD_TEXTS, at_once
from polos.ports import ABSENT, INDEXES, Check, Delete, Key, Page, Put, Record


def key(world: World, sort: str = "one", partition: str = "p") -> Key:
    return Key(world.name(partition), sort)


# --- write and get ------------------------------------------------------------------------------------------------


def test_a_record_nobody_wrote_is_none(world: World) -> None:
    assert world.ports.records.get(key(world)) is None


def test_a_record_is_read_as_it_was_written(world: World) -> None:
    place = key(world)
    assert world.ports.records.write(Put(place, "value"))
    assert world.ports.records.get(place) == Record(place, "value", 1)


def test_the_version_grows_by_one_with_every_write(world: World) -> None:
    place = key(world)
    for version in range(1, 6):
        assert world.ports.records.write(Put(place, f"v{version}"))
        assert world.ports.records.get(place) == Record(place, f"v{version}", version)


def test_writing_the_same_value_again_is_a_write(world: World) -> None:
    place = key(world)
    world.ports.records.write(Put(place, "same"))
    world.ports.records.write(Put(place, "same"))
    record = world.ports.records.get(place)
    assert record is not None
    assert record.version == 2


def test_after_a_delete_the_version_begins_at_1(world: World) -> None:
    place = key(world)
    world.ports.records.write(Put(place, "a"))
    world.ports.records.write(Put(place, "b"))
    assert world.ports.records.write(Delete(place))
    assert world.ports.records.get(place) is None
    assert world.ports.records.write(Put(place, "c", ABSENT))
    assert world.ports.records.get(place) == Record(place, "c", 1)


def test_expect_absent_creates_and_never_replaces(world: World) -> None:
    place = key(world)
    assert world.ports.records.write(Put(place, "first", ABSENT))
    assert not world.ports.records.write(Put(place, "second", ABSENT))
    assert world.ports.records.get(place) == Record(place, "first", 1)


def test_expect_a_version_replaces_only_that_one(world: World) -> None:
    place = key(world)
    assert not world.ports.records.write(Put(place, "x", 1)), "there is none yet"
    world.ports.records.write(Put(place, "a"))
    assert not world.ports.records.write(Put(place, "x", 2))
    assert world.ports.records.write(Put(place, "b", 1))
    assert not world.ports.records.write(Put(place, "x", 1))
    assert world.ports.records.get(place) == Record(place, "b", 2)


def test_delete_takes_the_same_expectations(world: World) -> None:
    place = key(world)
    assert world.ports.records.write(Delete(place)), "removing what is not there succeeds"
    assert world.ports.records.write(Delete(place, ABSENT))
    assert not world.ports.records.write(Delete(place, 1))
    world.ports.records.write(Put(place, "a"))
    assert not world.ports.records.write(Delete(place, ABSENT))
    assert not world.ports.records.write(Delete(place, 2))
    assert world.ports.records.get(place) == Record(place, "a", 1)
    assert world.ports.records.write(Delete(place, 1))
    assert world.ports.records.get(place) is None


def test_check_writes_nothing_and_decides_over_the_whole(world: World) -> None:
    watched, written = key(world, "watched"), key(world, "written")
    assert world.ports.records.write(Check(watched, ABSENT), Put(written, "a"))
    assert not world.ports.records.write(Check(watched, 1), Put(written, "b"))
    world.ports.records.write(Put(watched, "w"))
    assert not world.ports.records.write(Check(watched, ABSENT), Put(written, "b"))
    assert world.ports.records.write(Check(watched, 1), Put(written, "b"))
    assert world.ports.records.get(watched) == Record(watched, "w", 1)
    assert world.ports.records.get(written) == Record(written, "b", 2)


def test_check_alone_only_asks(world: World) -> None:
    place = key(world)
    assert world.ports.records.write(Check(place, ABSENT))
    assert not world.ports.records.write(Check(place, 3))
    assert world.ports.records.get(place) is None


@pytest.mark.parametrize("failing", range(4))
def test_one_failed_expectation_changes_nothing(world: World, failing: int) -> None:
    stay, gone, new, fourth = (key(world, sort) for sort in ("stay", "gone", "new", "fourth"))
    index = {"created": (world.name("c"), "1")}
    world.ports.records.write(Put(stay, "stay"), Put(gone, "gone", index=index))
    before = world.ports.records.get_many([stay, gone, new, fourth])
    writes = [Put(stay, "x", 1), Delete(gone, 1), Put(new, "x", ABSENT, index=index), Check(fourth, ABSENT)]
    wrong = [Put(stay, "x", 2), Delete(gone, 2), Put(new, "x", 1, index=index), Check(fourth, 1)]
    writes[failing] = wrong[failing]
    assert not world.ports.records.write(*writes)
    assert world.ports.records.get_many([stay, gone, new, fourth]) == before
    world.settle()
    found = world.ports.records.find("created", world.name("c"))
    assert [record.key for record in found.records] == [gone]


def test_writes_without_expectations_are_made_together(world: World) -> None:
    keys = [key(world, f"{number:03}", f"p{number % 7}") for number in range(90)]
    assert world.ports.records.write(*(Put(place, place.sort) for place in keys))
    assert world.ports.records.get_many(keys) == {place: Record(place, place.sort, 1) for place in keys}


def test_a_write_of_nothing_is_made(world: World) -> None:
    assert world.ports.records.write()


def test_a_counter_kept_by_compare_and_set_loses_nothing(world: World) -> None:
    place = key(world)
    world.ports.records.write(Put(place, "0"))

    def count(_: int) -> None:
        for _turn in range(6):
            made = False
            while not made:
                record = world.ports.records.get(place)
                assert record is not None
                made = world.ports.records.write(Put(place, str(int(record.value) + 1), record.version))

    at_once(8, count)
    assert world.ports.records.get(place) == Record(place, "48", 49)


def test_eight_threads_that_create_one_record_have_one_winner(world: World) -> None:
    for turn in range(10):
        place = key(world, f"{turn}")

        def create(number: int, place: Key = place) -> bool:
            return world.ports.records.write(Put(place, str(number), ABSENT))

        won = [number for number, made in enumerate(at_once(8, create)) if made]
        assert len(won) == 1
        assert world.ports.records.get(place) == Record(place, str(won[0]), 1)


def test_transfers_between_records_keep_the_sum(world: World) -> None:
    accounts = [key(world, str(number)) for number in range(3)]
    world.ports.records.write(*(Put(place, "100") for place in accounts))

    def transfer(number: int) -> None:
        source, target = accounts[number % 3], accounts[(number + 1) % 3]
        for _turn in range(4):
            made = False
            while not made:
                have = world.ports.records.get_many([source, target])
                taken, given = have[source], have[target]
                made = world.ports.records.write(
                    Put(source, str(int(taken.value) - 1), taken.version),
                    Put(target, str(int(given.value) + 1), given.version),
                )

    at_once(6, transfer)
    left = world.ports.records.get_many(accounts)
    assert sum(int(record.value) for record in left.values()) == 300
    assert sum(record.version for record in left.values()) == 3 + 2 * 6 * 4


def test_what_was_written_is_seen_by_every_thread(world: World) -> None:
    place = key(world)
    for version in range(1, 6):
        world.ports.records.write(Put(place, str(version)))
        assert (
            at_once(4, lambda _: world.ports.records.get(place)) == [Record(place, str(version), version)] * 4
        )


@pytest.mark.parametrize("name", ODD_NAMES)
def test_keys_may_be_odd(world: World, name: str) -> None:
    place, neighbour = Key(world.name(name), name), Key(world.name(name), name + "+")
    world.ports.records.write(Put(place, "a", ABSENT), Put(neighbour, "b", ABSENT))
    assert world.ports.records.get(place) == Record(place, "a", 1)
    assert [record.key for record in world.ports.records.query(place.partition).records] == [place, neighbour]
    assert world.ports.records.write(Delete(place, 1))
    assert world.ports.records.get(place) is None
    assert world.ports.records.get(neighbour) == Record(neighbour, "b", 1)


@pytest.mark.parametrize("value", ["", *ODD_TEXTS])
def test_values_are_given_back_as_they_were(world: World, value: str) -> None:
    place = key(world)
    world.ports.records.write(Put(place, value))
    assert world.ports.records.get(place) == Record(place, value, 1)


def test_a_record_takes_350_kilobytes(world: World) -> None:
    place, other = key(world, "ascii"), key(world, "unicode")
    value, wide = "0123456789" * 35_840, "é" * 179_200
    assert world.ports.records.write(Put(place, value), Put(other, wide))
    assert world.ports.records.get(place) == Record(place, value, 1)
    assert [record.value for record in world.ports.records.query(place.partition).records] == [value, wide]


# --- get_many -----------------------------------------------------------------------------------------------------


def test_get_many_gives_those_that_exist(world: World) -> None:
    keys = [key(world, f"{number:03}") for number in range(230)]
    for start in range(0, 230, 46):
        world.ports.records.write(*(Put(place, place.sort) for place in keys[start : start + 46 : 2]))
    found = world.ports.records.get_many(keys)
    assert found == {place: Record(place, place.sort, 1) for place in keys[::2]}
    assert world.ports.records.get_many([]) == {}


def test_get_many_takes_a_key_twice(world: World) -> None:
    place = key(world)
    world.ports.records.write(Put(place, "a"))
    assert world.ports.records.get_many([place, place]) == {place: Record(place, "a", 1)}


def test_get_many_reads_more_than_a_page_of_a_store(world: World) -> None:
    keys = [key(world, str(number)) for number in range(12)]
    for place in keys:
        world.ports.records.write(Put(place, place.sort + "z" * 300_000))
    found = world.ports.records.get_many(keys)
    assert {place: record.value for place, record in found.items()} == {
        place: place.sort + "z" * 300_000 for place in keys
    }


# --- query --------------------------------------------------------------------------------------------------------


def fill(world: World, sorts: list[str], partition: str = "q") -> str:
    """A partition with one record for each of `sorts`, whose value is its sort."""
    name = world.name(partition)
    for start in range(0, len(sorts), 90):
        world.ports.records.write(*(Put(Key(name, sort), sort) for sort in sorts[start : start + 90]))
    return name


def values(page: Page) -> list[str]:
    return [record.value for record in page.records]


def test_a_partition_nobody_wrote_to_is_empty(world: World) -> None:
    assert world.ports.records.query(world.name("none")) == Page((), None)


def test_records_come_in_order_of_code_points(world: World) -> None:
    sorts = [
        "Z",
        "a",
        "B",
        "é",
        "10",
        "9",
        "z",
        "\uffff",
        "\U0001f642",
        "~",
        "日",
        " ",
        "A",
        "Aa",
        "\ud7ff",
        "\ue000",
    ]
    partition = fill(world, sorts)
    assert values(world.ports.records.query(partition)) == sorted(sorts)
    assert values(world.ports.records.query(partition, reverse=True)) == sorted(sorts, reverse=True)


def test_a_query_stays_in_its_partition(world: World) -> None:
    one = fill(world, ["a", "b"], "p")
    fill(world, ["c"], "p/a")
    fill(world, ["d"], "q")
    assert values(world.ports.records.query(one)) == ["a", "b"]


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/1", "b", "é", "\ud7ff", "\U0010ffff", "nothing"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_prefix_gives_those_that_begin_with_it(world: World, prefix: str, *, reverse: bool) -> None:
    sorts = ["a", "a/1", "a/10", "a/2", "a0", "ab", "b", "é", "éa", "\ud7ff", "\ud7ffx", "\ue000", "\U0010ffff",
             "\U0010ffffa"]  # fmt: skip
    partition = fill(world, sorts)
    expected = sorted((sort for sort in sorts if sort.startswith(prefix)), reverse=reverse)
    assert values(world.ports.records.query(partition, prefix=prefix, reverse=reverse)) == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("prefix", "after", "before"),
    [
        ("", "b", None), ("", None, "d"), ("", "b", "d"), ("", "bb", "dd"), ("", "d", "b"), ("", "b", "b"),
        ("b", "b", None), ("b", "bb", None), ("b", "a", "c"), ("b", None, "bb"), ("c", "b", None), ("", "", None),
        ("b", "b1", "b3"), ("c", "d", None), ("c", None, "b"),
    ],
)  # fmt: skip
def test_bounds_are_excluded_and_go_together_with_the_prefix(
    world: World, prefix: str, after: str | None, before: str | None, *, reverse: bool
) -> None:
    sorts = ["a", "b", "b1", "b2", "b3", "bb", "c", "d", "e"]
    partition = fill(world, sorts)
    expected = [
        sort
        for sort in sorts
        if sort.startswith(prefix) and (after is None or sort > after) and (before is None or sort < before)
    ]
    page = world.ports.records.query(partition, prefix=prefix, after=after, before=before, reverse=reverse)
    assert values(page) == (expected[::-1] if reverse else expected)


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26])
@pytest.mark.parametrize("reverse", [False, True])
def test_pages_go_on_where_the_last_one_ended(world: World, limit: int, *, reverse: bool) -> None:
    sorts = [f"{number:02}" for number in range(25)]
    partition = fill(world, sorts)
    expected = sorts[3:21][::-1] if reverse else sorts[3:21]

    def page(cursor: str | None) -> Page:
        found = world.ports.records.query(
            partition, after="02", before="21", limit=limit, reverse=reverse, cursor=cursor
        )
        assert len(found.records) <= limit
        return found

    assert world.all_of(page)[0] == expected


def test_the_hundred_is_the_default_of_a_page(world: World) -> None:
    partition = fill(world, [f"{number:03}" for number in range(101)])
    first = world.ports.records.query(partition)
    assert len(first.records) <= 100
    assert first.cursor is not None


@pytest.mark.parametrize("reverse", [False, True])
def test_pages_stand_still_while_others_write(world: World, *, reverse: bool) -> None:
    sorts = [f"{number:02}" for number in range(0, 40, 2)]
    partition = fill(world, sorts)
    seen: list[str] = []
    cursor = None
    for turn in range(100):
        page = world.ports.records.query(partition, limit=3, cursor=cursor, reverse=reverse)
        seen += values(page)
        cursor = page.cursor
        if cursor is None:
            break
        world.ports.records.write(Put(Key(partition, f"{(turn * 14 + 1) % 40:02}"), "new"))
        world.ports.records.write(Put(Key(partition, seen[-1]), seen[-1]))
    standing = [value for value in seen if value != "new"]
    assert standing == sorted(sorts, reverse=reverse)


def test_a_cursor_outlives_the_record_it_ended_at(world: World) -> None:
    partition = fill(world, ["a", "b", "c", "d"])
    first = world.ports.records.query(partition, limit=2)
    world.ports.records.write(*(Delete(record.key) for record in first.records))
    rest, _ = world.all_of(lambda cursor: world.ports.records.query(partition, cursor=cursor or first.cursor))
    assert rest == ["c", "d"]


def test_a_query_sees_what_was_just_written(world: World) -> None:
    partition = world.name("q")
    for number in range(10):
        world.ports.records.write(Put(Key(partition, f"{number}"), f"{number}"))
        assert len(world.ports.records.query(partition).records) == number + 1
    world.ports.records.write(Delete(Key(partition, "4")))
    assert "4" not in values(world.ports.records.query(partition))


def test_pages_of_large_records_lose_nothing(world: World) -> None:
    partition = world.name("q")
    for number in range(15):
        world.ports.records.write(Put(Key(partition, f"{number:02}"), f"{number:02}" + "w" * 200_000))
    found, _ = world.all_of(lambda cursor: world.ports.records.query(partition, cursor=cursor))
    assert [value[:2] for value in found] == [f"{number:02}" for number in range(15)]
    assert all(len(value) == 200_002 for value in found)


# --- find ---------------------------------------------------------------------------------------------------------


def list_in(
    world: World, sorts: list[str], index: str = "created", partition: str = "i"
) -> tuple[str, list[Key]]:
    """Records found in `index` under `sorts`, whose values are these; their own keys are in another order."""
    name, keys = world.name(partition), []
    for number, sort in enumerate(sorts):
        keys.append(Key(world.name("own"), f"{partition}{(number * 7919) % 10_007:05}"))
        world.ports.records.write(Put(keys[-1], sort, index={index: (name, sort)}))
    world.settle()
    return name, keys


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("reverse", [False, True])
def test_records_are_found_in_the_order_of_each_index(world: World, index: str, *, reverse: bool) -> None:
    sorts = ["c", "a", "é", "b", "Z", "🙂", "日"]
    partition, _ = list_in(world, sorts, index)
    found = world.ports.records.find(index, partition, reverse=reverse)
    assert values(found) == sorted(sorts, reverse=reverse)
    for other in set(INDEXES) - {index}:
        assert world.ports.records.find(other, partition) == Page((), None)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("after", "before"), [("b", None), (None, "d"), ("b", "d"), ("bb", "cc"), ("d", "b"), ("c", "c")]
)
def test_bounds_of_find_are_excluded(
    world: World, after: str | None, before: str | None, *, reverse: bool
) -> None:
    sorts = ["a", "b", "b2", "c", "d", "e"]
    partition, _ = list_in(world, sorts)
    expected = [
        sort for sort in sorts if (after is None or sort > after) and (before is None or sort < before)
    ]
    found = world.ports.records.find("created", partition, after=after, before=before, reverse=reverse)
    assert values(found) == (expected[::-1] if reverse else expected)


@pytest.mark.parametrize("limit", [1, 4, 20, 21])
@pytest.mark.parametrize("reverse", [False, True])
def test_pages_of_find_give_each_record_once_also_with_equal_sorts(
    world: World, limit: int, *, reverse: bool
) -> None:
    sorts = [f"{number // 6}" for number in range(20)]
    partition, keys = list_in(world, sorts)

    def walk() -> list[Key]:
        found: list[Key] = []
        cursor = None
        while True:
            page = world.ports.records.find("created", partition, limit=limit, reverse=reverse, cursor=cursor)
            assert len(page.records) <= limit
            found += [record.key for record in page.records]
            assert len(found) <= len(keys), "a record came twice"
            cursor = page.cursor
            if cursor is None:
                return found

    first = walk()
    assert sorted(first) == sorted(keys)
    by_key = dict(zip(keys, sorts, strict=True))
    in_order = [by_key[place] for place in first]
    assert in_order == sorted(in_order, reverse=reverse)
    assert walk() == first, "records with an equal sort come in an order that stays"


def test_pages_of_find_stand_still_while_others_write(world: World) -> None:
    sorts = [f"{number:02}" for number in range(0, 30, 2)]
    partition, _ = list_in(world, sorts)
    seen: list[str] = []
    cursor = None
    for turn in range(100):
        page = world.ports.records.find("created", partition, limit=2, cursor=cursor)
        seen += values(page)
        cursor = page.cursor
        if cursor is None:
            break
        sort = f"{(turn * 10 + 1) % 30:02}"
        world.ports.records.write(
            Put(Key(world.name("new"), sort), "new", index={"created": (partition, sort)})
        )
        world.settle()
    assert [value for value in seen if value != "new"] == sorts


def test_a_record_is_found_under_its_latest_index_only(world: World) -> None:
    place = key(world)
    first, second = world.name("first"), world.name("second")
    records = world.ports.records
    records.write(Put(place, "1", index={"status": (first, "a"), "created": (first, "c")}))
    records.write(Put(place, "2", index={"status": (second, "b"), "created": (first, "d")}))
    world.settle()
    assert values(records.find("status", first)) == []
    assert values(records.find("status", second)) == ["2"]
    assert values(records.find("created", first)) == ["2"]
    assert values(records.find("created", first, before="d")) == []
    records.write(Put(place, "3"))
    world.settle()
    assert values(records.find("status", second)) == values(records.find("created", first)) == []
    records.write(Put(place, "4", index={"tree": (first, "t")}))
    world.settle()
    assert values(records.find("tree", first)) == ["4"]


def test_the_value_found_is_the_latest(world: World) -> None:
    place = key(world)
    index = {"workflow": (world.name("w"), "s")}
    world.ports.records.write(Put(place, "old", index=index))
    world.settle()
    world.ports.records.write(Put(place, "new", index=index))
    found = world.ports.records.find("workflow", world.name("w"))
    assert found.records == (Record(place, "new", 2),)


def test_a_deleted_record_is_not_found(world: World) -> None:
    place = key(world)
    index = {"workflow": (world.name("w"), "s")}
    world.ports.records.write(Put(place, "old", index=index))
    world.settle()
    world.ports.records.write(Delete(place))
    world.settle()
    assert world.ports.records.find("workflow", world.name("w")).records == ()
    world.ports.records.write(Put(place, "anew"))
    world.settle()
    assert world.ports.records.find("workflow", world.name("w")).records == ()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_index_names_may_be_odd(world: World, name: str) -> None:
    partition = world.name(name)
    for number in range(3):
        place = key(world, f"{name}{number}")
        world.ports.records.write(Put(place, str(number), index={"tree": (partition, name)}))
    world.settle()
    found, _ = world.all_of(
        lambda cursor: world.ports.records.find("tree", partition, limit=2, cursor=cursor)
    )
    assert sorted(found) == ["0", "1", "2"]
    assert world.ports.records.find("tree", partition, after=name).records == ()


def test_the_first_page_of_find_is_the_newest_of_many(world: World) -> None:
    sorts = [f"{number:04}" for number in range(150)]
    partition, _ = list_in(world, sorts)
    page = world.ports.records.find("created", partition, limit=3, reverse=True)
    assert values(page) == ["0149", "0148", "0147"]


# --- expiry -------------------------------------------------------------------------------------------------------


def test_a_record_is_absent_to_all_reads_from_the_moment_it_expires(world: World) -> None:
    records = world.ports.records
    short, long = key(world, "short"), key(world, "long")
    index = {"created": (world.name("c"), "1")}
    records.write(
        Put(short, "s", index=index, expires_at=world.now() + 2),
        Put(long, "l", index=index, expires_at=world.now() + 3_600),
    )
    world.settle()
    assert records.get(short) is not None
    assert values(records.query(short.partition)) == ["l", "s"]
    assert sorted(values(records.find("created", world.name("c")))) == ["l", "s"]
    world.advance(2)
    assert records.get(short) is None
    assert records.get_many([short, long]) == {long: Record(long, "l", 1)}
    assert values(records.query(short.partition)) == ["l"]
    assert values(records.find("created", world.name("c"))) == ["l"]


def test_an_expired_record_is_absent_to_expectations_and_versions(world: World) -> None:
    records = world.ports.records
    places = [key(world, str(number)) for number in range(5)]
    for place in places:
        records.write(Put(place, "old"))
        records.write(Put(place, "old", expires_at=world.now() + 1))
    world.advance(1)
    assert not records.write(Put(places[0], "new", 2))
    assert not records.write(Check(places[0], 2))
    assert records.write(Check(places[0], ABSENT))
    assert records.write(Put(places[0], "new", ABSENT))
    assert records.get(places[0]) == Record(places[0], "new", 1)
    assert records.write(Put(places[1], "new"))
    assert records.get(places[1]) == Record(places[1], "new", 1)
    assert not records.write(Delete(places[2], 2))
    assert records.write(Delete(places[2], ABSENT))
    assert records.write(Delete(places[3]))
    assert records.write(Put(places[3], "new", ABSENT), Put(places[4], "new", ABSENT))


def test_a_write_replaces_the_expiry(world: World) -> None:
    records = world.ports.records
    kept, moved = key(world, "kept"), key(world, "moved")
    records.write(Put(kept, "a", expires_at=world.now() + 1), Put(moved, "a", expires_at=world.now() + 1))
    records.write(Put(kept, "b"), Put(moved, "b", expires_at=world.now() + 3))
    world.advance(2)
    assert records.get(kept) == Record(kept, "b", 2)
    assert records.get(moved) == Record(moved, "b", 2)
    world.advance(2)
    assert records.get(moved) is None


def test_expired_records_leave_the_pages_whole(world: World) -> None:
    partition = world.name("q")
    for number in range(12):
        expires_at = world.now() + 1 if number % 3 else None
        index = {"created": (partition, f"{number:02}")}
        world.ports.records.write(
            Put(Key(partition, f"{number:02}"), f"{number:02}", index=index, expires_at=expires_at)
        )
    world.settle()
    world.advance(1)
    records = world.ports.records
    for reverse in (False, True):
        expected = ["00", "03", "06", "09"][:: -1 if reverse else 1]
        assert (
            world.all_of(lambda c, r=reverse: records.query(partition, limit=2, cursor=c, reverse=r))[0]
            == expected
        )
        assert (
            world.all_of(
                lambda c, r=reverse: records.find("created", partition, limit=2, cursor=c, reverse=r)
            )[0]
            == expected
        )


def test_forgetting_what_expired_changes_nothing_that_can_be_seen(world: World) -> None:
    if world.purge is None:
        pytest.skip("this store forgets in its own time")
    records = world.ports.records
    index = {"created": (world.name("c"), "1")}
    gone, stays = key(world, "gone"), key(world, "stays")
    records.write(Put(gone, "g", index=index, expires_at=world.now() + 1), Put(stays, "s", index=index))
    world.advance(1)
    world.purge()
    assert values(records.query(gone.partition)) == values(records.find("created", world.name("c"))) == ["s"]
    assert records.write(Put(gone, "again", ABSENT, index=index))
    assert sorted(values(records.find("created", world.name("c")))) == ["again", "s"]


# --- limits -------------------------------------------------------------------------------------------------------


def test_ninety_parts_are_taken_and_ninety_one_are_not(world: World) -> None:
    writes = [Put(key(world, str(number)), "v") for number in range(91)]
    with pytest.raises(ValueError, match="90"):
        world.ports.records.write(*writes)
    assert world.ports.records.query(key(world).partition) == Page((), None)


def test_two_parts_for_one_key_are_a_mistake(world: World) -> None:
    place = key(world)
    with pytest.raises(ValueError, match="one part per key"):
        world.ports.records.write(Put(place, "a"), Check(place, ABSENT))
    assert world.ports.records.get(place) is None


@pytest.mark.parametrize("value", ["x" * 358_401, "é" * 179_201])
def test_a_value_over_350_kilobytes_is_a_mistake(world: World, value: str) -> None:
    with pytest.raises(ValueError, match="358400"):
        world.ports.records.write(Put(key(world), value))
    assert world.ports.records.get(key(world)) is None


def test_values_over_three_megabytes_together_are_a_mistake(world: World) -> None:
    writes = [Put(key(world, str(number)), "x" * 350_000) for number in range(9)]
    with pytest.raises(ValueError, match="together"):
        world.ports.records.write(*writes)
    assert world.ports.records.write(*writes[:8])


def test_an_unknown_index_is_a_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="created"):
        world.ports.records.write(Put(key(world), "v", index={"nonsense": ("p", "s")}))
    with pytest.raises(ValueError, match="created"):
        world.ports.records.find("nonsense", "p")


@pytest.mark.parametrize("place", [Key("", "s"), Key("p", ""), Key("p" * 901, "s"), Key("p", "s\0")])
def test_keys_beyond_the_limits_are_mistakes(world: World, place: Key) -> None:
    with pytest.raises(ValueError, match="name"):
        world.ports.records.write(Put(place, "v"))
    with pytest.raises(ValueError, match="name"):
        world.ports.records.get(place)


def test_a_limit_below_one_is_a_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="limit"):
        world.ports.records.query(world.name(), limit=0)
    with pytest.raises(ValueError, match="limit"):
        world.ports.records.find("created", world.name(), limit=0)
