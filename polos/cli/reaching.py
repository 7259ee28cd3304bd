"""Where a command's questions go: to the store's file of this directory, or to a server. Commands see one client.

    --api-url, POLOS_API_URL     a server: `polos dev`, or a stack on AWS
    else --store, POLOS_STORE    the file, read and written beside whatever else works on it

What stands on the command line goes before what the environment says; both on the command line are refused.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.local_client import LocalClient
from polos.cli.options import AnyProject, ApiKey, ApiUrl, App, AsJson, Store, Verbose
from polos.core.definitions import registry
from polos.entry.embedded import DEFAULT_STORE, Embedded
from polos.entry.loading import APP_FILES, default_source, named_sources
from polos.entry.worker import load_all
from polos.errors import CannotLoad, StoreError
from polos.runtime.http_client import PolosClient

P = ParamSpec("P")
T = TypeVar("T")

INTERRUPTED_DRAIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Where:
    """What the options say about where to ask. `sources`: the app's code, for a command that needs it in the store."""

    store: Path | None = None
    project: str | None = None
    api_url: str | None = None
    api_key: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """The store's file."""
        return Path(self.store or os.environ.get("POLOS_STORE") or DEFAULT_STORE)


class Reached:
    """A project that was reached, and how the command speaks. A store is opened when something is asked of it.

    `work`: this process works on the store.
    """

    def __init__(
        self, where: Where, *, work: bool = False, as_json: bool = False, verbose: bool = False
    ) -> None:
        self.where = where
        self.as_json = as_json
        self.verbose = verbose
        self._work = work
        self._runner = asyncio.Runner()

    @property
    def is_local(self) -> bool:
        """Whether it is a store's file, and not a server."""
        return not self.where.api_url

    @cached_property
    def local(self) -> Embedded | None:
        """The runtime over the store's file; None for a server."""
        if not self.is_local:
            return None
        project = self.where.project or "default"
        return Embedded(self.where.file, project=project, registry=registry, work=self._work)

    @cached_property
    def client(self) -> PolosClient | LocalClient:
        """Who is asked."""
        if self.local is not None:
            return LocalClient(self.local)
        return PolosClient(self.where.api_url, self.where.api_key, self.where.project)

    @property
    def place(self) -> str:
        """What it is, for people."""
        return self.where.api_url or str(self.where.file)

    def ask(self, question: Awaitable[T]) -> T:
        """Wait for an answer of the client."""

        async def answer() -> T:
            return await question

        return self._runner.run(answer())

    def say(self, text: str) -> None:
        """For the person at the terminal: on stderr, and not beside JSON."""
        if not self.as_json:
            typer.echo(text, err=True)

    def print_json(self, document: Any) -> None:
        """One JSON document on stdout."""
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))

    def print_line(self, document: Any) -> None:
        """One line of JSON on stdout."""
        typer.echo(json.dumps(document, ensure_ascii=False, default=str))

    def remind_of_workers(self) -> None:
        """Say so when what was asked for waits because nobody works on the store."""
        if self.local is not None and not self.local.store.has_workers():
            self.say(f"nobody works on {self.place} now: `polos dev` or `polos-worker start` carries it out")

    def close(self) -> None:
        """Hang up."""
        client, local = self.__dict__.get("client"), self.__dict__.get("local")
        try:
            if isinstance(client, PolosClient):
                self._runner.run(client.aclose())
        finally:
            self._runner.close()
            if local is not None:
                local.close(drain_seconds=INTERRUPTED_DRAIN)


@contextmanager
def reach(
    where: Where,
    *,
    code: bool = False,
    makes: bool = False,
    work: bool = False,
    as_json: bool = False,
    verbose: bool = False,
) -> Iterator[Reached]:
    """Reach a project. In a store: `code`, the app is needed too; `makes`, it is made if there is none; `work`, this
    process works on it.

    Raises:
        StoreError: There is no store, and none is made; or it cannot be used.
        CannotLoad: The app.
    """
    if not where.api_url:
        if code:
            load_app(where.sources)
        if not makes and not where.file.is_file():
            raise StoreError(
                f"there is no store at {where.file} (seen from {Path.cwd()}): nothing has run here. `polos dev APP` or "
                "`polos run FILE:WORKFLOW` makes one; --store and --api-url name another place"
            )
    reached = Reached(where, work=work, as_json=as_json, verbose=verbose)
    try:
        yield reached
    finally:
        reached.close()


def load_app(sources: Sequence[str]) -> list[str]:
    """Import the app: what was named, else what POLOS_APP names, else the one in this directory. `CannotLoad`."""
    if not (sources or default_source() or named_sources(os.environ.get("POLOS_APP") or "")):
        raise CannotLoad(
            "the app",
            f"there is no {', '.join(APP_FILES)} here; name yours with --app or POLOS_APP, or make a new one with "
            "`polos init`",
        )
    return load_all(sources)


def where_of(ctx: typer.Context, given: Mapping[str, Any]) -> Where:
    """What the options of a command say. Raises `BadUsage` for two places at once."""
    named = {name for name in ("store", "api_url") if on_command_line(ctx, name)}
    if named == {"store", "api_url"}:
        raise BadUsage("--store names a file and --api-url a server: give one of them")
    api_url = None if "store" in named else given["api_url"]
    if api_url and not api_url.startswith(("http://", "https://")):
        raise BadUsage(f"--api-url {api_url}: it begins with http:// or https://, like http://localhost:8080")
    return Where(
        given["store"], given["project"], api_url or None, given["api_key"], tuple(given.get("app") or ())
    )


def on_command_line(ctx: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line, and not in the environment."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


_COMMON: Final[Mapping[str, tuple[Any, Any]]] = {
    "as_json": (AsJson, False),
    "api_url": (ApiUrl, None),
    "api_key": (ApiKey, None),
    "store": (Store, None),
    "project": (AnyProject, None),
    "verbose": (Verbose, False),
}


def asking(
    *, code: bool = False, makes: bool = False, work: bool = False
) -> Callable[[Callable[Concatenate[Reached, P], None]], Callable[P, None]]:
    """A command whose first parameter is the project that its options lead to; see `reach`.

    It gets the options of `_COMMON`, and `--app` if it needs code.
    """

    def decorate(function: Callable[Concatenate[Reached, P], None]) -> Callable[P, None]:
        own = [*inspect.signature(function, eval_str=True).parameters.values()][1:]
        common = {**_COMMON, **({"app": (App, None)} if code else {})}
        added = [_parameter(name, kind, default) for name, (kind, default) in common.items()]
        context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

        def asked(**given: Any) -> None:
            where = where_of(given.pop("ctx"), given)
            manner = {"as_json": given["as_json"], "verbose": given["verbose"]}
            rest = {name: value for name, value in given.items() if name not in common}
            with reach(where, code=code, makes=makes, work=work, **manner) as to:
                cast(Any, function)(to, **rest)

        asked.__name__, asked.__doc__ = function.__name__, function.__doc__
        made: Callable[P, None] = _described(command(asked), [*own, *added, context])
        return made

    return decorate


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _described(function: Any, parameters: Sequence[inspect.Parameter]) -> Any:
    """The function with these parameters, as typer reads them: positional ones before those given by name."""
    ordered = sorted(parameters, key=lambda one: one.kind is inspect.Parameter.KEYWORD_ONLY)
    function.__signature__ = inspect.Signature(ordered)
    function.__annotations__ = {one.name: one.annotation for one in ordered}
    return function
