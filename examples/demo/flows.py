"""The workflow of the demo: a survey of all airports of the world, region by region.

The data are those of the package airportsdata (MIT licence): name, place, elevation and time zone of 28,000 airports.
Each step writes into a side log that it begins and that it ends. The side log is not part of Polos: it is how the demo
finds out what truly ran, and in which process.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import airportsdata
from pydantic import BaseModel

from polos import WorkflowContext, workflow

REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
"""The first part of the time zones, which is where an airport is counted."""


Row = dict[str, Any]
T = TypeVar("T")


class Airport(BaseModel):
    """One airport; elevation in feet, latitude and longitude in degrees."""

    code: str
    name: str
    country: str
    elevation: float
    lat: float
    lon: float


class Survey(BaseModel):
    """What one region has."""

    region: str
    airports: int
    countries: int
    highest: Airport
    northernmost: Airport
    southernmost: Airport


class Report(BaseModel):
    """What the workflow gives."""

    airports: int
    regions: int
    highest: str
    northernmost: str
    southernmost: str
    tour: list[str]
    tour_km: int
    checked_by: str


def note(step: str, what: str) -> None:
    """Write into the side log; one short write to a file opened for appending is never torn."""
    line = json.dumps({"pid": os.getpid(), "step": step, "what": what, "at": time.time()})
    with Path(os.environ["DEMO_LOG"]).open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def noted(step: str, work: Callable[[], T], *, seconds: float) -> T:
    """Do some work and make it last a while, as the real world would, so that there is something to interrupt."""
    note(step, "begins")
    time.sleep(seconds)
    result = work()
    note(step, "ends")
    return result


@cache
def world() -> Mapping[str, Sequence[Row]]:
    """All airports by region. Read once in a process: steps pass small things to each other, and not the whole data."""
    found: dict[str, list[Row]] = {region: [] for region in REGIONS}
    for code, row in airportsdata.load().items():
        region = row["tz"].partition("/")[0]
        if region in found:
            found[region].append({**row, "code": code})
    return found


def count() -> int:
    """How many airports there are."""
    return noted("count", lambda: sum(map(len, world().values())), seconds=0.2)


def survey(region: str) -> Survey:
    """What there is in one region."""

    def look() -> Survey:
        rows = world()[region]
        return Survey(
            region=region,
            airports=len(rows),
            countries=len({row["country"] for row in rows}),
            highest=Airport.model_validate(max(rows, key=itemgetter("elevation"))),
            northernmost=Airport.model_validate(max(rows, key=itemgetter("lat"))),
            southernmost=Airport.model_validate(min(rows, key=itemgetter("lat"))),
        )

    return noted(f"survey-{region}", look, seconds=0.12 * (1 + REGIONS.index(region)))


def ask_map_service() -> str:
    """A service that is down at first: two attempts fail."""
    note("map-service", "begins")
    time.sleep(0.1)
    log = Path(os.environ["DEMO_LOG"]).read_text(encoding="utf-8")
    if log.count('"step": "map-service", "what": "fails"') < 2:
        note("map-service", "fails")
        raise ConnectionError("the map service is down")
    note("map-service", "ends")
    return "the map service"


def merge(surveys: list[Survey]) -> dict[str, Airport]:
    """The extremes of the world from those of its regions."""

    def pick() -> dict[str, Airport]:
        return {
            "highest": max((s.highest for s in surveys), key=lambda airport: airport.elevation),
            "northernmost": max((s.northernmost for s in surveys), key=lambda airport: airport.lat),
            "southernmost": min((s.southernmost for s in surveys), key=lambda airport: airport.lat),
        }

    return noted("merge", pick, seconds=0.2)


def tour(stops: list[Airport]) -> tuple[list[str], int]:
    """A way through all stops, always on to the nearest one left; in km."""

    def fly() -> tuple[list[str], int]:
        left, way, flown = stops[1:], [stops[0]], 0.0
        while left:
            following = min(left, key=lambda airport: distance(way[-1], airport))
            flown += distance(way[-1], following)
            left.remove(following)
            way.append(following)
        return [airport.code for airport in way], round(flown)

    return noted("tour", fly, seconds=0.2)


def distance(one: Airport, other: Airport) -> float:
    """Along the great circle, in km."""
    a, b, c, d = (math.radians(angle) for angle in (one.lat, one.lon, other.lat, other.lon))
    return 6371 * math.acos(min(1.0, math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)))


@workflow(id="airports")
async def airports(ctx: WorkflowContext) -> Report:
    """Count; survey nine regions at once while asking a service that fails at first; merge; plan a tour; report."""
    total = await ctx.step.run("count", count)
    checked_by, *surveys = await asyncio.gather(
        ctx.step.run("map-service", ask_map_service, base_delay=0.6, max_delay=0.6),
        *(ctx.step.run(f"survey-{region}", survey, region) for region in REGIONS),
    )
    extremes = await ctx.step.run("merge", merge, surveys)
    way, kilometres = await ctx.step.run("tour", tour, [one.highest for one in surveys])
    names = {what: f"{airport.name} ({airport.country})" for what, airport in extremes.items()}
    return Report(
        airports=total, regions=len(surveys), tour=way, tour_km=kilometres, checked_by=checked_by, **names
    )
