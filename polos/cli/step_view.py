"""One operation of an execution in the terminal: what it was given and gave, its attempts, what they logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from polos.cli.documents import item_of, milliseconds, short
from polos.cli.waterfall import TRACE_LINES, of_people
from polos.cli.words import SIGNS, duration_of, moment, name_of, seconds

LONGEST_VALUE: Final = 1000
LEVELS: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def step_view(told: Mapping[str, Any], now: int, *, verbose: bool = False) -> RenderableType:
    """The document of a step for people. `verbose`: tracebacks and values in full."""
    item = item_of(told)
    sign, style = SIGNS[item.stage_at(now)]
    head = Text.assemble((f"{sign} {item.stage_at(now)}", style), "  ", (name_of(item), "bold"))
    head.append(f"  {told['address']}  {duration_of(item, now)}", "dim")
    return Group(head, *_facts(told, verbose=verbose), *_attempts(told, verbose=verbose))


def _facts(told: Mapping[str, Any], *, verbose: bool) -> Iterator[Text]:
    width = 10**9 if verbose else LONGEST_VALUE
    if told["function"]:
        yield Text(f"function  {told['function']}")
    if told["child"]:
        yield Text(f"execution {told['child']}")
    if told["input_known"] and told["input"]:
        given = {name: value for name, value in told["input"].items() if value}
        yield Text(f"input     {short(given, width)}")
    elif not told["input_known"]:
        yield Text("input     not recorded; it follows from the code, which is not loaded here", "dim")
    if told["question"] is not None:
        yield Text(f"asks      {short(told['question'], width)}")
    if told["stage"] == "done":
        omitted = told["output_omitted"]
        yield Text(f"output    {'too large to be shown' if omitted else short(told['output'], width)}")
    if told["llm"]:
        yield Text(f"model     {_model(told['llm'])}")


def _model(call: Mapping[str, Any]) -> str:
    used = call["usage"] or {}
    parts = [
        call["model"] or (call["response"] or {}).get("model") or "",
        f"{used['input_tokens']} tokens in, {used['output_tokens']} out" if used else "",
        f"${call['cost']}" if call["cost"] is not None else "",
        f"first words after {seconds(call['first_token_ms'])}" if call["first_token_ms"] is not None else "",
    ]
    return ", ".join(filter(None, parts))


def _attempts(told: Mapping[str, Any], *, verbose: bool) -> Iterator[Text]:
    logs = {log["attempt"]: log for log in told["logs"]}
    for attempt in (one for one in told["attempts"] if one["started_at"] or one["error"]):
        begun, ended = milliseconds(attempt["started_at"]), milliseconds(attempt["ended_at"])
        parts = [f"attempt {attempt['number']}"]
        if begun is not None:
            parts.append(moment(begun))
        if begun is not None and ended is not None:
            parts.append(seconds(ended - begun))
        yield Text("  ".join(parts), "bold")
        yield from _log(logs.get(attempt["number"]))
        if attempt["error"]:
            yield from _error(attempt["error"], verbose=verbose)


def _log(log: Mapping[str, Any] | None) -> Iterator[Text]:
    if log is None:
        return
    if log["left_out"]:
        yield Text(f"  ... {log['left_out']} lines before these were not kept", "dim")
    for line in log["lines"]:
        at = milliseconds(line["at"]) or 0
        text = line["text"].replace("\n", "\n    ")
        level = (line["level"], LEVELS.get(line["level"], "cyan"))
        yield Text.assemble((f"  {moment(at)}.{at % 1000:03} ", "dim"), level, f" {line['logger']}: {text}")


def _error(error: Mapping[str, Any], *, verbose: bool) -> Iterator[Text]:
    yield Text.assemble("  ", (f"{error.get('type', 'error')}: ", "red"), str(error.get("message", "")))
    lines = of_people(str(error.get("traceback", "")))
    for line in lines if verbose else lines[-TRACE_LINES:]:
        yield Text(f"    {line}", "dim")
