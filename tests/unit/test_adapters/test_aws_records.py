"""Records on DynamoDB: what they cost, and what they survive. The contract suite holds them to the port besides."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from polos.errors import TryAgain
from polos.ports import ABSENT, Check, Delete, Key, Ports, Put
from polos.testing.moto import Call, Fault, MotoHarness

KEY = Key("p/x", "a")
OTHER = Key("p/x", "b")


@pytest.fixture
def aws() -> Iterator[MotoHarness]:
    with MotoHarness(queues=[]) as harness:
        yield harness


@pytest.fixture
def ports(aws: MotoHarness) -> Ports:
    ports = aws.ports()
    aws.meter.reset()
    return ports


def value(ports: Ports, key: Key = KEY) -> tuple[str, int] | None:
    record = ports.records.get(key)
    return (record.value, record.version) if record else None


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_single_writes_are_one_request_and_one_unit(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    ports.records.write(Put(KEY, "2", expect=1))
    ports.records.write(Put(KEY, "3"))
    ports.records.write(Delete(KEY))
    assert sum(aws.meter.calls.values()) == 4
    assert aws.meter.write_units == 4


def test_what_must_be_certain_and_has_no_place_for_a_nonce_costs_two(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    aws.meter.reset()
    assert ports.records.write(Delete(KEY, expect=1))
    assert aws.meter.calls == {("dynamodb", "TransactWriteItems"): 1}
    assert aws.meter.write_units == 2


def test_an_index_costs_when_its_keys_change_and_only_then(aws: MotoHarness, ports: Ports) -> None:
    index = {"created": ("p", "1"), "status": ("p/running", "1")}
    ports.records.write(Put(KEY, "1", expect=ABSENT, index=index))
    assert aws.meter.write_units == 1 + 2
    aws.meter.reset()
    ports.records.write(Put(KEY, "2", expect=1, index=index))
    assert aws.meter.write_units == 1
    aws.meter.reset()
    ports.records.write(Put(KEY, "3", expect=2, index={**index, "status": ("p/done", "1")}))
    assert aws.meter.write_units == 1 + 2


def test_a_page_of_a_list_is_two_requests_whatever_the_total(aws: MotoHarness, ports: Ports) -> None:
    for number in range(60):
        key = Key("p/e", f"{number:03}")
        ports.records.write(Put(key, str(number), expect=ABSENT, index={"created": ("p", f"{number:03}")}))
    aws.meter.reset()
    page = ports.records.find("created", "p", limit=20, reverse=True)
    assert [record.value for record in page.records] == [str(number) for number in range(59, 39, -1)]
    assert sum(aws.meter.calls.values()) == 2
    assert aws.meter.read_units <= 0.5 + 20


# --- answers lost ----------------------------------------------------------------------------------------------------


def test_a_first_write_whose_answer_was_lost_is_recognised(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "PutItem")
    assert ports.records.write(Put(KEY, "mine", expect=ABSENT))
    assert value(ports) == ("mine", 1)


@pytest.mark.parametrize("expect", [None, 1])
def test_a_write_over_something_whose_answer_was_lost_counts_once(
    aws: MotoHarness, ports: Ports, expect: int | None
) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    aws.faults.add(Fault.LOST, "UpdateItem", times=2)
    assert ports.records.write(Put(KEY, "2", expect=expect))
    assert value(ports) == ("2", 2)


def test_a_lost_answer_of_a_write_that_was_refused_is_a_refusal_or_a_doubt_but_never_a_success(
    aws: MotoHarness, ports: Ports
) -> None:
    ports.records.write(Put(KEY, "theirs", expect=ABSENT))
    aws.faults.add(Fault.LOST, "PutItem")
    with pytest.raises(TryAgain, match="not known"):
        ports.records.write(Put(KEY, "mine", expect=ABSENT))
    assert not ports.records.write(Put(KEY, "mine", expect=ABSENT))
    assert value(ports) == ("theirs", 1)


def test_when_somebody_wrote_after_a_lost_answer_nobody_claims_that_ours_was_not_made(
    aws: MotoHarness, ports: Ports
) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    other, calls = aws.ports(), 0

    def overtake(call: Call) -> None:
        nonlocal calls
        calls += call.operation == "UpdateItem"
        if call.operation == "UpdateItem" and calls == 2:  # ours again, after its answer was lost
            assert other.records.write(Put(KEY, "theirs", expect=2))

    aws.on_call = overtake
    aws.faults.add(Fault.LOST, "UpdateItem")
    with pytest.raises(TryAgain, match="read it and decide anew"):
        ports.records.write(Put(KEY, "ours", expect=1))
    assert value(ports) == ("theirs", 3)


def test_a_throttle_before_a_refusal_leaves_no_doubt(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "theirs", expect=ABSENT))
    aws.faults.add(Fault.THROTTLE, "PutItem", times=3)
    assert not ports.records.write(Put(KEY, "mine", expect=ABSENT))


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET, Fault.ERROR, Fault.THROTTLE, Fault.CONFLICT])
def test_a_transaction_is_applied_once_whatever_happened_to_its_answer(
    aws: MotoHarness, ports: Ports, fault: Fault
) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    aws.faults.add(fault, "TransactWriteItems", times=2)
    assert ports.records.write(Put(KEY, "2", expect=1), Put(OTHER, "b"), Check(Key("p/x", "none"), ABSENT))
    assert (value(ports), value(ports, OTHER)) == (("2", 2), ("b", 1))


def test_a_conditional_delete_whose_answer_was_lost_succeeds(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "1", expect=ABSENT))
    aws.faults.add(Fault.LOST, "TransactWriteItems", times=3)
    assert ports.records.write(Delete(KEY, expect=1))
    assert not ports.records.write(Delete(KEY, expect=1))


# --- parts, pages, sizes ---------------------------------------------------------------------------------------------


def test_what_dynamodb_leaves_unread_of_a_batch_is_read_again(aws: MotoHarness, ports: Ports) -> None:
    keys = [Key("p/m", f"{number:03}") for number in range(130)]
    for key in keys:
        ports.records.write(Put(key, key.sort, expect=ABSENT))
    aws.faults.add(Fault.PARTIAL, "BatchGetItem", times=4)
    found = ports.records.get_many([*keys, Key("p/m", "none")])
    assert list(found) == keys
    assert aws.faults.pending == 0


def test_a_batch_that_is_never_read_whole_is_try_again(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "1"), Put(OTHER, "2"))
    aws.faults.add(Fault.PARTIAL, "BatchGetItem", times=100)
    with pytest.raises(TryAgain, match="too busy"):
        ports.records.get_many([KEY])


def test_ninety_large_writes_are_within_the_limits_of_a_transaction(aws: MotoHarness, ports: Ports) -> None:
    rng = random.Random(1)
    texts = ["".join(rng.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=34_000)) for _ in range(90)]
    index = dict.fromkeys(("created", "status", "workflow", "tree"), ("i" * 900, "s" * 900))
    keys = [Key("p" * 900, f"{number:03}" + "k" * 897) for number in range(90)]
    writes = [Put(key, text, expect=ABSENT, index=index) for key, text in zip(keys, texts, strict=True)]
    assert ports.records.write(*writes)
    assert {record.value for record in ports.records.get_many(keys).values()} == set(texts)


def test_the_largest_record_is_below_the_limit_of_an_item(aws: MotoHarness, ports: Ports) -> None:
    rng = random.Random(2)
    text = "".join(map(chr, rng.choices(range(0x4E00, 0x9FFF), k=350 * 1024 // 3)))
    index = dict.fromkeys(("created", "status", "workflow", "tree"), ("i" * 900, "s" * 900))
    assert ports.records.write(Put(Key("p" * 900, "k" * 900), text, index=index))
    assert value(ports, Key("p" * 900, "k" * 900)) == (text, 1)


def test_values_that_shrink_are_stored_compressed(aws: MotoHarness, ports: Ports) -> None:
    text = '{"state": "running", "value": 1}' * 5_000
    ports.records.write(Put(KEY, text, expect=ABSENT))
    ports.records.write(Put(KEY, text + " ", expect=1))
    assert aws.meter.write_units <= 4
    assert value(ports) == (text + " ", 2)


def test_find_leaves_out_what_its_index_is_late_with(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "running", expect=ABSENT, index={"status": ("p/running", "1")}))
    ports.records.write(Put(OTHER, "running too", expect=ABSENT, index={"status": ("p/running", "2")}))
    other = aws.ports()

    def move_on(call: Call) -> None:
        if call.operation == "BatchGetItem":  # between the index and the records
            aws.on_call = None
            other.records.write(Put(KEY, "done", expect=1, index={"status": ("p/done", "1")}))

    aws.on_call = move_on
    page = ports.records.find("status", "p/running")
    assert [record.value for record in page.records] == ["running too"]


# --- expiry ----------------------------------------------------------------------------------------------------------


def test_a_record_that_expired_is_absent_in_transactions_too(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "old", expires_at=aws.clock.now() + 10))
    ports.records.write(Put(KEY, "old", expires_at=aws.clock.now() + 10))
    aws.advance(10)
    assert not ports.records.write(Check(KEY, 2), Put(OTHER, "x"))
    assert not ports.records.write(Delete(KEY, expect=2))
    assert ports.records.write(Put(KEY, "new"), Put(OTHER, "x"))
    assert (value(ports), value(ports, OTHER)) == (("new", 1), ("x", 1))
    assert ports.records.write(Put(KEY, "newer"), Put(OTHER, "y"))
    assert (value(ports), value(ports, OTHER)) == (("newer", 2), ("y", 2))


def test_a_record_expires_at_the_very_moment(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "old", expires_at=aws.clock.now() + 1.5))
    aws.advance(1.25)
    assert value(ports) == ("old", 1)
    aws.advance(0.25)
    assert value(ports) is None
    assert ports.records.write(Put(KEY, "new"))
    assert value(ports) == ("new", 1)


def test_the_store_itself_drops_it_no_sooner(aws: MotoHarness, ports: Ports) -> None:
    ports.records.write(Put(KEY, "old", expires_at=aws.clock.now() + 1.5))
    aws.advance(1.4)
    assert aws.purge_expired() == 0
    aws.advance(0.7)
    assert aws.purge_expired() == 1
