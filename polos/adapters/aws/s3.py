"""Blobs in one S3 bucket: the name is the key."""

from __future__ import annotations

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.adapters.limits import check_name
from polos.errors import NotFound


class S3Blobs:
    """The port `Blobs`. The role needs `s3:ListBucket` too: without it S3 says "denied" of what is not there."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._bucket = aws.settings.bucket
        self._on = f"bucket {self._bucket}"

    def put(self, name: str, data: bytes) -> None:
        """Store; a repeat stores the same bytes again, which changes nothing and costs less than asking first."""
        self._aws.call("s3", "put_object", on=self._on, Bucket=self._bucket, Key=self._key(name), Body=data)

    def get(self, name: str) -> bytes:
        """The bytes. `NotFound` if there are none under this name."""
        try:
            answer = self._aws.call(
                "s3",
                "get_object",
                on=self._on,
                hear=("NoSuchKey",),
                Bucket=self._bucket,
                Key=self._key(name),
            )
        except Refused as refused:
            raise NotFound(f"there is no blob {name!r} in {self._on}") from refused
        return bytes(answer["Body"])

    def delete(self, name: str) -> None:
        """Forget; a repeat does nothing."""
        self._aws.call("s3", "delete_object", on=self._on, Bucket=self._bucket, Key=self._key(name))

    @staticmethod
    def _key(name: str) -> str:
        check_name(name, "blob")
        return name
