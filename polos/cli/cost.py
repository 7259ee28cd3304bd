"""`polos cost`: what a workflow would cost on AWS, counted and not guessed, but for how long its functions run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.options import AsJson, Verbose
from polos.cli.payloads import read_payload
from polos.cli.progress import working
from polos.entry.loading import Target, find_workflow, load_source
from polos.server.values import payload_from_outside

if TYPE_CHECKING:
    from polos.testing.costs import Compute, Counts

MILLION = 1_000_000


@command
def cost(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE_OR_MODULE:WORKFLOW", help="Left out: a table of what each kind of operation costs."
        ),
    ] = None,
    *,
    payload: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The payload: JSON, @file, or @- for stdin.")
    ] = None,
    memory_mb: Annotated[int, typer.Option(help="Memory of the functions, assumed.")] = 1024,
    milliseconds: Annotated[
        float, typer.Option(help="How long an invocation is billed for, assumed.")
    ] = 50.0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a workflow over an AWS in this process, and price what it used there. Its steps really run.

    Prices are public ones of us-east-1, on demand, beyond the free tiers. Beside them stands what others would ask for
    the same operations.

    Exit codes: 0 it was counted, also when the workflow failed; 2 the code, the workflow, the payload, or an option.
    """
    del verbose  # errors show their tracebacks by it
    compute = _compute(memory_mb, milliseconds)
    if target is None:
        if payload is not None:
            raise BadUsage("--payload is for a workflow: polos cost FILE:WORKFLOW --payload ...")
        with working("measuring each kind of operation"):
            told = json.dumps(kinds(compute), indent=2) if as_json else table_of_kinds(compute)
        typer.echo(told)
        return
    definition = find_workflow(wanted := Target.parse(target), load_source(wanted.source))
    value = payload_from_outside(definition, None if payload is None else read_payload(payload))
    from polos.testing.costs import count  # noqa: PLC0415 (moto is heavy, and optional)

    with working(f"running {definition.id} and counting"):
        counts = count(lambda aws: aws.start(definition, value))
    typer.echo(json.dumps(document(counts, compute), indent=2) if as_json else bill(counts, compute))


def _compute(memory_mb: int, milliseconds: float) -> Compute:
    try:
        from polos.testing.costs import Compute  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "moto":
            raise
        raise BadUsage("polos cost counts in moto: pip install 'polos-worker[testing]'") from error
    if memory_mb < 128 or milliseconds <= 0:
        raise BadUsage("--memory-mb is 128 or more, --milliseconds above 0")
    return Compute(memory_mb, milliseconds)


def bill(counts: Counts, compute: Compute) -> str:
    """The bill of one run, and of a million, as text."""
    from polos.testing import prices  # noqa: PLC0415

    rows = [
        (line.what, f"{line.count:,.3f}".rstrip("0").rstrip("."), _dollars(line.dollars * MILLION))
        for line in counts.lines(compute)
        if line.count
    ]
    rows.append(("total", "", _dollars(counts.dollars(compute) * MILLION)))
    rivals = [("polos without compute", "", _dollars(counts.engine_dollars() * MILLION))]
    rivals += [(name, "", _dollars(dollars * MILLION)) for name, dollars in counts.rivals()]
    return "\n".join(
        [
            _aligned([("", "each run", "a million runs"), *rows]),
            "",
            "the same operations, without compute:",
            _aligned(rivals),
            "",
            f"{compute.milliseconds:g} ms of {compute.memory_mb} MB are assumed for an invocation; prices of "
            f"{prices.REGION}, {prices.AS_OF}",
        ]
    )


def document(counts: Counts, compute: Compute) -> dict[str, Any]:
    """The same as plain data: US dollars for one run."""
    return {
        "lines": [
            {"what": line.what, "count": line.count, "dollars": line.dollars}
            for line in counts.lines(compute)
        ],
        "total_dollars": counts.dollars(compute),
        "without_compute_dollars": counts.engine_dollars(),
        "others_without_compute_dollars": dict(counts.rivals()),
    }


def kinds(compute: Compute) -> list[dict[str, Any]]:
    """What one operation of each kind costs, in US dollars."""
    from polos.testing.cost_kinds import measured  # noqa: PLC0415

    return [
        {
            "kind": kind,
            "without_compute_dollars": one.engine_dollars(),
            "dollars": one.dollars(compute),
            "others_without_compute_dollars": dict(one.rivals()),
        }
        for kind, one in measured()
    ]


def table_of_kinds(compute: Compute) -> str:
    """What a million operations of each kind cost, as a table in Markdown."""
    from polos.testing.cost_kinds import measured  # noqa: PLC0415

    head = (
        "kind",
        "write units",
        "read units",
        "SQS requests",
        "timers",
        "invocations",
        "a million, without compute",
        "with compute",
        "Step Functions",
        "durable functions",
    )
    rows = [
        (
            kind,
            _number(one.write_units),
            _number(one.read_units),
            _number(one.sqs_requests + one.polls),
            _number(one.timers),
            _number(one.invocations),
            _dollars(one.engine_dollars() * MILLION),
            _dollars(one.dollars(compute) * MILLION),
            *(_dollars(dollars * MILLION) for _, dollars in one.rivals()),
        )
        for kind, one in measured()
    ]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(count: float) -> str:
    return f"{count:.1f}".removesuffix(".0")


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    given = [*rows]
    widths = [max(len(row[column]) for row in given) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {count:>{widths[1]}}  {dollars:>{widths[2]}}" for name, count, dollars in given
    )
