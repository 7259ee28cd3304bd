"""Where this stack's tables, queues, bucket and schedules are: the names, and the environment variables they come from.

| variable | what |
|---|---|
| `POLOS_LOG_TABLE`, `POLOS_RECORD_TABLE` | the two DynamoDB tables |
| `POLOS_BUCKET` | the S3 bucket for large values |
| `POLOS_QUEUES` | JSON: name of a queue as the engine says it -> its SQS URL |
| `POLOS_SCHEDULE_GROUP` | the EventBridge Scheduler group |
| `POLOS_SCHEDULE_ROLE_ARN` | the role with which Scheduler sends to the queues |
| `POLOS_SCHEDULE_DLQ_ARN` | optional: where Scheduler puts what it could not send |
| `AWS_REGION` or `AWS_DEFAULT_REGION` | the region |
| `AWS_ENDPOINT_URL` | optional: an emulator in place of AWS |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from polos.errors import StoreError

_NEEDED: Final = {
    "log_table": "POLOS_LOG_TABLE",
    "record_table": "POLOS_RECORD_TABLE",
    "bucket": "POLOS_BUCKET",
    "queues": "POLOS_QUEUES",
    "schedule_group": "POLOS_SCHEDULE_GROUP",
    "schedule_role_arn": "POLOS_SCHEDULE_ROLE_ARN",
}


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """The resources of one stack.

    `queues`: name of a queue as the engine says it -> SQS URL. `schedule_dlq_arn` and `endpoint` may be None.
    """

    log_table: str
    record_table: str
    bucket: str
    schedule_group: str
    schedule_role_arn: str
    region: str
    queues: Mapping[str, str] = field(default_factory=dict)
    schedule_dlq_arn: str | None = None
    endpoint: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> AwsSettings:
        """Read the variables above, in Lambda those of its template.

        Raises:
            StoreError: A variable is missing (all missing ones are named), or POLOS_QUEUES is not a JSON object.
        """
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        missing = [name for name in _NEEDED.values() if not environ.get(name)]
        missing += [] if region else ["AWS_REGION"]
        if missing:
            raise StoreError(
                f"the environment does not say where this stack's resources are: {', '.join(missing)} not set. "
                "`polos build` writes them into the template of its functions; outside of Lambda, take them from the "
                "outputs of the stack (`sam list stack-outputs`)"
            )
        names = {name: environ[variable] for name, variable in _NEEDED.items() if name != "queues"}
        return cls(
            **names,
            region=region,
            queues=_queues(environ[_NEEDED["queues"]]),
            schedule_dlq_arn=environ.get("POLOS_SCHEDULE_DLQ_ARN") or None,
            endpoint=environ.get("AWS_ENDPOINT_URL") or None,
        )

    def to_env(self) -> dict[str, str]:
        """The variables from which `from_env` makes these settings: what the compiler puts into the template."""
        variables = {variable: getattr(self, name) for name, variable in _NEEDED.items() if name != "queues"}
        variables[_NEEDED["queues"]] = json.dumps(dict(self.queues), sort_keys=True, separators=(",", ":"))
        variables["AWS_REGION"] = self.region
        if self.schedule_dlq_arn:
            variables["POLOS_SCHEDULE_DLQ_ARN"] = self.schedule_dlq_arn
        if self.endpoint:
            variables["AWS_ENDPOINT_URL"] = self.endpoint
        return variables

    def queue_url(self, queue: str) -> str:
        """The SQS URL of a queue. StoreError if the stack has none of that name."""
        try:
            return self.queues[queue]
        except KeyError:
            known = ", ".join(sorted(self.queues)) or "none"
            raise StoreError(
                f"this stack has no SQS queue for {queue!r} (it has: {known}); queues are made from the decorators: "
                "run `polos build` and `sam deploy` after adding one"
            ) from None

    def queue_arn(self, queue: str) -> str:
        """The ARN of a queue, from its URL (`https://.../<account>/<name>`) and the region."""
        account, name = self.queue_url(queue).rstrip("/").split("/")[-2:]
        return f"arn:{_aws_partition(self.region)}:sqs:{self.region}:{account}:{name}"

    def queue_of_arn(self, arn: str) -> str:
        """The queue whose ARN this is. StoreError if it is none of this stack's."""
        for queue in self.queues:
            if self.queue_arn(queue) == arn:
                return queue
        raise StoreError(
            f"a message came from {arn}, which is no queue of this stack (POLOS_QUEUES: "
            f"{', '.join(sorted(self.queues)) or 'empty'}); the function's event source and its environment disagree: "
            "deploy again"
        )


def _queues(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StoreError(
            f"POLOS_QUEUES is not JSON: {error}; expected an object of names and SQS URLs"
        ) from error
    if not isinstance(value, dict) or not all(isinstance(url, str) for url in value.values()):
        raise StoreError('POLOS_QUEUES must be a JSON object like {"project/default": "https://sqs..."}')
    return value


def _aws_partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
