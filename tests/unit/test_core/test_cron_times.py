"""When a schedule is due, in the time zones where the clocks are changed."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from polos.core.cron import Cron, gap_warning, time_zone
from polos.core.cron.times import next_times, previous_time
from polos.errors import InvalidSchedule
from support.crontab import random_line

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"


def walls(line: str, zone: str, after: str, count: int) -> list[str]:
    """The next times as the clocks of the zone show them; `after` too is a wall time there."""
    begin = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    times = next_times(Cron.parse(line), after=begin, timezone=zone, count=count)
    return [f"{time.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for time in times]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "line", "after", "expected"),
    [
        (NEW_YORK, "30 2 * * *", "2026-03-06T12:00", ["03-07 02:30", "03-09 02:30"]),
        (NEW_YORK, "0 2 * * *", "2026-03-07T12:00", ["03-09 02:00", "03-10 02:00"]),
        (NEW_YORK, "0 3 * * *", "2026-03-07T12:00", ["03-08 03:00", "03-09 03:00"]),
        (BERLIN, "30 2 * * *", "2026-03-28T12:00", ["03-30 02:30", "03-31 02:30"]),
        (LORD_HOWE, "15 2 * * *", "2026-10-03T12:00", ["10-05 02:15", "10-06 02:15"]),
        (LORD_HOWE, "30 2 * * *", "2026-10-03T12:00", ["10-04 02:30", "10-05 02:30"]),
        ("UTC", "30 2 * * *", "2026-03-07T12:00", ["03-08 02:30", "03-09 02:30"]),
    ],
)
def test_a_time_in_the_gap_is_skipped(zone: str, line: str, after: str, expected: list[str]) -> None:
    assert walls(line, zone, after, 2) == expected


@pytest.mark.parametrize(
    ("zone", "line", "after", "expected"),
    [
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        (BERLIN, "30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        (LORD_HOWE, "45 1 * * *", "2026-04-04T12:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
        ("UTC", "30 1 * * *", "2026-10-31T12:00", ["2026-11-01T01:30", "2026-11-02T01:30"]),
    ],
)
def test_a_time_in_the_overlap_is_due_once_in_the_first_pass(
    zone: str, line: str, after: str, expected: list[str]
) -> None:
    begin = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    times = next_times(Cron.parse(line), after=begin, timezone=zone, count=2)
    assert times == [utc(text) for text in expected]


def test_an_hourly_schedule_is_not_repeated_in_the_overlap() -> None:
    assert walls("0 * * * *", NEW_YORK, "2026-10-31T23:30", 4) == [
        "11-01 00:00",
        "11-01 01:00",
        "11-01 02:00",
        "11-01 03:00",
    ]
    times = next_times(Cron.parse("0 * * * *"), after=utc("2026-11-01T04:30"), timezone=NEW_YORK, count=3)
    assert times == [utc("2026-11-01T05:00"), utc("2026-11-01T07:00"), utc("2026-11-01T08:00")]


def test_an_hourly_schedule_loses_no_hour_in_the_gap() -> None:
    times = next_times(Cron.parse("0 * * * *"), after=utc("2026-03-08T05:30"), timezone=NEW_YORK, count=3)
    assert times == [utc("2026-03-08T06:00"), utc("2026-03-08T07:00"), utc("2026-03-08T08:00")]


def test_in_utc_an_hourly_schedule_is_due_every_hour_of_the_month() -> None:
    times = next_times(Cron.parse("@hourly"), after=utc("2026-02-28T23:59"), timezone="UTC", count=744)
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(hours=1)}
    assert times[-1] == utc("2026-03-31T23:00")


def test_exception_croniter_runs_a_skipped_time_later_and_a_repeated_one_twice() -> None:
    spring = croniter("30 2 * * *", datetime(2026, 3, 7, 12, tzinfo=ZoneInfo(NEW_YORK)), ret_type=datetime)
    assert spring.get_next().isoformat() == "2026-03-08T03:00:00-04:00"
    autumn = croniter("30 1 * * *", datetime(2026, 10, 31, 12, tzinfo=ZoneInfo(NEW_YORK)), ret_type=datetime)
    assert [autumn.get_next().isoformat()[5:] for _ in range(2)] == [
        "11-01T01:30:00-04:00",
        "11-01T01:30:00-05:00",
    ]


CHANGES = [
    (NEW_YORK, "2026-03-08"),
    (NEW_YORK, "2026-11-01"),
    (BERLIN, "2026-03-29"),
    (BERLIN, "2026-10-25"),
    (LORD_HOWE, "2026-04-05"),
    (LORD_HOWE, "2026-10-04"),
    ("UTC", "2026-03-08"),
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
    ("Africa/Casablanca", "2026-03-22"),
    ("Asia/Kathmandu", "2026-03-08"),
    ("Africa/Cairo", "2026-04-24"),  # clocks change at midnight
]


def watched(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """Each minute that passes with what the clock shows, except when it has shown that before."""
    minutes = (
        first + timedelta(minutes=passed) for passed in range(int((last - first) / timedelta(minutes=1)))
    )
    return [(at, wall) for at in minutes if (wall := at.astimezone(ZoneInfo(zone))).fold == 0]


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_around_a_change_of_the_clocks_we_agree_with_watching_them(zone: str, day: str) -> None:
    rng = random.Random(f"{zone} {day}")
    first, last = utc(f"{day}T12:00") - timedelta(days=1, hours=6), utc(f"{day}T12:00")
    minutes = watched(zone, first, last)
    for _ in range(10):
        line = random_line(rng)
        cron = Cron.parse(f"{line.minute} {rng.choice(['*', '*/2', '1-3', '0,2', line.hour])} * * *")
        expected = [at for at, wall in minutes if cron.due_at(wall)]
        found = next_times(cron, after=first - timedelta(seconds=1), timezone=zone, count=len(expected) + 1)
        assert found[:-1] == expected, (cron.text, zone)
        assert found[-1] >= last
        for _ in range(10):
            moment = first + timedelta(seconds=rng.randrange(int((last - first).total_seconds())))
            earlier, later = [at for at in expected if at < moment], [at for at in expected if at > moment]
            if earlier:
                assert previous_time(cron, before=moment, timezone=zone) == earlier[-1], (cron.text, moment)
            if later:
                assert next_times(cron, after=moment, timezone=zone, count=1) == later[:1], (
                    cron.text,
                    moment,
                )


def test_in_the_second_pass_what_was_due_in_the_first_lies_before() -> None:
    cron, second_pass = Cron.parse("30 1 * * *"), utc("2026-11-01T06:10")  # 01:10 again
    assert previous_time(cron, before=second_pass, timezone=NEW_YORK) == utc("2026-11-01T05:30")
    assert next_times(cron, after=second_pass, timezone=NEW_YORK, count=1) == [utc("2026-11-02T06:30")]


def test_no_second_tick_is_skipped() -> None:
    cron, at, chain = Cron.parse("*/5 * * * *"), utc("2026-06-01T00:00"), []
    for _ in range(10):
        (at,) = next_times(cron, after=at, timezone="UTC", count=1)
        chain.append(at)
    assert chain == next_times(cron, after=utc("2026-06-01T00:00"), timezone="UTC", count=10)


def test_the_given_moment_itself_is_in_neither_direction() -> None:
    cron, at = Cron.parse("0 9 * * *"), utc("2026-06-01T09:00")
    assert next_times(cron, after=at, timezone="UTC", count=1) == [utc("2026-06-02T09:00")]
    assert previous_time(cron, before=at, timezone="UTC") == utc("2026-05-31T09:00")
    assert next_times(cron, after=at - timedelta(microseconds=1), timezone="UTC", count=1) == [at]
    assert previous_time(cron, before=at + timedelta(microseconds=1), timezone="UTC") == at


def test_results_are_in_utc_whatever_zone_the_moment_is_given_in() -> None:
    after = datetime(2026, 6, 1, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
    (time,) = next_times(Cron.parse("0 9 * * *"), after=after, timezone=BERLIN, count=1)
    assert (time, time.tzinfo) == (utc("2026-06-01T07:00"), UTC)


def test_the_29th_of_february_is_found_across_a_century_without_one() -> None:
    times = next_times(Cron.parse("0 0 29 2 *"), after=utc("2090-01-01"), timezone="UTC", count=3)
    assert [time.year for time in times] == [2092, 2096, 2104]
    sundays = next_times(Cron.parse("0 0 29 2 */7"), after=utc("2080-01-01"), timezone="UTC", count=2)
    assert [time.year for time in sundays] == [2088, 2128]
    assert previous_time(Cron.parse("0 0 29 2 */7"), before=sundays[1], timezone="UTC") == sundays[0]


def test_a_day_that_february_lacks_does_not_cost_the_first_of_march() -> None:
    times = next_times(Cron.parse("0 0 1,30 * *"), after=utc("2025-02-24"), timezone="UTC", count=2)
    assert times == [utc("2025-03-01"), utc("2025-03-30")]


def test_a_schedule_that_always_falls_into_the_gap_ends_the_search() -> None:
    cron = Cron.parse("30 2 8-14 3 */7")  # 02:30 on the second Sunday of March, which New York does not have
    assert next_times(cron, after=utc("2026-01-01"), timezone=NEW_YORK, count=1) == []
    assert previous_time(cron, before=utc("2120-01-01"), timezone=NEW_YORK) is None
    assert len(next_times(cron, after=utc("2026-01-01"), timezone="UTC", count=2)) == 2


def test_a_naive_moment_and_a_negative_count_are_refused() -> None:
    cron = Cron.parse("@daily")
    with pytest.raises(ValueError, match="pass an aware datetime"):
        next_times(cron, after=datetime(2026, 1, 1), timezone="UTC", count=1)
    with pytest.raises(ValueError, match="pass an aware datetime"):
        previous_time(cron, before=datetime(2026, 1, 1), timezone="UTC")
    with pytest.raises(ValueError, match="0 or more"):
        next_times(cron, after=utc("2026-01-01"), timezone="UTC", count=-1)
    assert next_times(cron, after=utc("2026-01-01"), timezone="UTC", count=0) == []


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("berlin", "Europe/Berlin"),
        ("europe/berlin", "write 'Europe/Berlin'"),
        ("New York", "America/New_York"),
        ("America/New_Yrok", "America/New_York"),
        ("Asia/Calcuta", "Asia/Calcutta"),
        ("", "IANA name"),
        ("Mars/Phobos", "IANA name"),
        ("../../etc/passwd", "IANA name"),
        ("/etc/localtime", "IANA name"),
        ("a\0b", "IANA name"),
        ("x" * 100_000, "IANA name"),
        ("Europe", "there is no time zone 'Europe'"),
        ("localtime", "IANA name"),
        ("posix/Europe/Berlin", "there is no time zone"),
        ("UTC+2", "there is no time zone"),
    ],
    ids=lambda value: value[:20],
)
def test_an_unknown_time_zone_is_refused_with_similar_names(name: str, fix: str) -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        next_times(Cron.parse("@daily"), after=utc("2026-01-01"), timezone=name, count=1)
    assert fix in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_zone_is_the_one_of_its_name() -> None:
    assert time_zone(BERLIN) == ZoneInfo(BERLIN)


@pytest.mark.parametrize(
    ("line", "zone", "year", "says"),
    [
        ("30 2 * * *", NEW_YORK, 2026, "02:30 does not exist in America/New_York"),
        ("30 2 * * *", NEW_YORK, 2026, "skipped on 2026-03-08"),
        ("30 2 * * *", BERLIN, 2026, "skipped on 2026-03-29"),
        ("*/20 2 * * *", LORD_HOWE, 2026, "from 02:00 to 02:30"),
        ("0 0 * * *", "Africa/Cairo", 2026, "skipped on 2026-04-24"),
        ("0 9 * * *", "Pacific/Apia", 2011, "from 00:00 to 2011-12-31 00:00"),
        ("30 2 8 3 *", NEW_YORK, 2026, "skipped on 2026-03-08"),
    ],
)
def test_a_fixed_time_in_the_gap_is_warned_about(line: str, zone: str, year: int, says: str) -> None:
    warning = gap_warning(Cron.parse(line), zone, year)
    assert warning is not None
    assert says in warning
    assert "Choose another hour, or time zone UTC" in warning


@pytest.mark.parametrize(
    ("line", "zone", "year"),
    [
        ("30 2 * * *", "UTC", 2026),
        ("30 2 * * *", "Asia/Tokyo", 2026),
        ("30 3 * * *", NEW_YORK, 2026),
        ("59 1 * * *", NEW_YORK, 2026),
        ("30 2 * * *", LORD_HOWE, 2026),
        ("30 2 * * 1", NEW_YORK, 2026),
        ("30 2 8 3 *", NEW_YORK, 2027),  # the clocks change on the 14th
        ("30 * * * *", NEW_YORK, 2026),
        ("*/5 * * * *", BERLIN, 2026),
    ],
)
def test_no_warning_where_no_run_is_lost(line: str, zone: str, year: int) -> None:
    assert gap_warning(Cron.parse(line), zone, year) is None


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN, LORD_HOWE, "UTC"])
def test_a_warning_is_given_exactly_when_a_day_goes_without(zone: str) -> None:
    for hour in range(1, 4):
        cron = Cron.parse(f"15 {hour} * * *")
        new_year = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
        last = next_times(cron, after=new_year, timezone=zone, count=365)[-1].astimezone(ZoneInfo(zone))
        assert (last.date().isoformat() != "2026-12-31") == (gap_warning(cron, zone, 2026) is not None), hour
