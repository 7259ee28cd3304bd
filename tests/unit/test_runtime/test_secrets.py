"""Secrets by name: read when asked for, kept for a while, shown nowhere."""

import copy
import json
import logging
import pickle
from pathlib import Path

import pytest

from polos import InvalidDefinition, NotStorable, SecretMissing, TryAgain, secret
from polos.core.codec import codec_for
from polos.core.definitions import registry
from polos.runtime.secrets import (
    EnvironmentSource,
    Reference,
    Secret,
    Vault,
    _variable,
)

VALUE = "hunter2"


class Place:
    """A source that counts, and can be out of reach."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.reads = 0
        self.away = False

    def read(self, reference: Reference) -> str | None:
        self.reads += 1
        if self.away:
            raise TryAgain("out of reach")
        return self.known.get(reference.id)

    def place(self, reference: Reference) -> str:
        return f"the place, as {reference.id!r}"


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def held(value: str = VALUE) -> Secret:
    return Secret("key", lambda: Vault([Place(key=value)]))


# --- shown nowhere ---------------------------------------------------------------------------------------------------


def test_only_get_gives_the_text() -> None:
    one = held()
    assert one.get() == VALUE
    shown = [repr(one), str(one), f"{one}", f"{one:>20}", f"{one!r}", "%s" % one, "{}".format(one), repr([one]), repr(vars(type(one)))]  # fmt: skip # noqa: E501, UP031, UP032
    assert not any(VALUE in text for text in shown)


def test_a_log_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    one = held()
    one.get()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("app").warning("calling with %s and %r", one, {"key": one})
    assert VALUE not in caplog.text


def test_it_is_not_stored_by_any_road() -> None:
    one = held()
    for store in [codec_for().encode, json.dumps, pickle.dumps]:
        with pytest.raises((NotStorable, TypeError)):
            store(one)


def test_a_copy_is_the_secret_itself() -> None:
    one = held()
    assert copy.copy(one) is one
    assert copy.deepcopy({"a": one})["a"] is one


async def test_it_is_read_without_blocking_the_loop() -> None:
    assert await held().read() == VALUE


# --- when it is read -------------------------------------------------------------------------------------------------


def test_making_one_reads_nothing_and_notes_the_name() -> None:
    before = set(registry.secrets)
    made = secret("never-read#field")
    assert made.name == "never-read#field"
    assert registry.secrets - before == {"never-read#field"}
    registry.secrets.discard("never-read#field")


def test_it_is_read_once_in_a_while() -> None:
    place, time = Place(key="old"), Time()
    vault = Vault([place], ttl=300, monotonic=time)
    assert [vault.get("key") for _ in range(5)] == ["old"] * 5
    assert place.reads == 1
    place.known["key"] = "new"
    time.now = 299
    assert vault.get("key") == "old"
    time.now = 300
    assert vault.get("key") == "new"


def test_a_field_is_taken_from_what_was_read() -> None:
    place = Place(db=json.dumps({"user": "ann", "port": 5432}))
    vault = Vault([place])
    assert vault.get("db#user") == "ann"
    assert vault.get("db#port") == "5432"
    assert place.reads == 1
    with pytest.raises(SecretMissing, match="no JSON object with a field 'password'"):
        vault.get("db#password")


@pytest.mark.parametrize("text", ["hunter2", "[77777]", '"hunter2"', "{hunter2"])
def test_what_has_no_fields_says_so_without_its_text(text: str) -> None:
    with pytest.raises(SecretMissing) as error:
        Vault([Place(db=text)]).get("db#x")
    assert text not in str(error.value)
    assert error.value.__suppress_context__, "the parser's error would quote the text"


def test_the_last_value_is_used_while_its_place_is_out_of_reach(caplog: pytest.LogCaptureFixture) -> None:
    place, time = Place(key=VALUE), Time()
    vault = Vault([place], ttl=10, monotonic=time)
    vault.get("key")
    time.now, place.away = 100, True
    assert vault.get("key") == VALUE
    assert VALUE not in caplog.text
    assert "key" in caplog.text


def test_a_first_read_that_fails_is_an_error() -> None:
    place = Place(key=VALUE)
    place.away = True
    with pytest.raises(TryAgain):
        Vault([place]).get("key")


def test_a_missing_one_names_every_place_and_is_asked_for_again() -> None:
    first, second = Place(), Place()
    vault = Vault([first, second])
    with pytest.raises(
        SecretMissing, match=r"'key' is not there; it was looked for in the place.*; the place"
    ):
        vault.get("key")
    second.known["key"] = VALUE
    assert vault.get("key") == VALUE


def test_the_first_source_that_has_it_is_used() -> None:
    assert Vault([Place(), Place(key="b"), Place(key="c")]).get("key") == "b"


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("stripe", Reference("", "stripe", "")),
        ("team/stripe-key", Reference("", "team/stripe-key", "")),
        ("secretsmanager:team/db#password", Reference("secretsmanager", "team/db", "password")),
        ("ssm:/team/stripe", Reference("ssm", "/team/stripe", "")),
        (
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf#a b",
            Reference(
                "secretsmanager", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf", "a b"
            ),
        ),
    ],
)
def test_a_name_says_where_the_secret_is(name: str, reference: Reference) -> None:
    assert Reference.parse(name) == reference


@pytest.mark.parametrize("name", ["", " ", "a b", "a#", "#a", "a\n", "ä", "a$b", "a#b#c", "ssm:"])
def test_what_is_no_name_is_refused_at_once(name: str) -> None:
    before = set(registry.secrets)
    with pytest.raises(InvalidDefinition, match="no name of a secret"):
        secret(name)
    assert registry.secrets == before


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("stripe", "STRIPE"),
        ("stripe-key", "STRIPE_KEY"),
        ("OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("ssm:/team/prod/stripe.key/", "STRIPE_KEY"),
        ("secretsmanager:team/db#password", "DB"),
    ],
)
def test_a_variable_stands_for_it(name: str, variable: str) -> None:
    assert Reference.parse(name).variable == variable


# --- the environment -------------------------------------------------------------------------------------------------


def test_the_environment_goes_before_the_file_and_ours_before_others(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POLOS_SECRET_A=1\nA=2\nB=3\n", encoding="utf-8")
    environ = {"A": "4", "C": ""}
    vault = Vault([EnvironmentSource(environ, file)], ttl=0)
    assert vault.get("a") == "4"
    environ["POLOS_SECRET_A"] = "5"
    assert vault.get("a") == "5"
    assert vault.get("b") == "3"
    with pytest.raises(SecretMissing, match=r"POLOS_SECRET_C and C, there and in .*\.env"):
        vault.get("c")


def test_without_a_file_the_environment_is_all(tmp_path: Path) -> None:
    for file in [None, tmp_path / "missing", tmp_path]:
        with pytest.raises(SecretMissing):
            Vault([EnvironmentSource({}, file)]).get("a")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("A=1", ("A", "1")),
        (" export A = '1 # 2' ", ("A", "1 # 2")),
        ('A="x=y"', ("A", "x=y")),
        ("A=1 # comment", ("A", "1")),
        ("A=p#ss", ("A", "p#ss")),
        ("A=", ("A", "")),
        ("# A=1", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_a_line_of_the_file_is_read(line: str, read: tuple[str, str] | None) -> None:
    assert _variable(line) == read


def test_the_default_vault_reads_the_environment_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    made = secret("polos-test-secret")
    monkeypatch.setenv("POLOS_TEST_SECRET", "now")
    assert made.get() == "now"
    registry.secrets.discard("polos-test-secret")
