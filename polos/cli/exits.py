"""Exit codes, and how an error becomes one message and one of them."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import Final, ParamSpec

import typer

from polos.errors import (
    CannotLoad,
    Conflict,
    ExecutionError,
    ExecutionStalled,
    Forbidden,
    InvalidDefinition,
    InvalidPayload,
    InvalidRequest,
    NotFound,
    NotStorable,
    PolosError,
    RateLimited,
    ResultTimeout,
    ServerError,
    ServerUnreachable,
    StepStuck,
    StoreError,
    TooLarge,
    Unauthorized,
    UnknownWorkflow,
)


class BadUsage(PolosError):
    """Options or arguments that cannot be used as given."""

    code = "bad_usage"


class Exit(IntEnum):
    """The exit codes; their table is in `polos.cli`."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    STORE = 3
    STALLED = 4
    UNDER_WAY = 5
    INTERNAL = 70
    STUCK = 75
    INTERRUPTED = 130


BAD_INPUT: Final = (
    BadUsage,
    CannotLoad,
    Conflict,
    InvalidDefinition,
    InvalidPayload,
    InvalidRequest,
    NotFound,
    NotStorable,
    TooLarge,
    UnknownWorkflow,
)


def exit_code(error: BaseException) -> Exit:
    """The code an error ends a command with."""
    match error:
        case ExecutionStalled():
            return Exit.STALLED
        case ExecutionError():
            return Exit.FAILED
        case StepStuck():
            return Exit.STUCK
        case (
            StoreError() | ServerUnreachable() | ServerError() | RateLimited() | Unauthorized() | Forbidden()
        ):
            return Exit.STORE
        case ResultTimeout():
            return Exit.UNDER_WAY
        case _ if isinstance(error, BAD_INPUT):
            return Exit.BAD_INPUT
        case PolosError():
            return Exit.FAILED
        case _:
            return Exit.INTERNAL


def message(error: BaseException) -> str:
    """An error for a person: a payload's problems line by line, anything else as it says itself."""
    if isinstance(error, InvalidPayload):
        fields = "".join(f"\n  {path or 'payload'}: {text}" for path, text in error.problems)
        return f"the payload of workflow {error.workflow_id!r} does not validate:{fields}"
    if isinstance(error, PolosError):
        return str(error)
    return f"{type(error).__name__}: {error}\nThis should not happen: please report it, with what --verbose shows."


def complain(error: BaseException, *, verbose: bool) -> None:
    """One clear message on stderr; the traceback only when it was asked for."""
    if verbose:
        traceback.print_exception(error, file=sys.stderr)
    typer.secho("polos: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(message(error), err=True)


P = ParamSpec("P")


def command(function: Callable[P, None]) -> Callable[P, None]:
    """A command, each of whose errors becomes one message and an exit code. It has an option `verbose`."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        verbose = bool(kwargs.get("verbose"))
        log_to_stderr(verbose=verbose)
        try:
            function(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:  # whoever read has seen enough: `polos list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from None
        except Exception as error:
            complain(error, verbose=verbose)
            raise typer.Exit(exit_code(error)) from error

    guarded.__doc__ = flowing(function.__doc__)
    return guarded


def flowing(text: str | None) -> str:
    """A docstring as the help shows it: its paragraphs without the line breaks of the source."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class OneLine(logging.Handler):
    """What the engine logs, without tracebacks unless asked for: a failing store must not fill the screen."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(logging.DEBUG if verbose else logging.WARNING)
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += "\n" + "".join(traceback.format_exception(error)) if self._verbose else f": {error}"
        typer.echo(text, err=True)


def log_to_stderr(*, verbose: bool) -> None:
    """Show what the engine logs, once, however often a command is called in this process."""
    logger = logging.getLogger("polos")
    for handler in [h for h in logger.handlers if isinstance(h, OneLine)]:
        logger.removeHandler(handler)
    logger.addHandler(OneLine(verbose=verbose))
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logger.propagate = False
