"""Texts that UTF-8 cannot write are mended, and all others are left as they are."""

from __future__ import annotations

import pytest

from polos.llm.text import writable


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ("a\ud83d", "a\ufffd"),
        ("\ude00a", "\ufffda"),
        ("\ud83d\ude00", "\U0001f600"),
        ({"k\ud83d": ["\ud83d", 1, None]}, {"k\ufffd": ["\ufffd", 1, None]}),
    ],
    ids=["first-half", "second-half", "both-halves", "nested"],
)
def test_halves_of_characters_are_joined_or_replaced(given: object, mended: object) -> None:
    assert writable(given) == mended


def test_what_can_be_written_is_not_copied() -> None:
    given = {"a": ["text \U0001f600", {"b": 1.5}]}
    assert writable(given) is given
