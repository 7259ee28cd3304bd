"""What the examples share: a command line, a store for one run, and models that need no key.

Every example is started as `python -m examples.NAME`; `--help` lists what it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from polos import Polos, PolosError
from polos.llm.events import StreamEvent
from polos.llm.port import Capabilities, Provider
from polos.llm.registry import get_provider
from polos.llm.registry import registry as providers
from polos.llm.request import ModelRequest
from polos.llm.types import ToolResult
from polos.testing import FakeModel, Turn

Main = Callable[[Polos, argparse.Namespace], Awaitable[None]]

MODELS = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "groq": "llama-3.3-70b-versatile",
    "ollama": "llama3.2",
}
"""The model of a provider that `--model` does not name."""


class ExampleModel:
    """A provider that follows a script, or the real one that `--provider` names.

    In a program of your own you write `provider="openai", model="gpt-5-mini"` in its place.
    """

    real: ClassVar[tuple[Provider, str] | None] = None

    def __init__(self, script: Callable[[ModelRequest], Turn | str]) -> None:
        self._script = FakeModel(script)

    @property
    def name(self) -> str:
        """What the agents call it."""
        return self.real[0].name if self.real else "example"

    def capabilities(self, model: str) -> Capabilities:
        """Those of whoever answers."""
        return self.real[0].capabilities(self.real[1]) if self.real else self._script.capabilities(model)

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Answer as the script says, or as the real model does."""
        if self.real is None:
            return self._script.stream(request)
        return self.real[0].stream(replace(request, model=self.real[1]))


def last_said(request: ModelRequest) -> str:
    """What the user said last."""
    return next((one.text for one in reversed(request.messages) if one.role == "user"), "")


def tools_gave(request: ModelRequest) -> list[str]:
    """What the tools have answered since the user spoke last; empty before the model has called any."""
    found: list[str] = []
    for message in reversed(request.messages):
        if message.role == "user":
            break
        found = [part.content for part in message.parts if isinstance(part, ToolResult)] + found
    return found


def example(
    main: Main,
    about: str | None,
    *,
    models: bool = False,
    arguments: Callable[[argparse.ArgumentParser], None] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Read the command line, open a store, and run: the exit code.

    0: it ran. 1: it failed, with the reason on standard error. Of a wrong command line argparse exits with 2.
    """
    parser = _parser(main, about, models=models)
    if arguments is not None:
        arguments(parser)
    given = parser.parse_args(argv)
    try:
        ExampleModel.real = _real(given) if models else None
        asyncio.run(_in_store(main, given))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        print(f"that is no {error.title}: {problems}", file=sys.stderr)
        return 1
    except PolosError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        return 130
    finally:
        ExampleModel.real = None
    return 0


def _parser(main: Main, about: str | None, *, models: bool) -> argparse.ArgumentParser:
    name = Path(main.__code__.co_filename).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m examples.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--store", metavar="FILE", type=Path, help="keep what happens in this file, e.g. .polos/polos.db"
    )
    if models:
        parser.add_argument(
            "--provider",
            choices=providers.names(),
            help="ask a real model; its key is read from the environment",
        )
        parser.add_argument("--model", help="which model of the provider")
    return parser


def _real(given: argparse.Namespace) -> tuple[Provider, str] | None:
    if given.provider is None:
        if given.model is not None:
            raise SystemExit("--model names a model of a provider: say --provider, too")
        return None
    model = given.model or MODELS.get(given.provider)
    if model is None:
        raise SystemExit(f"say which model of {given.provider}: --model NAME")
    return get_provider(given.provider), model


async def _in_store(main: Main, given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="polos-example-") as folder:
        async with Polos(given.store or Path(folder) / "polos.db") as polos:
            await main(polos, given)
