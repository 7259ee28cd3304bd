"""API keys: shown once, kept as a hash, of one project and role."""

import re

import pytest

from polos.adapters.memory import MemoryStore
from polos.errors import InvalidRequest
from polos.ports import Key, Put
from polos.server.keys import ApiKeys
from polos.server.principals import Role
from polos.server.signing import SERVER


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore.virtual()


@pytest.fixture
def keys(store: MemoryStore) -> ApiKeys:
    return ApiKeys(store.records, store.clock)


def test_a_key_is_recognised_with_its_project_and_role(keys: ApiKeys) -> None:
    made, text = keys.create("shop", Role.RUN, name="ci")
    assert keys.verify(text) == made
    assert (made.project, made.role, made.name) == ("shop", Role.RUN, "ci")


def test_a_key_says_what_it_is_and_holds_256_bits_of_chance(keys: ApiKeys) -> None:
    texts = {keys.create("shop", Role.READ)[1] for _ in range(20)}
    assert len(texts) == 20
    assert all(re.fullmatch(r"polos_[a-z2-7]{16}_[a-z2-7]{52}", text) for text in texts)


def test_the_secret_is_nowhere_in_the_store(keys: ApiKeys, store: MemoryStore) -> None:
    key, text = keys.create("shop", Role.RUN)
    secret = text.rpartition("_")[2]
    stored = [
        store.records.get(Key(f"{SERVER}|api-key|{key.id}", "key")),
        *store.records.query("shop|api-keys").records,
    ]
    assert all(record is not None and secret not in record.value for record in stored)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text[:7] + ("a" if text[7] != "a" else "b") + text[8:],
        lambda text: text.upper(),
        lambda text: text + " ",
        lambda text: text[:-1],
        lambda text: text.replace("polos_", ""),
        lambda text: "polos_" + "a" * 16 + "_" + "b" * 52,
        lambda text: "",
        lambda text: "polos__",
        lambda text: text + "\0",
        lambda text: text[:-1] + "é",
        lambda text: "polos_" + "|" * 16 + "_" + "b" * 52,
    ],
)
def test_anything_but_the_key_itself_is_not_one(keys: ApiKeys, change) -> None:
    _, text = keys.create("shop", Role.ADMIN)
    assert keys.verify(change(text)) is None


def test_the_id_of_one_key_with_the_secret_of_another_is_refused(keys: ApiKeys) -> None:
    mine, theirs = keys.create("a", Role.READ)[1], keys.create("b", Role.ADMIN)[1]
    mixed = "_".join([*theirs.split("_")[:2], mine.split("_")[2]])
    assert keys.verify(mixed) is None


def test_a_hash_copied_under_another_server_secret_is_worth_nothing(
    keys: ApiKeys, store: MemoryStore
) -> None:
    key, text = keys.create("shop", Role.ADMIN)
    elsewhere = MemoryStore.virtual()
    record = store.records.get(Key(f"{SERVER}|api-key|{key.id}", "key"))
    assert record is not None
    elsewhere.records.write(Put(record.key, record.value))
    assert ApiKeys(elsewhere.records, elsewhere.clock).verify(text) is None


def test_another_process_recognises_it(keys: ApiKeys, store: MemoryStore) -> None:
    made, text = keys.create("shop", Role.READ)
    assert ApiKeys(store.records, store.clock).verify(text) == made


def test_a_key_expires(keys: ApiKeys, store: MemoryStore) -> None:
    _, text = keys.create("shop", Role.READ, expires_in=60)
    store.clock.advance(59)
    assert keys.verify(text) is not None
    store.clock.advance(1)
    assert keys.verify(text) is None
    assert list(keys.list("shop")) == []


def test_a_revoked_key_is_refused_at_once_by_every_process(keys: ApiKeys, store: MemoryStore) -> None:
    key, text = keys.create("shop", Role.READ)
    other = ApiKeys(store.records, store.clock)
    assert other.verify(text) is not None
    assert keys.revoke("shop", key.id)
    assert other.verify(text) is None
    assert not keys.revoke("shop", key.id)


def test_a_project_revokes_only_its_own(keys: ApiKeys) -> None:
    key, text = keys.create("shop", Role.READ)
    assert not keys.revoke("other", key.id)
    assert keys.verify(text) is not None


def test_a_project_lists_its_own_without_anything_secret(keys: ApiKeys) -> None:
    mine = {keys.create("shop", Role.READ, name=str(i))[0].id for i in range(3)}
    keys.create("other", Role.READ)
    listed = list(keys.list("shop"))
    assert {key.id for key in listed} == mine
    assert all(not hasattr(key, "hash") for key in listed)


@pytest.mark.parametrize(
    "project", ["", "a|b", "$server", "a b", "-a", "x" * 65, "a/b", "ä", "a\n", "a|topic|b"]
)
def test_a_project_whose_name_could_reach_into_another_is_refused(keys: ApiKeys, project: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a project"):
        keys.create(project, Role.READ)


def test_a_key_that_would_be_expired_is_not_made(keys: ApiKeys) -> None:
    with pytest.raises(InvalidRequest, match="of no use"):
        keys.create("shop", Role.READ, expires_in=0)


@pytest.mark.parametrize(
    ("held", "needed", "allowed"),
    [
        (Role.READ, Role.READ, True),
        (Role.READ, Role.RUN, False),
        (Role.READ, Role.ADMIN, False),
        (Role.RUN, Role.READ, True),
        (Role.RUN, Role.ADMIN, False),
        (Role.ADMIN, Role.RUN, True),
    ],
)
def test_a_role_may_do_what_those_before_it_may(held: Role, needed: Role, *, allowed: bool) -> None:
    assert held.allows(needed) is allowed
