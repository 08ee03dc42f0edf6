"""What the decommission function asks for, and in whose account."""

import json
from collections import Counter
from typing import Any

import pytest
from decommission_samples import TRACE_ID, VOLUME, notification, ours, sample, smn, trace
from decommission_support import PROJECT, QUEUE_ARN, Desk, huawei, jd, pairs, record, tms, vm
from service_house import ENVIRON

from untag.contracts import InvalidInputError, parse_requests
from untag.decommission.service import Decommissioner

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
    with Desk({"UNTAG_ACCOUNTS": "d-1=default,7e0d78c85***d0b9b7cba=default"}) as desk:
        tms(desk, VOLUME, "vol-1", env="prod")
        assert desk.work(event) == []
        assert pairs(desk.requests) == Counter([("disk", VOLUME, "env", "prod"), ("disk", "vol-1", "env", "prod")])
        assert [notice["code"] for notice in desk.notices] == ["not_json"]


# Accounts.


def test_a_domain_selects_its_account():
    domains = "7e0d78c85***d0b9b7cba=prod,other=default"
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


@pytest.mark.parametrize("accounts", ["a", "a=", "=b", "a=b,a=c", "a=b/c", "a=../default"])
def test_a_mistake_in_the_accounts_names_the_variable_and_not_its_value(accounts: str):
    with pytest.raises(InvalidInputError, match="UNTAG_ACCOUNTS") as caught:
        Decommissioner({**ENVIRON, "UNTAG_ACCOUNTS": accounts})
    assert "../" not in str(caught.value)
