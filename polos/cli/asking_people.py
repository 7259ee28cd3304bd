"""Forms at the prompt: what an agent or a workflow asks a person, field by field, as the approval pages ask it.

A question that comes without a form is answered by a text, or by JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import typer

from polos.cli.documents import short

YES: Final = frozenset({"y", "yes", "true", "1"})
NO: Final = frozenset({"n", "no", "false", "0"})

Read = Callable[[str], str]
"""Shows a prompt and gives the line that was typed. EOFError: nobody answers."""


def answer_to(data: Any, read: Read) -> Any:
    """Ask a person for what a suspended step wants, until it can be used.

    Raises:
        EOFError: Nobody is there.
    """
    form = data.get("_form") if isinstance(data, Mapping) else None
    if not isinstance(form, Mapping):
        typer.secho(f"It is asked: {short(_shown(data), 400)}", fg=typer.colors.YELLOW, err=True)
        return _plain(read("answer (text or JSON)> "))
    typer.secho(str(form.get("title") or "A question"), fg=typer.colors.YELLOW, bold=True, err=True)
    if form.get("description"):
        typer.echo(str(form["description"]), err=True)
    given = (form.get("context") or {}).get("input")
    if given is not None:
        typer.echo(f"  {short(given, 1000)}", err=True)
    answers: dict[str, Any] = {}
    for field in form.get("fields") or ():
        if field["key"] == "feedback" and answers.get("approved") is True:
            continue  # what to do instead is asked of who said no
        answers[field["key"]] = _ask(field, read)
    return answers


def _ask(field: Mapping[str, Any], read: Read) -> Any:
    label = str(field.get("label") or field["key"])
    while True:
        for line in _options(field):
            typer.echo(line, err=True)
        text = read(f"{label}{_hint(field)} ").strip()
        if not text and field.get("default") is not None:
            return field["default"]
        if not text and not field.get("required"):
            return None
        try:
            return _read(field, text)
        except ValueError as wrong:
            typer.secho(str(wrong), fg=typer.colors.RED, err=True)


def _read(field: Mapping[str, Any], text: str) -> Any:
    """The value of a text. ValueError says what is wanted."""
    match field.get("type", "text"):
        case "boolean":
            if text.lower() in YES | NO:
                return text.lower() in YES
            raise ValueError("say yes or no")
        case "number":
            try:
                return int(text) if text.lstrip("+-").isdigit() else float(text)
            except ValueError:
                raise ValueError("a number is asked for") from None
        case "select":
            return _choice(field, text)
        case "multiselect":
            return [_choice(field, one.strip()) for one in text.split(",") if one.strip()]
        case _ if text:
            return text
        case _:
            raise ValueError("an answer is required")


def _choice(field: Mapping[str, Any], text: str) -> Any:
    options = list(field.get("options") or ())
    if text.isdigit() and 1 <= int(text) <= len(options):
        return options[int(text) - 1]["value"]
    found = next((one["value"] for one in options if text in (one["value"], one["label"])), None)
    if found is None:
        raise ValueError(
            f"say 1 to {len(options)}, or one of {', '.join(str(one['value']) for one in options)}"
        )
    return found


def _options(field: Mapping[str, Any]) -> list[str]:
    described = [f"  {field['description']}"] if field.get("description") else []
    options = field.get("options") or ()
    return described + [f"  {number}. {one['label']}" for number, one in enumerate(options, 1)]


def _hint(field: Mapping[str, Any]) -> str:
    match field.get("type", "text"):
        case "boolean":
            return " [Y/n]" if field.get("default") is True else " [y/N]"
        case "multiselect":
            return " (several, with commas between)>"
        case _ if field.get("default") is not None:
            return f" [{field['default']}]>"
        case _ if not field.get("required"):
            return " (optional)>"
        case _:
            return ">"


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _shown(data: Any) -> Any:
    if not isinstance(data, Mapping):
        return data
    return {name: value for name, value in data.items() if name != "_metadata"}
