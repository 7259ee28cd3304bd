"""Logs on DynamoDB: what they cost, and what they survive. The contract suite holds them to the port besides."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from polos.adapters.aws.entries import SPILL_ALONE, SPILL_TOGETHER, marker_position
from polos.adapters.aws.tables import BLOB_LIFETIMES, lifetime_prefix
from polos.adapters.aws.transactions import transact
from polos.errors import StoreError, StoreTooNew, TryAgain
from polos.ports import Ports
from polos.testing.moto import Call, Fault, MotoHarness

LOG = "p/log"
PUT, TRANSACT = ("dynamodb", "PutItem"), ("dynamodb", "TransactWriteItems")


@pytest.fixture
def aws() -> Iterator[MotoHarness]:
    with MotoHarness(queues=[]) as harness:
        yield harness


@pytest.fixture
def ports(aws: MotoHarness) -> Ports:
    ports = aws.ports()
    aws.meter.reset()
    return ports


def noise(size: int, seed: int = 1) -> str:
    """Text that zlib makes little of: `size` characters of base64."""
    rng = random.Random(seed)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(rng.choices(alphabet, k=size))


def items(aws: MotoHarness) -> list[dict[str, Any]]:
    return list(aws.client("dynamodb").scan(TableName=aws.settings.log_table)["Items"])


def blobs(aws: MotoHarness) -> list[str]:
    listed = aws.client("s3").list_objects_v2(Bucket=aws.settings.bucket)
    return [each["Key"] for each in listed.get("Contents", ())]


# --- what it costs ------------------------------------------------------------------------------------------------


def test_an_append_is_one_request_and_one_unit(aws: MotoHarness, ports: Ports) -> None:
    for position in range(10):
        assert ports.log.append(LOG, position, ['{"kind":"step","by":"01j"}'])
    assert aws.meter.calls == {PUT: 10}
    assert aws.meter.write_units == 10
    assert aws.meter.read_units == 0


def test_an_entry_stays_one_unit_up_to_a_kilobyte_with_its_names(aws: MotoHarness, ports: Ports) -> None:
    overhead = len("l") + len(LOG) + len("p") + 5 + len("v")  # a number of seven digits takes five bytes
    ports.log.append(LOG, 1_234_567, [noise(1024 - overhead)])
    ports.log.append(LOG, 1_234_568, [noise(1025 - overhead)])  # base64 noise still shrinks by a quarter
    assert aws.meter.write_units == 2
    assert [set(item["v"]) for item in sorted(items(aws), key=lambda i: i["p"]["N"])] == [{"S"}, {"B"}]


def test_text_is_compressed_only_where_that_saves_a_unit(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["x" * 900])
    ports.log.append(LOG, 1, ["x" * 9000])
    assert aws.meter.write_units == 2
    kinds = {item["p"]["N"]: set(item["v"]) for item in items(aws)}
    assert kinds == {"0": {"S"}, "1": {"B"}}
    assert ports.log.read(LOG) == ["x" * 900, "x" * 9000]


def test_reading_and_the_tail_are_one_request_each(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["a", "b", "c"])
    aws.meter.reset()
    ports.log.read(LOG)
    ports.log.tail(LOG)
    assert aws.meter.calls == {("dynamodb", "Query"): 2}
    assert aws.meter.read_units == 2


def test_several_entries_are_one_transaction(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["a", "b", "c"])
    assert aws.meter.calls == {TRANSACT: 1}
    assert aws.meter.write_units == 6


def test_a_sole_publisher_reads_nothing_after_its_first_publish(aws: MotoHarness, ports: Ports) -> None:
    ports.log.publish(LOG, ["first"])
    aws.meter.reset()
    for _ in range(20):
        ports.log.publish(LOG, ["next"])
    assert aws.meter.calls == {PUT: 20}
    assert aws.meter.write_units == 20


def test_a_publish_once_that_was_made_before_writes_nothing(aws: MotoHarness, ports: Ports) -> None:
    assert ports.log.publish(LOG, ["a"], once="id") == 0
    before = items(aws)
    assert aws.ports().log.publish(LOG, ["a"], once="id") == 0
    assert items(aws) == before


# --- answers lost ---------------------------------------------------------------------------------------------------


def test_an_append_whose_answer_was_lost_is_recognised_by_its_entry(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "PutItem")
    assert ports.log.append(LOG, 0, ["mine"])
    assert aws.faults.pending == 0
    assert ports.log.read(LOG) == ["mine"]


def test_an_append_whose_answer_was_lost_and_that_had_lost_is_a_loss(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["theirs"])
    aws.faults.add(Fault.LOST, "PutItem")
    assert not ports.log.append(LOG, 0, ["mine"])


def test_the_recognition_does_not_depend_on_how_the_entry_is_stored(aws: MotoHarness, ports: Ports) -> None:
    for position, text in enumerate(["x" * 9000, noise(100_000)]):
        aws.faults.add(Fault.LOST, "PutItem")
        assert ports.log.append(LOG, position, [text])
        assert ports.log.append(LOG, position, [text])
        assert not ports.log.append(LOG, position, [text + "!"])


def test_a_transaction_whose_answer_was_lost_is_applied_once(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "TransactWriteItems")
    assert ports.log.append(LOG, 0, ["a", "b"])
    aws.faults.add(Fault.LOST, "TransactWriteItems")
    assert ports.log.publish(LOG, ["c", "d"]) == 2
    aws.faults.add(Fault.LOST, "TransactWriteItems")
    assert ports.log.publish(LOG, ["e"], once="id") == 4
    assert ports.log.read(LOG) == ["a", "b", "c", "d", "e"]


def test_a_publish_whose_answer_was_lost_stands_once(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "PutItem", times=2)
    assert ports.log.publish(LOG, ["tick"]) == 0
    assert ports.log.publish(LOG, ["tick"]) == 1
    assert ports.log.read(LOG) == ["tick", "tick"]


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.ERROR, Fault.RESET])
def test_what_was_not_applied_is_repeated(aws: MotoHarness, ports: Ports, fault: Fault) -> None:
    for operation in ("PutItem", "TransactWriteItems", "Query"):
        aws.faults.add(fault, operation, times=3)
    assert ports.log.append(LOG, 0, ["a"])
    assert ports.log.append(LOG, 1, ["b", "c"])
    assert ports.log.read(LOG) == ["a", "b", "c"]
    assert aws.faults.pending == 0


def test_a_transaction_in_conflict_is_repeated_and_given_up_at_last(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.CONFLICT, "TransactWriteItems", times=4)
    assert ports.log.append(LOG, 0, ["a", "b"])
    aws.faults.add(Fault.CONFLICT, "TransactWriteItems", times=9)
    with pytest.raises(TryAgain, match="cancelled 9 times"):
        ports.log.append(LOG, 2, ["c", "d"])
    assert ports.log.read(LOG) == ["a", "b"]


def test_throttled_for_good_is_try_again_and_nothing_is_written(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.THROTTLE, "PutItem", times=100)
    with pytest.raises(TryAgain):
        ports.log.append(LOG, 0, ["a"])
    aws.faults.clear()
    assert ports.log.tail(LOG) == 0


# --- who was first ----------------------------------------------------------------------------------------------------


def test_a_publisher_that_lost_the_tail_finds_it_again(aws: MotoHarness, ports: Ports) -> None:
    other = aws.ports()
    ports.log.publish(LOG, ["0"])
    for number in range(1, 4):
        other.log.publish(LOG, [str(number)])
    assert ports.log.publish(LOG, ["4"]) == 4
    assert ports.log.publish(LOG, ["5"], once="id") == 5
    assert ports.log.read(LOG) == ["0", "1", "2", "3", "4", "5"]


def test_a_tail_is_not_believed_for_long(aws: MotoHarness, ports: Ports) -> None:
    ports.log.publish(LOG, ["a", "b", "c"])
    aws.ports().log.delete(LOG)
    aws.advance(21)
    assert ports.log.publish(LOG, ["anew"]) == 0


def test_a_publisher_that_always_loses_gives_up(aws: MotoHarness, ports: Ports) -> None:
    other, busy = aws.ports(), False

    def overtake(call: Call) -> None:
        nonlocal busy
        if call.operation == "PutItem" and not busy:
            busy = True
            other.log.publish(LOG, ["theirs"])
            busy = False

    aws.on_call = overtake
    start = aws.clock.now()
    with pytest.raises(TryAgain, match="somebody else published first"):
        ports.log.publish(LOG, ["mine"])
    aws.on_call = None
    assert aws.clock.now() > start, "it waits between its attempts"
    assert "mine" not in ports.log.read(LOG)


# --- large values -----------------------------------------------------------------------------------------------------


def test_five_megabytes_go_into_a_blob_and_one_unit(aws: MotoHarness, ports: Ports) -> None:
    text = noise(5_000_000)
    assert ports.log.append(LOG, 0, [text])
    assert aws.meter.write_units == 1
    assert aws.meter.calls[("s3", "PutObject")] == 1
    assert ports.log.read(LOG) == [text]


def test_the_threshold_is_by_what_a_value_weighs_when_packed(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["x" * 1_000_000])  # a kilobyte, compressed
    ports.log.append(LOG, 1, [noise(int(SPILL_ALONE * 1.2))])
    assert blobs(aws) == []
    ports.log.append(LOG, 2, [noise(int(SPILL_ALONE * 1.5))])
    assert len(blobs(aws)) == 1


def test_in_a_transaction_values_are_spilled_sooner_and_it_stays_far_below_its_limit(
    aws: MotoHarness, ports: Ports
) -> None:
    texts = [noise(int(SPILL_TOGETHER * 1.2), seed) for seed in range(49)] + [noise(2_000_000)]
    assert ports.log.append(LOG, 0, texts)
    assert len(blobs(aws)) == 1
    assert aws.meter.write_units <= 2 * 6 * 50
    assert ports.log.read(LOG) == texts


def test_no_item_comes_near_400_kilobytes(aws: MotoHarness, ports: Ports) -> None:
    for position, size in enumerate((10_000, 50_000, 200_000, 1_000_000)):
        ports.log.append(LOG, position, [noise(size)])
    assert all(len(item.get("v", {}).get("B", b"")) <= SPILL_ALONE for item in items(aws))


def test_deleting_a_log_deletes_its_blobs_and_no_other_logs(aws: MotoHarness, ports: Ports) -> None:
    text = noise(50_000)
    ports.log.append(LOG, 0, [text])
    ports.log.append("p/other", 0, [text])
    ports.log.publish(LOG, ["x"], once="id")
    ports.log.delete(LOG)
    assert len(blobs(aws)) == 1
    assert {item["l"]["S"] for item in items(aws)} == {"p/other"}
    assert ports.log.read("p/other") == [text]


def test_blobs_of_entries_that_expire_go_by_a_lifecycle_rule(aws: MotoHarness, ports: Ports) -> None:
    day = 24 * 3600
    for position, days in enumerate((0.5, 6, 29, 90, 180, 366, 90 + 366, 730, 1100, 2000, 3700)):
        ports.log.append("p/e", position, [noise(50_000, position)], expires_at=aws.clock.now() + days * day)
    ports.log.append(LOG, 0, [noise(50_000, 99)], expires_at=aws.clock.now() + 10_000 * day)
    ports.log.append(LOG, 1, [noise(50_000, 100)])
    prefixes = sorted(name.rsplit("/", 2)[0] for name in blobs(aws))
    rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=aws.settings.bucket)["Rules"]
    kept = {
        rule["Filter"]["Prefix"].rstrip("/"): rule["Expiration"]["Days"]
        for rule in rules
        if "Expiration" in rule
    }
    assert prefixes == sorted([*kept, "_logs", "_logs"])
    assert kept == {lifetime_prefix(days).rstrip("/"): days for days in BLOB_LIFETIMES}


def test_a_blob_that_is_gone_is_an_error_that_names_the_entry(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, [noise(50_000)])
    aws.client("s3").delete_object(Bucket=aws.settings.bucket, Key=blobs(aws)[0])
    with pytest.raises(StoreError, match=r"entry 0 of log 'p/log' is in blob '_logs/.*gone"):
        ports.log.read(LOG)


def test_a_page_ends_at_a_megabyte_and_the_log_does_not(aws: MotoHarness, ports: Ports) -> None:
    texts = [noise(14_000, seed) for seed in range(120)]
    for position, text in enumerate(texts):
        ports.log.append(LOG, position, [text])
    aws.meter.reset()
    assert ports.log.read(LOG) == texts
    assert aws.meter.calls[("dynamodb", "Query")] > 1
    assert ports.log.read(LOG, 3, 100) == texts[3:103]


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_hole_is_an_error_and_not_a_shorter_log(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["a", "b", "c"])
    key = {"l": {"S": LOG}, "p": {"N": "1"}}
    aws.client("dynamodb").delete_item(TableName=aws.settings.log_table, Key=key)
    with pytest.raises(StoreError, match=r"no entry at 1 but one at 2"):
        ports.log.read(LOG)


@pytest.mark.parametrize(
    ("stored", "wanted"), [(b"\x01rot", StoreError), (b"\x09new", StoreTooNew), (b"", StoreTooNew)]
)
def test_damaged_and_newer_entries_are_not_taken_for_text(
    aws: MotoHarness, ports: Ports, stored: bytes, wanted: type[StoreError]
) -> None:
    item = {"l": {"S": LOG}, "p": {"N": "0"}, "v": {"B": stored}}
    aws.client("dynamodb").put_item(TableName=aws.settings.log_table, Item=item)
    with pytest.raises(wanted, match=r"damaged|upgrade"):
        ports.log.read(LOG)


def test_a_missing_table_is_named_with_the_fix(aws: MotoHarness, ports: Ports) -> None:
    aws.client("dynamodb").delete_table(TableName=aws.settings.log_table)
    with pytest.raises(StoreError, match=r"no table polos-logs .*sam deploy"):
        ports.log.append(LOG, 0, ["a"])


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_what_expired_is_gone_though_dynamodb_still_has_it(aws: MotoHarness, ports: Ports) -> None:
    ports.log.append(LOG, 0, ["a", "b"], expires_at=aws.clock.now() + 10)
    aws.advance(11)
    assert len(items(aws)) == 2
    assert (ports.log.read(LOG), ports.log.tail(LOG)) == ([], 0)
    assert ports.log.append(LOG, 0, ["n"], expires_at=aws.clock.now() + 10)
    assert (ports.log.read(LOG), ports.log.tail(LOG)) == (["n"], 1)
    assert ports.log.append(LOG, 1, ["m"])
    assert ports.log.read(LOG) == ["n", "m"]


def test_an_expired_front_keeps_the_positions_of_the_rest(aws: MotoHarness, ports: Ports) -> None:
    for position in range(6):
        ports.log.append(LOG, position, [str(position)], expires_at=aws.clock.now() + 10 * (position + 1))
    aws.advance(35)
    for _ in ("still stored", "dropped"):
        assert ports.log.read(LOG) == ["", "", "", "3", "4", "5"]
        assert ports.log.read(LOG, 1, 3) == ["", "", "3"]
        assert ports.log.read(LOG, 0, 2) == ["", ""]
        assert ports.log.read(LOG, 4) == ["4", "5"]
        assert ports.log.tail(LOG) == 6
        aws.purge_expired()


def test_an_append_over_an_expired_entry_that_has_a_later_one_is_refused(
    aws: MotoHarness, ports: Ports
) -> None:
    ports.log.append(LOG, 0, ["old"], expires_at=aws.clock.now() + 10)
    ports.log.append(LOG, 1, ["stands"])
    aws.advance(20)
    assert not ports.log.append(LOG, 0, ["late"])
    assert ports.log.read(LOG) == ["", "stands"]


def test_an_id_is_forgotten_with_its_entries(aws: MotoHarness, ports: Ports) -> None:
    ports.log.publish(LOG, ["a"], once="id", expires_at=aws.clock.now() + 10)
    aws.advance(11)
    assert ports.log.publish(LOG, ["b"], once="id") == 0
    assert ports.log.read(LOG) == ["b"]


# --- parts ------------------------------------------------------------------------------------------------------------


def test_what_dynamodb_leaves_undone_of_a_batch_is_done_again(aws: MotoHarness, ports: Ports) -> None:
    for start in range(0, 120, 40):
        ports.log.append(LOG, start, [str(number) for number in range(start, start + 40)])
    aws.faults.add(Fault.PARTIAL, "BatchWriteItem", times=5)
    ports.log.delete(LOG)
    assert items(aws) == []
    assert aws.faults.pending == 0


def test_ids_have_markers_that_lie_before_all_entries_and_fit_dynamodb() -> None:
    positions = {marker_position(f"id-{number}") for number in range(1000)}
    assert len(positions) == 1000
    assert all(position < 0 and len(str(-position)) <= 38 for position in positions)


def test_a_transaction_over_the_limits_is_refused_before_it_is_sent(aws: MotoHarness) -> None:
    caller = aws.aws()
    aws.meter.reset()

    def puts(count: int, size: int) -> list[dict[str, Any]]:
        return [
            {"Put": {"TableName": "t", "Item": {"l": {"S": str(n)}, "v": {"S": "x" * size}}}}
            for n in range(count)
        ]

    with pytest.raises(ValueError, match="100 actions"):
        transact(caller, puts(101, 1), on="table t")
    with pytest.raises(ValueError, match="4194304 bytes"):
        transact(caller, puts(20, 300_000), on="table t")
    assert aws.meter.calls == {}
