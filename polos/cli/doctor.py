"""`polos doctor`: looks at the installation and the project, and says what to do about what is not well."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from polos.cli.checks import Finding, State, examined
from polos.cli.exits import Exit, command
from polos.cli.options import AnyProject, ApiKey, ApiUrl, App, AsJson, Store, Verbose
from polos.cli.reaching import where_of

SIGNS: Final = {State.GOOD: ("✓", "green"), State.NOTE: ("·", "yellow"), State.BAD: ("✗", "red")}


@command
def doctor(
    ctx: typer.Context,
    *,
    as_json: AsJson = False,
    app: App = None,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Check Python, the package and its extras, the app, its models' keys, the store, the server, clock, template, AWS.

    Nothing is changed, and nobody is asked but the server that is configured. --json gives a list of findings.

    Exit codes: 0 all is well; 1 something has to be mended, and how is said.
    """
    del verbose
    given = {"api_url": api_url, "api_key": api_key, "store": store, "project": project, "app": app}
    console = Console(highlight=False, soft_wrap=True)
    found = []
    for finding in examined(where_of(ctx, given)):
        found.append(finding)
        if not as_json:
            console.print(_line(finding))
    bad = sum(finding.state is State.BAD for finding in found)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    elif not bad:
        console.print(Text("all is well", "green"))
    if bad:
        raise typer.Exit(Exit.FAILED)


def _line(finding: Finding) -> Text:
    sign, style = SIGNS[finding.state]
    fix = f"\n    {finding.fix}" if finding.fix else ""
    return Text.assemble((sign, style), f" {finding.check:<9} {finding.text}", (fix, "bold" if fix else ""))
