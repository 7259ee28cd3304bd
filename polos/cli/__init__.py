"""The commands `polos` and `polos-worker`: thin layers over the rest, one small module a command.

| exit code | what it says |
|---|---|
| 0 | done: the execution completed |
| 1 | the execution failed, was cancelled, or reached its run timeout |
| 2 | wrong usage or input: an option, the code, the workflow's name, the payload; nothing was started |
| 3 | the store, or the server behind it, cannot be used as it is, or does not admit the key |
| 4 | the execution stalled: it goes on once its cause is mended |
| 5 | the execution has not ended yet |
| 70 | an error that should not happen: a mistake in polos |
| 75 | `polos-worker`: a step can only be stopped with the process; start it again |
| 130 | interrupted: the execution stays as it is, and goes on with `polos resume` |

Results go to stdout, everything else to stderr. An error is one message; `--verbose` shows its traceback.
"""

import codecs
import io
import os
import sys
import time
from typing import Final


class _Stopwatch:
    """How long the process has been at it: this package is the first of ours that is imported."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds."""
        return time.perf_counter() - self._begun


STARTED: Final = _Stopwatch()


def write_what_the_terminal_takes() -> None:
    """Let no character end a command where the encoding of the terminal has none for it: "?", or an escape in JSON."""
    codecs.register_error("polos-json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="polos-json" if "--json" in sys.argv else "replace")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)), error.end


def main() -> None:
    """The command `polos`."""
    write_what_the_terminal_takes()
    from polos.cli.app import app  # noqa: PLC0415 (the package is imported by `polos-worker` too)
    from polos.cli.exits import Exit  # noqa: PLC0415

    try:
        app()
    except SystemExit as leaving:
        if leaving.code != Exit.INTERRUPTED:
            raise
        # A step that was interrupted may still run on its thread; waiting for it is what the person did not want.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(Exit.INTERRUPTED))
