"""Laws 1 and 2: every pair that came in leaves with one outcome or travels on, and what is published is true.

What was asked is worked out from the raw requests, what was done from the clouds' own truth tables, and both are
compared with what was published and sent.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from bookkeeping import Json, asked, named
from engine_bench import Bench, KeyRing, request
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_provider import Made, stall
from service_house import House, huawei_request, jd_request, put, record, taken_away

from local.providers import JdcloudOptions, JdcloudServer, ProviderServer
from untag.core import Policy, Rate, failed_requests, remainder, report
from untag.providers import Answer, Failure, Verdict
from untag.providers.credentials import AccessKey

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
    keys=st.sampled_from([KeyRing, lambda: KeyRing(*(AccessKey(access_key=name, secret_key="s") for name in "ac"))]),
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
        house.work_at(raw)
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
            house.work_at(raw)
            assert house.rows("chg-1") == []
