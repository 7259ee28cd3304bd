"""Thousands of random lines against two libraries and a reader of EventBridge's dialect.

The exceptions, where we follow crontab(5) and a library does not, are the tests at the end. In `next_times` croniter
only walks plain lists of numbers; here it reads the lines as they are written. The product knows nothing of cronsim.
"""

import heapq
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice, pairwise

import pytest
from croniter import croniter
from croniter.croniter import CroniterBadDateError
from cronsim import CronSim, CronSimError

from polos.core.cron import Cron, DayRule, to_eventbridge
from polos.core.cron.times import next_times, previous_time
from polos.errors import InvalidSchedule
from support.crontab import Line, random_line
from support.eventbridge import EventBridgeCron

BATCHES = range(8)
LINES = 320  # a batch
TIMES = 5  # a line
START = datetime(2026, 6, 1, 0, 3)


def lines(batch: int) -> Iterator[tuple[Line, datetime]]:
    """Random lines, each with a naive moment to begin at."""
    rng = random.Random(f"cron {batch}")
    for _ in range(LINES):
        start = datetime(2024, 1, 1) + timedelta(seconds=rng.randrange(5 * 365 * 24 * 60 * 60))
        yield random_line(rng), start


def parsed(line: Line) -> Cron | None:
    """None if it is refused for one of the two reasons that random lines give: never due, and which Sunday."""
    try:
        return Cron.parse(str(line))
    except InvalidSchedule as refusal:
        if re.search("never due|second Sunday", str(refusal)):
            return None
        raise


def ours(cron: Cron, start: datetime) -> list[datetime]:
    times = next_times(cron, after=start.replace(tzinfo=UTC), timezone="UTC", count=TIMES)
    return [time.replace(tzinfo=None) for time in times]


def by_croniter(line: Line | str, start: datetime, *, stars: bool = True) -> list[datetime]:
    """With `stars`, a day field that begins with `*` must match together with the other, as in crontab(5)."""
    walker = croniter(str(line), start, ret_type=datetime, implement_cron_bug=stars)
    return [walker.get_next() for _ in range(TIMES)]


def by_cronsim(line: Line | str, start: datetime) -> list[datetime]:
    return list(islice(CronSim(str(line), start), TIMES))


def read_otherwise_by_croniter(line: Line) -> bool:
    """A star that is not at the beginning of a day field (`3,*`): croniter takes it for one that is."""
    return any("*" in field[1:] and field[0] != "*" for field in (line.day, line.weekday))


@pytest.mark.parametrize("batch", BATCHES)
def test_we_are_due_when_croniter_is(batch: int) -> None:
    compared = 0
    for line, start in lines(batch):
        cron = parsed(line)
        if cron is not None and not read_otherwise_by_croniter(line):
            compared += 1
            assert ours(cron, start) == by_croniter(line, start), line
    assert compared > LINES * 0.8


def test_we_refuse_as_never_due_what_croniter_finds_no_date_for() -> None:
    rng = random.Random(31)
    refused = 0
    for _ in range(150):
        day = rng.choice(["29", "30", "31", "30,31", "31/2", "28-31/3", "29-31/2"])
        months = ",".join(rng.sample(["feb", "4", "Jun", "9", "11"], rng.choice([1, 1, 2])))
        line = Line("0", "0", day, months, rng.choice(["*", "*/2", "1-5", "0-7"]))
        if parsed(line) is not None:
            assert by_croniter(line, START)
            continue
        refused += 1
        with pytest.raises(CroniterBadDateError):
            by_croniter(line, START)
    assert 15 < refused < 135


