"""Misbehaviour switched on and off by name, while a stack is up in another process."""

import json
import time

import httpx
import pytest
from processes import run, up
from throwaway import project

from local.aws import Aws, service_faults
from local.errors import LocalError
from local.functiongraph.service import KINDS as FUNCTIONGRAPH_KINDS
from local.providers import KINDS, SERVERS, HuaweicloudConfigServer, JdcloudServer
from local.session.fault_names import AWS_KINDS, AWS_SERVICES, HOSTS, MEANINGS
from local.session.fault_switches import FaultSwitches
from untag.hosts.functiongraph.settings import SERVICES
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with up(folder / "session.json", "--template", project(folder), "--batching-window", "0.1") as told:
        yield told | {"session": folder / "session.json"}


@pytest.fixture
def faults(described):
    def call(*arguments):
        answer = run("faults", *arguments, "--session", described["session"], "--json")
        return json.loads(answer.stdout)

    yield call
    call("off")


def untag(described, id_="i-manual01"):
    """A signed call to the stack's JD Cloud, as a function would make it."""
    auth = DerivedKeyAuth(
        JDCLOUD3,
        JDCloudCredentials(**JdcloudServer().secrets["default"]),
        region="cn-north-1",
        service="resourcetag",
    )
    resources = [{"serviceCode": "vm", "resourceId": [id_]}]
    body = {"unTagResources": {"resources": resources, "tags": [{"key": "nobody", "value": "has"}]}}
    url = f"{described['providers']['jdcloud']}/v1/regions/cn-north-1/tags:unTagResources"
    with httpx.Client(trust_env=False, timeout=2) as client:
        return client.post(url, json=body, auth=auth)


def test_every_kind_of_misbehaviour_has_a_name_that_says_what_it_is():
    assert set(MEANINGS) == KINDS
    assert (tuple(AWS_SERVICES), AWS_KINDS) == (service_faults.SERVICES, service_faults.KINDS)
    assert (tuple(HOSTS["functiongraph"].meanings), HOSTS["functiongraph"].kinds) == (SERVICES, FUNCTIONGRAPH_KINDS)


def test_what_is_switched_on_strikes_until_it_is_switched_off_and_is_counted(described, faults):
    assert untag(described).status_code == 200
    (on,) = faults("on", "throttle", "--cloud", "jdcloud", "--retry-after", "7")
    assert (on["cloud"], on["do"], on["how"]) == ("jdcloud", "throttle", {"retry_after": "7"})
    answer = untag(described)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert [rule["injected"] for rule in faults() if rule["do"] == "throttle"] == [1]
    (off,) = faults("off", "throttle")
    assert off["injected"] == 1
    assert untag(described).status_code == 200


def test_it_can_be_narrowed_to_ids_and_to_a_number_of_times(described, faults):
    faults("on", "unavailable", "--cloud", "jdcloud", "--id", "i-manual02", "--times", "1")
    told = [untag(described, id_).status_code for id_ in ("i-manual01", "i-manual02", "i-manual02")]
    assert told == [200, 503, 200]


def test_a_line_that_is_cut_and_an_answer_that_takes_its_time(described, faults):
    faults("on", "reset", "--cloud", "jdcloud")
    with pytest.raises(httpx.TransportError):
        untag(described)
    faults("off")
    faults("on", "delay", "--cloud", "jdcloud", "--seconds", "0.3")
    began = time.monotonic()
    assert untag(described).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_without_a_cloud_it_strikes_at_every_cloud_that_knows_it(faults):
    assert {rule["cloud"] for rule in faults("on", "throttle")} == set(SERVERS)
    assert {rule["cloud"] for rule in faults("on", "count")} == {"jdcloud"}


def test_what_the_event_files_rely_on_stays_unless_it_is_named_as_well(described, faults):
    faults("on", "partial", "--cloud", "jdcloud")
    assert [rule["seeded"] for rule in faults("off", "partial")] == [False]
    assert {rule["do"] for rule in faults() if rule["seeded"]} == {"partial", "forbidden"}
    assert untag(described, "i-migrating01").json()["result"]["data"]["failedResourcesMap"]
    assert [rule["seeded"] for rule in faults("off", "partial", "--seeded")] == [True, True]
    assert untag(described, "i-migrating01").json()["result"]["data"]["failedResourcesMap"] == []


REQUESTS = {
    "sns": ("Action=ListTopics", {}),
    "sqs": ("{}", {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}),
    "secretsmanager": (
        "{}",
        {"X-Amz-Target": "secretsmanager.ListSecrets", "Content-Type": "application/x-amz-json-1.1"},
    ),
    "scheduler": (None, {}),
}


def ask_aws(described, service):
    """A call to one of the stack's AWS services, as a function would make it; gives the status."""
    body, headers = REQUESTS[service]
    scope = f"AWS4-HMAC-SHA256 Credential=K/20261126/{described['region']}/{service}/aws4_request, Signature=s"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with httpx.Client(trust_env=False, timeout=20) as client:
        if body is None:
            return client.get(f"{described['aws']}/schedules", headers={"Authorization": scope}).status_code
        return client.post(
            described["aws"], content=body, headers={**form, **headers, "Authorization": scope}
        ).status_code


