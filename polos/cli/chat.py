"""`polos chat`: a conversation with an agent at the prompt. It streams, shows what tools do, and asks for approvals.

The agent runs durably as everywhere: a chat that is broken off goes on with its session, and a run that waits for an
approval waits, whether somebody looks or not.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from polos.agents.streaming import Attempts
from polos.cli.asking_people import answer_to
from polos.cli.completing import complete_workflow
from polos.cli.documents import short
from polos.cli.exits import BadUsage, Exit
from polos.cli.invoke import absolute, meant_by
from polos.cli.reaching import Reached, asking
from polos.cli.reporting import end_of, say_what_happened
from polos.core.definitions import Definition
from polos.runtime.service import StartOptions
from polos.runtime.sources import remember_source

LOOK_SECONDS: Final = 10.0
HELP: Final = "/new begins another session, /quit leaves (as do Ctrl-C and Ctrl-D); Ctrl-C stops an answer."


@asking(makes=True, work=True)
def chat(
    to: Reached,
    agent: Annotated[
        str,
        typer.Argument(
            metavar="AGENT",
            autocompletion=complete_workflow,
            help="Its id; or FILE_OR_MODULE:AGENT where its code is here.",
        ),
    ],
    *,
    message: Annotated[
        list[str] | None, typer.Option("--message", "-m", help="Say this, and leave; repeatable.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="Go on with this session; else a new one.")] = None,
    user: Annotated[str | None, typer.Option(help="Who talks.")] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve every tool call without asking.")
    ] = False,
) -> None:
    """Talk to an agent. What it says is shown as it comes; tools that need approval ask here.

    Without a terminal each line of stdin is a message. --json gives each event of the run in a line, and asks nothing.

    Exit codes: 0 done; 1 a run failed; 2 there is no such agent; 3 the store or the server cannot be used; 5 a run
    waits for an approval that nobody gave.
    """
    target, source = meant_by(to, agent)
    if isinstance(target, Definition) and target.kind != "agent":
        raise BadUsage(f"{target.id!r} is a {target.kind}, and only agents talk: polos invoke {target.id}")
    talk = Talk(to, target, source, session=session or _new_session(), user=user, approve=approve)
    for text in message or _typed(talk, interactive=sys.stdin.isatty() and not to.as_json):
        talk.turn(text)
    if talk.code is not Exit.OK:
        raise typer.Exit(talk.code)


class Talk:
    """One conversation. `code`: what the latest turn came to, as an exit code."""

    def __init__(
        self,
        to: Reached,
        target: Definition | str,
        source: str | None,
        *,
        session: str,
        user: str | None,
        approve: bool,
    ) -> None:
        self._to = to
        self._source = source
        self._target = target
        self.name = target.id if isinstance(target, Definition) else target
        self.session = session
        self._user = user
        self._approve = approve
        self.code = Exit.OK
        self._at_start = True
        self._spoke = False

    def turn(self, text: str) -> None:
        """Say something, and show what comes of it. Ctrl-C stops the run, not the conversation."""
        client = self._to.client
        options = StartOptions(session=self.session, user=self._user)
        handle = self._to.ask(client.start(self._target, {"input": text, "streaming": True}, options))
        if self._to.local is not None and self._source is not None:
            remember_source(self._to.local.service, handle.id, absolute(self._source))
        self._spoke, self.code = False, Exit.OK
        try:
            waits = self._follow(handle.id)
        except KeyboardInterrupt:
            self._to.ask(client.cancel_execution(handle.id))
            self._line("(stopped)", typer.colors.YELLOW)
            return
        if waits is not None:
            self.code = Exit.UNDER_WAY
            self._line(
                f"it waits for an answer: polos resume {waits[0]} --step {waits[1]} --data JSON",
                typer.colors.YELLOW,
            )
            return
        self._end(self._to.ask(client.get_execution(handle.id)))

    def _end(self, execution: Mapping[str, Any]) -> None:
        error, self.code = end_of(execution)
        if self._to.as_json:
            fields = ("id", "workflow_id", "status", "result", "error", "session_id")
            self._to.print_line({"event": "end", **{name: execution.get(name) for name in fields}})
            return
        if error is not None:
            self._line("")
            say_what_happened(execution["workflow_id"], execution["status"], error)
            return
        if not self._spoke:  # nothing was streamed: a structured answer, or a model that does not stream
            said = (execution.get("result") or {}).get("result")
            typer.echo(said if isinstance(said, str) else short(said, 10_000), nl=False)
            self._at_start = False
        self._line("")

    def _follow(self, execution: str) -> tuple[str, str] | None:
        """Show a run until it ends; or until it waits for an answer that nobody gives: which execution, which step."""
        attempts, cursor = Attempts(), None
        while True:
            page: Any = self._to.ask(self._to.client.read_run(execution, cursor, LOOK_SECONDS))
            for event in attempts.valid(page.events):
                if self._to.as_json:
                    self._to.print_line(event.model_dump(mode="json"))
                else:
                    self._show(execution, event.event_type or "", event.data)
                if (event.event_type or "").startswith("suspend_"):
                    waits = self._answer(event.event_type or "", event.data)
                    if waits is not None:
                        return waits
            if page.ended:
                return None
            cursor = page.cursor

    # --- showing ----------------------------------------------------------------------------------------------------

    def _show(self, execution: str, kind: str, data: Mapping[str, Any]) -> None:
        about = data.get("_metadata") or {}
        own = about.get("execution_id") == execution
        match kind:
            case "text_delta" if own:
                typer.echo(data.get("content", ""), nl=False)
                sys.stdout.flush()
                self._spoke = True
                self._at_start = str(data.get("content", "")).endswith("\n")
            case "stream_start" if own and self._spoke:
                self._line("")
            case "tool_call" if own:
                called = data["tool_call"]["function"]
                self._line(
                    f"→ {called['name']}({_arguments(called['arguments'])})", typer.colors.BRIGHT_BLACK
                )
            case "tool_finish":
                self._line(f"✓ {about.get('workflow_id', '')}", typer.colors.BRIGHT_BLACK)
            case "tool_fail" | "tool_cancel":
                text = (data.get("error") or {}).get("message", "")
                self._line(f"✗ {about.get('workflow_id', '')}  {text}", typer.colors.RED)
            case _:
                pass  # steps and starts are in `polos show`

    def _line(self, text: str, color: str | None = None) -> None:
        """A line of its own on stderr, with what was said before closed."""
        if not self._at_start:
            typer.echo("")
            self._at_start = True
        if text and not self._to.as_json:
            typer.secho(text, fg=color, err=True)

    # --- approvals --------------------------------------------------------------------------------------------------

    def _answer(self, kind: str, data: Mapping[str, Any]) -> tuple[str, str] | None:
        """Ask for an answer and send it; where nobody gives one: which execution and step go on waiting."""
        about, step = data["_metadata"], kind.removeprefix("suspend_")
        if self._approve and data.get("_source") == "tool_approval":
            given: Any = {"approved": True}
        elif self._to.as_json:
            return about["execution_id"], step
        else:
            self._line("")
            try:
                given = answer_to(data, _prompt)
            except EOFError:
                return about["execution_id"], step
        self._to.ask(self._to.client.resume(about["workflow_id"], about["execution_id"], step, given))
        return None


def _typed(talk: Talk, *, interactive: bool) -> Iterator[str]:
    """What is typed, line by line, until the end."""
    if not interactive:
        for line in iter(sys.stdin.readline, ""):
            if line.strip():
                yield line.strip()
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415 (the prompt has a history where it is there)

    typer.secho(f"{talk.name}, session {talk.session}. {HELP}", fg=typer.colors.BRIGHT_BLACK, err=True)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while (text := _prompt("you> ").strip()) != "/quit":
            if text == "/new":
                talk.session = _new_session()
                typer.secho(f"session {talk.session}", fg=typer.colors.BRIGHT_BLACK, err=True)
            elif text:
                yield text
    talk.code = Exit.OK
    typer.secho(
        f"\ngo on: polos chat {talk.name} --session {talk.session}", fg=typer.colors.BRIGHT_BLACK, err=True
    )


def _prompt(text: str) -> str:
    """A line from the terminal; what asks for it goes to stderr where stdout is a pipe."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return input(text)
    typer.echo(text, nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def _new_session() -> str:
    return f"chat-{secrets.token_hex(4)}"


def _arguments(given: Any) -> str:
    text = given if isinstance(given, str) else short(given, 200)
    return text if len(text) <= 200 else text[:199] + "…"
