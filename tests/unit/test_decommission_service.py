"""The decommission function: what it asks for, what it tells, what it buries and what comes again."""

import asyncio
import importlib.util
import io
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest
from aws_model import DEAD_LETTERS, AwsModel, down
from bookkeeping import Json, named
from hypothesis import given, settings
from hypothesis import strategies as st
from service_house import ENVIRON, _Wire
from test_decommission_events import NEARLY, SAMPLES, notification, ours, sample, smn, trace
from virtual_time import Clock, VirtualLoop

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer, JdcloudServer, ProviderServer
from untag.contracts import InvalidInputError, parse_requests
from untag.decommission import service
from untag.decommission.reading import MOST_READS
from untag.decommission.service import GIVE_UP_RECEIVES, Decommissioner
from untag.records import SqsRecord
from untag.telemetry import logger

HANDLER = Path(__file__).parents[2] / "functions" / "decommission" / "app.py"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:untag-decommission"
PROJECT = "07066c6fc90025a02f6dc01e105b286e"
VOLUME = "bc661a99-3088-4e86-899f-fb4f46c2bb71"
TRACE_ID = "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb"
SECONDS = 120.0


class Desk:
    """The function with AWS's model, all local clouds and a clock of its own."""

    def __init__(self, environ: Mapping[str, str] = {}) -> None:
        self.clock = Clock()
        self.jd, self.config, self.tms = JdcloudServer(), HuaweicloudConfigServer(), HuaweicloudTmsServer()
        self.aws = AwsModel()
        clouds: dict[str, ProviderServer] = {}
        variables: dict[str, str] = {}
        for server in (self.jd, self.config, self.tms):
            variables |= server.environment
        for name, server in (("JDCLOUD", self.jd), ("HUAWEICLOUD_CONFIG", self.config), ("HUAWEICLOUD_TMS", self.tms)):
            host = f"{name.lower().replace('_', '-')}.example.com"
            variables[f"UNTAG_{name}_ENDPOINT"] = f"https://{host}"
            clouds[host] = server
        timing = self.clock.timing(random.Random(0).random)  # noqa: S311 - repeatable, not secret
        self.made = Decommissioner(
            {**variables, **ENVIRON, **environ}, timing=timing, transport=_Wire(self.aws, clouds)
        )
        self.made._runtime._loop.close()
        self.made._runtime._loop = VirtualLoop(self.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.made._runtime._loop.run_until_complete(self.made._runtime.aws._client.aclose())
        self.made._runtime._loop.close()

    def batch(self, *records: SqsRecord) -> list[str]:
        answer = self.made.batch(list(records), self.clock.left(SECONDS))
        assert list(answer) == ["batchItemFailures"]
        assert not asyncio.all_tasks(self.made._runtime._loop), "nothing goes on behind an invocation's back"
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def work(self, event: Any, **fields: Any) -> list[str]:
        return self.batch(record(event, **fields))

    @property
    def requests(self) -> list[Json]:
        """What lies on the work queue; each is a request that is accepted as it lies."""
        for found in self.aws.messages():
            parse_requests(found, "none")
        return self.aws.messages()

    @property
    def notices(self) -> list[Json]:
        return self.aws.reports

    @property
    def letters(self) -> list[tuple[str, dict[str, str]]]:
        return self.aws.letters()

    def writes(self) -> list[Any]:
        return [change for server in (self.jd, self.config, self.tms) for change in server.tags.history]


def record(event: Any, id_: str = "m-1", *, receives: int = 1) -> SqsRecord:
    text = event if isinstance(event, str) else json.dumps(event)
    return SqsRecord(id_, text, receives, f"receipt-{id_}", QUEUE_ARN)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


def jd(desk: Desk, *ids: str, **tags: str) -> None:
    desk.jd.tags.load([{"region": "cn-north-1", "type": "vm", "id": id_, "tags": tags} for id_ in ids])


def tms(desk: Desk, *ids: str, type_: str = "disk", **tags: str) -> None:
    desk.tms.tags.load([{"region": PROJECT, "type": type_, "id": id_, "tags": tags} for id_ in ids])


def huawei(*ids: str, type_: str = "disk", **detail: Any) -> Json:
    resources = [{"type": type_, "ids": list(ids)}]
    return ours(**{"provider": "huaweicloud", "region": ..., "project_id": PROJECT, "resources": resources, **detail})


def vm(*ids: str, **detail: Any) -> Json:
    return ours(resources=[{"type": "vm", "ids": list(ids)}], **detail)


def pairs(requests: list[Json]) -> Counter[Any]:
    return Counter(named(requests))


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


# What is told.


@pytest.mark.parametrize("name", ["functiongraph_cts_trigger", "eventgrid_cloudevent_obs", "functiongraph_smn_trigger"])
def test_an_event_that_leads_to_no_request_publishes_a_notice_that_says_why(desk: Desk, name: str):
    assert desk.work(sample(name)) == []
    (notice,) = desk.notices
    assert (notice["kind"], notice["status"], notice["provider"]) == ("decommission", "skipped", "huaweicloud")
    assert notice["code"]
    assert notice["reason"] in notice["summary"]
    assert desk.aws.attributes[0]["kind"] == "decommission"
    assert desk.aws.attributes[0]["Subject"]
    assert desk.requests == desk.letters == []


def test_a_resource_that_the_cloud_does_not_know_any_more_leads_to_a_notice(desk: Desk):
    assert desk.work(huawei("v-1")) == []
    (notice,) = desk.notices
    assert (notice["id"], notice["account"], notice["status"], notice["code"]) == (
        *("ev-1", "default", "skipped", "not_found"),
    )
    assert notice["details"] == [{"type": "disk", "resource_id": "v-1", "code": "not_found"}]


def test_a_resource_without_tags_leads_to_a_notice(desk: Desk):
    jd(desk, "i-1")
    assert desk.work(ours()) == []
    assert [(notice["code"], notice["region"]) for notice in desk.notices] == [("no_tags", "cn-north-1")]


def test_resources_that_no_request_names_are_told_beside_those_that_one_does(desk: Desk):
    tms(desk, "v-1", env="prod")
    tms(desk, "v-2")
    assert desk.work(huawei("v-1", "v-2", "v-3")) == []
    (notice,) = desk.notices
    assert (notice["status"], notice["code"]) == ("partial", "several")
    assert notice["counts"] == {"requests": 1, "no_tags": 1, "not_found": 1}
    assert {row["resource_id"] for row in notice["details"]} == {"v-2", "v-3"}
    assert pairs(desk.requests) == Counter([("disk", "v-1", "env", "prod")])


def test_a_notice_of_thousands_of_resources_counts_them_all_and_fits_a_message(desk: Desk):
    ids = [f"{'x' * 500}-{number}" for number in range(1500)]
    assert desk.work(vm(*ids)) == []
    (notice,) = desk.notices
    assert notice["counts"] == {"no_tags": 1500}
    assert len(json.dumps(notice)) < 100_000


def test_the_same_facts_have_the_same_report_id_and_other_facts_another(desk: Desk):
    for id_ in ("m-1", "m-2"):
        assert desk.batch(record(sample("eventgrid_cloudevent_obs"), id_)) == []
    assert desk.work({**sample("eventgrid_cloudevent_obs"), "id": "other"}) == []
    first, second, third = [notice["report_id"] for notice in desk.notices]
    assert first == second != third


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"UNTAG_ALLOWED_ACCOUNTS": "prod"}, "account_not_allowed"),
        ({"UNTAG_ALLOWED_REGIONS": "cn-east-2"}, "region_not_allowed"),
        ({"UNTAG_ALLOWED_TYPES": "disk"}, "type_not_allowed"),
    ],
)
def test_what_a_guardrail_holds_back_is_not_even_read(environ: Json, code: str):
    with Desk(environ) as desk:
        jd(desk, "i-1", env="prod")
        assert desk.work(vm("i-1", "i-2")) == []
        assert [(notice["code"], notice["counts"]) for notice in desk.notices] == [(code, {code: 2})]
        assert desk.requests == list(desk.jd.calls) == []


