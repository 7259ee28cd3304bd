"""From definitions to a plan: what an app gets, and what is refused before anything is made."""

from __future__ import annotations

import pytest

from polos import Queue
from polos.core.definitions import Compute, Schedule
from polos.deploy.naming import logical_name, slug
from polos.deploy.plan import Options
from polos.errors import InvalidDefinition, InvalidSchedule
from polos.runtime import names
from support.apps import definition, planned


def test_each_polos_queue_has_a_function_of_its_size_and_the_stack_four_of_its_own() -> None:
    found = planned(
        definition("a"),
        definition(
            "b", queue=Queue("mails", memory_mb=256, timeout=60, architecture="x86_64", max_invocations=5)
        ),
    )
    functions = {function.id: function for function in found.functions}
    assert set(functions) == {
        "WorkerDefault", "WorkerMails", "NewsFunction", "DeadFunction", "ApiFunction", "SweeperFunction"
    }  # fmt: skip
    mails = functions["WorkerMails"]
    assert (mails.memory, mails.timeout, mails.architecture, mails.max_invocations) == (256, 60, "x86_64", 5)
    assert found.architectures == ("arm64", "x86_64")


def test_a_queue_hides_a_message_for_longer_than_its_function_may_run() -> None:
    for function in planned(definition("a"), definition("b", queue=Queue("q", timeout=20))).functions:
        assert function.queue is None or function.queue.visibility >= function.timeout


def test_two_workflows_of_one_queue_share_a_function_and_get_what_both_ask_for() -> None:
    queue = Queue("q", environment={"A": "1"}, layers=["arn:layer:1"])
    found = planned(
        definition(
            "a", queue=queue, compute=Compute(environment={"B": "2"}, layers=["arn:layer:1", "arn:layer:2"])
        ),
        definition("b", queue=queue, compute=Compute(policies=["AmazonSESFullAccess"])),
    )
    worker = next(function for function in found.functions if function.id == "WorkerQ")
    assert worker.environment == (("A", "1"), ("B", "2"))
    assert worker.layers == ("arn:layer:1", "arn:layer:2")
    assert worker.managed_policies == ("aws:AmazonSESFullAccess",)


def test_the_stacks_own_functions_import_the_app_too_so_they_get_layers_and_variables() -> None:
    found = planned(
        definition("a", queue=Queue("q", environment={"SAME": "1", "OTHER": "1"}, layers=["arn:layer:1"])),
        definition("b", queue=Queue("r", environment={"SAME": "1", "OTHER": "2"})),
    )
    news = next(function for function in found.functions if function.kind == "news")
    assert news.environment == (("SAME", "1"),)
    assert news.layers == ("arn:layer:1",)
    assert news.managed_policies == ()


def test_a_line_that_restricts_both_day_fields_becomes_two_schedules() -> None:
    found = planned(definition("report", schedule="0 0 13 * 5")).schedules
    assert [(each.id, each.expression) for each in found] == [
        ("ScheduleReport", "cron(0 0 13 * ? *)"),
        ("SecondScheduleReport", "cron(0 0 ? * FRI *)"),
    ]


@pytest.mark.parametrize(
    "name",
    ["default", "mails", "a-b", "ab", "a_b", "A-b", "a-1b", "a1-b", "x" * 60, "x" * 61, "ü", "a b", "1"],
)
def test_a_logical_name_is_one_that_cloudformation_takes(name: str) -> None:
    assert logical_name(name).isalnum()
    assert logical_name(name).isascii()
    assert len(logical_name(name)) < 60


def test_no_two_names_share_a_logical_name() -> None:
    parts = ["a", "b", "ab", "aB", "A", "1", "a1", "-", "_", "."]
    tried = {one + two + three for one in parts for two in parts for three in parts}
    assert len({logical_name(name) for name in tried}) == len(tried)


def test_a_queue_keeps_its_name_whatever_else_the_app_has() -> None:
    alone = {queue.name: queue.id for queue in planned(definition("a", queue=Queue("mails"))).queues}
    among = {
        queue.name: queue.id
        for queue in planned(
            *(
                definition(f"w{n}", queue=Queue(name))
                for n, name in enumerate(["mails", "mail-s", "Mails", "MAILS"])
            )
        ).queues
    }
    assert alone["mails"] == among["mails"]
    assert len(set(among.values())) == len(among)


