"""Tencent Cloud's events as its EventBridge brings them: what is gone, where, in whose account; and what is not."""

import pytest
from event_support import led_to, recorded_event, said

from local.providers import TencentcloudServer, TencentcloudStsServer
from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored

REGION, UIN = "ap-guangzhou", "100000000001"
SNAPSHOTS = [f"qcs::cvm:{REGION}:uin/{UIN}:snapshot/snap-0000000{number}" for number in (1, 2)]


def sample(product="cbs", **log):
    event = recorded_event("tencentcloud_events", "cloudaudit_delete_snapshots")
    data = {name: value for name, value in {**event["data"], **log}.items() if value is not None}
    return {**event, "type": f"{product}:CloudEvent:ApiCall", "source": f"{product}.cloud.tencent", "data": data}


def test_a_record_names_what_was_deleted_by_the_calls_own_parameters():
    gone = said(sample())
    assert isinstance(gone, Gone)
    assert gone.resources == {"cvm:snapshot": SNAPSHOTS}
    assert (gone.event_id, gone.provider) == ("13a3f42d-7258-4ada-da6d-023a33000001", "tencentcloud")
    assert (gone.account, gone.domain_id, gone.region) == (None, UIN, REGION)


@pytest.mark.parametrize("call", ["ApiCall", "ConsoleCall", "MiniProgramCall"])
def test_it_does_not_matter_how_the_call_was_made(call):
    assert isinstance(said(sample() | {"type": f"cbs:CloudEvent:{call}"}), Gone)


@pytest.mark.parametrize(
    ("event", "type_", "ids"),
    [
        (sample(requestParameters='{"SnapshotIds": ["snap-00000001"]}'), "cvm:snapshot", SNAPSHOTS[:1]),
        (sample(userIdentity={"accountId": int(UIN)}), "cvm:snapshot", SNAPSHOTS),
        (
            sample("vpc", eventName="ReleaseAddresses", requestParameters={"AddressIds": ["eip-1", "eip-1"]}),
            "vpc:eip",
            [f"qcs::vpc:{REGION}:uin/{UIN}:eip/eip-1"],
        ),
        (
            sample("vpc", eventName="DeleteSecurityGroup", requestParameters={"SecurityGroupId": "sg-1"}),
            "cvm:sg",
            [f"qcs::cvm:{REGION}:uin/{UIN}:sg/sg-1"],
        ),
        (sample(eventRegion=None), "cvm:snapshot", SNAPSHOTS),
    ],
)
def test_ids_become_names_as_the_tag_api_writes_them(event, type_, ids):
    assert said(event).resources == {type_: ids}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (sample(apiErrorCode=4000), "not_done"),
        (sample(errorCode=4102), "not_done"),
        (sample(apiErrorCode="ResourceNotFound"), "not_done"),
        (sample("cdb", eventName="IsolateDBInstance"), "not_done"),
        (sample("cvm", eventName="TerminateInstances", requestParameters={"InstanceIds": ["ins-1"]}), "not_done"),
        (sample(eventName="TerminateDisks", requestParameters={"DiskIds": ["disk-1"]}), "not_done"),
        (sample("cvm", eventName="StopInstances"), "no_deletion"),
        (sample("lighthouse"), "no_deletion"),
        (sample(actionType="Read"), "no_deletion"),
        (sample(requestParameters=None), "no_resource"),
        (sample(requestParameters={"SnapshotIds": []}), "no_resource"),
        (sample(requestParameters={"SnapshotIds": ["disk-1", 7]}), "no_resource"),
    ],
)
def test_what_deletes_nothing_or_only_begins_says_so(event, code):
    ignored = said(event)
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("tencentcloud", code)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (sample(eventName=None), "data.eventName"),
        (sample() | {"data": []}, "data"),
        (sample(requestParameters="{"), "data.requestParameters"),
        ({name: value for name, value in sample(eventRegion=None).items() if name != "region"}, "data.eventRegion"),
    ],
)
def test_what_cannot_be_read_is_never_said_to_delete_nothing(event, path):
    with pytest.raises(InvalidInputError, match=path):
        said(event)


@pytest.mark.parametrize("changes", [{"source": "evil.example.com"}, {"type": "cbs:ErrorEvent:ping_unreachable"}])
def test_an_event_of_another_kind_is_no_record_of_a_call(changes):
    assert said(sample() | changes).code == "no_deletion"


def decommissioned(event, **environ):
    """What the function asks for, its dead letters, and the calls that it made."""
    cloud = TencentcloudServer()
    for name in SNAPSHOTS:
        tags = {"env": "prod", "project": "0"}
        cloud.tags.load([{"region": REGION, "type": "cvm:snapshot", "id": name, "tags": tags}])
    endpoints = "tencentcloud.tag=https://tencent.example.com,tencentcloud.sts=https://sts.example.com"
    settings = {**cloud.environment, "UNTAG_ENDPOINTS": endpoints, **environ}
    hosts = {"tencent.example.com": cloud, "sts.example.com": TencentcloudStsServer()}
    return (*led_to(event, hosts, settings), list(cloud.calls))


def test_the_function_asks_for_the_tags_that_still_stand_in_the_account_of_the_records_number():
    ((asked,), letters, _) = decommissioned(sample())
    assert letters == []
    assert (asked["provider"], asked["account"], asked["region"]) == ("tencentcloud", "default", REGION)
    assert asked["resources"] == [{"type": "cvm:snapshot", "ids": SNAPSHOTS}]
    assert asked["tags"] == [{"key": "env", "value": "prod"}]


def test_an_account_that_is_not_mapped_is_a_dead_letter_and_never_the_default_one():
    for event in (sample(userIdentity={"accountId": "100000000009"}), sample(userIdentity={})):
        asked, (letter,), calls = decommissioned(event)
        assert (asked, letter["code"], calls) == ([], "unknown_account", [])
