"""What a stack needs and does not bring along: its secrets. Asked for before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from polos.errors import SecretMissing
from polos.runtime.secrets import Reference

_MISSING = ("ResourceNotFoundException", "ParameterNotFound")


def require_secrets(clients: Callable[[str], Any], secrets: Sequence[str], *, project: str) -> None:
    """Look whether each secret that the code names is there; none is read.

    Raises:
        SecretMissing: All that are missing, each with where it belongs.
    """
    missing = [text for name in secrets if (text := _missing(clients, Reference.parse(name), name, project))]
    if missing:
        raise SecretMissing(
            "the code names secrets that are not there, and nothing was deployed:\n  " + "\n  ".join(missing)
        )


def _missing(clients: Callable[[str], Any], reference: Reference, name: str, project: str) -> str:
    place = reference.id if reference.service else f"polos/{project}/{reference.id}"
    try:
        if reference.service == "ssm":
            found = clients("ssm").describe_parameters(
                ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [reference.id]}]
            )["Parameters"]
            fix = f"aws ssm put-parameter --type SecureString --name {reference.id} --value file://FILE"
            return "" if found else f"secret({name!r}): SSM has no parameter {reference.id!r}; make it: {fix}"
        clients("secretsmanager").describe_secret(SecretId=place)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        fix = f"aws secretsmanager create-secret --name {place} --secret-string file://FILE"
        return f"secret({name!r}): Secrets Manager has no {place!r}; make it: {fix}"
    return ""
