"""Reading crontab lines: what each form means, and what is refused with the fix."""

import random
import subprocess
import sys
from datetime import date, datetime

import pytest

from polos.core.cron import Cron, DayRule
from polos.errors import InvalidSchedule
from support.crontab import random_line

EVERY_HOUR, EVERY_DAY, EVERY_MONTH = tuple(range(24)), tuple(range(1, 32)), tuple(range(1, 13))
EVERY_WEEKDAY = tuple(range(7))


@pytest.mark.parametrize(
    ("field", "minutes"),
    [
        ("*", tuple(range(60))),
        ("7", (7,)),
        ("07", (7,)),
        ("5-8", (5, 6, 7, 8)),
        ("5-5", (5,)),
        ("5-5/2", (5,)),
        ("*/20", (0, 20, 40)),
        ("*/45", (0, 45)),
        ("*/60", (0,)),
        ("10-30/10", (10, 20, 30)),
        ("50/5", (50, 55)),
        ("59/5", (59,)),
        ("3,1,2,2-3", (1, 2, 3)),
        ("5,*", tuple(range(60))),
        ("0-59", tuple(range(60))),
    ],
)
def test_a_field_stands_for_a_set_of_numbers(field: str, minutes: tuple[int, ...]) -> None:
    assert Cron.parse(f"{field} 0 * * *").minutes == minutes


@pytest.mark.parametrize(
    ("field", "weekdays"),
    [
        ("0", (0,)),
        ("7", (0,)),
        ("sun", (0,)),
        ("1-5", (1, 2, 3, 4, 5)),
        ("mon-fri", (1, 2, 3, 4, 5)),
        ("MON-Fri", (1, 2, 3, 4, 5)),
        ("mon-5", (1, 2, 3, 4, 5)),
        ("5-7", (0, 5, 6)),
        ("7,1", (0, 1)),
        ("7-7", (0,)),
        ("*/2", (0, 2, 4, 6)),
        ("*/7", (0,)),
        ("2/3", (2, 5)),
        ("0/2", (0, 2, 4, 6)),
        ("sat/3", (6,)),
        ("1-7/3", (0, 1, 4)),
        ("mon-fri/2", (1, 3, 5)),
    ],
)
def test_monday_is_1_and_sunday_is_0_and_7(field: str, weekdays: tuple[int, ...]) -> None:
    assert Cron.parse(f"0 0 * * {field}").weekdays == weekdays


@pytest.mark.parametrize("field", ["1-7", "0-7", "0-6", "*", "*/1", "sun-sat", "mon-fri,6,7"])
def test_a_full_week_is_every_day_however_it_is_written(field: str) -> None:
    assert Cron.parse(f"0 0 * * {field}") == Cron.parse("@daily")


def test_monday_to_friday_is_not_sunday_to_thursday() -> None:
    cron = Cron.parse("0 9 * * 1-5")
    week = [date(2026, 6, day) for day in range(1, 8)]  # 1 June 2026 is a Monday
    assert [day.isoweekday() for day in week if cron.due_on(day)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("macro", "line"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        (" @Daily ", "0 0 * * *"),
    ],
)
def test_a_macro_is_due_when_its_five_fields_are(macro: str, line: str) -> None:
    assert Cron.parse(macro) == Cron.parse(line)
    assert str(Cron.parse(macro)) == macro.strip()


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        ("* * *", DayRule.EVERY_DAY),
        ("13 * *", DayRule.DAYS),
        ("*/2 * *", DayRule.DAYS),
        ("* * 5", DayRule.WEEKDAYS),
        ("* * */2", DayRule.WEEKDAYS),
        ("*/1 * 5", DayRule.WEEKDAYS),
        ("*,3 * 5", DayRule.WEEKDAYS),
        ("13 * 5", DayRule.EITHER),
        ("1/2 * 5", DayRule.EITHER),
        ("1-31/2 * 0-6/2", DayRule.EITHER),
        # A star makes it "both", and only at the beginning of the field.
        ("*/2 * 5", DayRule.BOTH),
        ("13 * */2", DayRule.BOTH),
        ("*/2,3 * 5", DayRule.BOTH),
        ("3,*/2 * 5", DayRule.EITHER),
        # Every day, or Friday: every day. Only a star means "does not matter".
        ("1-31 * 5", DayRule.EVERY_DAY),
        ("3,* * 5", DayRule.EVERY_DAY),
        ("13 * 0-7", DayRule.EVERY_DAY),
        ("1-31 * *", DayRule.EVERY_DAY),
    ],
)
def test_two_day_fields_mean_either_unless_one_begins_with_a_star(days: str, rule: DayRule) -> None:
    assert Cron.parse(f"0 0 {days}").day_rule is rule


