"""AWS's own tools take what we render: the SAM CLI, its transform, and cfn-lint over what comes out of that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.test_template import EVERYTHING, SECRETS
from polos.deploy.artifacts import deployable
from polos.deploy.plan import Options
from polos.deploy.template import template
from support import sam
from support.apps import planned
from support.cloud import cloud
from support.sam import ROOT

pytestmark = pytest.mark.e2e


def test_sam_validates_the_repositorys_template() -> None:
    assert "is a valid SAM Template" in sam.sam("validate", "--lint", cwd=ROOT)
    assert "is a valid SAM Template" in sam.sam("validate", cwd=ROOT)


@pytest.mark.parametrize("tracing", [False, True])
def test_cfn_lint_finds_nothing_in_the_transformed_template(tmp_path: Path, tracing: bool) -> None:
    document = template(planned(*EVERYTHING, secrets=SECRETS, options=Options("shop", tracing=tracing)))
    place = "s3://packages/package.zip"
    packages = {f".polos/package/{name}": place for name in ("arm64", "x86_64")}
    data = json.loads(deployable(document, packages))
    data["Transform"] = "AWS::LanguageExtensions"  # what is left for CloudFormation to do
    found = json.loads(sam.transformed(json.dumps(data)))
    file = tmp_path / "transformed.json"
    file.write_text(json.dumps(found))
    sam.lint(file)
    functions = [each for each in found["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 7
    assert all(each["Properties"]["RecursiveLoop"] == "Allow" for each in functions)


def test_sam_builds_and_deploys_what_polos_built(tmp_path: Path) -> None:
    with cloud() as sky:
        sky.polos("build", "examples.app", "--target", "host", "--name", "shop", "--output", str(tmp_path))
        sam.sam("build", cwd=tmp_path, environ=sky.environ)
        sam.sam("deploy", cwd=tmp_path, environ=sky.environ)
        stacks = sky.client("cloudformation").describe_stacks(StackName="shop-dev")["Stacks"]
        assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"
        name = sky.client("cloudformation").describe_stack_resource(
            StackName="shop-dev", LogicalResourceId="SweeperFunction"
        )["StackResourceDetail"]["PhysicalResourceId"]
        answer = sky.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert json.loads(answer["Payload"].read()) == {"kicked": 0}
