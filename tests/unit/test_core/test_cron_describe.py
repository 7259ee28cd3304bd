"""Schedules in words."""

import random

import pytest

from polos.core.cron import Cron, describe
from polos.errors import InvalidSchedule
from support.crontab import random_line


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0 * * * *", "Every hour"),
        ("15 * * * *", "At minute 15 of every hour"),
        ("5,10,45 * * * *", "At minutes 5, 10 and 45 of every hour"),
        ("*/45 * * * *", "At minutes 0 and 45 of every hour"),
        ("5/20 * * * *", "At minutes 5, 25 and 45 of every hour"),
        ("0 9 * * *", "At 09:00 every day"),
        ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
        ("30 9,17 * * *", "At 09:30 and 17:30 every day"),
        ("0 9-17 * * *", "Every hour from 09:00 to 17:00 every day"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:45, Monday to Friday"),
        ("* 9 * * *", "Every minute from 09:00 to 09:59 every day"),
        ("0 */2 * * *", "Every 2 hours"),
        ("30 */6 * * 1", "Every 6 hours at minute 30 on Monday"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
        ("1,2,7 1,3-8 * * *", "At minutes 1, 2 and 7 of the hours 1 and 3 to 8 every day"),
        ("@monthly", "At 00:00 on day 1 of the month"),
        ("0 0 1,15 * *", "At 00:00 on days 1 and 15 of the month"),
        ("0 0 1-7 * *", "At 00:00 on days 1 to 7 of the month"),
        ("0 0 */2 * *", "At 00:00 on days 1, 3, 5 and so on to 31 of the month"),
        ("@weekly", "At 00:00 on Sunday"),
        ("0 0 * * 0,6", "At 00:00 on Saturday and Sunday"),
        ("0 0 * * 4-7", "At 00:00, Thursday to Sunday"),
        ("0 0 13 * 5", "At 00:00 on day 13 of the month, and also on Friday"),
        ("0 0 13 * 1-5", "At 00:00 on day 13 of the month, and also Monday to Friday"),
        ("0 0 13 * */2", "At 00:00 on day 13 of the month if it is a Tuesday, Thursday, Saturday or Sunday"),
        ("0 0 1-31 * 5", "At 00:00 every day"),
        ("@yearly", "At 00:00 on day 1 of the month in January"),
        ("0 0 * 6-8 *", "At 00:00 every day from June to August"),
        ("*/20 * * 1,2 1,3", "Every 20 minutes on Monday and Wednesday in January and February"),
    ],
)
def test_a_schedule_reads_as_a_sentence(line: str, sentence: str) -> None:
    assert describe(Cron.parse(line)) == sentence


def test_two_schedules_with_one_sentence_are_due_at_the_same_times() -> None:
    rng = random.Random(7)
    said: dict[str, Cron] = {}
    for _ in range(2500):
        try:
            cron = Cron.parse(str(random_line(rng)))
        except InvalidSchedule:
            continue
        assert said.setdefault(describe(cron), cron) == cron
    assert len(said) > 1200
