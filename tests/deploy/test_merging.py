"""The merge file: any CloudFormation, laid over the template."""

from __future__ import annotations

from pathlib import Path

import pytest

from polos.deploy.merging import merged, read_merge_file
from polos.errors import InvalidDefinition


def test_mappings_are_merged_lists_and_functions_replaced_and_null_takes_out() -> None:
    base = {"a": {"x": 1, "y": [1, 2], "z": {"Ref": "A"}}, "b": 1, "c": {"d": 1}}
    over = {"a": {"y": [3], "z": {"Ref": "B"}, "new": {"k": 1}}, "b": None, "c": {"Fn::Sub": "x"}}
    assert merged(base, over) == {
        "a": {"x": 1, "y": [3], "z": {"Ref": "B"}, "new": {"k": 1}},
        "c": {"Fn::Sub": "x"},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "polos.merge.yaml",
            "Resources:\n  ApiFunction:\n    Properties:\n      Tags: {name: !Sub '${AWS::StackName}'}\n",
        ),
        (
            "m.json",
            '{"Resources": {"ApiFunction": {"Properties": {"Tags": {"name": {"Fn::Sub": "${AWS::StackName}"}}}}}}',
        ),
        ("m.toml", '[Resources.ApiFunction.Properties.Tags]\nname = {"Fn::Sub" = "${AWS::StackName}"}\n'),
    ],
)
def test_it_is_yaml_json_or_toml(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = read_merge_file(tmp_path / name)
    assert found["Resources"]["ApiFunction"]["Properties"]["Tags"] == {
        "name": {"Fn::Sub": "${AWS::StackName}"}
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "is not YAML"),
        ("Resource: {}", "Resource is no section"),
        ("- a", "no mapping"),
        ("", "no mapping"),
    ],
)
def test_what_is_none_says_so_and_where(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "polos.merge.yaml"
    file.write_text(text)
    with pytest.raises(InvalidDefinition, match=rf"merge file .*polos\.merge\.yaml.*{says}"):
        read_merge_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match=r"nowhere\.yaml: No such file"):
        read_merge_file(tmp_path / "nowhere.yaml")