def test_requests_are_sent_before_notices_and_a_notice_that_fails_brings_the_event_again(desk: Desk):
    tms(desk, "v-1", env="prod")
    desk.aws.trouble = down("sns")
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert len(desk.requests) == 1
    desk.aws.trouble = lambda *_: None
    assert desk.work(huawei("v-1", "v-2")) == []
    assert len(desk.notices) == 1


def test_without_the_work_queue_nothing_is_told(desk: Desk):
    tms(desk, "v-1", env="prod")
    desk.aws.trouble = down("sqs")
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert desk.notices == []


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


# What cannot be read.


@pytest.mark.parametrize("do", ["throttle", "unavailable", "not_json"])
def test_an_event_whose_tags_cannot_be_read_now_comes_again_and_leaves_nothing_behind(desk: Desk, do: str):
    tms(desk, "v-1", "v-2", env="prod")
    fault = desk.tms.faults.add(do, ids=("v-2",))
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert desk.requests == desk.notices == desk.letters == []
    desk.tms.faults.remove(fault)
    assert desk.work(huawei("v-1", "v-2")) == []
    assert len(pairs(desk.requests)) == 2


def test_after_a_first_failure_the_other_resources_are_not_asked_for(desk: Desk):
    ids = [f"v-{number}" for number in range(400)]
    tms(desk, *ids, env="prod")
    desk.tms.faults.add("unavailable", ids=("v-0",))
    assert desk.work(huawei(*ids)) == ["m-1"]
    assert len(desk.tms.calls) < 100


