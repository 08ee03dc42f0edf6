"""What the decommission function asks for, and in whose account."""

import json
from collections import Counter
from typing import Any

import pytest
from changed_providers import CaselessJDCloud
from decommission_samples import TRACE_ID, VOLUME, notification, ours, sample, smn, trace
from decommission_support import PROJECT, QUEUE_ARN, Desk, huawei, jd, pairs, record, tms, vm
from service_house import ENVIRON

from untag.contracts import InvalidInputError, parse_requests
from untag.decommission.service import Decommissioner
from untag.hosts.aws import LambdaFunction
from untag.providers import Registry

# What is asked for.


def test_all_means_every_tag_that_stands_there_as_a_literal_pair(desk: Desk):
    jd(desk, "i-1", env="prod", owner="li.wei")
    assert desk.work(ours(reason="sold")) == []
    assert desk.requests == [
        {
            "id": "ev-1",
            "provider": "jdcloud",
            "account": "default",
            "region": "cn-north-1",
            "reason": "sold",
            "resources": [{"type": "vm", "ids": ["i-1"]}],
            "tags": [{"key": "env", "value": "prod"}, {"key": "owner", "value": "li.wei"}],
        }
    ]
    assert desk.notices == desk.letters == desk.writes() == []


def test_the_sample_trace_asks_for_the_volumes_tags_in_its_project(desk: Desk):
    tms(desk, VOLUME, env="prod")
    assert desk.work(sample("cts_trace_deleteVolume")) == []
    (request,) = desk.requests
    assert request == {
        "id": TRACE_ID,
        "provider": "huaweicloud",
        "account": "default",
        "project_id": PROJECT,
        "reason": "CTS EVS deleteVolume",
        "resources": [{"type": "disk", "ids": [VOLUME]}],
        "tags": [{"key": "env", "value": "prod"}],
    }


def test_resources_of_several_apis_are_read_each_where_it_belongs(desk: Desk):
    tms(desk, "v-1", env="prod")
    desk.config.tags.load([{"type": "config:policyAssignments", "id": "pa-1", "tags": {"env": "prod", "a": "b"}}])
    event = huawei("v-1")
    event["detail"]["resources"].append({"type": "config:policyAssignments", "ids": ["pa-1"]})
    assert desk.work(event) == []
    assert {request["id"] for request in desk.requests} == {"ev-1-1", "ev-1-2"}
    assert pairs(desk.requests) == Counter(
        [
            ("disk", "v-1", "env", "prod"),
            ("config:policyAssignments", "pa-1", "a", "b"),
            ("config:policyAssignments", "pa-1", "env", "prod"),
        ]
    )


def test_tags_that_the_event_names_are_asked_for_without_a_read(desk: Desk):
    assert desk.work(vm("i-1", "i-2", tags=[{"key": "env", "value": "prod"}, {"key": "owner"}])) == []
    assert pairs(desk.requests) == Counter(
        [("vm", id_, *tag) for id_ in ("i-1", "i-2") for tag in (("env", "prod"), ("owner", None))]
    )
    assert list(desk.jd.calls) == []


@pytest.mark.parametrize(
    ("policy", "meant"),
    [
        ("all", {"env", "Env", "cost-center", "owner"}),
        ("ALL", {"env", "Env", "cost-center", "owner"}),
        ("", {"env", "Env", "cost-center", "owner"}),
        ("env", {"env"}),
        ("cost-*, owner", {"cost-center", "owner"}),
        ("[eE]nv", {"env", "Env"}),
        ("*", {"env", "Env", "cost-center", "owner"}),
        ("nothing", set()),
    ],
)
def test_the_policy_is_all_or_globs_of_keys_and_never_the_clouds_own(policy: str, meant: set[str]):
    with Desk({"UNTAG_DECOMMISSION_TAGS": policy}) as desk:
        tags = {"env": "1", "Env": "2", "cost-center": "3", "owner": "4", "_sys_made-by": "5"}
        desk.tms.tags.load([{"region": PROJECT, "type": "disk", "id": "v-1", "tags": tags}])
        assert desk.work(huawei("v-1")) == []
        assert {tag["key"] for request in desk.requests for tag in request["tags"]} == meant
        assert [notice["code"] for notice in desk.notices] == ([] if meant else ["no_tags"])


def test_the_policys_globs_and_the_clouds_own_keys_are_compared_as_the_cloud_compares_keys():
    with Desk({"UNTAG_DECOMMISSION_TAGS": "ENV,Jrn:*"}, changed=[CaselessJDCloud]) as desk:
        tags = {"Env": "1", "other": "2", "JRN:made-by": "3"}
        desk.jd.tags.load([{"region": "cn-north-1", "type": "vm", "id": "i-1", "tags": tags}])
        assert desk.work(vm("i-1")) == []
        assert pairs(desk.requests) == Counter([("vm", "i-1", "Env", "1")])


