"""Sealed texts: opened by whom they were sealed for, and by nobody else."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from polos.adapters.clock import VirtualClock
from polos.adapters.memory import MemoryStore
from polos.errors import InvalidRequest
from polos.server.cursors import LONGEST, Cursors
from polos.server.signing import Signer, StoredSecrets, peek


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore.virtual()


@pytest.fixture
def signer(store: MemoryStore) -> Signer:
    return Signer(StoredSecrets(store.records))


def test_what_is_sealed_opens(signer: Signer, store: MemoryStore) -> None:
    text = signer.seal("shop", "approval", {"k": "ä|\n", "n": 1})
    assert signer.open("shop", "approval", text) == {"k": "ä|\n", "n": 1}
    assert Signer(StoredSecrets(store.records)).open("shop", "approval", text) == {"k": "ä|\n", "n": 1}


def test_it_is_url_safe(signer: Signer) -> None:
    text = signer.seal("shop", "x", {"k": "?>" * 100})
    assert all(char.isalnum() or char in "-_." for char in text)


def test_it_opens_for_no_other_purpose_or_project(signer: Signer) -> None:
    text = signer.seal("shop", "approval", {"k": 1})
    signer.seal("other", "approval", {"k": 1})
    assert signer.open("shop", "cursor", text) is None
    assert signer.open("other", "approval", text) is None
    assert signer.open("unknown", "approval", text) is None


def test_changed_data_do_not_open(signer: Signer) -> None:
    text = signer.seal("shop", "approval", {"p": "shop", "x": 1})
    forged = base64.urlsafe_b64encode(json.dumps({"p": "shop", "x": 2}).encode()).decode().rstrip("=")
    assert signer.open("shop", "approval", f"{forged}.{text.partition('.')[2]}") is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "e30.", "e30", "." * 500, "a.\0", "e30.é"])
def test_rubbish_does_not_open(signer: Signer, text: str) -> None:
    signer.seal("shop", "x", {})
    assert signer.open("shop", "x", text) is None
    peek(text)


def test_asking_about_an_unknown_project_makes_no_secret(signer: Signer, store: MemoryStore) -> None:
    assert signer.open("invented", "approval", "e30.abc") is None
    assert store.records.query("invented|secret").records == ()


def test_of_secrets_that_are_made_at_once_one_stands(store: MemoryStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: StoredSecrets(store.records).get("shop", "signing"), range(32)))
    assert len(made) == 1
    assert len(made.pop()) == 32


def test_projects_share_no_secret(store: MemoryStore) -> None:
    stored = StoredSecrets(store.records)
    assert stored.get("a", "signing") != stored.get("b", "signing") != stored.get("a", "other")


# --- cursors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cursor", ["x", "x" * (LONGEST + 1)])
def test_a_cursor_comes_back_for_the_same_thing_only(store: MemoryStore, signer: Signer, cursor: str) -> None:
    cursors = Cursors(store.records, store.clock, signer)
    given = cursors.give("shop", "run:1", cursor)
    assert len(given) < 2 * LONGEST
    assert cursors.take("shop", "run:1", given) == cursor
    for project, purpose in [("other", "run:1"), ("shop", "run:2")]:
        with pytest.raises(InvalidRequest, match="does not continue this"):
            cursors.take(project, purpose, given)


def test_a_long_cursor_is_kept_for_a_day(store: MemoryStore, signer: Signer) -> None:
    assert isinstance(store.clock, VirtualClock)
    cursors = Cursors(store.records, store.clock, signer)
    given = cursors.give("shop", "run:1", "x" * 10_000)
    store.clock.advance(86_401)
    with pytest.raises(InvalidRequest):
        cursors.take("shop", "run:1", given)


def test_no_cursor_is_the_beginning(store: MemoryStore, signer: Signer) -> None:
    cursors = Cursors(store.records, store.clock, signer)
    assert cursors.take("shop", "run:1", None) is None
    assert cursors.take("shop", "run:1", "") is None