def test_an_event_waits_for_an_account_that_another_one_has_seen_throttled(desk: Desk):
    tms(desk, "v-0", "v-1", "v-2", env="prod")
    assert desk.work(huawei("v-0")) == []
    desk.tms.faults.add("throttle", ids=("v-1",), retry_after="30")
    assert desk.batch(record(huawei("v-1"), "throttled")) == ["throttled"]
    assert desk.batch(record(huawei("v-2"), "patient")) == []
    assert 30.0 <= desk.clock.seconds < SECONDS
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == {"v-0", "v-2"}


def test_an_event_does_not_wait_for_longer_than_the_invocation_has(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    desk.tms.faults.add("throttle", ids=("v-1",), retry_after="300")
    assert desk.batch(record(huawei("v-1"), "throttled"), record(huawei("v-2"), "patient")) == ["throttled", "patient"]
    assert desk.clock.seconds < 10.0


def test_an_event_that_can_never_be_read_is_given_up_with_a_letter_that_says_why(desk: Desk):
    desk.tms.faults.add("unavailable")
    assert desk.work(huawei("v-1"), receives=GIVE_UP_RECEIVES - 1) == ["m-1"]
    assert desk.letters == []
    assert desk.work(huawei("v-1"), receives=GIVE_UP_RECEIVES) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (huawei("v-1"), "exhausted")
    assert f"{GIVE_UP_RECEIVES} receives" in attributes["reason"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"do": "forbidden", "code": "TMS.0004"}, "TMS.0004"),
        ({"do": "refuse", "code": "TMS.0002"}, "TMS.0002"),
        ({"do": "status", "status": 404, "code": "APIGW.0101"}, "APIGW.0101"),
    ],
)
def test_a_read_that_is_refused_makes_a_dead_letter_with_the_clouds_code(desk: Desk, fault: Json, code: str):
    tms(desk, "v-1", env="prod")
    rule = desk.tms.faults.add(**fault)
    assert desk.work(huawei("v-1")) == []
    ((body, attributes),) = desk.letters
    assert attributes["code"] == code
    assert attributes["reason"]
    assert desk.requests == desk.notices == []
    desk.tms.faults.remove(rule)
    assert desk.work(body) == []
    assert len(desk.requests) == 1


def test_without_a_key_for_the_account_the_event_is_a_dead_letter_that_can_be_sent_again(desk: Desk):
    assert desk.work(vm("i-1", account="nobodys")) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (vm("i-1", account="nobodys"), "no_credentials")


def test_without_a_project_the_event_is_a_dead_letter(desk: Desk):
    assert desk.work(huawei("v-1", project_id=..., region="cn-north-4")) == []
    assert [attributes["code"] for _, attributes in desk.letters] == ["no_project"]


