"""The local Alibaba Cloud: what a whole removal leaves there, what it answers, and how it misbehaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.providers import Account, AlibabaOptions, AlibabaServer
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.signing import AcsAuth

REGION = "cn-hangzhou"
ONE, TWO = (f"arn:acs:ecs:{REGION}:1234567890123456:instance/i-{number}" for number in (1, 2))


@pytest.fixture
def server() -> Iterator[AlibabaServer]:
    with AlibabaServer() as server:
        fill(server)
        yield server


def fill(server: AlibabaServer) -> None:
    tags = {"env": "prod", "部门": "研发 é", "acs:own": "x"}
    server.tags.load([{"region": REGION, "type": "ecs:instance", "id": arn, "tags": tags} for arn in (ONE, TWO)])


def ask(server: AlibabaServer, operation: str, auth: httpx.Auth | None = None, **parameters: Any) -> httpx.Response:
    query: dict[str, str] = {"RegionId": REGION}
    for name, value in parameters.items():
        many = enumerate(value, 1) if isinstance(value, list | tuple) else ()
        query |= {f"{name}.{number}": one for number, one in many} or {name: str(value)}
    headers = {"x-acs-action": operation, "x-acs-version": "2018-08-28"}
    signer = auth or AcsAuth(AlibabaCredentials(**server.secrets["default"]))
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.post(f"{server.url}/", params=query, headers=headers, auth=signer)


def failed(answer: httpx.Response) -> dict[str, str]:
    rows = answer.json()["FailedResources"]["FailedResource"]
    return {row["ResourceARN"]: row["Result"]["Code"] for row in rows}


def test_untag_and_tag_change_what_they_name(server: AlibabaServer) -> None:
    answer = ask(server, "UntagResources", ResourceARN=[ONE, ONE.replace("i-1", "i-9")], TagKey=["部门", "none"])
    assert failed(answer) == {ONE.replace("i-1", "i-9"): "InvalidResourceId.NotFound"}
    assert answer.json()["RequestId"] == server.calls[0].request_id
    assert server.calls[0].applied == 1
    ask(server, "TagResources", ResourceARN=["arn:acs:ecs:*:*:instance/i-2"], Tags=json.dumps({"owner": "x"}))
    assert server.tags.get("default", REGION, "ecs:instance", ONE) == {"env": "prod", "acs:own": "x"}
    assert (server.tags.get("default", REGION, "ecs:instance", TWO) or {})["owner"] == "x"


def test_the_reads_page_and_choose_by_category_and_tag(server: AlibabaServer) -> None:
    first = ask(server, "ListTagResources", PageSize=1, Category="Custom", Tags=json.dumps({"env": "prod"})).json()
    assert [tag["Key"] for tag in first["TagResources"][0]["Tags"]] == ["env", "部门"]
    last = ask(server, "ListTagResources", PageSize=1, NextToken=first["NextToken"]).json()
    assert (last["TagResources"][0]["ResourceARN"], last["NextToken"]) == (TWO, "")
    assert {tag["Category"] for tag in last["TagResources"][0]["Tags"]} == {"Custom", "System"}
    assert [row["Key"] for row in ask(server, "ListTagKeys", Category="custom").json()["Keys"]["Key"]] == [
        "env",
        "部门",
    ]
    assert ask(server, "ListTagValues", Key="env").json()["Values"] == {"Value": ["prod"]}
    (row,) = ask(server, "ListSupportResourceTypes", ProductCode="slb", MaxResult=5).json()["SupportResourceTypes"]
    assert (row["ResourceType"], row["ArnTemplate"].rpartition(":")[2]) == ("loadbalancer", "instance/${ResourceId}")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ResourceARN": [f"{ONE}{n}" for n in range(51)], "TagKey": ["env"]}, "InvalidParameter.ResourceARN"),
        ({"ResourceARN": [ONE], "TagKey": [f"k{n}" for n in range(11)]}, "InvalidParameter.TagKey"),
        ({"ResourceARN": [ONE], "TagKey": ["acs:own"]}, "InvalidTagKey.Malformed"),
        ({"ResourceARN": [ONE.replace("1234567890123456", "1")], "TagKey": ["env"]}, "InvalidResourceARN.Account"),
        ({"ResourceARN": [ONE.replace(REGION, "cn-beijing")], "TagKey": ["env"]}, "InvalidResourceARN.Region"),
        ({"ResourceARN": [ONE, "i-2"], "TagKey": ["env"]}, "InvalidResourceARN"),
        ({"TagKey": ["env"]}, "MissingParameter.ResourceARN"),
    ],
)
def test_a_call_beyond_the_limits_or_with_one_bad_arn_is_refused_whole(
    server: AlibabaServer, parameters: dict[str, Any], code: str
) -> None:
    answer = ask(server, "UntagResources", **parameters)
    assert (answer.status_code, answer.json()["Code"]) == (400, code)
    assert server.tags.history == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"secret_key": "wrong"}, 400, "SignatureDoesNotMatch"),
        ({"access_key": "OTHER"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"security_token": "none"}, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_a_wrong_key_is_refused(server: AlibabaServer, changes: dict[str, str], status: int, code: str) -> None:
    auth = AcsAuth(AlibabaCredentials(**server.secrets["default"] | changes))
    answer = ask(server, "UntagResources", auth, ResourceARN=[ONE], TagKey=["env"])
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert server.tags.history == []


def test_a_nonce_is_taken_once_and_a_date_for_a_quarter_of_an_hour(server: AlibabaServer) -> None:
    key = AlibabaCredentials(**server.secrets["default"])
    nonce = AcsAuth(key, nonce=lambda: "the-same")
    assert ask(server, "ListTagKeys", nonce).status_code == 200
    assert ask(server, "ListTagKeys", nonce).json()["Code"] == "SignatureNonceUsed"
    late = AcsAuth(key, clock=lambda: server.clock() - 901)
    assert ask(server, "ListTagKeys", late).json()["Code"] == "InvalidTimeStamp.Expired"


def test_a_security_token_is_checked_and_signed() -> None:
    with AlibabaServer({"STS.FAKE": Account("secret", security_token="tok/en+=")}) as server:
        fill(server)
        assert ask(server, "UntagResources", ResourceARN=[ONE], TagKey=["env"]).status_code == 200
        assert "security_token" in server.secrets["default"]
        assert server.environment["ALIBABA_CLOUD_SECURITY_TOKEN"] == "tok/en+="


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"do": "throttle"}, 400, "Throttling.User"),
        ({"do": "unavailable"}, 503, "ServiceUnavailable"),
        ({"do": "unauthorized"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"do": "forbidden"}, 403, "Forbidden.RAM"),
        ({"do": "status"}, 500, "InternalError"),
    ],
)
def test_failures_have_the_clouds_own_envelope(
    server: AlibabaServer, rule: dict[str, Any], status: int, code: str
) -> None:
    server.faults.add(**rule)
    answer = ask(server, "UntagResources", ResourceARN=[ONE], TagKey=["env"])
    assert (answer.status_code, answer.json()["Code"]) == (status, code)
    assert set(answer.json()) == {"RequestId", "Code", "Message", "HostId"}


def test_a_partial_failure_is_by_resource_inside_a_success(server: AlibabaServer) -> None:
    server.faults.add("partial", ids=[TWO], code="Throttling.User")
    answer = ask(server, "UntagResources", ResourceARN=[ONE, TWO], TagKey=["env"])
    assert (answer.status_code, failed(answer)) == (200, {TWO: "Throttling.User"})


@pytest.mark.parametrize(
    ("how", "told"), [("list", {"FailedResource": []}), ("empty", {}), ("null", None), ("absent", "nothing")]
)
def test_that_nothing_failed_is_said_as_the_option_says(how: Any, told: Any) -> None:
    with AlibabaServer(options=AlibabaOptions(no_failure=how)) as server:
        fill(server)
        answer = ask(server, "UntagResources", ResourceARN=[ONE], TagKey=["env"]).json()
        assert answer.get("FailedResources", "nothing") == told


def test_an_answer_names_an_arn_as_it_was_sent_where_the_option_says_so() -> None:
    with AlibabaServer(options=AlibabaOptions(names="sent", list_untagged=True)) as server:
        fill(server)
        sent = "arn:acs:ecs:*:*:instance/i-1"
        (row,) = ask(server, "ListTagResources", ResourceARN=[sent]).json()["TagResources"]
        assert row["ResourceARN"] == sent


def test_what_the_event_names_stands_there() -> None:
    event = json.loads((Path(__file__).parents[2] / "events" / "alibabacloud_manual.json").read_text(encoding="utf-8"))
    server = AlibabaServer()
    server.seed()
    held = {pair.id.rpartition("/")[2] for pair in server.tags.pairs() if (pair.key, pair.value) == ("env", "staging")}
    named = {id_.rpartition("/")[2] for group in event["resources"] for id_ in group["ids"]}
    assert named == held
