"""The laws, held against an account that is kept outside the program.

What was asked is worked out from the raw requests, what was done from the clouds' own truth tables, and both are
compared with what was published and sent.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_model import DEAD_LETTERS, QUEUE, AwsModel
from bookkeeping import Json, asked, named
from engine_bench import Bench, KeyRing, request
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_provider import Made, stall
from service_house import POLICY_TYPE, House, huawei_request, jd_request, put, record, taken_away

from local.providers import HuaweicloudConfigServer, JdcloudOptions, JdcloudServer, ProviderServer
from local.providers.accounts import Account
from untag.core import Policy, Rate, failed_requests, remainder, report
from untag.providers import Answer, Failure, Verdict
from untag.service import Remover
from untag.signing import Credentials

# Law 1: conservation, whatever a provider answers.


def half_failed(made: Made, *, retryable: bool = False) -> Answer:
    failures = {id_: Failure("resource_failed", "m", retryable) for id_ in made.ids[::2]}
    return Answer(Verdict.DONE, failures=failures, confirmed=len(made.ids[1::2]) * len(made.tags), tags={})


def bug(_: Made) -> Answer:
    raise KeyError("a bug")


def standing(made: Made) -> Answer:
    tags = {id_: {"a": "1", "b": "2"} for id_ in made.ids}
    return Answer(Verdict.DONE, confirmed=len(made.ids) * len(made.tags), tags=tags)


KINDS: list[Callable[[Made], Any]] = [
    standing,
    lambda made: Answer(Verdict.DONE, confirmed=len(made.ids) * len(made.tags), tags={}),
    *(lambda _, verdict=verdict: Answer(verdict, code=verdict.value, message="m") for verdict in Verdict),
    lambda _: Answer(Verdict.THROTTLED, retry_after=60.0),
    lambda _: Answer(Verdict.THROTTLED, retry_after=2.0),
    half_failed,
    lambda made: half_failed(made, retryable=True),
    lambda made: Answer(Verdict.DONE, failures={id_: Failure("f", "m") for id_ in made.ids}, confirmed=0, tags={}),
    lambda _: Answer(Verdict.DONE, failures={"stranger": Failure("f", "m")}, confirmed=1, tags={"stranger": {}}),
    lambda made: Answer(Verdict.DONE, confirmed=len(made.ids) * len(made.tags) - 1, tags={}),
    lambda _: Answer(Verdict.DONE, confirmed=10**6),
    lambda _: Answer(Verdict.DONE, confirmed=-1),
    bug,
    stall,
]

IDS = st.lists(st.sampled_from([f"i-{n}" for n in range(7)]), min_size=1, max_size=9)
TAGS = st.lists(
    st.sampled_from(
        [
            {"key": "a", "value": "1"},
            {"key": "a", "value": "2"},
            {"key": "a"},
            {"key": "b", "value": "2"},
            {"key": "c", "value": ""},
            {"key": "sys:own", "value": "x"},
            {"key": "kept", "value": "x"},
        ]
    ),
    min_size=1,
    max_size=5,
)
OLD = "2026-01-01T00:00:00Z"
RAW = st.builds(
    lambda groups, tags, fields: request(
        resources=[{"type": type_, "ids": ids} for type_, ids in groups], tags=tags, **fields
    ),
    st.lists(st.tuples(st.sampled_from(["vm", "disk"]), IDS), min_size=1, max_size=3),
    TAGS,
    st.sampled_from(
        [
            {},
            {},
            {},
            {"dry_run": True},
            {"account": "other"},
            {"region": "cn-south-1"},
            {"attempt": 10, "first_attempt_at": OLD},
            {"attempt": 3, "first_attempt_at": OLD},
            {"not_after": OLD},
        ]
    ),
)


@settings(max_examples=250)
@given(
    raws=st.lists(RAW, min_size=1, max_size=4),
    script=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    reads_first=st.booleans(),
    resources=st.sampled_from([1, 2, 50]),
    keys=st.sampled_from([KeyRing, lambda: KeyRing(Credentials("a", "b"), Credentials("c", "d"))]),
    seconds=st.sampled_from([12.0, 25.0, 120.0]),
)
def test_every_pair_that_came_in_leaves_with_one_outcome_or_travels_on(
    raws: list[Json],
    script: list[Callable[[Made], Any]],
    reads_first: bool,
    resources: int,
    keys: Callable[[], KeyRing],
    seconds: float,
) -> None:
    answers = iter(script)

    def answer(made: Made) -> Any:
        return next(answers, script[-1])(made)

    bench = Bench(
        answer,
        keys=keys(),
        policy=Policy(protected_keys=("kept",)),
        reads_first=reads_first,
        resources=resources,
        tags=2,
        seconds=seconds,
        rate=Rate(50.0),
    )
    jobs = bench.run(*raws)
    assert bench.clock.seconds <= seconds - bench.reserve + 0.01
    assert Counter(id(job) for job, _ in bench.finished) == Counter(id(job) for job in jobs), "told of once"
    for raw, job in zip(raws, jobs, strict=True):
        pages = report(job, bench.timing.now())
        rows = [row for page in pages for row in page.outcomes]
        pairs = [(row["type"], row["resource_id"], row["key"], row["value"]) for row in rows]
        left = named(remainder(job, lambda: 0.5).bodies)
        assert Counter(pairs) + Counter(left) == Counter(asked(raw))
        assert sum(pages[0].counts.values()) == len(asked(raw))
        letters = named(body for letter in failed_requests(job) for body in letter.bodies)
        bad = [pair for pair, row in zip(pairs, rows, strict=True) if row["outcome"] in {"failed", "unconfirmed"}]
        assert Counter(letters) == Counter(bad)
        if raw.get("dry_run"):
            assert not {row["outcome"] for row in rows} & {"removed", "restored"}
        held = {pair for pair, row in zip(pairs, rows, strict=True) if row["outcome"] == "protected"}
        if "not_after" not in raw:
            assert held == {pair for pair in asked(raw) if pair[2] in {"sys:own", "kept"}}
    assert not [call for call in bench.provider.calls if {tag.key for tag in call.tags} & {"sys:own", "kept"}]
    if all(raw.get("dry_run") or raw.get("not_after") for raw in raws):
        assert bench.provider.made("write") == []


# Laws 1 and 2: the whole service with real answers over the clouds' truth tables.

FAULT = st.one_of(
    st.builds(
        lambda do, operation, ids, skip, times, applied: {
            "do": do,
            "operation": operation,
            "ids": ids,
            "skip": skip,
            "times": times,
            **({} if applied is None else {"applied": applied}),
        },
        st.sampled_from(
            [
                "throttle",
                "unavailable",
                "forbidden",
                "refuse",
                "reset",
                "stall",
                "truncate",
                "not_json",
                "empty",
                "redirect",
            ]
        ),
        st.sampled_from(["writing", "reading", "any"]),
        st.sampled_from([[], ["r-1"], ["r-2", "r-3"]]),
        st.integers(0, 3),
        st.sampled_from([1, 2, 5, None]),
        st.sampled_from([None, True, False]),
    ),
    st.builds(
        lambda ids, keys, applied, times: {
            "do": "partial",
            "ids": ids,
            "keys": keys,
            "applied": applied,
            "times": times,
        },
        st.sampled_from([["r-1"], ["r-2", "r-3"], ["*"]]),
        st.sampled_from([[], ["a"], ["b"]]),
        st.booleans(),
        st.sampled_from([1, None]),
    ),
    st.builds(
        lambda amount, times: {"do": "count", "amount": amount, "times": times},
        st.sampled_from([-9, -1, 1, 50]),
        st.sampled_from([1, 2, None]),
    ),
)
STANDING = st.dictionaries(
    st.sampled_from([f"r-{n}" for n in range(6)]),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"])),
)
NAMED_TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"]), min_size=1)
BODIES = st.lists(
    st.builds(
        lambda ids, tags, dry_run: (sorted(ids), tags, dry_run),
        st.sets(st.sampled_from([f"r-{n}" for n in range(7)]), min_size=1),
        NAMED_TAGS,
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def misbehave(house: House, faults: list[Json]) -> None:
    for server in (house.jd, house.huawei):
        for fault in faults:
            if fault["do"] in server.fault_kinds:
                server.faults.add(**fault)


@settings(max_examples=120)
@given(
    standing=STANDING,
    bodies=BODIES,
    faults=st.lists(FAULT, max_size=3),
    empty=st.sampled_from(["list", "null"]),
    per=st.sampled_from(["resource", "pair"]),
    unknown=st.sampled_from(["failed", "refused"]),
    aws=st.sampled_from([None, None, "sns", "sqs", "entries"]),
)
def test_what_is_published_agrees_with_the_clouds_own_tables(
    standing: dict[str, dict[str, str]],
    bodies: list[tuple[list[str], dict[str, str], bool]],
    faults: list[Json],
    empty: Any,
    per: Any,
    unknown: Any,
    aws: str | None,
) -> None:
    options = JdcloudOptions(unbound="failed", empty_failures=empty, failures_per=per, unknown_id=unknown)
    with House(jd=JdcloudServer(options=options)) as house:
        for id_, tags in standing.items():
            put(house.jd, id_, tags=tags)
            put(house.huawei, id_, tags=tags)
        misbehave(house, faults)
        house.aws.trouble = lambda service, *_: "entries" if aws == "entries" else 500 if service == aws else None
        house.aws.refuse = lambda body: ("InvalidParameter", True) if "jd-0" in body else None
        raws: list[Json] = []
        for number, (ids, tags, dry_run) in enumerate(bodies):
            raws.append(jd_request(*ids, id_=f"jd-{number}", tags=tags, dry_run=dry_run))
            raws.append(huawei_request(*ids, id_=f"hw-{number}", tags=tags, dry_run=dry_run))
        returned = house.batch(*(record(raw, raw["id"]) for raw in raws))
        assert house.took < house.seconds

        delivered = [raw for raw in raws if raw["id"] not in returned]
        house.check(*delivered)
        for raw in raws:
            if raw["id"] in returned:  # nothing was sent back beside the record itself
                assert not [body for body in house.aws.messages() if body["id"] == raw["id"]]

        for server in (house.jd, house.huawei):
            ours = [raw for raw in raws if raw["provider"] == server.provider]
            hold_against_the_table(house, server, ours, [raw for raw in ours if raw["id"] not in returned], standing)


def hold_against_the_table(
    house: House,
    server: ProviderServer,
    raws: list[Json],
    delivered: list[Json],
    standing: dict[str, dict[str, str]],
) -> None:
    gone = taken_away(server)
    wet = [raw for raw in raws if not raw["dry_run"]]
    assert gone <= {(id_, key, value) for raw in wet for _, id_, key, value in asked(raw)}, "not asked for"
    assert all(change.after is None for change in server.tags.history)
    for raw in delivered:
        for row in house.rows(raw["id"]):
            pair = (row["resource_id"], row["key"], row["value"])
            stands = standing.get(pair[0], {}).get(pair[1]) == pair[2] and pair not in gone
            if row["outcome"] == "removed":
                assert pair in gone, "said to be removed, but no call of ours removed it"
            elif row["outcome"] in {"absent", "not_found"}:
                assert not stands, "said not to be there, but it stands"
            elif row["outcome"] == "would_remove":
                assert raw["dry_run"]


@pytest.mark.parametrize("unbound", ["uncounted", "counted", "failed"])
def test_after_removed_or_absent_a_pair_does_not_stand_however_jd_cloud_answers_for_what_is_not_bound(
    unbound: Any,
) -> None:
    with House(jd=JdcloudServer(options=JdcloudOptions(unbound=unbound))) as house:
        put(house.jd, "i-1", tags={"a": "1", "b": "2"})
        put(house.jd, "i-2", tags={"a": "other"})
        raw = jd_request("i-1", "i-2", tags={"a": "1", "b": "2"})
        house.batch(record(raw))
        house.check(raw)
        found = house.outcomes("chg-1")
        assert set(found.values()) <= {"removed", "absent"}
        assert found["i-1", "a"] == "removed"
        assert house.jd.tags.get("default", "cn-north-1", "vm", "i-1") == {}
        assert house.jd.tags.get("default", "cn-north-1", "vm", "i-2") == {"a": "other"}


def test_a_200_whose_body_says_nothing_is_no_success() -> None:
    for fault in ("empty", "not_json", "truncate"):
        with House() as house:
            put(house.jd, "i-1")
            house.jd.faults.add(fault, applied=False)
            raw = jd_request("i-1")
            house.batch(record(raw))
            house.check(raw)
            assert house.rows("chg-1") == []


# Law 3, at the clouds.


@pytest.mark.parametrize("status", [400, 413])
def test_one_bad_id_at_jd_cloud_does_not_take_down_its_neighbours(status: int) -> None:
    with House() as house:
        ids = [f"i-{n}" for n in range(50)]
        put(house.jd, *ids)
        house.jd.faults.add("refuse", operation="writing", ids=["i-31"], status=status)
        raw = jd_request(*ids)
        house.batch(record(raw))
        house.check(raw)
        found = house.outcomes("chg-1")
        assert {pair[0] for pair, outcome in found.items() if outcome == "failed"} == {"i-31"}
        assert Counter(found.values()) == {"removed": 49, "failed": 1}
        assert len(house.jd.calls) <= 14


def test_a_resource_that_does_not_exist_does_not_take_down_its_neighbours() -> None:
    with House(jd=JdcloudServer(options=JdcloudOptions(unknown_id="refused"))) as house:
        put(house.jd, *(f"i-{n}" for n in range(50)))
        raw = jd_request("i-gone", *(f"i-{n}" for n in range(49)))
        house.batch(record(raw))
        house.check(raw)
        assert house.outcomes("chg-1")["i-gone", "env"] == "not_found"
        assert Counter(house.outcomes("chg-1").values()) == {"removed": 49, "not_found": 1}


def test_a_gateways_404_is_a_wrong_address_and_fails() -> None:
    with House(environ={"UNTAG_JDCLOUD_ENDPOINT": "https://jd.example.com"}) as house:
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
        house.batch(record(raw))
        house.check(raw)
        assert Counter(row["outcome"] for row in house.rows("chg-1")) == {"failed": 1000}
        assert len(house.jd.calls) == 20 + 2


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
        house.batch(record(raw))
        house.check(raw)
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
            house.batch(record(raw))
            house.check(raw)
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
        assert [call.status for call in jd.calls] == [401, 200, 200, 200, 200]


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
        house.batch(record(raw))
        house.check(raw)
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
        house.batch(record(raw))
        house.check(raw)
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
        house.batch(record(raw))
        house.check(raw)
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
            house.accounts._known.clear()  # another environment takes it up: no circuit is open there
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
            **{(f"i-{n}", "team"): "would_remove" for n in (1, 2, 3)},
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
        environ = {**house.environ, **jd.environment, **huawei.environment}
        remover = Remover(environ, transport=Wire())
        raws = [
            jd_request(*(f"i-{n}" for n in range(60)), id_="a"),
            huawei_request(*(f"pa-{n}" for n in range(10)), id_="b"),
        ]
        answer = remover.batch([record(raw, raw["id"]) for raw in raws], lambda: 60.0)
        remover._runtime._loop.run_until_complete(remover._runtime.aws._client.aclose())
        remover._runtime._loop.close()
        assert answer == {"batchItemFailures": []}
        house.check(*raws)
        assert Counter(house.outcomes("a").values()) == {"removed": 59, "failed": 1}
        assert set(house.outcomes("b").values()) == {"removed"}
        assert {pair[0] for pair in taken_away(jd)} == {f"i-{n}" for n in range(60) if n != 7}
