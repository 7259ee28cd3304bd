"""Cron schedules: what a line means (`parse`), how AWS writes it (`translate`), how a person says it (`describe`).

When it is due stands in `times`, which is imported by name because it needs croniter.

    cron = Cron.parse("0 9 * * 1-5")
    to_eventbridge(cron)   # ("cron(0 9 ? * MON,TUE,WED,THU,FRI *)",)
    describe(cron)         # "At 09:00, Monday to Friday"
"""

from polos.core.cron.describe import describe
from polos.core.cron.parse import Cron, DayRule
from polos.core.cron.translate import to_eventbridge
from polos.core.cron.zones import gap_warning, time_zone

__all__ = ["Cron", "DayRule", "describe", "gap_warning", "time_zone", "to_eventbridge"]
