"""Reports that are kept in the bucket, beside being published."""

import json

import pytest
from platform_support import NOW, Platform, request, stored


@pytest.fixture
def keeping(platform: Platform) -> Platform:
    platform.variables["UNTAG_KEEP_REPORTS"] = "on"
    platform.new_process()
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
    return platform


def kept(platform: Platform, prefix: str) -> list[dict[str, object]]:
    return [json.loads(one.body) for one in platform.bucket.objects(prefix).values()]


def test_a_report_is_kept_under_its_batch_and_is_the_one_that_is_published(keeping: Platform) -> None:
    keeping.send(request(batch="cleanup"))
    assert kept(keeping, "reports/cleanup/") == keeping.reports
    assert [report["counts"] for report in keeping.reports] == [{"removed": 1}]


def test_without_a_batch_it_stands_under_the_requests_id_whatever_that_looks_like(keeping: Platform) -> None:
    keeping.send(request(id="../work/1 Ä"))
    (key,) = keeping.bucket.keys("reports/")
    _, folder, _ = key.split("/")
    assert folder.isalnum()
    assert len(folder) == 32
    assert [report["id"] for report in kept(keeping, "reports/")] == ["../work/1 Ä"]


def test_what_cannot_be_kept_is_not_published_and_comes_again(keeping: Platform) -> None:
    keeping.send(request(batch="cleanup"))
    keeping.smn.published.clear()
    key = f"work/{int(NOW) + 120}-0-m"
    keeping.bucket.put(key, stored(request(2, batch="later")))
    keeping.obs.faults.add("unavailable", operation="PutObject")
    assert keeping.invoke("remove", {"untag": 1, "keys": [key]}) == {"records": 1, "failures": 1}
    assert keeping.reports == []
    keeping.obs.faults.clear()
    keeping.time += 300
    keeping.minute()
    assert [report["batch"] for report in keeping.reports] == ["later"]
    assert keeping.queued() == []


def test_a_rejected_body_is_kept_too_and_none_is_where_it_is_not_asked_for(keeping: Platform) -> None:
    keeping.send('{"batch": "bad", "provider": "nowhere"}')
    assert [report["kind"] for report in kept(keeping, "reports/bad/")] == ["rejected"]
    keeping.variables["UNTAG_KEEP_REPORTS"] = "off"
    keeping.new_process()
    keeping.send(request(batch="unkept"), id_="m-2")
    assert keeping.bucket.keys("reports/unkept/") == []
    assert keeping.reports[-1]["batch"] == "unkept"


def test_a_message_costs_one_call_more_where_its_report_is_kept(keeping: Platform) -> None:
    key = f"work/{int(NOW) + 120}-0-m"
    keeping.bucket.put(key, stored(request(batch="cleanup")))
    keeping.invoke("remove", {"untag": 1, "keys": [key]})
    operations = [call.operation for call in keeping.obs.calls]
    sent = 1  # its sender's PutObject
    assert sent + len(operations) == 8, operations
