"""`untag local put` and `send`: files of one's own at the local stack."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cli_support import Untag, request
from local_support import up

CSV = """provider,account,region,project_id,type,id,key,value
jdcloud,shop,cn-north-1,,vm,i-own1,env,prod
jdcloud,shop,cn-north-1,,vm,i-own1,team,*
jdcloud,,cn-north-1,,disk,vol-own,env,prod
huaweicloud,shop,cn-east-3,,ecs,ecs-own,env,prod
huaweicloud,shop,,5f0c2a9d8e7b46310f00c0de000000aa,disk,disk-own,env,prod
huaweicloud,,,,config:aggregators,ag-own,env,prod
aws,shop,eu-west-1,,ec2:instance,i-0own,env,prod
aws,,eu-west-1,,sqs:queue,arn:aws:sqs:eu-west-1:123456789012:own,env,
aws,shop,us-east-1,,iam:role,own,env,prod
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Untag]:
    untag = Untag(tmp_path_factory.mktemp("own files"), {})
    with up(untag, "--batching-window", "0.1"):
        yield untag


def tags_at(stack: Untag, server: str) -> Any:
    return stack("local", "state", "--json").json["providers"][server]["tags"]


def test_what_a_csv_names_is_made_and_what_is_sent_then_removes_it(stack: Untag) -> None:
    # A function is warm by now, and has read the credentials that there were.
    assert stack("local", "send", stack.write("first.json", request(["i-dry01"])), "--wait", "60").code == 0
    file = stack.write("own.csv", CSV)
    put = stack("local", "put", file, "--json")
    assert put.code == 0, put.out
    assert put.json["accounts"] == ["aws/shop", "huaweicloud/shop", "jdcloud/shop"]
    assert {"provider": "jdcloud", "account": "shop", "region": "cn-north-1", "project_id": ""}.items() <= next(
        row for row in put.json["made"] if row["account"] == "shop" and row["type"] == "vm"
    ).items()
    assert put.json["notes"] == ["a tag that is asked for with any value gets the value example"]
    assert tags_at(stack, "jdcloud")["shop"] == {"cn-north-1": {"vm": {"i-own1": {"env": "prod", "team": "example"}}}}
    assert tags_at(stack, "jdcloud")["default"]["cn-north-1"]["disk"]["vol-own"] == {"env": "prod"}
    assert tags_at(stack, "aws")["default"]["eu-west-1"]["sqs:queue"] == {
        "arn:aws:sqs:eu-west-1:123456789012:own": {"env": ""}
    }
    sent = stack("local", "send", file, "--wait", "60")
    assert sent.code == 0, sent.err
    outcomes = [
        (report["provider"], report["account"], row["resource_id"], row["outcome"])
        for report in stack.reports()
        if report["id"].startswith("own-")
        for row in report["outcomes"]
    ]
    assert sorted(outcomes) == [
        ("aws", "default", "arn:aws:sqs:eu-west-1:123456789012:own", "removed"),
        ("aws", "shop", "i-0own", "removed"),
        ("aws", "shop", "own", "removed"),
        ("huaweicloud", "default", "ag-own", "removed"),
        ("huaweicloud", "shop", "disk-own", "removed"),
        ("huaweicloud", "shop", "ecs-own", "removed"),
        ("jdcloud", "default", "vol-own", "removed"),
        ("jdcloud", "shop", "i-own1", "removed"),
        ("jdcloud", "shop", "i-own1", "removed"),
    ]
    assert tags_at(stack, "jdcloud")["shop"] == {"cn-north-1": {"vm": {"i-own1": {}}}}


def test_the_command_itself_acts_at_the_accounts_that_were_made(stack: Untag) -> None:
    environment = stack("local", "env", "--json").json
    file = stack.write("again.json", request(["i-again"], account="market"))
    assert stack("local", "put", file, "--json").json["accounts"] == ["jdcloud/market"]
    done = stack("run", file, "--yes", "--expect", "1", "--json", **environment)
    assert done.json["pairs"] == {"removed": 1}


def test_a_sweep_finds_what_was_put_for_it(stack: Untag) -> None:
    rule = {
        "name": "old",
        "provider": "jdcloud",
        "regions": ["cn-south-1"],
        "types": ["vm"],
        "match": {"key": {"glob": "until-*"}, "value": {"expired": "%Y-%m-%d"}},
        "remove": ["owner"],
    }
    unlikely = {**rule, "name": "unlikely", "match": {"key": {"regex": "a{7}"}}}
    file = stack.write("sweep.json", {"id": "my-sweep", "rules": [rule, unlikely]})
    put = stack("local", "put", file, "--json").json
    assert "the rule unlikely: no tag can be made up that it matches, so nothing is made for it" in put["notes"]
    assert stack("local", "send", file, "--wait", "60").code == 0
    (resource,) = tags_at(stack, "jdcloud")["default"]["cn-south-1"]["vm"].values()
    assert list(resource) == ["until-example"]


def test_every_tag_and_a_restore_have_their_resources(stack: Untag) -> None:
    back = request(["i-back"], id="back", action="restore")
    every = request(["i-every"], id="every", tags="all")
    file = stack.write("two.jsonl", f"{json.dumps(back)}\n{json.dumps(every)}\n")
    put = stack("local", "put", file)
    assert "back puts tags back: its resources are made without them" in put.out
    assert "every asks for every tag: its resources get env=example, owner=example" in put.out
    machines = tags_at(stack, "jdcloud")["default"]["cn-north-1"]["vm"]
    assert (machines["i-back"], machines["i-every"]) == ({}, {"env": "example", "owner": "example"})
    assert stack("local", "send", file, "--wait", "60").code == 0
    machines = tags_at(stack, "jdcloud")["default"]["cn-north-1"]["vm"]
    assert (machines["i-back"], machines["i-every"]) == ({"env": "prod"}, {})


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (request(["i-1"], provider="jdclod"), "jdcloud"),
        (
            request(["ecs-1"], provider="huaweicloud", region=None, resources=[{"type": "ecs", "ids": ["ecs-1"]}]),
            "name its project_id or region",
        ),
        (
            request([], provider="aws", resources=[{"type": "sqs:queue", "ids": ["arn:aws:sqs:x-1:210987654321:q"]}])
            | {"region": "x-1"},
            "default has the number 123456789012 here",
        ),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_made(stack: Untag, body: Any, complaint: str) -> None:
    before = stack("local", "state", "--json").json["providers"]
    body = {name: value for name, value in body.items() if value is not None}
    own = request(["i-2"], account="never")
    done = stack("local", "put", stack.write("bad.json", [own, body]))
    assert done.code in (1, 2)
    assert complaint in done.err
    assert stack("local", "state", "--json").json["providers"] == before
    accounts = json.loads((stack.folder / "stack.accounts.json").read_text(encoding="utf-8"))
    assert "jdcloud/never" not in accounts
    assert (stack.folder / "stack.accounts.json").stat().st_mode & 0o077 == 0


def test_a_bad_row_of_a_csv_is_named_and_nothing_is_sent(stack: Untag) -> None:
    file = stack.write("bad.csv", CSV + "jdcloud,shop,cn-north-1,,vm,,env,prod\n")
    done = stack("local", "send", file)
    assert done.code == 2
    assert "bad.csv:11" in done.err


def test_a_file_is_sent_and_not_fired(stack: Untag) -> None:
    done = stack("local", "fire", stack.write("a file.json", {}))
    assert done.code == 2
    assert "untag local send 'a file.json'" in done.err
