"""What a removal leaves at both clouds, from reading first to its last attempt, by the clouds' own truth tables."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest
from aws_model import DEAD_LETTERS, QUEUE, AwsModel
from bookkeeping import Json
from service_house import POLICY_TYPE, House, huawei_request, jd_request, put, record, taken_away

from local.providers import HuaweicloudConfigServer, JdcloudServer, environment
from untag.hosts.aws import LambdaFunction
from untag.removal import Remover

# Reading first, at Huawei Cloud.


def test_huawei_clouds_rows_tell_what_stood_there_so_that_undo_can_put_it_back() -> None:
    with House() as house:
        put(house.huawei, "pa-1", tags={"env": "prod", "team": "x", "owner": "li"})
        raw = huawei_request("pa-1") | {
            "tags": [
                {"key": "env", "value": "prod"},
                {"key": "team", "value": "y"},
                {"key": "gone", "value": "z"},
                {"key": "owner"},
            ]
        }
        house.work_at(raw)
        rows = {row["key"]: (row["outcome"], row["was"]) for row in house.rows("chg-1")}
        assert rows == {
            "env": ("removed", "prod"),
            "team": ("absent", "x"),
            "gone": ("absent", None),
            "owner": ("removed", "li"),
        }
        assert house.huawei.tags.get("default", "", POLICY_TYPE, "pa-1") == {"team": "x"}


def test_without_reading_first_nobody_looked_and_the_rows_say_so() -> None:
    with House(environ={"UNTAG_READ_FIRST": "off"}) as house:
        put(house.huawei, "pa-1")
        raw = huawei_request("pa-1", tags={f"k{n}": "v" for n in range(25)})
        house.work_at(raw)
        assert not [row for row in house.rows("chg-1") if "was" in row]
        assert sorted(len(call.tags) for call in house.huawei.calls) == [5, 20]


@pytest.mark.parametrize("provider", ["jdcloud", "huaweicloud"])
def test_what_was_removed_can_be_put_back(provider: str) -> None:
    with House() as house:
        server, make = {"jdcloud": (house.jd, jd_request), "huaweicloud": (house.huawei, huawei_request)}[provider]
        put(server, "r-1", "r-2", tags={"env": "prod", "team": "x"})
        before = server.tags.pairs()
        removal = make("r-1", "r-2", id_="away", tags={"env": "prod", "team": "x"})
        house.batch(record(removal))
        assert server.tags.pairs() == set()
        house.batch(record({**removal, "id": "back", "action": "restore"}))
        house.check(removal, {**removal, "id": "back"})
        assert set(house.outcomes("back").values()) == {"restored"}
        assert server.tags.pairs() == before


# Exhaustion, over the whole way.


def test_a_request_that_never_goes_through_ends_on_the_dead_letter_queue_and_not_before_its_day() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("unavailable", operation="writing")
        raw = jd_request("i-1")
        bodies, rounds = [json.dumps(raw)], 0
        while bodies:
            rounds += 1
            assert rounds < 300, "it goes round for ever"
            house.batch(record(bodies.pop()))
            bodies = [message["MessageBody"] for message in house.aws.queues[QUEUE]]
            house.clock.seconds += sum(message["DelaySeconds"] for message in house.aws.queues[QUEUE])
            house.another_environment()  # no circuit is open there
            house.aws.queues[QUEUE].clear()
        assert house.clock.seconds > 86_400
        assert rounds > 10
        (letter,) = house.aws.queues[DEAD_LETTERS]
        assert letter["MessageAttributes"]["code"]["StringValue"] == "exhausted"
        body = json.loads(letter["MessageBody"])
        assert body["attempt"] == 1
        assert "first_attempt_at" not in body
        assert house.jd.calls[-1].operation == "describeResources"
        assert house.outcomes("chg-1") == {("i-1", "env"): "failed"}
        # It can be sent again as it lies.
        house.jd.faults.clear()
        house.aws.reports.clear()
        assert house.batch(record(letter["MessageBody"])) == []
        assert house.outcomes("chg-1") == {("i-1", "env"): "removed"}


def test_a_request_too_large_for_its_rate_never_uses_up_its_attempts() -> None:
    with House(seconds=30.0, environ={"UNTAG_RATE": "2"}) as house:
        ids = [f"pa-{n}" for n in range(120)]
        put(house.huawei, *ids)
        bodies = [json.dumps(huawei_request(*ids))]
        rounds = 0
        while bodies:
            rounds += 1
            house.batch(record(bodies.pop()))
            assert len(house.aws.queues[QUEUE]) <= 1
            bodies = [message["MessageBody"] for message in house.aws.queues[QUEUE]]
            house.aws.queues[QUEUE].clear()
            house.clock.seconds += 5.0
        assert rounds > 4
        assert {report["attempt"] for report in house.aws.reports} == {1}
        assert Counter(row["outcome"] for row in house.rows("chg-1")) == {"removed": 120}


# A tag without a value where the cloud untags by exact pair.


def key_only(*ids: str, **fields: Any) -> Json:
    return jd_request(*ids, **fields) | {"tags": [{"key": "env"}, {"key": "team", "value": "a"}]}


def test_a_tag_without_a_value_is_resolved_by_reading_and_resources_with_the_same_value_share_a_call() -> None:
    with House() as house:
        put(house.jd, *(f"i-p{n}" for n in range(30)), tags={"env": "prod", "team": "a"})
        put(house.jd, *(f"i-s{n}" for n in range(30)), tags={"env": "staging", "team": "b"})
        put(house.jd, "i-none", tags={"other": "x"})
        ids = [*(f"i-p{n}" for n in range(30)), *(f"i-s{n}" for n in range(30)), "i-none"]
        assert house.batch(record(key_only(*ids))) == []
        rows = {(row["resource_id"], row["key"]): row for row in house.rows("chg-1")}
        assert len(rows) == 2 * len(ids)
        for id_ in ids:
            row = rows[id_, "env"]
            stood = {"p": "prod", "s": "staging"}.get(id_[2])
            assert (row["value"], row["was"]) == (None, stood if id_ != "i-none" else None)
            assert row["outcome"] == ("absent" if id_ == "i-none" else "removed")
        taken = taken_away(house.jd)
        assert {(id_, key) for id_, key, _ in taken if key == "env"} == {(id_, "env") for id_ in ids[:-1]}
        assert {(id_, value) for id_, key, value in taken if key == "team"} == {(f"i-p{n}", "a") for n in range(30)}
        writes = [
            call for call in house.jd.calls if call.operation == "unTagResources" and ("env", None) not in call.tags
        ]
        assert {tag for call in writes for tag in call.tags} == {("env", "prod"), ("env", "staging"), ("team", "a")}


def test_a_dry_run_of_a_tag_without_a_value_reads_and_writes_nothing() -> None:
    with House() as house:
        put(house.jd, "i-1", "i-2", tags={"env": "prod", "team": "a"})
        house.batch(record(key_only("i-1", "i-2", "i-3", dry_run=True)))
        assert [call.operation for call in house.jd.calls] == ["describeResources"]
        found = {(row["resource_id"], row["key"]): row["outcome"] for row in house.rows("chg-1")}
        assert found == {
            ("i-1", "env"): "would_remove",
            ("i-2", "env"): "would_remove",
            ("i-3", "env"): "absent",
            **{(f"i-{n}", "team"): "would_remove" for n in (1, 2)},
            ("i-3", "team"): "absent",
        }


# Over real sockets.


def test_the_engine_agrees_with_both_clouds_over_loopback() -> None:
    """The same service with httpx's own transport, to servers on real ports."""
    with JdcloudServer() as jd, HuaweicloudConfigServer() as huawei, House(jd=jd, huawei=huawei) as house:
        put(jd, *(f"i-{n}" for n in range(60)))
        put(huawei, *(f"pa-{n}" for n in range(10)), tags={"env": "prod", "a": "b"})
        jd.faults.add("partial", ids=["i-7"])
        jd.faults.add("reset", times=1, applied=True)
        huawei.faults.add("unavailable", times=1)

        class Wire(httpx.AsyncHTTPTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.url.host == "127.0.0.1":
                    return await super().handle_async_request(request)
                return await aws(request)

        aws = house.aws = AwsModel()
        environ = {**house.environ, **environment((jd, huawei))}
        remover = LambdaFunction(Remover, environ, transport=Wire())
        raws = [
            jd_request(*(f"i-{n}" for n in range(60)), id_="a"),
            huawei_request(*(f"pa-{n}" for n in range(10)), id_="b"),
        ]
        answer = remover.batch([record(raw, raw["id"]) for raw in raws], lambda: 60.0)
        remover.runtime.close()
        assert answer == {"batchItemFailures": []}
        house.check(*raws)
        assert Counter(house.outcomes("a").values()) == {"removed": 59, "failed": 1}
        assert set(house.outcomes("b").values()) == {"removed"}
        assert {pair[0] for pair in taken_away(jd)} == {f"i-{n}" for n in range(60) if n != 7}
