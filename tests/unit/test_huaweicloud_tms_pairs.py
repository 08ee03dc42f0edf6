"""What becomes of pairs at Huawei Cloud's TMS, with both of this cloud's local services."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from support import PROJECT, SleepingClock, request, run

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsOptions, HuaweicloudTmsServer
from untag.core import Accounts, Deadline, Engine, Policy, Rate, open_job
from untag.providers import Registry
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.tms import HuaweiTms


class TmsBench:
    """An engine with both of Huawei Cloud's APIs, at local servers, and a clock that nobody waits for."""

    def __init__(self, tms, config, *, key=None, **options):
        secret = tms.secrets["default"]
        self.tms, self.clock = tms, SleepingClock()
        self.key = key or HuaweiCloudCredentials(**secret)
        self.registry = Registry(made=(HuaweiConfig(config.url), HuaweiTms(tms.url, **options)))

    async def get(self, *_, **__):  # a source of keys
        return self.key

    def called(self, provider, seconds, answer): ...  # an observer
    def retried(self, provider): ...
    def removing(self, *_): ...
    def closed(self, provider, account): ...
    def failed(self, error):
        raise error

    def run(self, *resources, tags=(("env", "prod"),), **changes):
        """One request; what became of each (id, key): an outcome, or `deferred:CODE`."""
        made = request(
            provider="huaweicloud",
            resources=[{"type": type_, "ids": list(ids)} for type_, ids in resources],
            tags=[{"key": key} if value is None else {"key": key, "value": value} for key, value in tags],
            **{"region": None, "project_id": PROJECT, **changes},
        )
        assert list(self.registry.check(made)) == []
        job = open_job(made, self.registry, Policy(), now=self.clock.time)
        self.jobs = [job]

        async def work():
            async with httpx.AsyncClient(trust_env=False) as client:
                accounts = Accounts(self.get, Rate(1000.0), self.clock.timing, self)
                engine = Engine(client, accounts, Policy(), self.clock.timing, self, concurrency=8)
                await engine.run([job], Deadline(lambda: 100.0, 10.0), lambda _: None)

        run(work())
        self.results = {(id_, tag.key): result for _, id_, tag, result in job.rows()}
        return {
            pair: getattr(result, "outcome", None) or f"deferred:{result.code}" for pair, result in self.results.items()
        }

    def calls(self):
        return Counter(call.operation for call in self.tms.calls)


@pytest.fixture
def config() -> Iterator[HuaweicloudConfigServer]:
    with HuaweicloudConfigServer() as server:
        yield server


@pytest.fixture
def tms() -> Iterator[HuaweicloudTmsServer]:
    with HuaweicloudTmsServer() as server:
        yield server


def put(tms, *ids, tags=None):
    tms.tags.load({"region": PROJECT, "type": "ecs", "id": id_, "tags": tags or {"env": "prod"}} for id_ in ids)


def standing(tms, type_="ecs"):
    return tms.tags.snapshot()["default"][PROJECT][type_]


def test_a_request_whose_types_belong_to_two_apis_is_carried_out_at_both(tms, config):
    put(tms, "i-1")
    config.tags.put("", "config:aggregators", "ag-1", "env", "prod")
    told = TmsBench(tms, config).run(("ecs", ["i-1"]), ("config:aggregators", ["ag-1"]))
    assert told == {("i-1", "env"): "removed", ("ag-1", "env"): "removed"}
    assert standing(tms) == {"i-1": {}}
    assert config.tags.pairs() == set()


def test_only_what_stands_there_with_the_value_asked_for_is_removed(tms, config):
    put(tms, "i-1")
    put(tms, "i-2", tags={"env": "test", "a": "b"})
    bench = TmsBench(tms, config)
    told = bench.run(("ecs", ["i-1", "i-2", "i-3"]))
    assert told == {("i-1", "env"): "removed", ("i-2", "env"): "absent", ("i-3", "env"): "not_found"}
    assert [bench.results[id_, "env"].was for id_ in ("i-1", "i-2")] == ["prod", "test"]
    assert standing(tms) == {"i-1": {}, "i-2": {"env": "test", "a": "b"}}
    assert all(len(call.ids) == 1 for call in tms.calls if call.operation == "tags"), "a read takes one resource"
    assert bench.calls() == {"tags": 3, "batch-delete": 1}


@pytest.mark.parametrize("size", [20, 50])
def test_without_the_read_a_call_carries_as_many_resources_as_it_may_and_ten_tags(tms, config, size):
    ids = [f"i-{number}" for number in range(45)]
    tags = {f"key{number}": "v" for number in range(12)}
    put(tms, *ids, tags=tags)
    bench = TmsBench(tms, config, read_first=False, resources_per_call=size)
    told = bench.run(("ecs", ids), tags=tags.items())
    assert set(told.values()) == {"removed"}
    assert len(told) == 45 * 12
    assert sorted({len(call.ids) for call in tms.calls}) == ([5, 20] if size == 20 else [45])
    assert {len(call.tags) for call in tms.calls} == {10, 2}
    assert tms.tags.pairs() == set()


