"""The figures as a table with the goals, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.driving import DURABILITIES, Figures
from tests.bench.workloads import WORKLOADS, Workload

FASTER_WITH_NONE: Final = 4.0
NOT_SLOWER_WITH_ONE: Final = 1.0
UP_TO_STEPS: Final = 100
FLAT: Final = 1.5

GOALS: Final = (
    f"Goals: with steps_per_invocation=None at least {FASTER_WITH_NONE:g} times as fast as DBOS on every row; with 1 "
    f"no slower up to {UP_TO_STEPS} steps; with None the 5,000th step at most {FLAT} times the tenth; on AWS at most "
    "1 write, 1 read and 1 send a step."
)


def show(figures: Figures, console: Console) -> None:
    """Print all tables."""
    for durability in DURABILITIES:
        console.print(comparison(figures, durability))
    console.print(others(figures))
    console.print(aws(figures))
    console.print(GOALS, soft_wrap=True)
    missed = [*misses(figures)]
    console.print("[green]All goals are met.[/]" if not missed else "[yellow]Missed:[/]")
    for miss in missed:
        console.print(f"  {miss}")


def comparison(figures: Figures, durability: str) -> Table:
    """Times of all sides at one durability, and how many times as fast as DBOS (by wall clock / by processor time)."""
    title = f"SQLite, WAL, synchronous={durability.upper()}; milliseconds per step (or execution, of 5 steps)"
    table = Table(title=title)
    for column in (
        "",
        "DBOS",
        "Polos, 1 step\nper invocation",
        "times as fast\nwall / cpu",
        "Polos, None",
        "times as fast\nwall / cpu",
    ):
        table.add_column(column, justify="left" if not column else "right")
    for workload in WORKLOADS:
        if (durability, "dbos", workload.name) in figures.wall:
            table.add_row(workload.name, *_cells(figures, durability, workload))
    return table


def _cells(figures: Figures, durability: str, workload: Workload) -> Iterator[str]:
    yield _ms(figures.wall[durability, "dbos", workload.name], workload)
    for side in ("1", "None"):
        wall = figures.wall.get((durability, side, workload.name))
        if wall is None:
            yield from ("", "")
            continue
        yield _ms(wall, workload)
        by_wall, by_cpu = (ratio(figures, durability, side, workload.name, of) for of in ("wall", "cpu"))
        goal = goal_of(side, workload)
        colour = "default" if goal is None else "green" if by_wall >= goal else "red"
        yield f"[{colour}]{by_wall:.1f}[/] / {by_cpu:.1f}"


def _ms(seconds: float, workload: Workload) -> str:
    return f"{seconds / workload.units * 1000:.3f}"


def ratio(figures: Figures, durability: str, side: str, name: str, of: str = "wall") -> float:
    """How many times as fast as DBOS."""
    times = getattr(figures, of)
    return float(times[durability, "dbos", name] / times[durability, side, name])


def goal_of(side: str, workload: Workload) -> float | None:
    """What the ratio should be at least; None where nothing is promised."""
    if side == "None":
        return FASTER_WITH_NONE
    few = workload.kind == "many" or workload.steps <= UP_TO_STEPS
    return NOT_SLOWER_WITH_ONE if few else None


def others(figures: Figures) -> Table:
    """Memory, flatness, start-up."""
    table = Table(title="Other figures", show_header=False)
    for (durability, side), peak in figures.memory.items():
        if durability == "normal":
            who = "DBOS" if side == "dbos" else f"Polos, {side}"
            table.add_row(f"peak memory, {who}", f"{peak:.0f} MB")
    for durability, (early, late) in figures.flat.items():
        text = f"{early * 1e6:.0f} µs, {late * 1e6:.0f} µs: {late / early:.2f} times"
        table.add_row(f"the 10th and the 5,000th step, None, {durability.upper()}", text)
    for what, seconds in figures.starting.items():
        table.add_row(what, f"{seconds * 1000:.0f} ms")
    return table


def aws(figures: Figures) -> Table:
    """What a step and an execution of one step use on AWS."""
    table = Table(title="On AWS, counted on moto")
    for column in ("", "calls", "write units", "read units", "messages", "invocations"):
        table.add_column(column, justify="left" if not column else "right")
    for spi, line in figures.aws.items():
        for what, of in (("a step", line["step"]), ("an execution of 1 step", line["execution"])):
            cells = (of["calls"], of["write_units"], of["read_units"], of["sends"], of.get("invocations"))
            table.add_row(f"{what}, {spi}", *("" if cell is None else f"{cell:g}" for cell in cells))
    return table


def misses(figures: Figures) -> Iterator[str]:
    """The goals that were not reached, in words."""
    for durability, side, name in sorted(figures.wall):
        workload = next(workload for workload in WORKLOADS if workload.name == name)
        goal = None if side == "dbos" else goal_of(side, workload)
        if goal is not None and (reached := ratio(figures, durability, side, name)) < goal:
            yield f"{name}, {side}, {durability.upper()}: {reached:.2f} times as fast as DBOS, goal {goal:g}"
    for durability, (early, late) in figures.flat.items():
        if late > FLAT * early:
            yield f"the 5,000th step took {late / early:.2f} times the tenth, {durability.upper()}"
    for spi, line in figures.aws.items():
        step = line["step"]
        if max(step["write_units"], step["read_units"], step["sends"]) > 1:
            yield f"a step on AWS, {spi}: {step}"


def as_json(figures: Figures) -> dict[str, Any]:
    """Everything, for programs: seconds, MB, counts."""
    return {
        "rows": [
            {
                "durability": durability,
                "side": "dbos" if side == "dbos" else f"polos steps_per_invocation={side}",
                "workload": name,
                "wall_seconds": wall,
                "cpu_seconds": figures.cpu[durability, side, name],
                "times_as_fast_as_dbos": None if side == "dbos" else ratio(figures, durability, side, name),
            }
            for (durability, side, name), wall in sorted(figures.wall.items())
        ],
        "peak_mb": {f"{durability} {side}": peak for (durability, side), peak in figures.memory.items()},
        "flatness": {
            durability: {"10th": early, "5000th": late} for durability, (early, late) in figures.flat.items()
        },
        "starting_seconds": figures.starting,
        "aws": figures.aws,
        "missed": [*misses(figures)],
    }
