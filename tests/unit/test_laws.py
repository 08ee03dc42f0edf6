"""Laws 3, 4, 5 and 7 at the clouds, held against an account that is kept outside the program.

What was asked is worked out from the raw requests, what was done from the clouds' own truth tables, and both are
compared with what was published and sent.
"""

from collections import Counter

import pytest
from aws_model import QUEUE
from bookkeeping import Json
from service_house import POLICY_TYPE, House, huawei_request, jd_request, put, record, tms_request
from support import PROJECT

from local.providers import HuaweicloudConfigServer, JdcloudOptions, JdcloudServer
from local.providers.accounts import Account

# Law 3, at the clouds.


@pytest.mark.parametrize("status", [400, 413])
def test_one_bad_id_at_jd_cloud_does_not_take_down_its_neighbours(status: int) -> None:
    with House() as house:
        ids = [f"i-{n}" for n in range(50)]
        put(house.jd, *ids)
        house.jd.faults.add("refuse", operation="writing", ids=["i-31"], status=status)
        raw = jd_request(*ids)
        house.work_at(raw)
        found = house.outcomes("chg-1")
        assert {pair[0] for pair, outcome in found.items() if outcome == "failed"} == {"i-31"}
        assert Counter(found.values()) == {"removed": 49, "failed": 1}
        assert len(house.jd.calls) <= 14


def test_a_resource_that_does_not_exist_does_not_take_down_its_neighbours() -> None:
    with House(jd=JdcloudServer(options=JdcloudOptions(unknown_id="refused"))) as house:
        put(house.jd, *(f"i-{n}" for n in range(50)))
        raw = jd_request("i-gone", *(f"i-{n}" for n in range(49)))
        house.work_at(raw)
        # The read lists no resource without tags, so it cannot say more than that the tag is not there.
        assert house.outcomes("chg-1")["i-gone", "env"] == "absent"
        assert Counter(house.outcomes("chg-1").values()) == {"removed": 49, "absent": 1}


def test_a_gateways_404_is_a_wrong_address_and_fails() -> None:
    with House() as house:
        house.jd.faults.add("status", status=404)
        house.huawei.faults.add("status", status=404)
        ours = [jd_request("i-1", id_="a"), huawei_request("pa-1", id_="b")]
        house.batch(*(record(raw, raw["id"]) for raw in ours))
        house.check(*ours)
        assert house.outcomes("a") == {("i-1", "env"): "failed"}
        assert house.outcomes("b") == {("pa-1", "env"): "failed"}


@pytest.mark.parametrize("latency", [0.0, 0.3])
def test_a_missing_permission_at_jd_cloud_costs_two_calls_more_than_the_plan(latency: float) -> None:
    with House(jd=JdcloudServer(latency=latency), environ={"UNTAG_MAX_PAIRS": "5000"}) as house:
        ids = [f"i-{n}" for n in range(1000)]
        put(house.jd, *ids)
        house.jd.faults.add("forbidden", operation="writing")
        raw = jd_request(*ids)
        house.work_at(raw)
        assert Counter(row["outcome"] for row in house.rows("chg-1")) == {"failed": 1000}
        assert Counter(call.writing for call in house.jd.calls) == {False: 20, True: 20 + 2}


def test_a_resource_that_may_not_be_read_costs_two_calls_more_and_fails_half_of_its_neighbours_at_most() -> None:
    with House() as house:
        ids = [f"i-{n}" for n in range(50)]
        put(house.jd, *ids)
        house.jd.faults.add("forbidden", operation="reading", ids=["i-7"])
        raws = [jd_request(id_, id_=id_) for id_ in ids]
        house.batch(*(record(raw, raw["id"]) for raw in raws))
        house.check(*raws)
        assert Counter(report["status"] for report in house.aws.reports) == {"failed": 25, "succeeded": 25}
        assert Counter(call.writing for call in house.jd.calls) == {False: 3, True: 1}


def test_a_quota_that_is_used_up_is_not_asked_again_in_halves() -> None:
    with House() as house:
        ids = [f"i-{n}" for n in range(50)]
        put(house.jd, *ids)
        house.jd.faults.add("throttle", operation="reading", code="QUOTA_EXCEEDED")
        house.batch(record(jd_request(*ids)))
        assert {row["code"] for row in house.rows("chg-1")} == {"QUOTA_EXCEEDED"}
        assert len(house.jd.calls) == 1


def test_a_removal_and_a_restore_of_one_tag_contradict_each_other_whether_the_region_is_named_beside_the_project() -> (
    None
):
    environ = {"UNTAG_CREDENTIALS": "secretsmanager:untag"}
    with House(environ=environ) as house:
        account = {name: value for name, value in house.tms.secrets["default"].items() if value}
        house.aws.secrets["untag/huaweicloud/default"] = {**account, "projects": {"cn-north-4": PROJECT}}
        put(house.tms, "s-1")
        restore = tms_request("s-1", id_="b", action="restore", region="cn-north-4")
        assert house.batch(record(tms_request("s-1", id_="a"), "m-1"), record(restore, "m-2")) == ["m-2"]


