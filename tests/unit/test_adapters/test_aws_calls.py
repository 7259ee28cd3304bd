"""What becomes of errors of AWS: which are repeated, how long, and what the user is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber

from polos.adapters.aws.clients import Aws, Patience, make_client
from polos.adapters.aws.failures import Refused
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.clock import VirtualClock
from polos.errors import CredentialsMissing, StoreError, TryAgain

SETTINGS = AwsSettings(
    log_table="logs",
    record_table="records",
    bucket="values",
    schedule_group="polos",
    schedule_role_arn="arn:aws:iam::1:role/r",
    region="eu-west-1",
)


class Scripted:
    """A client that gives its answers, or raises them, one a call."""

    def __init__(self, *script: Any, forever: Any = None) -> None:
        self._script: Iterator[Any] = iter(script)
        self._forever = forever
        self.calls: list[dict[str, Any]] = []

    def put_item(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        step = next(self._script, self._forever)
        if isinstance(step, Exception):
            raise step
        return step


def error(code: str, message: str = "said AWS", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutItem",
    )


LOST = ReadTimeoutError(endpoint_url="https://dynamodb")


class RecordingClock(VirtualClock):
    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        super().sleep(seconds)


def aws(client: Scripted, *, clock: VirtualClock | None = None, chance: float = 0.5, **patience: Any) -> Aws:
    return Aws(
        SETTINGS,
        clock=clock or VirtualClock(),
        clients={"dynamodb": client},
        patience=Patience(**patience),
        chance=lambda: chance,
    )


def put(caller: Aws, **options: Any) -> dict[str, Any]:
    return caller.call("dynamodb", "put_item", on="table logs", Item={}, **options)


@pytest.mark.parametrize(
    "passing",
    [
        error("ProvisionedThroughputExceededException"),
        error("ThrottlingException"),
        error("AWS.SimpleQueueService.ThrottlingException"),
        error("RequestLimitExceeded"),
        error("TransactionConflictException"),
        error("TransactionInProgressException"),
        error("Whatever", status=429),
        error("InternalServerError", status=500),
        error("ServiceUnavailable", status=503),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
        LOST,
    ],
    ids=lambda e: type(e).__name__ if not isinstance(e, ClientError) else e.response["Error"]["Code"],
)
def test_what_may_pass_is_repeated_with_the_same_arguments(passing: Exception) -> None:
    client = Scripted(passing, passing, {"ok": True})
    assert put(aws(client)) == {"ok": True}
    assert client.calls == [{"Item": {}}] * 3


def test_throttled_for_good_is_try_again_after_bounded_attempts() -> None:
    client = Scripted(forever=error("ThrottlingException", "slow down"))
    with pytest.raises(TryAgain, match=r"dynamodb:PutItem on table logs failed 9 times .* slow down"):
        put(aws(client))
    assert len(client.calls) == 9


def test_an_attempt_that_takes_long_counts_against_the_budget() -> None:
    clock = VirtualClock()

    class Slow(Scripted):
        def put_item(self, **arguments: Any) -> Any:
            clock.advance(8)
            return super().put_item(**arguments)

    client = Slow(forever=LOST)
    with pytest.raises(TryAgain):
        put(aws(client, clock=clock))
    assert len(client.calls) == 3  # 8, 16, 24 s: the budget is 20


def test_waits_grow_are_capped_and_drawn_between_nothing_and_their_bound() -> None:
    for chance, expected in [
        (0.0, [0.0] * 8),
        (0.5, [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
    ]:
        clock = RecordingClock()
        with pytest.raises(TryAgain):
            put(aws(Scripted(forever=error("ThrottlingException")), clock=clock, chance=chance))
        assert clock.sleeps == pytest.approx(expected)


def test_an_error_that_the_caller_listens_for_is_refused_at_once() -> None:
    client = Scripted(error("ConditionalCheckFailedException"))
    with pytest.raises(Refused) as caught:
        put(aws(client), hear=("ConditionalCheckFailedException",))
    assert (caught.value.code, caught.value.unsure, len(client.calls)) == (
        "ConditionalCheckFailedException",
        False,
        1,
    )


@pytest.mark.parametrize(
    ("before", "unsure"),
    [
        (LOST, True),
        (error("InternalServerError", status=500), True),
        (error("ProvisionedThroughputExceededException"), False),
        (ConnectTimeoutError(endpoint_url="https://dynamodb"), False),
    ],
)
def test_a_refusal_tells_whether_an_earlier_attempt_may_have_been_applied(
    before: Exception, unsure: bool
) -> None:
    client = Scripted(before, error("ConditionalCheckFailedException"))
    with pytest.raises(Refused) as caught:
        put(aws(client), hear=("ConditionalCheckFailedException",))
    assert caught.value.unsure is unsure


def test_denied_names_the_action_the_resource_and_where_roles_come_from() -> None:
    client = Scripted(error("AccessDeniedException", "User x is not authorized"))
    with pytest.raises(StoreError) as caught:
        put(aws(client))
    for part in ("dynamodb:PutItem", "table logs", "User x is not authorized", "polos build", "sam deploy"):
        assert part in str(caught.value)
    assert not isinstance(caught.value, TryAgain)


def test_no_such_table_names_it_and_says_to_deploy() -> None:
    with pytest.raises(StoreError, match=r"there is no table logs .*sam deploy"):
        put(aws(Scripted(error("ResourceNotFoundException"))))


@pytest.mark.parametrize(
    "cause",
    [NoCredentialsError(), error("ExpiredTokenException"), error("UnrecognizedClientException")],
)
def test_missing_or_expired_credentials_are_an_error_of_their_own(cause: Exception) -> None:
    with pytest.raises(CredentialsMissing, match="AWS_PROFILE"):
        put(aws(Scripted(cause)))


def test_anything_else_aws_says_is_passed_on_with_its_words() -> None:
    with pytest.raises(
        StoreError, match=r"dynamodb:PutItem on table logs failed with ValidationException: nope"
    ):
        put(aws(Scripted(error("ValidationException", "nope"))))


def test_an_untrusted_connection_is_not_tried_again() -> None:
    client = Scripted(SSLError(endpoint_url="https://dynamodb", error="self-signed"))
    with pytest.raises(StoreError, match="CA bundle"):
        put(aws(client))
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    "bug", [ParamValidationError(report="Missing Key"), TypeError("bug"), KeyError("bug")]
)
def test_our_own_mistakes_are_not_dressed_up(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        put(aws(Scripted(bug)))


def test_a_real_client_makes_one_attempt_and_leaves_the_rest_to_us() -> None:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
    client = make_client(session, "dynamodb", SETTINGS)
    caller = Aws(SETTINGS, clock=VirtualClock(), clients={"dynamodb": client})
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error("put_item", "ProvisionedThroughputExceededException", http_status_code=400)
        stub.add_response("put_item", {}, {"TableName": "logs", "Item": {"l": {"S": "x"}}})
        caller.call("dynamodb", "put_item", on="table logs", TableName="logs", Item={"l": {"S": "x"}})
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "scheduler", "s3"])
def test_clients_are_made_once_with_timeouts_of_their_own(service: str) -> None:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
    caller = Aws(SETTINGS, clock=VirtualClock(), session=session)
    client = caller.client(service)
    assert caller.client(service) is client
    config = client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 2
    assert config.read_timeout > (20 if service == "sqs" else 4)
    assert client.meta.region_name == "eu-west-1"
