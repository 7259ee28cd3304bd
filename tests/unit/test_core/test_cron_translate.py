"""EventBridge expressions: what is written for a line, and what has no translation."""

import re

import pytest

from polos.core.cron import Cron, to_eventbridge
from polos.errors import InvalidSchedule
from support.eventbridge import EventBridgeCron


@pytest.mark.parametrize(
    ("line", "expressions"),
    [
        ("* * * * *", ["cron(* * * * ? *)"]),
        ("*/5 * * * *", ["cron(0/5 * * * ? *)"]),
        ("*/45 * * * *", ["cron(0,45 * * * ? *)"]),
        ("*/30 * * * *", ["cron(0,30 * * * ? *)"]),
        ("7/20 * * * *", ["cron(7/20 * * * ? *)"]),
        ("30-59 * * * *", ["cron(30-59 * * * ? *)"]),
        ("0 9-17 * * *", ["cron(0 9-17 * * ? *)"]),
        ("0 9-17/2 * * *", ["cron(0 9,11,13,15,17 * * ? *)"]),
        ("0 9,10,11,20 * * *", ["cron(0 9-11,20 * * ? *)"]),
        ("@hourly", ["cron(0 * * * ? *)"]),
        ("@weekly", ["cron(0 0 ? * SUN *)"]),
        ("@monthly", ["cron(0 0 1 * ? *)"]),
        ("@yearly", ["cron(0 0 1 1 ? *)"]),
        ("0 9 * * 1-5", ["cron(0 9 ? * MON,TUE,WED,THU,FRI *)"]),
        ("0 9 * * 7", ["cron(0 9 ? * SUN *)"]),
        ("0 9 * * */2", ["cron(0 9 ? * SUN,TUE,THU,SAT *)"]),
        ("0 0 */7 * *", ["cron(0 0 1/7 * ? *)"]),
        ("0 0 1 jan,jul *", ["cron(0 0 1 1,7 ? *)"]),
        ("0 0 1 */3 *", ["cron(0 0 1 1/3 ? *)"]),
        ("0 0 13 * 5", ["cron(0 0 13 * ? *)", "cron(0 0 ? * FRI *)"]),
        ("0 0 1-31/2 * 1", ["cron(0 0 1/2 * ? *)", "cron(0 0 ? * MON *)"]),
        ("0 0 1-31 * 5", ["cron(0 0 * * ? *)"]),
        ("0 0 31 2 1", ["cron(0 0 ? 2 MON *)"]),
        ("0 0 29 2 *", ["cron(0 0 29 2 ? *)"]),
    ],
)
def test_a_line_becomes_the_expressions_of_its_sets(line: str, expressions: list[str]) -> None:
    assert list(to_eventbridge(Cron.parse(line))) == expressions


@pytest.mark.parametrize("line", ["0 0 */2 * 1", "0 0 13 * */2", "0 0 */2 * */3", "0 0 */2,3 * 1-5"])
def test_days_that_must_match_both_fields_have_no_translation(line: str) -> None:
    with pytest.raises(InvalidSchedule, match="must match both"):
        to_eventbridge(Cron.parse(line))


def test_every_line_that_the_refusal_proposes_has_a_translation() -> None:
    with pytest.raises(InvalidSchedule) as refusal:
        to_eventbridge(Cron.parse("0 0 */2 * 1"))
    proposed = re.findall(r"'(\S+ \S+ \S+ \S+ \S+)'", str(refusal.value))
    assert proposed == ["0 0 */2 * 1", "0 0 */2 * *", "0 0 * * 1", "0 0 1-31/2 * 1"]
    assert [len(to_eventbridge(Cron.parse(line))) for line in proposed[1:]] == [1, 1, 2]


def test_the_longest_expression_fits_into_256_characters() -> None:
    # Pairs of neighbours with a hole between them: ranges do not shorten them, and nothing longer exists.
    def pairs(low: int, high: int) -> str:
        return ",".join(str(value) for value in range(high, low - 1, -1) if (high - value) % 3 != 2)

    line = f"{pairs(0, 59)} {pairs(0, 23)} {pairs(1, 31)} {pairs(1, 12)} 0-5"
    lengths = [len(expression) for expression in to_eventbridge(Cron.parse(line))]
    assert 200 < max(lengths) <= 256


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(0 9 1 * MON *)",
        "cron(0 9 ? * MON/2 *)",
        "cron(0 9 ? * 0 *)",
        "cron(0 9 * * ?)",
        "cron(60 9 * * ? *)",
        "cron(0 9 32 * ? *)",
    ],
)
def test_the_reader_of_expressions_in_these_tests_refuses_what_scheduler_refuses(expression: str) -> None:
    with pytest.raises(ValueError, match=r"is not|must have|has a step"):
        EventBridgeCron(expression)
