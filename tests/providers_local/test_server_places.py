"""Where a resource of a bare id stands at a local cloud: under the name that the functions ask for."""

import pytest

from local.providers import SERVERS
from local.providers.accounts import Resource


def resource(provider: str, region: str, type_: str, id_: str, account: str = "default") -> Resource:
    return Resource(provider, account, region, "", type_, id_, {"env": "prod"})


@pytest.mark.parametrize(
    ("provider", "region", "type_", "id_", "name"),
    [
        (
            "alibabacloud",
            "cn-hangzhou",
            "ecs:instance",
            "i-1",
            "arn:acs:ecs:cn-hangzhou:1234567890123456:instance/i-1",
        ),
        (
            "alibabacloud",
            "cn-hangzhou",
            "ecs:instance",
            "arn:acs:ecs:cn-hangzhou:*:instance/i-1",
            "arn:acs:ecs:cn-hangzhou:1234567890123456:instance/i-1",
        ),
        (
            "tencentcloud",
            "ap-guangzhou",
            "cvm:instance",
            "ins-1",
            "qcs::cvm:ap-guangzhou:uin/100000000001:instance/ins-1",
        ),
        ("volcengine", "cn-beijing", "ecs:instance", "i-1", "trn:ecs:cn-beijing:2100000001:instance/i-1"),
        (
            "volcengine",
            "cn-beijing",
            "ecs:instance",
            "trn:ecs:cn-beijing:2100000001:instance/i-1",
            "trn:ecs:cn-beijing:2100000001:instance/i-1",
        ),
    ],
)
def test_a_resource_stands_under_its_whole_name(provider: str, region: str, type_: str, id_: str, name: str) -> None:
    with SERVERS[provider]() as server:
        assert server.place(resource(provider, region, type_, id_)) == (region, type_, name)


@pytest.mark.parametrize(
    ("provider", "id_", "number"),
    [
        ("alibabacloud", "arn:acs:ecs:cn-hangzhou:9876543210987654:instance/i-1", "9876543210987654"),
        ("tencentcloud", "qcs::cvm:ap-guangzhou:uin/100000000009:instance/ins-1", "100000000009"),
        ("volcengine", "trn:ecs:cn-beijing:2100000009:instance/i-1", "2100000009"),
    ],
)
def test_a_new_account_has_the_number_that_its_first_resource_names_or_one_of_its_own(
    provider: str, id_: str, number: str
) -> None:
    with SERVERS[provider]() as server:
        assert server.number_of(resource(provider, "", "ecs:instance", id_, "blue")) == number
        own = server.number_of(resource(provider, "", "ecs:instance", "i-1", "blue"))
        assert own is not None
        assert own.isdigit()
        assert len(own) == len(number)
