"""What the commands about stacks share: their options, the build, the clients of AWS."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polos.cli.exits import BadUsage
from polos.deploy.build import Build, build
from polos.deploy.naming import slug
from polos.deploy.plan import Options
from polos.deploy.render import stack_name
from polos.entry.loading import APP_FILES, default_source
from polos.errors import CredentialsMissing, StoreError

if TYPE_CHECKING:
    from polos.deploy.artifacts import Artifacts

Apps = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[APP]...", help="Modules or files that define workflows; else app.py, main.py ..."
    ),
]
Stage = Annotated[
    str, typer.Option("--stage", envvar="POLOS_STAGE", help="Which of the app's stacks: dev, prod ...")
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name", help="What the app is called; its stacks are NAME-STAGE. Else from its project or module."
    ),
]
Output = Annotated[
    Path, typer.Option("--output", file_okay=False, help="The directory of the files that are built.")
]
Merge = Annotated[
    Path | None, typer.Option("--merge", help="CloudFormation to lay over the template. [polos.merge.yaml]")
]
Target = Annotated[
    str, typer.Option("--target", help="lambda, or host: for an emulator that runs code on this machine.")
]
Runtime = Annotated[str, typer.Option("--runtime", help="Lambda's runtime.")]
Tracing = Annotated[bool, typer.Option("--tracing", help="Trace with X-Ray.")]
Requirements = Annotated[
    Path | None,
    typer.Option("--requirements", help="The app's requirements. [requirements.txt, pyproject.toml]"),
]
Include = Annotated[
    list[Path] | None,
    typer.Option("--include", help="A file or directory the app needs beside what it imports."),
]
Region = Annotated[str | None, typer.Option("--region", envvar="AWS_REGION", help="The AWS region.")]
Bucket = Annotated[
    str | None, typer.Option("--bucket", help="The bucket for packages. [polos-artifacts-ACCOUNT-REGION]")
]


def options_of(
    apps: Sequence[str] | None, *, name: str | None, stage: str, target: str = "lambda", **more: Any
) -> tuple[list[str], Options]:
    """The sources and the options of a build.

    Raises:
        BadUsage: There is no app, or an option has no such value.
    """
    sources = list(apps or filter(None, [default_source()]))
    if not sources:
        raise BadUsage("name the modules with workflows: `polos build shop.flows`")
    if target not in ("lambda", "host"):
        raise BadUsage(f"--target {target}: say lambda or host")
    if slug(stage) != stage:
        raise BadUsage(
            f"--stage {stage}: it becomes part of a stack's name; take letters, digits and '-', like {slug(stage)}"
        )
    if not str(more.get("runtime", "python3.13")).startswith("python3."):
        raise BadUsage(f"--runtime {more['runtime']}: one of Lambda's for Python, like python3.13")
    return sources, Options(slug(name or app_name(sources[0])), stage, target, **more)


def app_name(source: str) -> str:
    """What an app is called by default: its module, `examples.app` as `examples-app`.

    An `app.py` of a project is called as the project is (`pyproject.toml`): so are all others, and two apps of one name
    would be one stack.
    """
    path = Path(source)
    if path.name in APP_FILES or f"{source}.py" in APP_FILES:
        return _project_name() or path.stem
    return path.stem if path.suffix == ".py" else source


def _project_name() -> str | None:
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):  # none, or none that can be read: whoever needs it says so
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return name if isinstance(name, str) and name else None


def built(sources: Sequence[str], options: Options, merge: Path | None) -> Build:
    """The build, and its warnings told."""
    found = build(sources, options, root=Path.cwd(), merge=merge)
    for warning in found.warnings:
        typer.secho(f"warning: {warning}", fg=typer.colors.YELLOW, err=True)
    return found


def clients(region: str | None) -> Callable[[str], Any]:
    """Makes boto3 clients.

    Raises:
        StoreError: No region is set.
        CredentialsMissing: There are no credentials.
    """
    import boto3  # noqa: PLC0415 (it takes half a second, and only stacks need it)

    session = boto3.Session(region_name=region)
    if session.region_name is None:
        raise StoreError("no AWS region is set: give --region, or set AWS_REGION")
    if session.get_credentials() is None:
        raise CredentialsMissing("no AWS credentials were found: `aws sso login`, or set AWS_PROFILE")
    make: Callable[..., Any] = session.client
    return make


@contextmanager
def aws_refusals() -> Iterator[None]:
    """What AWS refuses is told as what it is: a `StoreError`, with AWS's own words."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (it takes half a second)

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"AWS refused: {error}") from error


def artifacts_of(make: Callable[[str], Any], options: Options, bucket: str | None) -> Artifacts:
    """The bucket for packages of a stack."""
    from polos.deploy.artifacts import Artifacts  # noqa: PLC0415 (it loads botocore)

    s3 = make("s3")
    region = str(make("cloudformation").meta.region_name)
    return Artifacts(s3, make("sts"), prefix=stack_name(options), region=region, bucket=bucket)


def parse_parameters(given: Sequence[str] | None) -> dict[str, str]:
    """`Key=Value` of `--parameter`. Raises `BadUsage` for one without `=`."""
    found: dict[str, str] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key.isalnum():
            raise BadUsage(f"--parameter {text}: write NAME=VALUE, like DataDeletionPolicy=Delete")
        found[key] = value
    return found
