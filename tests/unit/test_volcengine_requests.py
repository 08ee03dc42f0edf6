"""Volcengine: what a request, a secret and a stack may say."""

import pytest
from volcengine_support import FIELDS, KEY, NUMBER, REGION, USER, WITHOUT_ACCOUNT, asked, cloud, done, problems

from untag.contracts import InvalidInputError
from untag.providers import Options
from untag.providers.volcengine.credentials import VolcengineCredentials
from untag.providers.volcengine.tag import VolcengineTag


@pytest.mark.parametrize(
    ("type_", "id_", "words"),
    [
        ("ecs:instance", f"trn:ecs:cn-beijing:{NUMBER}:instance/i-1", "is in region cn-beijing"),
        ("ecs:instance", f"trn:vpc:{REGION}:{NUMBER}:vpc/vpc-1", "of type vpc:vpc"),
        ("ecs:instance", f"trn:ecs:{REGION}:{NUMBER}:image/i-1", "of type ecs:image"),
        ("ecs:instance", "trn:ecs", "should be a TRN"),
        ("ecs:instance", "i-1:x", "an id of letters"),
        ("ecs:instance", "../instance/i-1", "an id of letters"),
        ("ecs:instance", "https://evil.example/i-1", "an id of letters"),
        ("ecs:instance", f"trn:ecs:{REGION}@evil.example:{NUMBER}:instance/i-1", "should be a TRN"),
        ("ecs:instance", "*", "an id of letters"),
        ("ecs:instance", f"trn:ecs:{REGION}:{NUMBER}:instance/*", "a resource's name"),
        ("ecs:instance", f"trn:ecs:{REGION}:{NUMBER}:instance/", "a resource's name"),
        ("ecs:instance", f"trn:ecs:{REGION}:{NUMBER}:instance/../i-1", "a resource's name"),
        ("kms:keyrings", "x", "none is built"),
        ("iam:user", "Bob", "region cn-beijing"),
        ("iam:user", USER, "region cn-beijing"),
    ],
)
def test_a_resource_that_contradicts_its_request_is_refused_by_name(type_, id_, words):
    ((path, message),) = problems(type_, (id_,))
    assert path == "resources.0.ids.0"
    assert words in message


@pytest.mark.parametrize("type_", ["instance", "ecs:", "ecs/x:instance", "ecs:instance/..", "ECS:instance"])
def test_a_type_is_a_service_and_a_word(type_):
    ((path, message),) = problems(type_, ("i-1",))
    assert (path, message) == ("resources.0.type", "should be service:type, such as ecs:instance")


def test_a_region_is_required():
    assert [path for path, _ in problems(region=None)] == ["region"]


@pytest.mark.parametrize("key", ["volc:createdBy", "VOLC:x", "sys:ecs:name", "Sys:x"])
def test_keys_of_volcengine_itself_are_reserved_in_any_case(key):
    from untag.core.policy import is_reserved

    assert is_reserved(VolcengineTag(), key)
    assert not is_reserved(VolcengineTag(), "volcano")


def test_an_account_number_may_be_written_as_a_number_and_is_no_other_text():
    assert VolcengineCredentials.parse(FIELDS | {"account_id": 2100000001}).account_id == NUMBER
    with pytest.raises(InvalidInputError):
        VolcengineCredentials.parse(FIELDS | {"account_id": "my-company"})
    assert str(KEY) == repr(KEY) == "VolcengineCredentials()"


def test_the_default_account_is_in_the_vendors_own_variables():
    environ = {
        "VOLCENGINE_ACCESS_KEY": "ak",
        "VOLCENGINE_SECRET_KEY": "sk",
        "VOLCENGINE_SESSION_TOKEN": "st",
        "VOLCENGINE_ACCOUNT_ID": NUMBER,
    }
    key = VolcengineCredentials.from_environment(environ)
    assert (key.access_key, key.secret_key, key.security_token, key.account_id) == ("ak", "sk", "st", NUMBER)
    with pytest.raises(InvalidInputError, match="VOLCENGINE_SECRET_KEY"):
        VolcengineCredentials.from_environment({"VOLCENGINE_ACCESS_KEY": "ak"})


def hosts_met(endpoints):
    """Where a provider with these endpoints asks for tags, and whose its key is."""
    wire = cloud(done("GetResources", {"ResourceTagMappingList": []}))
    asked(wire, "read", ids=("i-1",), key=WITHOUT_ACCOUNT, options=Options(endpoints=dict(endpoints)))
    return {"tag": wire.requests[-1].url.host, "sts": wire.identifying[-1].url.host}


def test_endpoint_and_size_of_a_call_are_options():
    endpoints = {"volcengine.tag": "https://tag.example.com/"}
    provider = VolcengineTag.of(Options(endpoints=endpoints, resources_per_call={"volcengine.tag": 80}))
    assert (provider.limits.resources, provider.limits.keys) == (50, 20)
    assert hosts_met(endpoints) == {"tag": "tag.example.com", "sts": "tag.example.com"}, "as long as it has no other"
    endpoints["volcengine.sts"] = "https://sts.example.com"
    assert hosts_met(endpoints) == {"tag": "tag.example.com", "sts": "sts.example.com"}
    assert VolcengineTag.of(Options()).limits == (20, 20, None)
    assert not VolcengineTag.of(Options(read_first=False)).reads_first