def test_a_request_names_no_more_pairs_than_the_stack_takes_and_all_of_them_together_name_each_once():
    with Desk({"UNTAG_MAX_PAIRS": "7"}) as desk:
        ids = [f"i-{number}" for number in range(10)]
        jd(desk, *ids, **{f"k{number}": "v" for number in range(3)})
        jd(desk, "i-10", other="x")
        assert desk.work(vm(*ids, "i-10")) == []
        assert pairs(desk.requests) == Counter(
            [("vm", id_, f"k{number}", "v") for id_ in ids for number in range(3)] + [("vm", "i-10", "other", "x")]
        )
        for request in desk.requests:
            (parsed,) = parse_requests(request, "none")
            assert parsed.pairs() <= 7
        assert sorted(request["id"] for request in desk.requests) == sorted(f"ev-1-{n}" for n in range(1, 7))


def test_the_same_event_asks_for_the_same_under_the_same_ids(desk: Desk):
    jd(desk, "i-1", "i-2", env="prod")
    jd(desk, "i-3", owner="li.wei")
    assert desk.batch(record(vm("i-1", "i-2", "i-3"), "m-1"), record(vm("i-1", "i-2", "i-3"), "m-2")) == []
    requests = desk.requests
    assert len(requests) == 4
    assert [request for request in requests if requests.count(request) == 2] == requests


def test_several_events_in_one_body_each_ask_for_their_own():
    event = smn(json.dumps(trace()), json.dumps(notification(resource={"project_id": PROJECT}, domain_id="d-1")), "no")
    accounts = "huaweicloud/d-1=default,huaweicloud/7e0d78c85***d0b9b7cba=default"
    with Desk({"UNTAG_ACCOUNTS": accounts}) as desk:
        tms(desk, VOLUME, "vol-1", env="prod")
        assert desk.work(event) == []
        assert pairs(desk.requests) == Counter([("disk", VOLUME, "env", "prod"), ("disk", "vol-1", "env", "prod")])
        assert [(notice["kind"], notice["errors"][0]["path"]) for notice in desk.notices] == [("rejected", "message")]
        ((body, attributes),) = desk.letters
        assert attributes["code"] == "invalid"
        assert [record["smn"]["message"] for record in json.loads(body)["record"]] == ["no"]


def test_one_of_several_events_whose_account_is_not_known_is_buried_alone_and_can_be_sent_again():
    event = smn(json.dumps(trace()), json.dumps(notification(resource={"project_id": PROJECT})))
    with Desk() as desk:
        tms(desk, VOLUME, "vol-1", env="prod")
        assert desk.work(event) == []
        assert pairs(desk.requests) == Counter([("disk", VOLUME, "env", "prod")])
        ((body, attributes),) = desk.letters
        assert attributes["code"] == "unknown_account"
        assert "huaweicloud/d-1" in attributes["reason"]
    with Desk({"UNTAG_ACCOUNTS": "huaweicloud/d-1=default"}) as desk:
        tms(desk, VOLUME, "vol-1", env="prod")
        assert desk.work(body) == []
        assert pairs(desk.requests) == Counter([("disk", "vol-1", "env", "prod")])


# Accounts.


def test_a_domain_selects_its_account():
    domains = "huaweicloud/7e0d78c85***d0b9b7cba=prod,huaweicloud/other=default,jdcloud/other=x"
    with Desk({"UNTAG_ACCOUNTS": domains, "UNTAG_CREDENTIALS": "secretsmanager:untag"}) as desk:
        desk.aws.secrets["untag/huaweicloud/prod"] = desk.tms.secrets["default"]
        tms(desk, VOLUME, env="prod")
        assert desk.work(trace()) == []
        assert [request["account"] for request in desk.requests] == ["prod"]


@pytest.mark.parametrize("domain", ["somebody-elses", ..., "", {}, "7e0d78c85***d0b9b7cba "])
def test_a_domain_that_nobody_configured_is_a_dead_letter_and_never_the_default_accounts(desk: Desk, domain: Any):
    tms(desk, VOLUME, env="prod")
    event = trace(domain_id=domain, user=...)
    assert desk.work(event) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (event, "unknown_account")
    assert attributes["source"] == QUEUE_ARN
    assert desk.requests == desk.notices == list(desk.tms.calls) == []


def test_a_domain_of_one_provider_is_not_anothers():
    with Desk({"UNTAG_ACCOUNTS": "jdcloud/7e0d78c85***d0b9b7cba=default"}) as desk:
        assert desk.work(trace()) == []
        assert [attributes["code"] for _, attributes in desk.letters] == ["unknown_account"]


