"""Deploy: from an app to a stack that answers. What can be wrong with the app is known before AWS is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polos.deploy.artifacts import Artifacts, content_hash, deployable, zip_directory
from polos.deploy.build import Build
from polos.deploy.compute import code_uri
from polos.deploy.package import Packaged, megabytes
from polos.deploy.stack import Stack


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that stands. `changed`: whether this deployment did anything."""

    changed: bool
    outputs: Mapping[str, str]


def deploy(
    built: Build,
    packages: Sequence[Packaged],
    stack: Stack,
    artifacts: Artifacts,
    *,
    root: Path,
    parameters: Mapping[str, str],
    tell: Callable[[str], None] = lambda text: None,
) -> Deployed:
    """Upload packages and template, and let CloudFormation do the rest.

    Raises:
        StoreError: CloudFormation refused the template, or rolled the change back.
    """
    artifacts.ensure()
    places: dict[str, str] = {}
    for packaged in packages:
        name = f"{content_hash(packaged.directory)}.zip"
        if artifacts.has(name):
            tell(f"package for {packaged.architecture}: uploaded before")
        else:
            archive = root / ".polos" / "package" / f"{packaged.directory.name}.zip"
            zip_directory(packaged.directory, archive)
            tell(f"package for {packaged.architecture}: {megabytes(archive.stat().st_size)} zipped")
            artifacts.upload(archive, name)
        places[code_uri(built.plan, packaged.architecture)] = f"s3://{artifacts.bucket}/{artifacts.key(name)}"
    key = artifacts.put(deployable(built.document, places), "template.json")
    options = built.plan.options
    changed = stack.deploy(
        artifacts.url(key), parameters, {"polos:app": options.name, "polos:stage": options.stage}
    )
    return Deployed(changed, stack.outputs())