def test_a_day_field_that_is_not_asked_is_full() -> None:
    cron = Cron.parse("0 0 1-31 * 5")
    assert (cron.days, cron.weekdays) == (EVERY_DAY, EVERY_WEEKDAY)


def test_friday_the_13th_is_due_on_fridays_and_on_13ths() -> None:
    cron = Cron.parse("0 0 13 * 5")
    due = [day for day in range(1, 31) if cron.due_on(date(2026, 6, day))]
    assert due == [5, 12, 13, 19, 26]


def test_due_at_looks_at_the_minute_only() -> None:
    cron = Cron.parse("30 9 * * *")
    assert cron.due_at(datetime(2026, 6, 1, 9, 30, 59, 999999))
    assert not cron.due_at(datetime(2026, 6, 1, 9, 31))


def test_the_half_that_cannot_occur_is_dropped() -> None:
    assert Cron.parse("0 0 31 2 1") == Cron.parse("0 0 * 2 1")
    assert Cron.parse("0 0 30,31 2 1-5") == Cron.parse("0 0 * 2 1-5")


@pytest.mark.parametrize(
    "line", ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 29,30 2 *", "0 0 1-31 2 *", "0 0 29 2 */7"]
)
def test_a_date_that_occurs_in_some_year_is_accepted(line: str) -> None:
    assert Cron.parse(line).text == line


def test_equal_means_due_at_the_same_times() -> None:
    assert Cron.parse("*/15  9-11 * JAN-mar 1-5") == Cron.parse("0,15,30,45 9,10,11 * 1-3 MON-FRI")
    assert hash(Cron.parse("0 0 * * 7")) == hash(Cron.parse("0 0 * * 0"))
    assert Cron.parse("0 0 13 * 5") != Cron.parse("0 0 13 * *")


def test_white_space_around_and_between_the_fields_does_not_matter() -> None:
    assert Cron.parse("\t0   9 *\t* 1-5 \n").text == "0 9 * * 1-5"


