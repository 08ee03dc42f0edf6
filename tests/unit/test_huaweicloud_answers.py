"""Answers of success at Huawei Cloud: null for an empty list is believed, an answer about other resources is not."""

from dataclasses import replace

import httpx
import pytest
from service_house import HUAWEI_HOST, POLICY_TYPE, House, huawei_request, put, record
from support import KEY, PROJECT, Wire, run

from local.providers import HuaweicloudTmsOptions, HuaweicloudTmsServer
from untag.contracts import Action, Tag
from untag.providers import Scope, Session, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms

RMS = Scope("huaweicloud", "config", "default", None, None, POLICY_TYPE)
TMS = Scope("huaweicloud", "tms", "default", None, PROJECT, "ecs")
APIS = {"config": (HuaweiConfig, RMS), "tms": (HuaweiTms, TMS)}


class Meddled(HuaweicloudTmsServer):
    """A local TMS that answers some operations with changed documents."""

    def __init__(self, **options):
        super().__init__(**options)
        self.changes = {}

    def apply(self, ask, cause, verdict):
        answer, applied = super().apply(ask, cause, verdict)
        if cause.operation in self.changes:
            answer = replace(answer, document=self.changes[cause.operation](answer.document))
        return answer, applied


class TmsHouse(House):
    """The service with a local TMS."""

    def __init__(self, *, untagged="empty", **environ):
        tms = Meddled(options=HuaweicloudTmsOptions(read_untagged=untagged))
        super().__init__(huawei=tms, environ={"UNTAG_ENDPOINTS": f"huaweicloud.tms=https://{HUAWEI_HOST}", **environ})

    def put(self, *ids, **tags):
        rows = ({"region": PROJECT, "type": "ecs", "id": id_, "tags": tags} for id_ in ids)
        self.huawei.tags.load(rows)

    def carry_out(self, *ids, **fields):
        """Work at one request: the outcome of each id, `deferred` where it has none."""
        resources = [{"type": "ecs", "ids": list(ids)}]
        raw = huawei_request() | {"project_id": PROJECT, "resources": resources, **fields}
        self.batch(record(raw))
        self.check(raw)
        outcomes = {id_: outcome for (id_, _), outcome in self.outcomes("chg-1").items()}
        return {id_: outcomes.get(id_, "deferred") for id_ in ids}

    def meddle(self, operation, change):
        """Change the documents that the local TMS answers an operation with."""
        self.huawei.changes[operation] = change


def asked(body, api="tms", kind="read"):
    """What a provider makes of an answer of success."""
    kind_of_provider, scope = APIS[api]

    async def ask():
        provider = kind_of_provider()
        response = httpx.Response(200, json=body) if not isinstance(body, str) else httpx.Response(200, text=body)
        async with Wire(response).client() as client:
            one = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            if kind == "read":
                return await provider.read(one, scope, ("i-1",))
            return await provider.write(one, Action.REMOVE, scope, ("i-1",), (Tag("env", "prod"),))

    return run(ask())


# Empty lists.


@pytest.mark.parametrize("empty", ["list", "null", "left_out"])
@pytest.mark.parametrize("reads_first", ["on", "off"])
def test_tms_may_answer_null_or_nothing_for_an_empty_list(empty, reads_first):
    with TmsHouse(UNTAG_READ_FIRST=reads_first) as house:
        house.put("i-1", env="prod")
        house.put("i-2")
        house.huawei.empty_lists = empty
        outcomes = house.carry_out("i-1", "i-2")
        assert outcomes == {"i-1": "removed", "i-2": "absent" if reads_first == "on" else "removed"}
        assert house.huawei.tags.pairs() == set()


@pytest.mark.parametrize("empty", ["list", "null", "left_out"])
def test_tms_may_answer_null_or_nothing_where_tags_are_put_back(empty):
    with TmsHouse() as house:
        house.put("i-1")
        house.huawei.empty_lists = empty
        assert house.carry_out("i-1", action="restore") == {"i-1": "restored"}
        assert [pair[3:] for pair in house.huawei.tags.pairs()] == [("i-1", "env", "prod")]