def test_failures_inside_a_200_do_not_take_their_neighbours_down(tms, config):
    put(tms, "i-good", "i-busy", "i-locked", tags={"env": "prod", "a": "b"})
    tms.faults.add("partial", ids=["i-busy"], code="TMS.0006")
    tms.faults.add("partial", ids=["i-locked"], code="TMS.0004", message="locked")
    bench = TmsBench(tms, config, read_first=False)
    told = bench.run(("ecs", ["i-good", "i-busy", "i-locked", "i-nowhere"]), tags=[("env", "prod"), ("a", "b")])
    for key in ("env", "a"):
        assert told["i-good", key] == "removed"
        assert told["i-busy", key] == "deferred:TMS.0006"
        assert told["i-locked", key] == "failed"
        assert told["i-nowhere", key] == "not_found"
    assert (bench.results["i-locked", "env"].code, bench.results["i-locked", "env"].message) == ("TMS.0004", "locked")
    assert {id_ for id_, tags in standing(tms).items() if tags} == {"i-busy", "i-locked"}


def test_a_failure_that_did_take_effect_is_found_out_by_reading_back(tms, config):
    put(tms, "i-1", "i-2")
    tms.faults.add("partial", ids=["i-2"], applied=True)
    told = TmsBench(tms, config, read_first=False).run(("ecs", ["i-1", "i-2"]))
    assert told == {("i-1", "env"): "removed", ("i-2", "env"): "absent"}


def test_a_wrong_type_or_project_is_not_asked_for_in_halves_and_each_resource_is_read_back_alone(tms, config):
    bench = TmsBench(tms, config)
    told = bench.run(("ECS", ["i-1", "i-2", "i-3"]), action="restore")
    assert set(told.values()) == {"failed"}
    assert {result.code for result in bench.results.values()} == {"TMS.5027"}
    assert bench.calls() == {"tags": 3}


def test_what_is_given_up_is_read_back_resource_by_resource(tms, config):
    put(tms, "i-1", "i-2", "i-3")
    tms.faults.add("forbidden", operation="writing", code="TMS.0006")
    bench = TmsBench(tms, config, read_first=False)
    told = bench.run(("ecs", ["i-1", "i-2", "i-3"]), attempt=10, first_attempt_at="2026-01-01T00:00:00Z")
    assert set(told.values()) == {"failed"}
    assert {result.code for result in bench.results.values()} == {"exhausted"}
    assert bench.calls()["tags"] == 3


@pytest.mark.parametrize("do", ["empty", "not_json", "truncate", "reset", "unavailable", "throttle"])
def test_a_write_that_was_not_answered_as_documented_is_never_told_as_removed(tms, config, do):
    put(tms, "i-1")
    tms.faults.add(do, operation="writing")
    told = TmsBench(tms, config).run(("ecs", ["i-1"]))
    assert [outcome.partition(":")[0] for outcome in told.values()] == ["deferred"]


def test_tags_are_put_back_twenty_resources_at_a_time(tms, config):
    ids = [f"i-{number}" for number in range(25)]
    put(tms, *ids, tags={"a": "b"})
    told = TmsBench(tms, config).run(("ecs", ids), tags=[("env", "prod"), ("b", "")], action="restore")
    assert set(told.values()) == {"restored"}
    assert [len(call.ids) for call in tms.calls if call.writing] == [20, 5]
    assert len([call for call in tms.calls if not call.writing]) == 25
    assert set(map(str, standing(tms).values())) == {"{'a': 'b', 'b': '', 'env': 'prod'}"}


def test_a_dry_run_reads_and_changes_nothing(tms, config):
    put(tms, "i-1")
    bench = TmsBench(tms, config)
    told = bench.run(("ecs", ["i-1"]), tags=[("env", "prod"), ("a", None)], dry_run=True)
    assert told == {("i-1", "env"): "would_remove", ("i-1", "a"): "absent"}
    assert bench.calls() == {"tags": 1}


def test_pairs_in_a_region_without_a_project_fail_by_name_before_any_call(tms, config):
    put(tms, "i-1")
    bench = TmsBench(tms, config)
    told = bench.run(("ecs", ["i-1", "i-2"]), region="cn-north-4", project_id=None)
    assert set(told.values()) == {"failed"}
    assert {result.code for result in bench.results.values()} == {"no_project"}
    assert len(tms.calls) == 0


def test_the_region_finds_its_project_in_the_key(tms, config):
    put(tms, "i-1")
    key = HuaweiCloudCredentials(**tms.secrets["default"], projects={"cn-north-4": PROJECT})
    told = TmsBench(tms, config, key=key).run(("ecs", ["i-1"]), region="cn-north-4", project_id=None)
    assert told == {("i-1", "env"): "removed"}


def test_where_documents_leave_it_open_the_outcome_is_the_same(config):
    for options in (
        HuaweicloudTmsOptions(compare_values=True, unbound="failed", unknown_id="refused", read_unknown="refused"),
        HuaweicloudTmsOptions(compare_values=False, unbound="ignored", unknown_id="failed", read_unknown="refused"),
    ):
        for read_first in (True, False):
            with HuaweicloudTmsServer(options=options) as tms:
                put(tms, "i-1", "i-2")
                told = TmsBench(tms, config, read_first=read_first).run(("ecs", ["i-1", "i-0", "i-2"]))
                assert told == {("i-1", "env"): "removed", ("i-0", "env"): "not_found", ("i-2", "env"): "removed"}
                assert tms.tags.pairs() == set()