def test_the_stacks_queues_never_meet_those_of_users() -> None:
    found = planned(definition("a", queue=Queue("news")), definition("b", queue=Queue("dead")))
    assert len({queue.id for queue in found.queues}) == 5
    assert {queue.name for queue in found.step_queues} == {"default", "news", "dead"}
    assert names.NEWS_QUEUE.startswith("$")


@pytest.mark.parametrize(
    ("text", "name"), [("examples.app", "examples-app"), ("Shop_1", "shop-1"), ("1st", "app-1st")]
)
def test_an_apps_module_is_made_into_the_name_of_a_stack(text: str, name: str) -> None:
    assert slug(text) == name


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_name_that_no_stack_can_have_says_so() -> None:
    with pytest.raises(InvalidDefinition, match=r"129 characters; CloudFormation takes 128.*--name"):
        Options("x" * 125)
    Options("x" * 124)


def test_a_cron_that_cannot_be_translated_names_the_workflow_and_the_fix() -> None:
    with pytest.raises(InvalidSchedule, match=r"workflow 'report' \(.*apps\.py:\d+\).*Write '0 0 \*/2"):
        planned(definition("report", schedule="0 0 */2 * 1"))


def test_a_cron_that_is_none_names_the_workflow() -> None:
    with pytest.raises(InvalidSchedule, match="workflow 'report'"):
        planned(definition("report", schedule="every day"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeout": 901}, "Lambda allows 1 to 900"),
        ({"memory_mb": 64}, "Lambda allows 128 to 10240"),
        ({"max_invocations": 1}, "concurrency_limit=1"),
        ({"max_invocations": 1001}, "2 to 1000"),
        ({"architecture": "sparc"}, "'arm64' or 'x86_64'"),
    ],
)
def test_a_setting_that_aws_does_not_allow_is_refused_where_it_stands(
    settings: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidDefinition, match=says):
        Queue("q", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Action": "*", "Resource": "arn:aws:s3:::b"}, "allows too much"),
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::b"}, "allows too much"),
        ({"Action": "s3:GetObject", "Resource": "*"}, "'Why'"),
        ({"Action": "s3:GetObject"}, "write it as"),
        ({"Resource": "arn:aws:s3:::b"}, "write it as"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b", "NotAction": "x"}, "write it as"),
        ({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}, "write it as"),
    ],
)
def test_a_policy_that_is_too_broad_or_unclear_names_who_asked(statement: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidDefinition, match=rf"workflow 'a' \(.*apps\.py:\d+\).*{says}"):
        planned(definition("a", compute=Compute(policies=[statement])))


def test_two_workflows_that_want_other_values_of_one_variable_cannot_share_a_function() -> None:
    with pytest.raises(InvalidDefinition, match=r"MODE='fast' from workflow 'a'.*'slow' from workflow 'b'"):
        planned(
            definition("a", compute=Compute(environment={"MODE": "fast"})),
            definition("b", compute=Compute(environment={"MODE": "slow"})),
        )


@pytest.mark.parametrize("name", ["POLOS_QUEUES", "AWS_REGION"])
def test_variables_of_polos_and_lambda_are_not_for_users(name: str) -> None:
    with pytest.raises(InvalidDefinition, match=f"{name} belongs to polos or Lambda"):
        planned(definition("a", compute=Compute(environment={name: "x"})))


def test_a_function_cannot_be_in_two_networks() -> None:
    nets = [{"subnets": [f"subnet-{n}"], "security_groups": ["sg-1"]} for n in range(2)]
    with pytest.raises(InvalidDefinition, match="two networks"):
        planned(*(definition(f"w{n}", compute=Compute(vpc=net)) for n, net in enumerate(nets)))
    with pytest.raises(InvalidDefinition, match="give both"):
        planned(definition("a", compute=Compute(vpc={"subnets": ["subnet-1"]})))


def test_a_schedule_of_each_key_has_a_name_of_its_own() -> None:
    found = planned(
        definition("a", schedule=Schedule("0 0 * * *", key="x")),
        definition("a-x", schedule="0 0 * * *"),
        options=Options("shop"),
    ).schedules
    assert len({each.id for each in found}) == 2
