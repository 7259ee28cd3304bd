"""Secrets of a stack: in Secrets Manager, and in SSM Parameter Store."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from polos.adapters.aws.clients import Aws, Patience
from polos.adapters.aws.secrets import AwsSecrets
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.clock import VirtualClock
from polos.entry.aws import stack_vault
from polos.errors import SecretMissing, StoreError, TryAgain
from polos.runtime.secrets import Reference

REGION = "eu-central-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings = AwsSettings(
        log_table="l", record_table="r", bucket="b", schedule_group="g", schedule_role_arn="a", region=REGION
    )
    with mock_aws():
        yield Aws(settings, clock=VirtualClock(), patience=Patience(attempts=2))


def put(name: str, **value: Any) -> None:
    boto3.client("secretsmanager", region_name=REGION).create_secret(Name=name, **value)


def test_a_plain_name_is_under_the_prefix(aws: Aws) -> None:
    put("polos/shop/stripe", SecretString="s3cret")
    secrets = AwsSecrets(aws, prefix="polos/shop/")
    assert secrets.read(Reference.parse("stripe")) == "s3cret"
    assert secrets.read(Reference.parse("other")) is None
    assert "polos/shop/other" in secrets.place(Reference.parse("other"))


def test_a_name_with_a_service_is_taken_as_it_is(aws: Aws) -> None:
    put("team/db", SecretString='{"password": "p"}')
    boto3.client("ssm", region_name=REGION).put_parameter(Name="/team/key", Value="k", Type="SecureString")
    secrets = AwsSecrets(aws, prefix="polos/shop/")
    assert secrets.read(Reference.parse("secretsmanager:team/db")) == '{"password": "p"}'
    assert secrets.read(Reference.parse("ssm:/team/key")) == "k"
    assert secrets.read(Reference.parse("ssm:/team/none")) is None
    assert "/team/key" in secrets.place(Reference.parse("ssm:/team/key"))


def test_bytes_are_no_secret_text(aws: Aws) -> None:
    put("polos/shop/raw", SecretBinary=b"\xff")
    with pytest.raises(SecretMissing, match="holds bytes"):
        AwsSecrets(aws, prefix="polos/shop/").read(Reference.parse("raw"))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDeniedException", 400, StoreError),
        ("ThrottlingException", 400, TryAgain),
        ("InternalServiceError", 500, TryAgain),
    ],
)
def test_what_aws_refuses_is_an_error_with_its_own_way_on(
    code: str, status: int, kind: type[StoreError]
) -> None:
    class Refusing:
        def get_secret_value(self, **arguments: Any) -> Any:
            answer = {
                "Error": {"Code": code, "Message": "no"},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }
            raise ClientError(answer, "GetSecretValue")  # type: ignore[arg-type]

    settings = AwsSettings(
        log_table="l", record_table="r", bucket="b", schedule_group="g", schedule_role_arn="a", region=REGION
    )
    refusing = Aws(
        settings,
        clock=VirtualClock(),
        clients={"secretsmanager": Refusing()},
        patience=Patience(attempts=2),
    )
    with pytest.raises(kind) as error:
        AwsSecrets(refusing, prefix="polos/shop/").read(Reference.parse("stripe"))
    assert type(error.value) is kind
    assert "polos/shop/stripe" in str(error.value)


def test_a_stack_looks_into_its_environment_first(aws: Aws) -> None:
    put("polos/shop/stripe", SecretString="stored")
    put("elsewhere/stripe", SecretString="prefixed")
    assert stack_vault(aws, {}, "shop").get("stripe") == "stored"
    assert stack_vault(aws, {"STRIPE": "variable"}, "shop").get("stripe") == "variable"
    prefixed = stack_vault(aws, {"POLOS_SECRETS_PREFIX": "elsewhere/"}, "shop")
    assert prefixed.get("stripe") == "prefixed"
    with pytest.raises(SecretMissing, match="Secrets Manager, as 'polos/shop/none'"):
        stack_vault(aws, {}, "shop").get("none")
