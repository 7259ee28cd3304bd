"""What `polos doctor` looks at. Each check gives findings, and each finding that is not well says the fix."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from polos.adapters.clock import SystemClock
from polos.cli.reaching import Where
from polos.core.definitions import registry
from polos.entry.embedded import Embedded
from polos.entry.loading import default_source, named_sources
from polos.entry.worker import load_all
from polos.errors import PolosError
from polos.runtime.control import Control, Filter

OLDEST_PYTHON: Final = (3, 11)
NEEDED: Final = ("boto3", "aws_lambda_powertools", "pydantic", "httpx", "croniter", "typer", "rich")
EXTRAS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "mcp": "mcp",
    "otel": "opentelemetry.sdk",
    "testing": "moto",
    "deploy": "yaml",
}
KEYS: Final = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "fireworks": ("FIREWORKS_API_KEY",),
    "together": ("TOGETHER_API_KEY",),
}
MOST_SKEW: Final = 30.0
"""Seconds. AWS refuses requests whose time is five minutes off; timers are late by what a clock is wrong."""


class State(StrEnum):
    """How well it is. Only `bad` makes `polos doctor` fail."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `fix`: what to do, where something is to be done."""

    check: str
    state: State
    text: str
    fix: str = ""


Check = Callable[[Where], Iterator[Finding]]


def installation(where: Where) -> Iterator[Finding]:
    """Python, the package, and what it needs."""
    del where
    found = tuple(sys.version_info[:3])
    shown = ".".join(map(str, found))
    if found < OLDEST_PYTHON:
        yield Finding(
            "python", State.BAD, f"Python {shown}", "install Python 3.11 or newer, and make a new environment"
        )
    else:
        yield Finding("python", State.GOOD, f"Python {shown}")
    try:
        yield Finding("package", State.GOOD, f"polos-worker {version('polos-worker')}")
    except PackageNotFoundError:
        fix = "pip install polos-worker"
        yield Finding("package", State.BAD, "polos is imported from a directory that is not installed", fix)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        fix = "pip install --upgrade --force-reinstall polos-worker"
        yield Finding("package", State.BAD, f"missing: {', '.join(missing)}", fix)


def extras(where: Where) -> Iterator[Finding]:
    """The optional parts that are installed."""
    del where
    there = [name for name, module in EXTRAS.items() if _is_there(module)]
    rest = [name for name in EXTRAS if name not in there]
    fix = f"if you need them: pip install 'polos-worker[{','.join(rest)}]'" if rest else ""
    text = f"installed: {', '.join(there) or 'none'}" + (f"; not: {', '.join(rest)}" if rest else "")
    yield Finding("extras", State.NOTE if rest else State.GOOD, text, fix)


def app(where: Where) -> Iterator[Finding]:
    """The code of this directory, and what its agents need."""
    named = [*where.sources] or named_sources(os.environ.get("POLOS_APP") or "") or [default_source() or ""]
    if not any(named):
        fix = "`polos init my-project` makes one; or name yours with --app or POLOS_APP"
        yield Finding("app", State.NOTE, "no app.py, main.py or workflows.py here", fix)
        return
    try:
        loaded = load_all(where.sources)
    except PolosError as error:
        yield Finding("app", State.BAD, str(error), "mend that, and ask again")
        return
    ids = [definition.id for definition in registry]
    yield Finding("app", State.GOOD, f"{', '.join(loaded)}: {len(ids)} workflows, agents and tools")
    yield from _models()


def _models() -> Iterator[Finding]:
    agents: dict[str, list[str]] = {}
    for definition in registry:
        profile = definition.options.get("profile")
        provider = getattr(getattr(profile, "model", None), "provider", None)
        if definition.kind == "agent" and isinstance(provider, str):
            agents.setdefault(provider, []).append(definition.id)
    for provider, ids in sorted(agents.items()):
        keys = KEYS.get(provider, ())
        sdk = provider if provider == "anthropic" else "openai"
        if provider in KEYS and not _is_there(sdk):
            fix = f"pip install 'polos-worker[{provider if provider != 'azure' else 'openai'}]'"
            yield Finding(
                "models", State.BAD, f"{', '.join(ids)}: the SDK of {provider} is not installed", fix
            )
        elif keys and not any(os.environ.get(key) for key in keys):
            fix = f"export {keys[0]}=..., or test with polos.testing.FakeModel"
            yield Finding("models", State.NOTE, f"{', '.join(ids)}: no key for {provider}", fix)
        else:
            yield Finding("models", State.GOOD, f"{', '.join(ids)}: {provider}")


def store(where: Where) -> Iterator[Finding]:
    """The store's file: whether it can be used, and who works on it."""
    file = where.file
    if not file.is_file():
        yield _room_for(file)
        return
    try:
        runtime = Embedded(file, project=where.project or "default", work=False)
    except PolosError as error:
        yield Finding("store", State.BAD, str(error), f"move {file} away, or name another file with --store")
        return
    try:
        control = Control(runtime.service)
        stalled = control.find(Filter(status="stalled"), limit=100)[0]
        latest = control.find(Filter(), limit=1)[0]
        works = "somebody works on it" if runtime.store.has_workers() else "nobody works on it now"
        yield Finding("store", State.GOOD, f"{file}: {works}")
        if stalled:
            fix = "`polos list --status stalled`, then mend the code and `polos resume ID`"
            yield Finding("store", State.NOTE, f"{len(stalled)} executions have stalled", fix)
        ahead = latest[0].info.created_at / 1000 - SystemClock().now() if latest else 0.0
        if ahead > MOST_SKEW:
            fix = "set the clock of this machine (timedatectl set-ntp true)"
            yield Finding("clock", State.BAD, f"the latest execution began {ahead:.0f} s in the future", fix)
    finally:
        runtime.close()


