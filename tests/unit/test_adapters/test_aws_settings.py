"""Where a stack's resources are, read from the environment of a function."""

from __future__ import annotations

import pytest

from polos.adapters.aws.settings import AwsSettings
from polos.errors import StoreError

ENVIRON = {
    "POLOS_LOG_TABLE": "logs",
    "POLOS_RECORD_TABLE": "records",
    "POLOS_BUCKET": "values",
    "POLOS_QUEUES": '{"shop/default": "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-default"}',
    "POLOS_SCHEDULE_GROUP": "shop",
    "POLOS_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/shop",
    "AWS_REGION": "eu-west-1",
}


def test_settings_come_from_the_environment_and_go_back_into_it() -> None:
    settings = AwsSettings.from_env(ENVIRON)
    assert settings.log_table == "logs"
    assert settings.queue_url("shop/default").endswith("/shop-default")
    assert AwsSettings.from_env(settings.to_env()) == settings
    more = {**ENVIRON, "POLOS_SCHEDULE_DLQ_ARN": "arn:dlq", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    settings = AwsSettings.from_env(more)
    assert (settings.schedule_dlq_arn, settings.endpoint) == ("arn:dlq", "http://127.0.0.1:4566")
    assert AwsSettings.from_env(settings.to_env()) == settings


def test_the_default_region_will_do() -> None:
    environ = {name: value for name, value in ENVIRON.items() if name != "AWS_REGION"}
    assert AwsSettings.from_env({**environ, "AWS_DEFAULT_REGION": "us-east-2"}).region == "us-east-2"


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(StoreError) as caught:
        AwsSettings.from_env({"POLOS_LOG_TABLE": "logs"})
    for name in ENVIRON.keys() - {"POLOS_LOG_TABLE"}:
        assert name in str(caught.value)
    assert "POLOS_LOG_TABLE" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '"x"'])
def test_queues_that_are_no_object_of_urls_are_refused(text: str) -> None:
    with pytest.raises(StoreError, match="POLOS_QUEUES"):
        AwsSettings.from_env({**ENVIRON, "POLOS_QUEUES": text})


def test_an_unknown_queue_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(StoreError, match=r"'shop/other' .*shop/default.*sam deploy"):
        AwsSettings.from_env(ENVIRON).queue_url("shop/other")


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_of_queues_follow_from_their_urls(region: str, partition: str) -> None:
    settings = AwsSettings.from_env({**ENVIRON, "AWS_REGION": region})
    arn = f"arn:{partition}:sqs:{region}:123456789012:shop-default"
    assert settings.queue_arn("shop/default") == arn
    assert settings.queue_of_arn(arn) == "shop/default"


def test_a_message_from_a_foreign_queue_is_refused() -> None:
    with pytest.raises(StoreError, match="no queue of this stack"):
        AwsSettings.from_env(ENVIRON).queue_of_arn("arn:aws:sqs:eu-west-1:123456789012:theirs")
