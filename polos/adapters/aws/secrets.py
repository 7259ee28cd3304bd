"""Secrets in Secrets Manager, and in SSM Parameter Store."""

from __future__ import annotations

from typing import Final, Protocol

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.errors import SecretMissing

PREFIX_VARIABLE: Final = "POLOS_SECRETS_PREFIX"
"""What comes before a secret's name in Secrets Manager: `polos/<project>/` if not set."""


class Wanted(Protocol):
    """Which secret: the service ("secretsmanager", "ssm", or "" for the stack's own place) and the id there."""

    @property
    def service(self) -> str: ...
    @property
    def id(self) -> str: ...


class AwsSecrets:
    """Reads the secrets of a stack. What a name without a service means: Secrets Manager, `prefix` and the name."""

    def __init__(self, aws: Aws, *, prefix: str) -> None:
        self._aws = aws
        self._prefix = prefix

    def read(self, reference: Wanted) -> str | None:
        """The text, or None if there is none.

        Raises:
            TryAgain: AWS cannot be reached, or has no time.
            StoreError: This function may not read it.
            SecretMissing: It is there, and not text.
        """
        if reference.service == "ssm":
            return self._parameter(reference.id)
        return self._secret(self._id(reference))

    def place(self, reference: Wanted) -> str:
        """Where it looks, for error messages."""
        if reference.service == "ssm":
            return f"SSM Parameter Store, as {reference.id!r}"
        return f"Secrets Manager, as {self._id(reference)!r}"

    def _id(self, reference: Wanted) -> str:
        return reference.id if reference.service else f"{self._prefix}{reference.id}"

    def _secret(self, name: str) -> str | None:
        try:
            answer = self._aws.call(
                "secretsmanager",
                "get_secret_value",
                on=f"secret {name}",
                hear=("ResourceNotFoundException",),
                SecretId=name,
            )
        except Refused:
            return None
        if "SecretString" not in answer:
            raise SecretMissing(f"the secret {name!r} in Secrets Manager holds bytes; put its text there")
        return str(answer["SecretString"])

    def _parameter(self, name: str) -> str | None:
        try:
            answer = self._aws.call(
                "ssm",
                "get_parameter",
                on=f"parameter {name}",
                hear=("ParameterNotFound",),
                Name=name,
                WithDecryption=True,
            )
        except Refused:
            return None
        return str(answer["Parameter"]["Value"])
