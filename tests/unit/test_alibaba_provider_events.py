"""Alibaba Cloud's events as EventBridge brings them: what is gone, where, in whose account; and what says nothing."""

from functools import partial

import pytest
from alibaba_support import NUMBER, REGION, arn
from event_support import led_to, recorded_event, said

from local.providers import AlibabaServer, AlibabaStsServer, environment
from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored

sample = partial(recorded_event, "alibaba_events")
TRAIL = sample("actiontrail_delete_disk_data")
DISK, INSTANCE = "d-8vbf8rpv2nn0l1zm****", "i-8vb0smn1lf6g77md****"


def enveloped(kind="ApiCall", source="acs:ecs", **data):
    """The documented envelope around the documented record; None takes a field away."""
    trail = {name: value for name, value in (TRAIL | data).items() if value is not None}
    own = {"source": source, "type": f"ecs:ActionTrail:{kind}", "aliyunaccountid": NUMBER, "data": trail}
    return sample("eventbridge_envelope") | own


@pytest.mark.parametrize("source", ["acs:ecs", "acs.ecs"])
@pytest.mark.parametrize("kind", ["ApiCall", "ConsoleOperation", "AliyunServiceEvent"])
def test_only_what_the_event_deleted_is_gone_and_not_what_it_references_besides(kind, source):
    assert INSTANCE in TRAIL["referencedResources"]["ACS::ECS::Instance"]
    gone = said(enveloped(kind, source))
    assert isinstance(gone, Gone)
    assert gone.resources == {"ecs:disk": [DISK]}
    assert (gone.provider, gone.account, gone.domain_id, gone.region) == ("alibabacloud", None, NUMBER, "cn-hangzhou")
    assert gone.event_id == sample("eventbridge_envelope")["id"]
    assert gone.reason == "ActionTrail Ecs DeleteDisk"


def test_a_record_without_its_envelope_is_read_too():
    gone = said(TRAIL)
    assert (gone.resources, gone.domain_id, gone.event_id) == ({"ecs:disk": [DISK]}, None, TRAIL["eventId"])
    assert said(TRAIL | {"recipientAccountId": NUMBER}).domain_id == NUMBER


@pytest.mark.parametrize("name", ["DeleteInstance", "DeleteInstances", "Release"])
def test_an_instance_is_gone_however_it_ended(name):
    gone = said(enveloped(eventName=name, referencedResources={"ACS::ECS::Instance": ["i-1", "i-2", "i-1"]}))
    assert gone.resources == {"ecs:instance": ["i-1", "i-2"]}


def test_a_resource_that_is_named_by_itself_is_found_if_it_is_of_the_deleted_type():
    alone = {"referencedResources": None, "resourceType": "ACS::ECS::Disk", "resourceName": "d-1"}
    assert said(enveloped(**alone)).resources == {"ecs:disk": ["d-1"]}
    assert said(enveloped(**alone | {"resourceType": "ACS::ECS::Instance"})).code == "no_resource"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (enveloped(errorCode="IncorrectDiskStatus"), "not_done"),
        (enveloped(errorMessage="The disk is in use."), "not_done"),
        (enveloped(eventRW="Read"), "no_deletion"),
        (enveloped(eventName="StopInstance"), "no_deletion"),
        (enveloped(eventName="UntagResources", serviceName="Tag"), "no_deletion"),
        (enveloped(eventName="DeleteVpc", serviceName="Vpc"), "unmapped_type"),
        (enveloped(eventName="DeleteDisk", serviceName="Ens"), "unmapped_type"),
        (enveloped(referencedResources={"ACS::ECS::Instance": ["i-1"]}), "no_resource"),
        (enveloped(referencedResources=None), "no_resource"),
        (sample("eventbridge_envelope"), "no_deletion"),
    ],
)
def test_what_deletes_nothing_says_so(event, code):
    ignored = said(event)
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("alibabacloud", code)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (enveloped(eventName=None), "data.eventName"),
        (enveloped(serviceName=7), "data.serviceName"),
        (enveloped(acsRegion=None) | {"aliyunregionid": None}, "data.acsRegion"),
        (enveloped(referencedResources={"ACS::ECS::Disk": "d-1"}), "data.referencedResources"),
        (enveloped(referencedResources={"ACS::ECS::Disk": [1]}), "data.referencedResources"),
        (enveloped(referencedResources=["d-1"]), "data.referencedResources"),
        (enveloped() | {"data": ["x"]}, "data"),
    ],
)
def test_what_cannot_be_read_is_never_said_to_delete_nothing(event, path):
    with pytest.raises(InvalidInputError) as caught:
        said(event)
    assert caught.value.problems[0].path.startswith(path)


def decommissioned(event, accounts):
    cloud = AlibabaServer()
    tags = {"env": "prod", "acs:own": "x"}
    cloud.tags.load([{"region": REGION, "type": "ecs:disk", "id": arn("d-1", kind="disk"), "tags": tags}])
    hosts = {"tag.example.com": cloud, "sts.example.com": AlibabaStsServer()}
    urls = {server.api.replace(".", "_"): f"https://{host}" for host, server in hosts.items()}
    return led_to(event, hosts, environment(hosts.values(), **urls) | {"UNTAG_ACCOUNTS": accounts})


def test_the_function_asks_for_the_tags_that_the_deleted_disk_still_bears_in_the_account_of_the_events_number():
    event = enveloped(referencedResources={"ACS::ECS::Instance": ["i-1"], "ACS::ECS::Disk": ["d-1"]})
    (asked,), letters = decommissioned(event, f"alibabacloud/{NUMBER}=default")
    assert letters == []
    assert (asked["provider"], asked["account"], asked["region"]) == ("alibabacloud", "default", "cn-hangzhou")
    assert asked["resources"] == [{"type": "ecs:disk", "ids": ["d-1"]}]
    assert asked["tags"] == [{"key": "env", "value": "prod"}]


def test_an_event_of_an_unknown_account_is_a_dead_letter():
    asked, (letter,) = decommissioned(enveloped(), "alibabacloud/99=default")
    assert (asked, letter["code"]) == ([], "unknown_account")