def test_a_dead_letter_of_an_event_that_cannot_be_served_bears_the_events_id(desk: Desk):
    assert desk.work(trace(domain_id="somebody-elses")) == []
    assert desk.work(vm("i-1", account="nobodys", batch="b-1")) == []
    assert [(found["request_id"], found.get("batch")) for _, found in desk.letters] == [
        (TRACE_ID, None),
        ("ev-1", "b-1"),
    ]


@pytest.mark.parametrize(
    "accounts",
    [
        *("a", "a=", "=b", "huaweicloud/a=b,huaweicloud/a=c", "huaweicloud/a=b/c", "huaweicloud/a=../default"),
        *("a=b", "canary-0123=production", "/a=b", "huaweicloud/=b", "Huawei/a=b", "huaweicloud/a/c=b"),
        "huaweicloud/a=b,c=d",
    ],
)
def test_a_mistake_in_the_accounts_names_the_variable_and_the_form_and_not_its_value(accounts: str):
    with pytest.raises(InvalidInputError, match="UNTAG_ACCOUNTS: should be provider/number=account") as caught:
        LambdaFunction(Decommissioner, {**ENVIRON, "UNTAG_ACCOUNTS": accounts})
    assert "canary" not in str(caught.value)
    assert "../" not in str(caught.value)


# What no request can name.


def test_a_tag_whose_value_no_request_can_name_is_asked_for_by_its_key(desk: Desk):
    jd(desk, "i-1", "i-2", env="prod", note="")
    jd(desk, "i-3", env="prod", note="x")
    assert desk.work(vm("i-1", "i-2", "i-3")) == []
    assert pairs(desk.requests) == Counter(
        [("vm", id_, "env", "prod") for id_ in ("i-1", "i-2", "i-3")]
        + [("vm", "i-1", "note", None), ("vm", "i-2", "note", None), ("vm", "i-3", "note", "x")]
    )
    assert all(Registry().checked(parse_requests(one, "x"), listed=False)
               for one in desk.requests)  # fmt: skip
    assert desk.notices == desk.letters == []


def test_a_tag_that_no_request_can_name_at_all_is_left_out_alone_and_told(desk: Desk):
    desk.jd.tags.load([
        {"region": "cn-north-1", "type": "vm", "id": "i-1", "tags": {"env": "prod", "k" * 128: "v", "note": ""}},
        {"region": "cn-north-1", "type": "vm", "id": "i-2", "tags": {"k" * 128: "v"}},
    ])  # fmt: skip
    assert desk.work(vm("i-1", "i-2", batch="b-1")) == []
    assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod"), ("vm", "i-1", "note", None)])
    (notice,) = desk.notices
    assert (notice["status"], notice["code"], notice["batch"]) == ("partial", "unremovable", "b-1")
    assert notice["counts"] == {"requests": 1, "unremovable": 2}
    assert notice["details"] == [
        {"type": "vm", "resource_id": id_, "key": "k" * 128, "code": "unremovable"} for id_ in ("i-1", "i-2")
    ]
    assert "127 characters" in notice["reason"]
    assert desk.letters == []


def test_an_event_of_which_no_tag_can_be_named_is_skipped_and_says_so(desk: Desk):
    jd(desk, "i-1", **{"k" * 128: "v"})
    assert desk.work(vm("i-1")) == []
    assert [(notice["status"], notice["code"]) for notice in desk.notices] == [("skipped", "unremovable")]
    assert desk.requests == desk.letters == []


# Batches and ids.


def test_an_events_batch_is_its_requests_batch(desk: Desk):
    jd(desk, "i-1", env="prod")
    jd(desk, "i-2", owner="li.wei")
    assert desk.work(vm("i-1", "i-2", "i-3", batch="cleanup-2026-11")) == []
    assert [request["batch"] for request in desk.requests] == ["cleanup-2026-11"] * 2
    (notice,) = desk.notices
    assert notice["batch"] == desk.aws.attributes[0]["batch"] == "cleanup-2026-11"


def test_an_event_without_a_batch_makes_requests_without_one(desk: Desk):
    jd(desk, "i-1", env="prod")
    assert desk.work(vm("i-1")) == []
    assert "batch" not in desk.requests[0]


def test_an_events_long_id_makes_ids_that_are_accepted():
    with Desk({"UNTAG_MAX_PAIRS": "1"}) as desk:
        ids = [f"i-{number}" for number in range(12)]
        jd(desk, *ids, env="prod")
        assert desk.work({**vm(*ids), "id": "é" * 240}) == []
        assert len({request["id"] for request in desk.requests}) == 12
        assert all(len(request["id"]) <= 256 for request in desk.requests)
