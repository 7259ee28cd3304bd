"""`polos keys`: make, list and revoke, in the local store and in a stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from polos.adapters.aws.tables import record_table
from polos.adapters.clock import SystemClock
from polos.adapters.sqlite import SqliteStore
from polos.cli.app import app
from polos.server.keys import ApiKeys
from polos.server.principals import Role

REGION = "eu-central-1"
TABLE = "shop-dev-records"
TEMPLATE = {
    "Resources": {"Records": {"Type": "AWS::DynamoDB::Table", "Properties": record_table(TABLE)}},
    "Outputs": {"RecordTable": {"Value": {"Ref": "Records"}}},
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "polos.db"


def called(*arguments: str, store: Path) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments, "--store", str(store)])


def test_a_new_key_is_alone_on_stdout_and_works(store: Path) -> None:
    made = called("create", "--role", "read", "--label", "ci", "--project", "shop", store=store)
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    opened = SqliteStore(store)
    key = ApiKeys(opened.ports.records, SystemClock()).verify(text)
    opened.close()
    assert key is not None
    assert (key.project, key.role, key.name) == ("shop", Role.READ, "ci")
    assert key.id in made.stderr


def test_keys_are_listed_without_their_secrets_and_revoked(store: Path) -> None:
    text = called("create", "--days", "30", "--label", "laptop", store=store).stdout.strip()
    key_id, secret = text.split("_")[1:]
    listed = called("list", store=store)
    assert key_id in listed.stdout
    assert "laptop" in listed.stdout
    assert secret not in listed.output
    (told,) = json.loads(called("list", "--json", store=store).stdout)
    assert (told["id"], told["role"]) == (key_id, "run")
    assert called("revoke", key_id, store=store).exit_code == 0
    none = called("list", store=store)
    assert none.stdout == ""
    assert "project 'default' has no keys" in none.stderr
    again = called("revoke", key_id, store=store)
    assert again.exit_code == 2
    assert "polos key list" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["revoke"], "which key"),
        (["create", "--project", "a|b"], "cannot be a project"),
        (["create", "--days", "0"], "of no use"),
    ],
)
def test_bad_input_is_one_clear_error(store: Path, arguments: list[str], told: str) -> None:
    done = called(*arguments, store=store)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output


@pytest.fixture
def _stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="shop-dev", TemplateBody=json.dumps(TEMPLATE)
        )
        yield


@pytest.mark.usefixtures("_stack")
def test_the_keys_of_a_stack_are_in_its_table() -> None:
    at = ["--stack", "shop-dev", "--region", REGION]
    made = CliRunner().invoke(app, ["keys", "create", *at])
    assert made.exit_code == 0, made.output
    key_id = made.stdout.strip().split("_")[1]
    assert key_id in CliRunner().invoke(app, ["keys", "list", *at]).stdout
    table = boto3.resource("dynamodb", region_name=REGION).Table(TABLE)
    assert any(key_id in str(item) for item in table.scan()["Items"])


@pytest.mark.usefixtures("_stack")
def test_a_stack_that_is_not_there_is_said_so() -> None:
    done = CliRunner().invoke(app, ["keys", "list", "--stack", "nope", "--region", REGION])
    assert done.exit_code == 2
    assert "no stack nope" in done.stderr