@pytest.mark.parametrize("empty", ["list", "null", "left_out"])
def test_config_may_answer_null_or_nothing_for_a_resource_without_tags(empty):
    with House() as house:
        put(house.huawei, "pa-1", tags={})
        house.huawei.empty_lists = empty
        house.batch(record(huawei_request("pa-1")))
        assert house.outcomes("chg-1") == {("pa-1", "env"): "absent"}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "body", [{"tags": []}, {"tags": None}, {}, {"request_id": "q"}, {"tags": None, "a": ""}], ids=str
)
def test_a_read_without_a_list_has_no_tags(api, body):
    answer = asked(body, api)
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {"i-1": {}})


@pytest.mark.parametrize(
    "body",
    [{"failed_resources": []}, {"failed_resources": None}, {}, {"request_id": "q"}, {"failed_resources": [], "n": 1}],
    ids=str,
)
def test_a_batch_without_a_list_of_failures_has_none(body):
    answer = asked(body, kind="write")
    assert (answer.verdict, answer.failures) == (Verdict.DONE, {})


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize(
    "body", ["", "{", '{"tags": null', "null", "[]", '"tags"', "0", "<html>", '{"result": {}}', '{"tags": 0}'], ids=str
)
def test_a_body_that_is_cut_off_or_no_such_object_settles_nothing(kind, body):
    answer = asked(body.replace("tags", "failed_resources") if kind == "write" else body, kind=kind)
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")
    assert (answer.tags, answer.failures) == (None, {})


# Other resources than those of the call.


@pytest.mark.parametrize(
    "changed",
    [{"resource_id": "I-1"}, {"resource_id": "i-9"}, {"resource_id": None}, {"resource_type": "disk"}],
    ids=str,
)
@pytest.mark.parametrize("reads_first", ["on", "off"])
def test_a_failure_of_a_resource_that_is_not_in_the_call_settles_nothing(changed, reads_first):
    with TmsHouse(UNTAG_READ_FIRST=reads_first) as house:
        house.put("i-1", "i-2", env="prod")
        entry = {"resource_id": "i-1", "resource_type": "ecs", "error_code": "TMS.0002", "error_msg": "no"} | changed
        house.meddle("batch-delete", lambda _: {"failed_resources": [entry]})
        assert house.carry_out("i-1", "i-2") == {"i-1": "deferred", "i-2": "deferred"}


@pytest.mark.parametrize(
    "changed", [{"resource_id": "I-1"}, {"resource_id": "i-9"}, {"resource_type": "disk"}], ids=str
)
@pytest.mark.parametrize("tags", [[], [{"key": "env", "value": "test"}]], ids=["none", "others"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_read_of_another_resource_settles_nothing(changed, tags, dry_run):
    with TmsHouse() as house:
        house.put("i-1", env="prod")
        house.meddle("tags", lambda _: {"tags": tags, **changed})
        assert house.carry_out("i-1", dry_run=dry_run) == {"i-1": "deferred"}
        assert house.huawei.tags.history == []


def test_an_answer_that_names_the_resource_of_the_call_is_believed():
    with TmsHouse() as house:
        house.put("i-1", env="prod")
        house.meddle("tags", lambda document: {"resource_id": "i-1", "resource_type": "ecs", **document})
        assert house.carry_out("i-1") == {"i-1": "removed"}


# A throttle told for one resource, and a 404 for a resource without tags.


def test_a_throttle_told_for_one_resource_is_a_throttle():
    with TmsHouse(UNTAG_READ_FIRST="off") as house:
        house.put("i-1", "i-2", env="prod")
        house.huawei.faults.add("partial", ids=["i-2"], code="TMS.0006")
        assert house.carry_out("i-1", "i-2") == {"i-1": "removed", "i-2": "deferred"}


def test_a_read_may_answer_404_for_a_resource_without_tags_and_nothing_is_left_to_do():
    with TmsHouse(untagged="refused") as house:
        house.put("i-1", env="prod")
        house.put("i-2")
        assert house.carry_out("i-1", "i-2") == {"i-1": "removed", "i-2": "not_found"}