@pytest.mark.parametrize("batch", BATCHES)
def test_we_and_the_translation_are_due_when_cronsim_is(batch: int) -> None:
    as_one = as_two = without = 0
    for line, start in lines(batch):
        cron = parsed(line)
        if cron is None:
            continue
        expected = by_cronsim(line, start)
        assert ours(cron, start) == expected, line
        if cron.day_rule is DayRule.BOTH:
            without += 1
            with pytest.raises(InvalidSchedule, match="must match both"):
                to_eventbridge(cron)
            continue
        expressions = to_eventbridge(cron)
        as_one, as_two = as_one + (len(expressions) == 1), as_two + (len(expressions) == 2)
        assert union(expressions, start) == expected, (line, expressions)
    assert as_one > LINES * 0.4
    assert as_two > LINES * 0.1
    assert without > 0


def union(expressions: tuple[str, ...], start: datetime) -> list[datetime]:
    """When any of the schedules is due, each minute once: what is left after ticks are told apart by minute."""
    merged = heapq.merge(*(EventBridgeCron(expression).due_after(start) for expression in expressions))
    return [minute for minute, _ in islice(groupby(merged), TIMES)]


@pytest.mark.parametrize("batch", BATCHES)
def test_the_previous_time_of_each_time_is_the_one_before(batch: int) -> None:
    for line, start in islice(lines(batch), 60):
        cron = parsed(line)
        if cron is None:
            continue
        times = next_times(cron, after=start.replace(tzinfo=UTC), timezone="UTC", count=3)
        for earlier, later in pairwise(times):
            assert previous_time(cron, before=later, timezone="UTC") == earlier, line
            assert previous_time(cron, before=later + timedelta(seconds=1), timezone="UTC") == later, line


@pytest.mark.parametrize("line", ["0 0 */2 * 1", "0 0 13 * */2", "0 12 */7 * fri"])
def test_exception_croniter_takes_a_starred_day_field_with_the_other_for_either(line: str) -> None:
    assert ours(Cron.parse(line), START) == by_croniter(line, START) == by_cronsim(line, START)
    assert ours(Cron.parse(line), START) != by_croniter(line, START, stars=False)


@pytest.mark.parametrize("line", ["0 0 3,* * 5", "0 0 13 * 1,*", "0 0 3,*/4 * 0-7"])
def test_exception_croniter_takes_a_star_anywhere_in_a_day_field_for_one_at_its_beginning(line: str) -> None:
    assert ours(Cron.parse(line), START) == by_cronsim(line, START)
    assert ours(Cron.parse(line), START) != by_croniter(line, START)


@pytest.mark.parametrize("line", ["5-5 0 * * *", "0 0 1-1 * *", "0 0 * * 7-7", "5-5/2 0 * * *"])
def test_exception_croniter_takes_a_range_of_one_for_the_whole_field(line: str) -> None:
    single = line.replace("5-5/2", "5").replace("5-5", "5").replace("1-1", "1").replace("7-7", "7")
    assert ours(Cron.parse(line), START) == by_croniter(single, START) == by_cronsim(single, START)
    assert ours(Cron.parse(line), START) != by_croniter(line, START)


@pytest.mark.parametrize("line", ["0 22-2 * * *", "0 0 * * fri-mon", "0 0 * nov-feb *"])
def test_exception_croniter_wraps_a_range_that_we_and_cronsim_refuse(line: str) -> None:
    assert by_croniter(line, START)
    with pytest.raises(CronSimError):
        CronSim(line, START)
    with pytest.raises(InvalidSchedule, match="write '"):
        Cron.parse(line)


@pytest.mark.parametrize("line", ["0 0 * * 1/3", "0 0 * * 7/2"])
def test_exception_a_step_that_croniter_and_cronsim_end_on_different_days_is_refused(line: str) -> None:
    assert by_croniter(line, START) != by_cronsim(line, START)
    with pytest.raises(InvalidSchedule, match="list the days you mean"):
        Cron.parse(line)


def test_exception_cronsim_takes_a_range_of_one_with_a_step_for_a_start() -> None:
    line = "5-5/10 0 * * *"
    assert ours(Cron.parse(line), START) == by_cronsim("5 0 * * *", START) != by_cronsim(line, START)
