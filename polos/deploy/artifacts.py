"""Packages on their way to CloudFormation: zipped reproducibly, uploaded once, in one bucket per region."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from polos.deploy.intrinsics import without_comments
from polos.errors import StoreError

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MISSING: Final = ("404", "NoSuchBucket", "NotFound")


class Artifacts:
    """The bucket for packages and templates: `polos-artifacts-<account>-<region>`, unless told otherwise.

    Args:
        s3, sts: boto3 clients.
        prefix: What the names of this stack's objects begin with.
    """

    def __init__(self, s3: Any, sts: Any, *, prefix: str, region: str, bucket: str | None = None) -> None:
        self._s3 = s3
        self._sts = sts
        self._prefix = prefix
        self._region = region
        self._given = bucket
        self._name = bucket or ""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        if not self._name:
            account = self._sts.get_caller_identity()["Account"]
            self._name = f"polos-artifacts-{account}-{self._region}"
        return self._name

    def ensure(self) -> None:
        """Make the bucket if it is not there: encrypted, private, and forgetting old packages by itself."""
        try:
            self._s3.head_bucket(Bucket=self.bucket)
            return
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
        where = (
            {}
            if self._region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        )
        self._s3.create_bucket(Bucket=self.bucket, **where)
        self._s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )

    def has(self, name: str) -> bool:
        """Whether an object of that name is there. A package's name says what is in it: it has a hash."""
        try:
            self._s3.head_object(Bucket=self.bucket, Key=self.key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return False
        return True

    def upload(self, file: Path, name: str) -> None:
        """Upload a file."""
        self._s3.upload_file(str(file), self.bucket, self.key(name))

    def key(self, name: str) -> str:
        """The key of this stack's object of that name."""
        return f"{self._prefix}/{name}"

    def put(self, text: str, name: str) -> str:
        """Store a text; its key."""
        self._s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=text.encode())
        return self.key(name)

    def url(self, key: str) -> str:
        """The address at which CloudFormation finds an object."""
        endpoint = str(self._s3.meta.endpoint_url).rstrip("/")
        return f"{endpoint}/{self.bucket}/{key}"

    def forget(self) -> None:
        """Delete what is this stack's, and the bucket when nothing else is in it and it is not the user's own."""
        try:
            empty_bucket(self._s3, self.bucket, prefix=f"{self._prefix}/")
            if not self._given and not self._s3.list_objects_v2(Bucket=self.bucket, MaxKeys=1).get(
                "Contents"
            ):
                self._s3.delete_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise


def empty_bucket(s3: Any, bucket: str, *, prefix: str = "") -> int:
    """Delete all objects with a prefix; how many. `StoreError` for what S3 keeps: it says so in an answer of 200."""
    count = 0
    while keys := [
        {"Key": each["Key"]} for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    ]:
        kept = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors")
        if kept:
            why = f"{kept[0].get('Code')}: {kept[0].get('Message', kept[0].get('Key'))}"
            raise StoreError(f"S3 did not delete {len(kept)} objects of {bucket}: {why}")
        count += len(keys)
    return count


def content_hash(directory: Path) -> str:
    """What tells a package from others: names, modes and bytes of its files.

    Compiled files do not count: they follow from their sources, and Python does not always write the same bytes.
    """
    digest = hashlib.sha256()
    for name, file in _files(directory):
        if file.suffix != ".pyc":
            data = file.read_bytes()
            digest.update(f"{len(name)}:{name}:{_mode(file):o}:{len(data)}:".encode())
            digest.update(data)
    return digest.hexdigest()[:32]


def zip_directory(directory: Path, target: Path) -> None:
    """Zip a package: the same files give the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, file in _files(directory):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = _mode(file) << 16
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _files(directory: Path) -> list[tuple[str, Path]]:
    """(name in the package, file), in order."""
    return sorted(
        (path.relative_to(directory).as_posix(), path) for path in directory.rglob("*") if path.is_file()
    )


def _mode(file: Path) -> int:
    """Readable for all, and to be run if it is a program: Lambda runs functions as another user."""
    return 0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644


def deployable(document: Mapping[str, Any], packages: Mapping[str, str]) -> str:
    """The template as CloudFormation is given it: JSON, with the packages' places in S3 in place of directories."""
    data = without_comments(dict(document))
    for resource in data["Resources"].values():
        properties = resource.get("Properties", {})
        if resource.get("Type") == "AWS::Serverless::Function" and properties.get("CodeUri") in packages:
            properties["CodeUri"] = packages[properties["CodeUri"]]
    return json.dumps(data, indent=1, ensure_ascii=False)
