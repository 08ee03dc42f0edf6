"""`untag check`: what is valid is described, and what is not is named by file, line and field, all at once."""

from typing import Any

import pytest
from cli_support import request

from untag.providers import NAMES

HEADER = "provider,region,type,id,key,value"


def test_what_is_valid_is_counted_by_place_and_type(untag: Any) -> None:
    name = untag.write("a.json", [request(["i-1", "i-2"]), request(["i-3"], account="other")])
    done = untag("check", name, "--json")
    assert done.code == 0
    assert (done.json["requests"], done.json["pairs"]) == (2, 3)
    place = {"provider": "jdcloud", "region": "cn-north-1", "type": "vm", "action": "remove"}
    assert done.json["totals"] == [
        {**place, "account": "default", "resources": 2, "pairs": 2},
        {**place, "account": "other", "resources": 1, "pairs": 1},
    ]
    assert "valid: 2 requests, 3 pairs" in untag("check", name).out


def test_fields_and_providers_that_are_misspelled_are_all_named_with_what_was_meant(untag: Any) -> None:
    wrong = request(["i-1"], regon="cn-north-1")
    name = untag.write("a.json", [request(["i-1"], provider="jdclod"), wrong])
    done = untag("check", name)
    assert done.code == 2
    clouds = ", ".join(NAMES)
    assert f"a.json: 0.provider: Input should be one of: {clouds}\n  did you mean jdcloud?" in done.err
    assert "a.json: 1.regon: there is no such field\n  did you mean region?" in done.err
    assert "2 problems in the input: nothing was done" in done.err