@pytest.mark.parametrize("latency", [0.0, 0.3])
@pytest.mark.parametrize("operation", ["writing", "reading"])
def test_a_missing_permission_at_huawei_cloud_does_not_cost_a_second_call_for_each_resource(
    latency: float, operation: str
) -> None:
    with House(huawei=HuaweicloudConfigServer(latency=latency)) as house:
        ids = [f"pa-{n}" for n in range(60)]
        put(house.huawei, *ids, tags={"a": "1", "b": "2"})
        house.huawei.faults.add("forbidden", operation=operation)
        raw = huawei_request(*ids, tags={"a": "1", "b": "2"})
        house.work_at(raw)
        assert Counter(row["outcome"] for row in house.rows("chg-1")) == {"failed": 120}
        calls = Counter(call.writing for call in house.huawei.calls)
        assert calls[False] == 60
        assert calls[True] == (60 + 2 if operation == "writing" else 0)


# Law 4, at the clouds, whose servers check every signature.


def test_a_wrong_key_is_sent_to_huawei_cloud_once_and_so_is_never_locked() -> None:
    with House(environ={"HUAWEICLOUD_SDK_SK": "wrong"}) as house:
        ids = [f"pa-{n}" for n in range(50)]
        put(house.huawei, *ids)
        raw = huawei_request(*ids)
        for receives in range(4):
            raw["id"] = f"chg-{receives}"
            house.work_at(raw)
        assert [call.status for call in house.huawei.calls] == [401]
        assert {message["DelaySeconds"] >= 299 for message in house.aws.queues[QUEUE]} == {True}


def test_a_key_that_was_rotated_is_read_afresh_once_and_the_batch_goes_on() -> None:
    jd = JdcloudServer({"AK-new": Account("new-secret")})
    with House(jd=jd, environ={"UNTAG_CREDENTIALS": "secretsmanager:untag"}) as house:
        ids = [f"i-{n}" for n in range(200)]
        put(jd, *ids)
        stale, fresh = ({"access_key": f"AK-{age}", "secret_key": f"{age}-secret"} for age in ("old", "new"))
        reads = iter([stale, fresh])
        house.aws.secrets = {"untag/jdcloud/default": {}}

        def rotate(_: str, operation: str, __: Json) -> None:
            if operation == "GetSecretValue":
                house.aws.secrets["untag/jdcloud/default"] = next(reads)

        house.aws.trouble = rotate
        raw = jd_request(*ids)
        assert house.batch(record(raw)) == []
        house.check(raw)
        assert Counter(house.outcomes("chg-1").values()) == {"removed": 200}
        assert [call.status for call in jd.calls] == [401] + [200] * 8


def test_one_call_is_in_flight_until_the_key_is_accepted() -> None:
    with House(jd=JdcloudServer(latency=0.5)) as house:
        ids = [f"i-{n}" for n in range(500)]
        put(house.jd, *ids)
        house.batch(record(jd_request(*ids)))
        first, *others = house.jd.calls
        assert first.concurrent == 1
        assert min(call.number for call in others if call.concurrent > 1) > 2
        assert max(call.concurrent for call in others) > 3


# Law 5, at the clouds.


def test_a_throttle_at_the_cloud_slows_the_whole_account_and_nothing_is_lost() -> None:
    with House(environ={"UNTAG_RATE": "10", "UNTAG_ENVIRONMENTS": "2"}) as house:
        ids = [f"pa-{n}" for n in range(30)]
        put(house.huawei, *ids)
        house.huawei.faults.add("throttle", skip=5, times=1, retry_after="3")
        raw = huawei_request(*ids)
        house.work_at(raw)
        assert Counter(house.outcomes("chg-1").values()) == {"removed": 30}
        assert house.took > 60 / 5.0 - 1


# Law 7, at the clouds.


@pytest.mark.parametrize("stacks_own", [True, False])
def test_a_dry_run_makes_the_same_reads_at_the_cloud_and_changes_nothing(stacks_own: bool) -> None:
    reads = []
    for dry in (True, False):
        environ = {"UNTAG_DRY_RUN": "on"} if dry and stacks_own else {}
        with House(environ=environ) as house:
            put(house.huawei, "pa-1", "pa-2")
            put(house.jd, "i-1")
            house.huawei.tags.put("", POLICY_TYPE, "pa-2", "env", "other")
            fields = {"dry_run": True} if dry and not stacks_own else {}
            ours = [huawei_request("pa-1", "pa-2", "pa-9", id_="a", **fields), jd_request("i-1", id_="b", **fields)]
            house.batch(*(record(raw, raw["id"]) for raw in ours))
            house.check(*ours)
            reads.append(sorted(call.path for call in house.huawei.calls if not call.writing))
            if dry:
                assert not [call for server in (house.jd, house.huawei) for call in server.calls if call.writing]
                assert house.huawei.tags.history == house.jd.tags.history == []
                assert [report["dry_run"] for report in house.aws.reports] == [True, True]
                found = house.outcomes("a")
                assert found == {
                    ("pa-1", "env"): "would_remove",
                    ("pa-2", "env"): "absent",
                    ("pa-9", "env"): "not_found",
                }
                assert house.outcomes("b") == {("i-1", "env"): "would_remove"}
    assert reads[0] == reads[1] != []
