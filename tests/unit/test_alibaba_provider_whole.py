"""Removals, undo and sweeps at a local Alibaba Cloud, through the functions: the reports say what happened there."""

import json
import time
from pathlib import Path

import pytest
from alibaba_support import NUMBER, REGION, arn
from aws_model import QUEUE, AwsModel
from service_house import ENVIRON, CloudWire, record
from sweep_support import SWEEPS

from local.providers import AlibabaOptions, AlibabaServer, AlibabaStsServer, environment
from untag.hosts.aws import LambdaFunction
from untag.removal import Remover
from untag.sweep.service import Sweeper

HOST, STS = "tag.example.com", "sts.example.com"
EVENT = json.loads((Path(__file__).parents[2] / "events" / "alibabacloud_manual.json").read_text(encoding="utf-8"))


def load(cloud, *ids, type_="ecs:instance", **tags):
    cloud.tags.load([{"region": REGION, "type": type_, "id": arn(id_), "tags": tags} for id_ in ids])


def request(*ids, tags=({"key": "env", "value": "prod"},), **more):
    resources = [{"type": "ecs:instance", "ids": list(ids)}]
    return {
        "id": "chg-1",
        "provider": "alibabacloud",
        "region": REGION,
        "resources": resources,
        "tags": list(tags),
    } | more


def work(cloud, *requests, service=Remover, **settings):
    """The rows of all reports, and the model with what else was sent."""
    model = AwsModel()
    model.queues[SWEEPS] = []
    sts = AlibabaStsServer(cloud.credentials)
    variables = environment([cloud, sts], alibabacloud_tag=f"https://{HOST}", alibabacloud_sts=f"https://{STS}")
    function = LambdaFunction(
        service,
        {**variables, **ENVIRON, "UNTAG_RATE": "10000", "UNTAG_SWEEP_QUEUE_URL": SWEEPS, **settings},
        transport=CloudWire(model, {HOST: cloud, STS: sts}),
    )
    bodies = list(requests)
    until = time.monotonic() + 30
    try:
        while bodies and time.monotonic() < until:
            records = [record(body, f"m-{number}") for number, body in enumerate(bodies)]
            assert function.batch(records, lambda: 600.0) == {"batchItemFailures": []}
            bodies = [message["MessageBody"] for message in model.queues[SWEEPS]]
            model.queues[SWEEPS].clear()
    finally:
        function.runtime.close()
    return [row for report in model.reports for row in report.get("outcomes", ())], model


def outcomes(rows):
    return {(row["resource_id"].rpartition("/")[2], row["key"]): row["outcome"] for row in rows}


@pytest.mark.parametrize(
    "options",
    [
        AlibabaOptions(),
        AlibabaOptions(names="sent", no_failure="absent", list_untagged=True),
        AlibabaOptions(no_failure="null", unknown_arn="done"),
    ],
)
def test_the_event_is_carried_out_and_can_be_undone(options):
    cloud = AlibabaServer(options=options)
    cloud.seed()
    before = cloud.tags.pairs()
    rows, _ = work(cloud, EVENT)
    assert {row["outcome"] for row in rows} == {"removed"}
    assert len(rows) == len({(row["resource_id"], row["key"]) for row in rows}) == EVENT["expect"]
    assert {pair.key for pair in cloud.tags.pairs()} == {"owner", "backup", "acs:rm:rgId"}
    rows, _ = work(cloud, EVENT | {"id": "again"})
    assert {row["outcome"] for row in rows} == {"absent"}
    rows, _ = work(cloud, EVENT | {"id": "back", "action": "restore"})
    assert {row["outcome"] for row in rows} == {"restored"}
    assert cloud.tags.pairs() == before


def test_a_thousand_resources_with_equal_tags_take_twenty_writing_calls():
    cloud = AlibabaServer()
    names = [f"i-{number}" for number in range(1000)]
    load(cloud, *names, env="prod")
    rows, _ = work(cloud, request(*names))
    assert {row["outcome"] for row in rows} == {"removed"}
    assert [sum(call.writing is kind for call in cloud.calls) for kind in (True, False)] == [20, 20]


def test_reserved_keys_are_never_touched_and_other_values_stay():
    cloud = AlibabaServer()
    load(cloud, "i-1", **{"env": "test", "acs:rm:rgId": "rg", "aliyunx": "y", "a": "1"})
    rows, _ = work(
        cloud, request("i-1", tags=({"key": "env", "value": "prod"}, {"key": "acs:rm:rgId"}, {"key": "aliyunx"}))
    )
    assert outcomes(rows) == {
        ("i-1", "env"): "absent",
        ("i-1", "acs:rm:rgId"): "protected",
        ("i-1", "aliyunx"): "protected",
    }
    rows, _ = work(cloud, request("i-1", tags=(), id="all") | {"tags": "all"})
    assert outcomes(rows) == {("i-1", "env"): "removed", ("i-1", "a"): "removed"}
    assert {pair.key for pair in cloud.tags.pairs()} == {"acs:rm:rgId", "aliyunx"}


def test_an_arn_of_another_account_takes_down_none_of_its_neighbours():
    cloud = AlibabaServer()
    load(cloud, "i-1", "i-2", env="prod")
    foreign = arn("i-3").replace(NUMBER, "99")
    rows, model = work(cloud, request("i-1", foreign, "i-2"))
    assert outcomes(rows) == {("i-1", "env"): "removed", ("i-3", "env"): "failed", ("i-2", "env"): "removed"}
    assert [json.loads(body)["resources"][0]["ids"] for body, _ in model.letters()] == [[foreign]]