def test_a_region_and_a_type_that_a_cloud_does_not_document_are_warnings_with_what_was_meant(untag: Any) -> None:
    body = {**request(["i-1"]), "region": "cn-nort-1", "resources": [{"type": "dsk", "ids": ["i-1"]}]}
    done = untag("check", "-", "--json", stdin=untag.write("a.json", body) and (untag.folder / "a.json").read_text())
    assert done.code == 0
    assert done.json["warnings"] == [
        "region cn-nort-1 is not among those that JD Cloud documents; did you mean cn-north-1?",
        "service code dsk is not among those that JD Cloud documents; did you mean disk?",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "provider: jdcloud\n", "a.yaml:1: this is YAML"),
        ("a", "provider: jdcloud\nregion: x\n", "a:1: this is YAML"),
        ("a.json", '{"provider": "jdcloud",\n "tags": [],\n}', "a.json:2: not JSON: a comma stands before the closing"),
        ("a.json", "[]", "a.json: the list is empty"),
        ("a.json", "", "a.json: there is nothing in it"),
        ("a.json", '{"a": 1}\n{"a": 2}', "a.json:2: a: there is no such field"),
        ("a.jsonl", '\n{"a": 1', "a.jsonl:2: not JSON"),
        ("a.csv", f"{HEADER},valeu\n", "a.csv:1: valeu: there is no such column: valeu\n  did you mean value?"),
        ("a.csv", "provider,region,type,key,value\n", "a.csv:1: id: the column id is missing"),
        ("a.csv", f'{HEADER}\njdcloud,cn-north-1,vm,"i-1\n', "a.csv:2: not CSV"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(untag: Any, name: str, text: str, message: str) -> None:
    done = untag("check", untag.write(name, text))
    assert done.code == 2
    assert message in done.err


def test_every_bad_row_of_a_table_is_named_by_its_line(untag: Any) -> None:
    rows = [
        HEADER,
        "jdcloud,cn-north-1,vm,i-1,env,prod",
        '"jdcloud",cn-north-1,vm,i-2,"two\nlines",prod',
        "jdcloud,cn-north-1,vm,i-1,env",
        "jdclod,cn-north-1,vm,i-1,env,prod",
        "jdcloud,cn-north-1,vm,i-1,env,",
        "jdcloud,,vm,i-1,env,x",
    ]
    done = untag("check", untag.write("a.csv", "\n".join(rows)), "--json")
    assert done.code == 2
    problems = {(one["line"], one["path"]): (one["message"], one["hint"]) for one in done.json["problems"]}
    assert problems[5, ""][0] == "the row has 5 cells, and the first line 6"
    assert problems[6, "provider"][1] == "did you mean jdcloud?"
    assert problems[7, "value"][0] == "String should have at least 1 character on jdcloud"
    assert problems[8, "region"][0] == "Field required: jdcloud has no call without a region"
    assert len(problems) == 4


def test_a_table_is_read_as_spreadsheets_write_it(untag: Any) -> None:
    rows = [
        "Value;key;ID;type;region;provider",
        '"a;b";env;i-1;vm;cn-north-1;jdcloud',
        ";;;;;",
        "*;team;i-1;vm;cn-north-1;jdcloud",
        "*;team;i-2;vm;cn-north-1;jdcloud",
    ]
    done = untag("check", untag.write("a.csv", "\ufeff" + "\r\n".join(rows)), "--json")
    assert done.code == 0
    assert (done.json["requests"], done.json["pairs"]) == (2, 3)
    assert done.json["notes"] == [
        "a.csv is read as CSV with semicolons; * is any value, an empty cell the empty one",
    ]


def test_a_file_that_is_not_there_and_one_that_is_wrong_are_named_together(untag: Any) -> None:
    done = untag("check", "none.json", untag.write("a.json", "[]"))
    assert done.code == 2
    assert "none.json: it cannot be read: No such file or directory" in done.err
    assert "a.json: the list is empty" in done.err


def test_a_variable_that_is_wrong_is_named(untag: Any) -> None:
    done = untag("check", untag.write("a.json", request(["i-1"])), UNTAG_MAX_PAIRS="many")
    assert done.code == 2
    assert "UNTAG_MAX_PAIRS" in done.err


def test_a_sweep_is_checked_too(untag: Any) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("a.json", {"rules": [rule]})
    assert untag("check", name, "--json").json["sweeps"] == 1
    assert untag("check", name).out == "valid: 1 sweep (its pairs are what the clouds list)\n"
    mistaken = {**rule, "types": ["vm", "vmm"], "regions": ["cn-nort-1"]}
    assert untag("check", untag.write("c.json", {"rules": [mistaken]}), "--json").json["warnings"] == [
        "region cn-nort-1 is not among those that JD Cloud documents; did you mean cn-north-1?",
        "service code vmm is not among those that JD Cloud documents; did you mean vm?",
    ]
    done = untag("check", untag.write("b.json", {"rules": [{**rule, "macth": {}}]}))
    assert done.code == 2
    assert "rules.0.macth: there is no such field\n  did you mean match?" in done.err


@pytest.mark.parametrize(
    ("provider", "type_", "region", "told"),
    [
        ("aws", "ec2:instnce", "eu-central-1", "did you mean ec2:instance?"),
        ("aws", "iam:roles", "us-east-1", "did you mean iam:role?"),
        ("huaweicloud", "ecss", "cn-north-4", "type ecss is not known here; did you mean ecs?"),
        ("huaweicloud", "dcs", "cn-north-4", ""),
        (
            "alibabacloud",
            "ecs:instnce",
            "cn-hangzhou",
            "type ecs:instnce is not known here; did you mean ecs:instance?",
        ),
        ("alibabacloud", "rds:dbinstance", "cn-hangzhou", ""),
    ],
)
def test_a_type_that_is_almost_a_known_one_is_told_where_a_cloud_has_more_than_are_known(
    untag: Any, provider: str, type_: str, region: str, told: str
) -> None:
    body = {"provider": provider, "region": region, "resources": [{"type": type_, "ids": ["i-1"]}]}
    answer = untag("check", untag.write("a.json", {**body, "tags": [{"key": "env"}]}), "--json").json
    hints = [one["hint"] for one in answer.get("problems", ())]
    assert [*answer.get("warnings", ()), *hints] == ([told] if told else [])


@pytest.mark.parametrize(
    ("provider", "type_", "region", "form"),
    [
        ("alibabacloud", "ecs:instance", "cn-hangzhou", "arn:acs:product:region:account:type/id, or an id of letters,"),
        ("aws", "ec2:instance", "eu-central-1", "arn:partition:service:region:account:resource, or an id without a"),
        ("aws", "iam:user", "us-east-1", "arn:partition:iam::account:user/name, or a name of letters, digits"),
        (
            "azure",
            "Microsoft.Compute/disks",
            None,
            "/subscriptions/GUID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME",
        ),
        ("gcp", "compute.googleapis.com/Disk", None, "projects/PROJECT/zones/ZONE/disks/NAME or //compute."),
        ("gcp", "storage.googleapis.com/Bucket", None, "//storage.googleapis.com/BUCKET"),
        ("huaweicloud", "ecs", "cn-north-4", "an id of letters, digits and _.:-, at most 512"),
        (
            "tencentcloud",
            "cvm:instance",
            "ap-guangzhou",
            "qcs::service:region:uin/number:prefix/id, or an id of letters,",
        ),
        ("volcengine", "ecs:instance", "cn-beijing", "trn:service:region:account:type/id, or an id of letters,"),
    ],
)
def test_an_id_of_another_form_is_told_the_form_that_its_type_has(
    untag: Any, provider: str, type_: str, region: str | None, form: str
) -> None:
    body = {"provider": provider, "region": region, "resources": [{"type": type_, "ids": ["/a: b"]}]}
    done = untag("check", untag.write("a.json", {**body, "tags": [{"key": "env"}]}), "--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert (problem["path"], form in problem["message"]) == ("resources.0.ids.0", True), problem


@pytest.mark.parametrize("words", [("run", "--dry-run"), ("plan", "-o", "plan.csv")])
def test_what_may_be_a_mistake_is_a_warning_in_one_line_however_many_requests_have_it(
    untag: Any, words: tuple[str, ...]
) -> None:
    rows = [f"jdcloud,cn-nort-1,vm,i-{number},env,{number}" for number in range(3)]
    text = "\n".join(["provider,region,type,id,key,value", *rows])
    done = untag(*words, "-", stdin=text)
    assert done.code == 0
    assert done.err.splitlines()[:2] == [
        "stdin is read as CSV with commas; * is any value, an empty cell the empty one",
        "warning: region cn-nort-1 is not among those that JD Cloud documents; did you mean cn-north-1?",
    ]
    assert done.err.count("cn-nort-1") == 1


def test_help_comes_at_once_and_loads_no_cloud(untag: Any) -> None:
    done = untag("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.code == 0
    assert "check" in done.out
    loaded = {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import time:")}
    assert not loaded & {"moto", "boto3", "duckdb", "pydantic", "httpx", "untag.providers"}


@pytest.mark.parametrize(
    ("type_", "meant"),
    [
        ("compute.googleapis.com/Instnce", "compute.googleapis.com/Instance"),
        ("pubsub.googleapis.com/topic", "pubsub.googleapis.com/Topic"),
        ("compute.googleapis.com/Network", None),
        ("compute.googleapis.com/InstanceTemplate", None),
        ("run.googleapis.com/Service", None),
    ],
)
def test_a_type_that_a_cloud_does_not_know_is_no_other_of_the_same_service(
    untag: Any, type_: str, meant: str | None
) -> None:
    body = {"provider": "gcp", "resources": [{"type": type_, "ids": ["x"]}], "tags": [{"key": "env"}]}
    (problem,) = untag("check", untag.write("a.json", body), "--json").json["problems"]
    assert problem["hint"] == (f"did you mean {meant}?" if meant else "")
