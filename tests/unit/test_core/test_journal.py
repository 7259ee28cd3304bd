"""Entries keep the format that earlier code wrote; a journal finds what decisions ask for."""

from pathlib import Path

import pytest

from polos.core.journal import Entry, Journal, Kind
from polos.errors import StoreTooNew

GOLDEN = (Path(__file__).parents[2] / "golden" / "journal_v1.txt").read_text(encoding="utf-8")
STORED = [text.strip("\n") for text in GOLDEN.split("---\n")]


@pytest.mark.parametrize("text", STORED, ids=lambda text: text[8:40])
def test_an_entry_that_version_1_wrote_is_read_and_written_the_same(text: str) -> None:
    assert Entry.decode(text).encode() == text


def test_the_golden_entries_hold_what_they_say() -> None:
    start, done, retry, failed, signal, place, cancel, end = (Entry.decode(text) for text in STORED)
    assert (start.kind, start.value, (start.extra or {})["workflow"]) == (Kind.START, '{"x":1}', "w")
    assert (done.address, done.started, done.value) == (
        "run:größe/#?",
        1795000000100,
        '{"amount":12,"note":"ü"}',
    )
    assert retry.identity == "run:b@1"
    assert (failed.identity, failed.attempt) == ("run:b", 2)
    assert (signal.value, place.value) == ('{"data":{"approved":true}}', None)
    assert (cancel.extra, end.extra) == ({"reason": "timeout"}, {"status": "timed_out"})


def test_an_entry_of_a_later_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(StoreTooNew, match="upgrade the worker"):
        Entry.decode('{"v":2,"k":"done","a":"run:x","by":"t","t":1}')


@pytest.mark.parametrize("value", ["0", "false", '""', "[]", "{}", "null"])
def test_a_falsy_value_is_a_value(value: str) -> None:
    entry = Entry(Kind.DONE, "run:a", "t", 1, value)
    assert Entry.decode(entry.encode()).value == value


def test_a_value_is_never_mistaken_for_the_header() -> None:
    entry = Entry(Kind.DONE, "run:a\nb", "t\n", 1, '{"v":9,"k":"end"}')
    assert Entry.decode(entry.encode()) == entry


def test_an_attempt_is_answered_by_its_own_failure_or_by_the_outcome_before_it() -> None:
    def entry(kind: Kind, attempt: int = 1) -> Entry:
        return Entry(kind, "run:a", "t", 1, attempt=attempt)

    failed_once = Journal([entry(Kind.RETRY)])
    assert failed_once.answer("run:a", 1) == 0
    assert failed_once.answer("run:a", 2) is None
    late_success = Journal([entry(Kind.RETRY), entry(Kind.DONE, 2)])
    assert (late_success.answer("run:a", 1), late_success.answer("run:a", 2)) == (0, 1)
    assert late_success.answer("run:b", 1) is None


def test_entries_are_found_by_the_token_that_appended_them() -> None:
    journal = Journal([Entry(Kind.DONE, f"run:{i}", "odd" if i % 2 else "even", 1) for i in range(5)])
    assert (journal.positions("odd"), journal.positions("even"), journal.positions("x")) == (
        [1, 3],
        [0, 2, 4],
        [],
    )