def test_what_may_not_be_read_is_buried_by_itself_and_its_neighbours_are_served(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    rule = desk.tms.faults.add("forbidden", ids=("v-2",), code="TMS.0004")
    assert desk.work(huawei("v-1", "v-2", reason="sold")) == []
    assert pairs(desk.requests) == Counter([("disk", "v-1", "env", "prod")])
    ((body, attributes),) = desk.letters
    assert attributes["code"] == "TMS.0004"
    assert [(notice["status"], notice["counts"]) for notice in desk.notices] == [
        ("partial", {"requests": 1, "TMS.0004": 1})
    ]
    desk.tms.faults.remove(rule)
    assert desk.work(body) == []
    assert pairs(desk.requests[1:]) == Counter([("disk", "v-2", "env", "prod")])
    assert desk.requests[1]["id"] == "ev-1-rest"
    assert desk.requests[1]["reason"] == "sold"


def test_a_call_that_is_refused_for_one_of_its_ids_is_made_for_each_by_itself(desk: Desk):
    jd(desk, *(f"i-{number}" for number in range(5)), env="prod")
    desk.jd.faults.add("refuse", ids=("i-3",))
    assert desk.work(vm(*(f"i-{number}" for number in range(5)))) == []
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == {"i-0", "i-1", "i-2", "i-4"}
    assert len(desk.letters) == 1
    assert json.loads(desk.letters[0][0])["detail"]["resources"] == [{"type": "vm", "ids": ["i-3"]}]


def test_hundreds_of_reads_keep_the_accounts_pace_and_are_all_made_in_one_invocation(desk: Desk):
    ids = [f"v-{number}" for number in range(600)]
    tms(desk, *ids, env="prod")
    assert desk.work(huawei(*ids)) == []
    assert len(desk.tms.calls) == 600
    assert desk.clock.seconds > 25.0, "20 calls a second are Huawei Cloud's pace"
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == set(ids)


def test_an_account_that_is_slow_is_waited_for_while_there_is_time():
    with Desk({"UNTAG_RATE": "1"}) as desk:
        ids = [f"v-{number}" for number in range(60)]
        tms(desk, *ids, env="prod")
        assert desk.work(huawei(*ids)) == []
        assert desk.clock.seconds > 50.0
        assert {id_ for _, id_, _, _ in pairs(desk.requests)} == set(ids)
        tms(desk, *(f"w-{number}" for number in range(200)), env="prod")
        assert desk.work(huawei(*(f"w-{number}" for number in range(200)))) == ["m-1"]
        assert len(desk.requests) == 1


def test_a_bug_in_one_read_ends_the_others_and_brings_the_event_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    engine = desk.made._runtime.engine
    real = engine.read

    async def read(provider: Any, scope: Any, ids: tuple[str, ...], deadline: Any) -> Any:
        if "v-1" in ids:
            raise ZeroDivisionError
        return await real(provider, scope, ids, deadline)

    monkeypatch.setattr(engine, "read", read)
    tms(desk, "v-0", "v-1", "v-2", env="prod")
    assert desk.work(huawei("v-0", "v-1", "v-2")) == ["m-1"]
    assert desk.requests == []


def test_more_reads_than_an_invocation_has_time_for_are_refused_before_the_first(desk: Desk):
    ids = [f"v-{number}" for number in range(MOST_READS + 1)]
    assert desk.work(huawei(*ids)) == []
    ((_, attributes),) = desk.letters
    assert attributes["code"] == "invalid"
    assert "name the tags" in attributes["reason"]
    assert list(desk.tms.calls) == []
    assert desk.work(huawei(*ids, tags=[{"key": "env"}])) == []
    assert len(pairs(desk.requests)) == MOST_READS + 1


def test_an_event_that_is_not_finished_in_time_comes_again_and_its_neighbour_is_served(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    jd(desk, "i-1", env="prod")
    desk.tms.faults.add("stall", ids=("v-1",))
    assert desk.batch(record(huawei("v-1"), "slow"), record(ours(), "quick")) == ["slow"]
    assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
    assert desk.clock.seconds < SECONDS


# What does not validate.


@pytest.mark.parametrize(
    "event",
    [
        *("", "{", "[]", '"x"', '{"a": 1}', "[" * 100_000),
        ours(region="a/b"),
        ours(region=...),
        ours(provider="nocloud"),
        ours(resources=[{"type": "cdn", "ids": ["static.example.com"]}]),
        huawei("x" * 513),
        ours(surprise=True),
        json.dumps("x" * 1_000_000),
        json.dumps(ours(resources=[1] * 200_000)),
    ],
)
def test_a_body_that_does_not_validate_lies_verbatim_on_the_dead_letter_queue(desk: Desk, event: Any):
    text = event if isinstance(event, str) else json.dumps(event)
    jd(desk, "i-1", env="prod")
    assert desk.batch(record(text, "bad"), record(ours(), "good")) == []
    ((body, attributes),) = desk.letters
    assert (body, attributes["code"], attributes["request_id"]) == (text, "invalid", "bad")
    assert attributes["reason"]
    assert len(desk.requests) == 1


def test_a_body_of_a_megabyte_is_worked_at(desk: Desk):
    ids = [f"i-{number:06}-{'x' * 20}" for number in range(30_000)]
    text = json.dumps(vm(*ids, tags=[{"key": "env", "value": "prod"}]))
    assert 900_000 < len(text) < 1_048_576
    assert desk.work(text) == []
    assert len(pairs(desk.requests)) == 30_000


def test_a_dead_letter_queue_that_is_down_brings_the_body_again(desk: Desk):
    desk.aws.trouble = lambda *asked: 500 if asked[2].get("QueueUrl") == DEAD_LETTERS else None
    assert desk.work("{") == ["m-1"]


def test_a_bug_in_one_record_takes_down_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    jd(desk, "i-1", env="prod")
    real = service.read

    def read(body: Any, own_id: str) -> Any:
        if own_id == "cursed":
            raise ZeroDivisionError
        return real(body, own_id)

    monkeypatch.setattr(service, "read", read)
    assert desk.batch(record(ours(), "cursed"), record(ours(), "good")) == ["cursed"]
    assert len(desk.requests) == 1


def test_a_record_that_may_have_killed_the_process_runs_last_and_alone_on_its_own_queue(desk: Desk):
    jd(desk, "i-1", env="prod")
    assert desk.batch(record(ours(), "suspect", receives=3), record(ours(), "good")) == []
    assert [name for _, name, body in desk.aws.calls if "untag-decommission" in str(body.get("QueueUrl"))] == [
        *("GetQueueAttributes", "ChangeMessageVisibility", "DeleteMessage")
    ]


# The handler, and everything at once.


def load(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> ModuleType:
    """The handler's module, with a function in virtual time."""
    monkeypatch.setattr(service, "Decommissioner", lambda _: desk.made)
    spec = importlib.util.spec_from_file_location("decommission_app", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(desk: Desk) -> SimpleNamespace:
    left = desk.clock.left(SECONDS)
    return SimpleNamespace(
        function_name="decommission",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:decommission",
        aws_request_id="req-1",
        get_remaining_time_in_millis=lambda: int(left() * 1000),
    )


def sqs_event(*bodies: str) -> Json:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": QUEUE_ARN,
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_the_handler_answers_with_the_records_that_have_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    jd(desk, "i-1", env="prod")
    desk.tms.faults.add("throttle")
    handler = load(monkeypatch, desk).handler
    answer = handler(sqs_event(json.dumps(ours()), json.dumps(huawei("v-1")), "{"), context(desk))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


@pytest.mark.parametrize("event", [{}, [], None, "x", {"Records": []}, ours()])
def test_what_is_no_batch_is_told_to_go_to_the_queue(desk: Desk, monkeypatch: pytest.MonkeyPatch, event: Any):
    answer = load(monkeypatch, desk).handler(event, context(desk))
    assert [error["path"] for error in answer["errors"]] == [""]


@pytest.fixture(scope="module")
def patient() -> Iterator[Desk]:
    """One desk for thousands of events."""
    with Desk() as desk:
        jd(desk, "i-1", env="prod")
        tms(desk, VOLUME, env="prod")
        yield desk


@settings(max_examples=150)
@given(bodies=st.lists(st.text() | NEARLY.map(json.dumps), min_size=1, max_size=3))
def test_no_body_raises_or_is_lost(patient: Desk, bodies: list[str]):
    patient.aws.queues = {name: [] for name in patient.aws.queues}
    patient.aws.reports.clear()
    with pytest.MonkeyPatch.context() as monkeypatch:
        answer = load(monkeypatch, patient).handler(sqs_event(*bodies), context(patient))
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert returned == [], "there is nothing here that another time would mend"
    assert len(patient.letters) + len(patient.notices) + len(patient.requests) >= len(bodies)


def test_no_key_of_an_account_is_in_a_message_or_a_log_line(desk: Desk):
    (handler,) = logger.handlers
    text = io.StringIO()
    before = handler.setStream(text)  # type: ignore[attr-defined]
    try:
        tms(desk, "v-1", env="prod")
        secrets = [secret[name] for secret in desk.tms.secrets.values() for name in ("access_key", "secret_key")]
        desk.tms.faults.add("forbidden", ids=("v-2",), message=f"Authorization {' '.join(secrets)}")
        desk.work(huawei("v-1", "v-2", "v-3"))
        desk.work("{")
        for file in SAMPLES.glob("*.json"):
            desk.work(file.read_text())
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]
    said = text.getvalue() + json.dumps([desk.requests, desk.notices, desk.letters])
    assert desk.letters
    assert desk.notices
    assert [line for line in text.getvalue().splitlines() if "ev-1" in line]
    assert not [secret for secret in secrets if secret in said]
