"""Tencent Cloud: which ids and requests are taken, which keys are its own, and what is refused before any call."""

import pytest
from tencentcloud_support import BUCKET, DATABASE, DOMAIN, INSTANCE, REGION, UIN, problems, request

from untag.core.policy import is_reserved
from untag.providers import Asked
from untag.providers.tencentcloud.tag import TencentTag


@pytest.mark.parametrize(
    ("type_", "id_", "words"),
    [
        ("cvm:instance", INSTANCE.replace(REGION, "ap-beijing"), "is in region ap-beijing"),
        ("cvm:instance", INSTANCE.replace(REGION, "gz"), "is in region gz"),
        ("cvm:instance", INSTANCE.replace(REGION, ""), "names no region"),
        ("cvm:instance", DATABASE, "of type cdb:instanceId"),
        ("cvm:instance", INSTANCE.replace("uin", "uid"), "the owner's uin"),
        ("cos:bucket", BUCKET.replace("uid", "uin"), "the app id"),
        ("cos:bucket", "logs-1250000000", "none is built of an id"),
        *(
            ("cvm:instance", id_, "should be a six-segment name")
            for id_ in (
                "qcs::cvm",
                INSTANCE.replace("ins-1", "*"),
                INSTANCE.replace("ins-1", "ins-1/../ins-2"),
                INSTANCE.replace("ins-1", "ins-1\u00a0"),
                INSTANCE.replace("qcs::", "qcs:id/1:"),
                INSTANCE.replace(UIN, ""),
                INSTANCE.replace(UIN, "*"),
                "*",
                ".",
                "..",
                "../ins-1",
                "ins-1/..",
                "ins%2f1",
                "ins-1#x",
                "ins-1?x=y",
                "a@evil.example.com",
                "https://evil.example.com/",
                "instance/ins-1",
                "a:b",
            )
        ),
    ],
)
def test_a_resource_that_contradicts_its_request_or_could_mean_another_is_refused_by_name(type_, id_, words):
    ((path, message),) = problems(type_, (id_,))
    assert path == "resources.0.ids.0"
    assert words in message


@pytest.mark.parametrize(
    "type_", ["cvm", "cvm:instance/x", "cvm:a:b", "Cvm:instance", "cvm:", "cvm.evil.example.com:x"]
)
def test_a_type_is_a_service_and_a_prefix(type_):
    ((path, message),) = problems(type_)
    assert (path, message) == ("resources.0.type", "should be service:prefix, as in cvm:instance")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"region": None}, "region"),
        ({"tags": [{"key": "k" * 128}]}, "tags.0.key"),
        ({"action": "restore", "tags": [{"key": "env", "value": ""}]}, "tags.0.value"),
    ],
)
def test_what_the_cloud_could_not_take_is_refused_by_its_path(changes, path):
    assert [found for found, _ in problems(**changes)] == [path]


def test_a_name_without_a_region_is_reached_from_any_and_an_unknown_type_is_only_warned_of():
    assert problems("cdn:domain", (DOMAIN,)) == []
    assert problems("cos:bucket", (BUCKET,)) == []
    assert problems("tdmq:cluster", ("pulsar-1",)) == []
    assert list(TencentTag().warnings(Asked.of(request("cvm:instance")))) == []
    (warning,) = TencentTag().warnings(Asked.of(request("tdmq:cluster", ("pulsar-1",))))
    assert "tdmq:cluster" in warning


@pytest.mark.parametrize("key", ["qcs:tag:createdBy", "project", "projectName", "项目", "qcloud", "tencentdb"])
def test_keys_that_are_or_were_the_clouds_own_are_reserved(key):
    assert is_reserved(TencentTag(), key)
    assert not is_reserved(TencentTag(), "env")