def test_a_tag_is_not_called_absent_for_an_arn_that_is_not_written_as_the_types_are():
    cloud = AlibabaServer()
    load(cloud, "i-1", "i-2", env="prod")
    rows, _ = work(cloud, request(f"arn:acs:ecs:{REGION}:*:instance:i-1", "i-2"))
    assert {(row["resource_id"], row["outcome"], row.get("code")) for row in rows} == {
        (f"arn:acs:ecs:{REGION}:*:instance:i-1", "failed", "not_listed"),
        ("i-2", "removed", None),
    }
    assert {pair.id for pair in cloud.tags.pairs()} == {arn("i-1")}


@pytest.mark.parametrize("settings", [{}, {"UNTAG_READ_FIRST": "false"}])
def test_a_bare_id_of_an_unknown_type_takes_down_none_of_its_neighbours(settings):
    cloud = AlibabaServer()
    names = [f"arn:acs:foo:{REGION}:{NUMBER}:bar/y-{number}" for number in range(20)]
    cloud.tags.load([{"region": REGION, "type": "foo:bar", "id": name, "tags": {"env": "prod"}} for name in names])
    ids = [*names[:7], "x-1", *names[7:], "x-2"]
    rows, model = work(cloud, request() | {"resources": [{"type": "foo:bar", "ids": ids}]}, **settings)
    told = {row["resource_id"]: row for row in rows}
    assert {name: told.pop(name)["outcome"] for name in names} == dict.fromkeys(names, "removed")
    assert {id_: (row["outcome"], row["code"]) for id_, row in told.items()} == {
        "x-1": ("failed", "unknown_type"),
        "x-2": ("failed", "unknown_type"),
    }
    assert all("name the resource by its ARN" in row["message"] for row in told.values())
    assert len(rows) == len(ids)
    assert model.messages(QUEUE) == []
    assert cloud.tags.pairs() == set()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"do": "partial", "code": "OperationDenied"}, "failed"),
        ({"do": "partial", "code": "Throttling.User"}, None),
        ({"do": "partial", "code": "InternalError"}, None),
        ({"do": "partial", "code": "OperationDenied", "applied": True}, "absent"),
    ],
)
def test_a_failure_inside_a_success_is_never_said_to_be_removed(fault, outcome):
    cloud = AlibabaServer()
    load(cloud, "i-1", "i-2", env="prod")
    cloud.faults.add(**fault, ids=[arn("i-2")])
    rows, model = work(cloud, request("i-1", "i-2"))
    told = outcomes(rows)
    assert told.pop(("i-1", "env")) == "removed"
    assert told == ({("i-2", "env"): outcome} if outcome else {})
    left = [id_ for body in model.messages(QUEUE) for group in body["resources"] for id_ in group["ids"]]
    assert left == ([] if outcome else ["i-2"])


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "throttle"},
        {"do": "unavailable"},
        {"do": "reset"},
        {"do": "truncate", "applied": False},
        {"do": "not_json"},
        {"do": "empty"},
        {"do": "other_ids", "applied": False},
        {"do": "status", "status": 400, "code": "SignatureNonceUsed"},
        {"do": "unauthorized"},
    ],
)
def test_nothing_is_said_to_be_removed_that_was_not_and_nothing_is_lost(fault):
    cloud = AlibabaServer()
    load(cloud, "i-1", env="prod")
    cloud.faults.add(**fault, operation="writing")
    rows, model = work(cloud, request("i-1"))
    assert rows == []
    ((left,),) = ([body["resources"] for body in model.messages(QUEUE)],)
    assert left == [{"type": "ecs:instance", "ids": ["i-1"]}]
    assert {pair.key for pair in cloud.tags.pairs()} == {"env"}


def test_each_attempt_is_signed_afresh():
    cloud = AlibabaServer()
    load(cloud, "i-1", env="prod")
    cloud.faults.add("status", status=500, operation="writing", times=1)
    rows, _ = work(cloud, request("i-1"))
    assert len({call.signature for call in cloud.calls}) == len(cloud.calls)
    assert "SignatureNonceUsed" not in {call.code for call in cloud.calls}
    assert {row["outcome"] for row in rows} <= {"removed"}


def test_a_sweep_finds_every_resource_that_bears_the_tag_page_by_page():
    cloud = AlibabaServer()
    names = [f"i-{number:04}" for number in range(1100)]
    load(cloud, *names, tmp="x", owner="li")
    load(cloud, "i-other", env="x")
    rule = {"name": "tmp", "provider": "alibabacloud", "regions": [REGION], "match": {"key": "tmp"}}
    for types in (["ecs:instance"], "all"):
        sweep = {"id": "sweep-1", "rules": [{**rule, "types": types, "limit": 5000}]}
        _, model = work(cloud, sweep, service=Sweeper)
        asked = {
            (group["type"], id_)
            for body in model.messages(QUEUE)
            for group in body["resources"]
            for id_ in group["ids"]
        }
        assert asked == {("ecs:instance", arn(name)) for name in names}
        assert {tag["key"] for body in model.messages(QUEUE) for tag in body["tags"]} == {"tmp"}
    assert {call.operation for call in cloud.calls} == {"ListTagResources"}
