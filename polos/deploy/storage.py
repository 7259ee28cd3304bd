"""The resources that hold data: two DynamoDB tables and an S3 bucket."""

from __future__ import annotations

from typing import Any

from polos.adapters.aws import tables
from polos.deploy.intrinsics import COMMENT, Resources, ref


def storage() -> Resources:
    """Tables and bucket. What they hold outlives the stack unless `DataDeletionPolicy` says otherwise."""
    return {
        "LogTable": _table(
            tables.log_table(""), "Journals and topics: one item an entry, appended and never changed."
        ),
        "RecordTable": _table(
            tables.record_table(""), "Executions, schedules, waiters, API keys: one item a record."
        ),
        "ValuesBucket": _bucket(),
    }


def _table(spec: dict[str, Any], about: str) -> dict[str, Any]:
    properties = {key: value for key, value in spec.items() if key != "TableName"}
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    properties["SSESpecification"] = {"SSEEnabled": True}
    properties["TimeToLiveSpecification"] = tables.time_to_live("")["TimeToLiveSpecification"]
    return {
        COMMENT: about,
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": ref("DataDeletionPolicy"),
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def _bucket() -> dict[str, Any]:
    return {
        COMMENT: "Values over what an item of DynamoDB holds. What belongs to entries that expire goes by itself.",
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": ref("DataDeletionPolicy"),
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "LifecycleConfiguration": {"Rules": [_rule(rule) for rule in tables.bucket_lifecycle()["Rules"]]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        },
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of the S3 API as CloudFormation writes it."""
    found: dict[str, Any] = {"Id": rule["ID"], "Status": rule["Status"]}
    if rule["Filter"].get("Prefix"):
        found["Prefix"] = rule["Filter"]["Prefix"]
    if "Expiration" in rule:
        found["ExpirationInDays"] = rule["Expiration"]["Days"]
    if "AbortIncompleteMultipartUpload" in rule:
        found["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return found
