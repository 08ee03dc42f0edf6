"""Regions and projects at Huawei Cloud's TMS: the one is held against the other before anything is called."""

import pytest
from service_house import HUAWEI_HOST, House, huawei_request
from support import request

from local.providers import HuaweicloudTmsServer
from untag.providers import Failure, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.tms import HuaweiTms

NORTH, SOUTH, OTHER = "p-north", "p-south", "p-other"
PROJECTS = {"cn-north-4": NORTH, "cn-south-1": SOUTH, "cn-east-3": ""}
CREDENTIALS = HuaweiCloudCredentials(access_key="AK", secret_key="SK", domain_id="d", projects=PROJECTS)


def scope(region=None, project=None, type_="ecs", provider=HuaweiTms):
    made = request(
        provider="huaweicloud", region=region, project_id=project, resources=[{"type": type_, "ids": ["i-1"]}]
    )
    return provider().scope(made, type_)


@pytest.mark.parametrize(
    ("region", "project"),
    [
        (None, None),
        (None, NORTH),
        (None, OTHER),
        ("cn-north-4", None),
        ("cn-north-4", NORTH),
        ("cn-east-3", OTHER),
        ("eu-west-101", OTHER),
    ],
)
def test_what_the_credentials_do_not_contradict_is_called(region, project):
    assert HuaweiTms().refusal(CREDENTIALS, scope(region, project)) is None


@pytest.mark.parametrize("region", ["cn-east-3", "eu-west-101"])
def test_a_region_whose_project_nobody_knows_is_refused_by_name(region):
    message = f"no project is known for {region}: name project_id, or add {region} to projects in the secret"
    assert HuaweiTms().refusal(CREDENTIALS, scope(region)) == Failure("no_project", message, Verdict.FAILED)


@pytest.mark.parametrize(
    ("region", "project", "whose"),
    [
        ("cn-south-1", NORTH, "that of cn-north-4"),
        ("cn-south-1", OTHER, "not that of cn-south-1"),
        ("cn-east-3", NORTH, "that of cn-north-4"),
        ("eu-west-101", SOUTH, "that of cn-south-1"),
    ],
)
def test_a_region_and_a_project_that_contradict_each_other_are_refused_with_what_to_do(region, project, whose):
    message = (
        f"the region is {region}, but by projects in the secret project_id is {whose}: "
        "leave the region out, or correct projects in the secret"
    )
    refused = HuaweiTms().refusal(CREDENTIALS, scope(region, project))
    assert refused == Failure("region_project_mismatch", message, Verdict.FAILED)


def test_a_project_that_two_regions_share_contradicts_neither():
    shared = HuaweiCloudCredentials(
        access_key="AK", secret_key="SK", domain_id="d", projects={"cn-north-4": NORTH, "cn-north-9": NORTH}
    )
    for region in ("cn-north-4", "cn-north-9"):
        assert HuaweiTms().refusal(shared, scope(region, NORTH)) is None
        assert HuaweiTms().region_of(shared, scope(region, NORTH)) == region
    assert HuaweiTms().region_of(shared, scope(None, NORTH)) == "cn-north-4"


@pytest.mark.parametrize(
    ("region", "project", "reached"),
    [
        (None, None, None),
        ("cn-north-4", None, "cn-north-4"),
        ("eu-west-101", None, "eu-west-101"),
        (None, NORTH, "cn-north-4"),
        ("cn-north-4", NORTH, "cn-north-4"),
        ("cn-south-1", NORTH, "cn-north-4"),
        (None, OTHER, None),
        ("cn-north-4", OTHER, None),
    ],
)
def test_a_call_reaches_the_region_whose_project_it_names_whatever_region_the_request_names(region, project, reached):
    assert HuaweiTms().region_of(CREDENTIALS, scope(region, project)) == reached


def test_config_is_global_so_that_regions_share_calls_and_nothing_is_refused():
    scopes = {
        scope(region, project, "config:aggregators", HuaweiConfig)
        for region, project in [(None, None), ("cn-south-1", NORTH), ("eu-west-101", None)]
    }
    (only,) = scopes
    assert HuaweiConfig().refusal(CREDENTIALS, only) is None
    assert HuaweiConfig().region_of(CREDENTIALS, only) is None


# Through the whole service.


@pytest.fixture
def house():
    tms = HuaweicloudTmsServer()
    environ = {
        "UNTAG_CREDENTIALS": "secretsmanager:untag",
        "UNTAG_ENDPOINTS": f"huaweicloud.tms=https://{HUAWEI_HOST}",
    }
    with House(huawei=tms, environ=environ) as house:
        house.aws.secrets["untag/huaweicloud/default"] = tms.secrets["default"] | {"projects": PROJECTS}
        for project in (NORTH, SOUTH, OTHER):
            tms.tags.put(project, "ecs", "i-1", "env", "prod")
        yield house


def carried_out(house, **fields):
    raw = huawei_request() | {"resources": [{"type": "ecs", "ids": ["i-1"]}], **fields}
    house.work_at(raw)
    (row,) = house.rows("chg-1")
    return row


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"region": "cn-south-1", "project_id": NORTH}, "region_project_mismatch"),
        ({"region": "cn-north-4", "project_id": OTHER}, "region_project_mismatch"),
        ({"region": "eu-west-101", "project_id": NORTH}, "region_project_mismatch"),
        ({"region": "eu-west-101"}, "no_project"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"dry_run": True}, {"action": "restore"}], ids=str)
def test_a_request_that_is_refused_for_its_project_makes_no_call(house, fields, code, more):
    row = carried_out(house, **fields, **more)
    assert (row["outcome"], row["code"]) == ("failed", code)
    assert list(house.huawei.calls) == []


@pytest.mark.parametrize(
    ("fields", "project"),
    [
        ({"region": "cn-south-1"}, SOUTH),
        ({"region": "cn-south-1", "project_id": SOUTH}, SOUTH),
        ({"project_id": NORTH}, NORTH),
        ({"project_id": OTHER}, OTHER),
        ({"region": "eu-west-101", "project_id": OTHER}, OTHER),
    ],
)
def test_a_tag_is_removed_in_the_project_that_is_named_or_known_and_in_no_other(house, fields, project):
    assert carried_out(house, **fields)["outcome"] == "removed"
    assert [change.region for change in house.huawei.tags.history] == [project]
    assert {call.region for call in house.huawei.calls} == {project}