@pytest.mark.parametrize("service", list(AWS_SERVICES))
def test_a_service_of_aws_is_down_until_it_is_switched_on_again_and_the_others_stay_up(described, faults, service):
    assert ask_aws(described, service) == 200
    (on,) = faults("on", "unavailable", "--cloud", service)
    assert (on["cloud"], on["do"], on["injected"]) == (service, "unavailable", 0)
    assert {name: ask_aws(described, name) for name in AWS_SERVICES} == dict.fromkeys(AWS_SERVICES, 200) | {
        service: 503
    }
    assert [(rule["cloud"], rule["injected"]) for rule in faults() if not rule["seeded"]] == [(service, 1)]
    (off,) = faults("off", "unavailable", "--cloud", service)
    assert (off["cloud"], off["injected"]) == (service, 1)
    assert ask_aws(described, service) == 200


def test_without_a_cloud_no_service_of_aws_goes_down_and_each_comes_up_again(described, faults):
    assert {rule["cloud"] for rule in faults("on", "unavailable")} == set(SERVERS)
    faults("on", "unavailable", "--cloud", "sns", "--cloud", "sqs")
    assert {rule["cloud"] for rule in faults("off")} == {*SERVERS, "sns", "sqs"}
    assert [ask_aws(described, name) for name in AWS_SERVICES] == [200, 200, 200, 200]


def test_a_service_of_aws_can_throttle_forbid_and_take_its_time(described, faults):
    faults("on", "throttle", "--cloud", "sqs", "--every", "2", "--times", "1", "--retry-after", "3")
    faults("on", "forbidden", "--cloud", "secretsmanager", "--operation", "GetSecretValue")
    faults("on", "delay", "--cloud", "sns", "--seconds", "0.3")
    assert [ask_aws(described, "sqs") for _ in range(4)] == [200, 400, 200, 200]
    assert ask_aws(described, "secretsmanager") == 200
    began = time.monotonic()
    assert ask_aws(described, "sns") == 200
    assert time.monotonic() - began >= 0.3
    assert json.loads(run("state", "--session", described["session"], "--json").stdout)["down"] == []
    assert {rule["cloud"]: rule["injected"] for rule in faults("off")} == {"sqs": 1, "secretsmanager": 0, "sns": 1}


def test_a_service_that_is_down_is_seen_by_everybody_who_looks(described, faults):
    faults("on", "unavailable", "--cloud", "sns")
    for command in (["faults"], ["state"], ["watch", "--once"]):
        assert "sns" in run(*command, "--session", described["session"]).stdout.partition("To switch on")[0]
    for command in (["state"], ["watch", "--once"]):
        assert json.loads(run(*command, "--session", described["session"], "--json").stdout)["down"] == ["sns"]
    faults("off")
    assert json.loads(run("state", "--session", described["session"], "--json").stdout)["down"] == []


def test_a_person_is_shown_what_is_on_and_what_there_is(described, faults):
    faults("on", "stall", "--cloud", "jdcloud", "--key", "env*")
    shown = run("faults", "--session", described["session"]).stdout
    assert "0 of " in shown
    assert "keys=env*" in shown
    for name, meaning in MEANINGS.items():
        assert name in shown
        assert meaning in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["on", "throtle"], "there are count, delay"),
        (["on", "throttle", "--cloud", "jd"], "there is jdcloud, huaweicloud-config"),
        (["off", "--cloud", "jd"], "there is no local cloud jd"),
        (["on", "partial", "--cloud", "huaweicloud-config"], "leave --cloud out"),
        (["on"], "Missing argument"),
        (["on", "unavailable", "--cloud", "sqd"], "sns, sqs, secretsmanager"),
        (
            ["on", "partial", "--cloud", "sns"],
            "sns: AWS's services know delay, forbidden, status, throttle, unavailable, not partial",
        ),
        (["on", "unavailable", "--cloud", "sqs", "--id", "i-*"], "names no resource and no tag key"),
    ],
)
def test_a_mistake_says_what_there_is(faults, arguments, complaint):
    answer = faults(*arguments)
    assert complaint in f"{answer['error']} {answer['hint']}"


def test_rules_are_told_apart_by_who_switched_them_on():
    with HuaweicloudConfigServer() as server:
        server.seed()
        seeded = list(server.faults)
        switches = FaultSwitches(
            {"huaweicloud-config": server}, lambda rule: any(rule is one for one in seeded), Aws("eu-west-1")
        )
        switches.on("throttle", [], {"times": 2})
        assert [rule["seeded"] for rule in switches.snapshot()] == [True, False]
        with pytest.raises(LocalError):
            switches.on("throttle", [], {"nonsense": 2})
        switches.off([], [], seeded=False)
        assert [rule["seeded"] for rule in switches.snapshot()] == [True]