REFUSED = [
    ("", "for example '0 9 * * 1-5'"),
    ("   ", "is empty"),
    ("@reboot", "invoke the workflow from your deployment"),
    ("@REBOOT", "invoke the workflow from your deployment"),
    ("@dayly", "@daily"),
    ("@every 5m", "'*/5 * * * *'"),
    ("@daily now", "has 2 fields"),
    ("9", "has 1 field;"),
    ("0 9 * *", "has 4 fields"),
    ("30 0 9 * * 1-5", "without seconds it is '0 9 * * 1-5'"),
    ("0 0 9 * * ? 2026", "without seconds it is '0 9 * * *'"),
    ("0 9 * * * * * *", "has 8 fields"),
    ("0 9 ? * 2-6 *", "EventBridge expression"),
    ("cron(0 9 * * ? *)", "EventBridge expression"),
    ("rate(5 minutes)", "EventBridge expression"),
    ("CRON_TZ=Europe/Berlin 0 9 * * *", "pass the time zone as `timezone`, and write '0 9 * * *'"),
    ("? 9 * * *", "write '*'"),
    ("0 22-2 * * *", "write '0-2,22,23'"),
    ("0 22-2/2 * * *", "write '0,2,22'"),
    ("58-1 * * * *", "write '0,1,58,59'"),
    ("0 0 30-2 * *", "write '1,2,30,31'"),
    ("0 0 * * fri-mon", "write 'fri,sat,sun,mon'"),
    ("0 0 * * fri-sun", "write 'fri,sat,sun'"),
    ("0 0 * * 5-1", "write 'fri,sat,sun,mon'"),
    ("0 0 * * 7-1", "write 'sun,mon'"),
    ("0 0 * nov-feb *", "write 'nov,dec,jan,feb'"),
    ("0 0 L * *", "write '28-31'"),
    ("0 0 L-3 * *", "write '*'"),
    ("0 0 LW * *", "write '26-31'"),
    ("0 0 15W * *", "write '14-16'"),
    ("0 0 1w * *", "write '1-2'"),
    ("0 0 99w * *", "write '26-31'"),
    ("0 0 * * L", "write 'sat'"),
    ("0 0 * * 5L", "write '5'"),
    ("0 0 * * friL", "write 'fri'"),
    ("0 0 * * L5", "write '5'"),
    ("0 0 * * 5#2", "day of the month is 8 to 14"),
    ("0 0 * * MON#1", "write 'mon'"),
    ("0 0 * * mon#6", "write 'mon'"),
    ("H 0 * * *", "choose one of 0 to 59"),
    ("H/5 0 * * *", "choose one of 0 to 59"),
    ("0~30 0 * * *", "choose one of 0 to 59"),
    ("60 0 * * *", "expected 0 to 59"),
    ("0 24 * * *", "midnight is hour 0"),
    ("0 0 0 * *", "expected 1 to 31"),
    ("0 0 32 * *", "expected 1 to 31"),
    ("0 0 * 0 *", "expected 1 to 12"),
    ("0 0 * 13 *", "expected 1 to 12"),
    ("0 0 * * 8", "expected 0 to 7"),
    ("0-60 0 * * *", "expected 0 to 59"),
    ("0 0 1-99 * *", "expected 1 to 31"),
    ("*/0 * * * *", "step of 0"),
    ("*/90 * * * *", "list the values you mean"),
    ("0 0 * * */8", "list the values you mean"),
    ("0 0 * * 1/3", "for example 'mon,thu'"),
    ("0 0 * * mon/2", "for example 'mon,wed,fri'"),
    ("0 0 * * 7/2", "list the days you mean"),
    ("1,,2 * * * *", "remove the extra comma"),
    ("1, * * * *", "remove the extra comma"),
    ("*-5 * * * *", "a range from '*'"),
    ("-5 * * * *", "cannot be read"),
    ("1-2-3 * * * *", "cannot be read"),
    ("1/2/3 * * * *", "cannot be read"),
    ("*/x * * * *", "cannot be read"),
    ("1.5 * * * *", "cannot be read"),
    ("+5 * * * *", "cannot be read"),
    ("٣ * * * *", "cannot be read"),
    ("* * * * *;rm", "cannot be read"),
    ("mon * * * *", "numbers 0 to 59"),
    ("0 0 * mon *", "jan feb mar"),
    ("0 0 * * jan", "sun mon tue"),
    ("0 0 * * monday", "write 'mon'"),
    ("0 0 * January *", "write 'jan'"),
    ("0 0 31 2 *", "at most 29"),
    ("0 0 30,31 2 *", "at most 29"),
    ("0 0 31 4,6,9,11 *", "at most 30"),
    ("0 0 31 2 */2", "never due"),  # both must match, so the half of the weekdays does not save it
]


@pytest.mark.parametrize(("line", "fix"), REFUSED, ids=lambda value: value or "empty")
def test_what_is_not_crontab_is_refused_with_the_fix(line: str, fix: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        Cron.parse(line)
    assert fix in str(refusal.value)
    assert str(refusal.value).startswith("schedule ")


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (line, fix.split("'")[1])
        for line, fix in REFUSED
        if fix.startswith("write '") and len(line.split()) == 5
    ],
)
def test_the_field_that_a_refusal_proposes_is_accepted(line: str, written: str) -> None:
    words = line.split()
    accepted = 0
    for place in range(5):
        changed = [*words[:place], written, *words[place + 1 :]]
        try:
            Cron.parse(" ".join(changed))
            accepted += 1
        except InvalidSchedule:
            continue
    assert accepted == 1  # in the place of the field that was wrong


@pytest.mark.parametrize(
    "line", ["9" * 10_000 + " * * * *", "0-" + "9" * 10_000 + " * * * *", "x" * 100_000, "*," * 20_000]
)
def test_a_long_line_is_refused_with_a_short_message(line: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        Cron.parse(line)
    assert len(str(refusal.value)) < 400


def test_any_text_is_either_read_or_refused_as_a_schedule() -> None:
    rng = random.Random(20)
    alphabet = "0123456789*/,-?LW#@ \t\n abcdefghijklmnopqrstuvwxyz٣ü\0"
    for _ in range(3000):
        line = str(random_line(rng, degenerate=True))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(line) + 1)
            line = line[:at] + rng.choice(alphabet) + line[at + rng.randint(0, 1) :]
        try:
            cron = Cron.parse(line)
        except InvalidSchedule:
            continue
        assert Cron.parse(cron.text) == cron


def test_reading_a_schedule_does_not_load_the_library_that_walks_it() -> None:
    code = "import sys, polos.core.cron; sys.exit(any(m in sys.modules for m in ('croniter', 'dateutil', 'boto3')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