def _room_for(file: Path) -> Finding:
    """Whether a store could be made."""
    there = next((one for one in (file.parent, *file.absolute().parents) if one.exists()), Path("/"))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding("store", State.GOOD, f"{file} is not there yet; the first run makes it")
    fix = f"make {there} a directory that you may write, or name another file with --store"
    return Finding("store", State.BAD, f"{file} cannot be made: {there} cannot be written", fix)


def server(where: Where) -> Iterator[Finding]:
    """The server that is configured: whether it is there, whom it takes us for, and what time it has."""
    if not where.api_url:
        yield Finding("server", State.GOOD, "none configured: commands ask the store's file")
        return
    import httpx  # noqa: PLC0415 (only here, and it takes a moment)

    url = where.api_url.rstrip("/")
    headers = {"Authorization": f"Bearer {where.api_key}"} if where.api_key else {}
    try:
        health = httpx.get(f"{url}/health", timeout=10.0)
        me = httpx.get(f"{url}/v1/me", headers=headers, timeout=10.0)
    except httpx.HTTPError as error:
        fix = "start one with `polos dev APP`, or correct --api-url or POLOS_API_URL"
        yield Finding("server", State.BAD, f"{url} does not answer: {error}", fix)
        return
    if health.status_code != 200:
        fix = "look whether the address is that of a Polos API"
        yield Finding("server", State.BAD, f"{url}/health answers {health.status_code}", fix)
    elif me.status_code == 200:
        who = me.json()
        yield Finding("server", State.GOOD, f"{url}: project {who['project']}, role {who['role']}")
    else:
        fix = "`polos key create` there makes a key; give it with --api-key or POLOS_API_KEY"
        yield Finding("server", State.BAD, f"{url} does not admit us ({me.status_code})", fix)
    yield from _skew(health.headers)


def _skew(headers: Mapping[str, str]) -> Iterator[Finding]:
    told = headers.get("date")
    if told is None:
        return
    skew = SystemClock().now() - parsedate_to_datetime(told).timestamp()
    if abs(skew) > MOST_SKEW:
        fix = "set the clock of this machine (timedatectl set-ntp true), or that of the server"
        yield Finding(
            "clock", State.BAD, f"this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}", fix
        )
    else:
        yield Finding("clock", State.GOOD, "agrees with the server's")


def template(where: Where) -> Iterator[Finding]:
    """Whether the files of a stack are what the code says, where there are any."""
    sources = [*where.sources] or [found for found in (default_source(),) if found]
    if not Path("template.yaml").is_file() or not sources:
        yield Finding("template", State.GOOD, "no template.yaml here: nothing to compare")
        return
    from polos.cli.deploying import options_of  # noqa: PLC0415 (only where there is a stack)
    from polos.deploy.build import build, changes  # noqa: PLC0415

    try:
        named, options = options_of(sources, name=None, stage=os.environ.get("POLOS_STAGE") or "dev")
        stale = list(changes(build(named, options, root=Path.cwd()), Path()))
    except PolosError as error:
        yield Finding("template", State.BAD, str(error), "mend that, then `polos build`")
        return
    if stale:
        fix = f"`polos diff {' '.join(sources)}` shows how; `polos build {' '.join(sources)}` renders them"
        yield Finding("template", State.BAD, f"out of date: {', '.join(stale)}", fix)
    else:
        yield Finding("template", State.GOOD, "up to date")


def credentials(where: Where) -> Iterator[Finding]:
    """Whether AWS could be asked: needed for `polos deploy`, and for nothing on this machine."""
    del where
    import boto3  # noqa: PLC0415 (half a second)

    session = boto3.Session()
    if session.get_credentials() is None:
        fix = "to deploy: `aws sso login`, or set AWS_PROFILE"
        yield Finding("aws", State.NOTE, "no credentials", fix)
    elif not session.region_name:
        yield Finding("aws", State.NOTE, "credentials, but no region", "to deploy: set AWS_REGION")
    else:
        yield Finding("aws", State.GOOD, f"credentials, region {session.region_name}")


CHECKS: Final[tuple[Check, ...]] = (installation, extras, app, store, server, template, credentials)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package it is in is not there either
        return False


def examined(where: Where, checks: tuple[Check, ...] = CHECKS) -> Iterator[Finding]:
    """All findings. A check that breaks is a finding too, and the others go on."""
    for check in checks:
        try:
            yield from check(where)
        except Exception as error:  # the doctor examines what is broken
            text = f"{type(error).__name__}: {error}"
            yield Finding(check.__name__, State.BAD, text, "please report it, with what --verbose shows")
