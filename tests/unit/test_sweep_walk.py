"""What a sweep finds and asks for, at the local clouds: everything that its rules mean, and nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweep_support import CONFIG, EXPIRED, JD, PROJECT, RMS, TMS, Broom, many, reports

from untag.contracts import parse_requests
from untag.providers import Answer, Listing, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.sweep import walk

CLOUDS = pytest.mark.parametrize(
    ("rule", "cloud"), [(JD, "jd"), (TMS, "tms"), (RMS, "config")], ids=["jd", "tms", "rms"]
)


@pytest.fixture
def broom():
    with Broom() as made:
        yield made


def names(server):
    return [call.operation for call in server.calls]


@CLOUDS
def test_what_bears_the_key_is_asked_for_by_key_and_value(broom, rule, cloud):
    server = getattr(broom, cloud)
    broom.put(server, {"r-1": {"tmp": "a", "env": "prod"}, "r-2": {"tmp": "b"}, "r-3": {"tmp-2": "a"}, "r-4": {}})
    notice = broom.sweep(rule)
    assert broom.asked() == {("r-1", "tmp", "a"), ("r-2", "tmp", "b")}
    assert notice["status"] == "succeeded"
    assert notice["counts"]["matched"] == 2
    broom.remove()
    assert {(id_, *tags.items()) for id_, tags in tags_at(broom, cloud).items()} == {
        ("r-1", ("env", "prod")),
        ("r-2",),
        ("r-3", ("tmp-2", "a")),
        ("r-4",),
    }


def tags_at(broom, cloud):
    region, type_ = {"jd": ("cn-north-1", "vm"), "tms": (PROJECT, "ecs"), "config": ("", CONFIG)}[cloud]
    return getattr(broom, cloud).tags.snapshot()["default"][region][type_]


@CLOUDS
def test_a_date_that_has_passed_is_asked_for_and_one_that_is_none_is_counted(broom, rule, cloud):
    there = {"r-1": "2026-09-20", "r-2": "2026-09-21", "r-3": "2027-01-01", "r-4": "never", "r-5": "2020-02-30"}
    broom.put(getattr(broom, cloud), {id_: {"expires-on": day} for id_, day in there.items()})
    notice = broom.sweep({**rule, "match": EXPIRED})
    assert broom.asked() == {("r-1", "expires-on", "2026-09-20")}
    assert notice["counts"]["not_a_date"] == 2
    assert notice["counts"]["seen"] == 5


@CLOUDS
def test_what_is_to_be_removed_may_be_other_than_what_matched(broom, rule, cloud):
    tags = {"expires-on": "2026-01-01", "owner-a": "x", "owner-b": "y", "env": "prod"}
    broom.put(getattr(broom, cloud), {"r-1": tags, "r-2": {**tags, "expires-on": "2027-01-01"}})
    broom.sweep({**rule, "match": EXPIRED, "remove": ["expires-on", {"glob": "owner-*"}]})
    assert broom.asked() == {("r-1", "expires-on", "2026-01-01"), ("r-1", "owner-a", "x"), ("r-1", "owner-b", "y")}


@CLOUDS
def test_a_pattern_is_resolved_to_literal_keys_and_a_resource_is_asked_for_once(broom, rule, cloud):
    server = getattr(broom, cloud)
    broom.put(server, {"r-1": {"tmp-1": "a", "tmp-2": "b", "env": "x"}, "r-2": {"TMP-2": "c"}, "r-3": {"tmp-2": "d"}})
    broom.sweep({**rule, "match": {"key": {"glob": "tmp-*"}}})
    assert broom.asked() == {("r-1", "tmp-1", "a"), ("r-1", "tmp-2", "b"), ("r-3", "tmp-2", "d")}
    assert sorted(id_ for body in broom.requests() for id_ in body["resources"][0]["ids"]) == ["r-1", "r-3"]


@CLOUDS
def test_a_literal_value_is_asked_of_the_cloud_itself(broom, rule, cloud):
    broom.put(getattr(broom, cloud), {"r-1": {"tmp": "a"}, "r-2": {"tmp": "b"}})
    notice = broom.sweep({**rule, "match": {"key": "tmp", "value": "b"}})
    assert broom.asked() == {("r-2", "tmp", "b")}
    assert notice["counts"]["seen"] == 1


@CLOUDS
def test_nothing_there_is_a_sweep_that_succeeded_and_asked_for_nothing(broom, rule, cloud):
    notice = broom.sweep({**rule, "match": {"key": {"regex": "t.*"}}})
    assert (notice["status"], notice["counts"], broom.requests()) == ("succeeded", {}, [])


@CLOUDS
def test_protected_keys_and_the_clouds_own_are_never_asked_for(rule, cloud):
    with Broom(environ={"UNTAG_PROTECTED_KEYS": "owner,cost-*"}) as broom:
        own = "jrn:x" if cloud == "jd" else "_sys_x"
        broom.put(getattr(broom, cloud), {"r-1": {"tmp": "a", "owner": "b", "cost-1": "c", own: "d", "old": "e"}})
        broom.sweep(
            {**rule, "remove": [{"regex": ".+"}]},
            {**rule, "name": "own", "match": {"key": {"regex": "(jrn:|_sys_|cost-|owner).*"}}},
        )
        assert broom.asked() == {("r-1", "tmp", "a"), ("r-1", "old", "e")}


@CLOUDS
def test_a_request_names_no_more_pairs_than_the_stack_takes(rule, cloud):
    with Broom(environ={"UNTAG_MAX_PAIRS": "7"}) as broom:
        broom.put(getattr(broom, cloud), many(50, tmp="x", a="1", b="2"))
        broom.sweep({**rule, "remove": ["tmp", "a", "b"]})
        requests = [parsed for body in broom.requests() for parsed in parse_requests(body, "none")]
        assert max(request.pairs() for request in requests) <= 7
        assert len(broom.asked()) == 150
        assert sum(request.pairs() for request in requests) == 150


@CLOUDS
def test_a_rules_limit_counts_resources_and_is_told(broom, rule, cloud):
    broom.put(getattr(broom, cloud), many(50, tmp="x"))
    notice = broom.sweep({**rule, "limit": 20}, {**rule, "name": "enough", "limit": 50})
    (first, second) = notice["details"]
    assert first["counts"]["matched"] == first["counts"]["pairs"] == 20
    assert (first["status"], first["counts"]["limit_reached"]) == ("partial", 1)
    assert (second["status"], second["counts"]["matched"]) == ("succeeded", 50)
    assert notice["status"] == "partial"


@CLOUDS
def test_a_dry_run_asks_for_a_dry_run_writes_nothing_and_shows_what_it_would_remove(broom, rule, cloud):
    server = getattr(broom, cloud)
    broom.put(server, many(60, tmp="x"))
    notice = broom.sweep(rule, dry_run=True)
    broom.remove()
    assert {body for report in reports(broom) for body in report["counts"]} == {"would_remove"}
    assert sum(report["counts"]["would_remove"] for report in reports(broom)) == 60
    assert not [call for call in server.calls if call.writing]
    assert notice["dry_run"] is True
    assert len(notice["details"][0]["sample"]) == 50


def test_the_stacks_dry_run_wins_over_the_sweeps():
    with Broom(environ={"UNTAG_DRY_RUN": "on"}) as broom:
        broom.put(broom.jd, many(3, tmp="x"))
        assert broom.sweep(JD)["dry_run"] is True
        assert {body["dry_run"] for body in broom.requests()} == {True}


@CLOUDS
def test_the_same_sweep_makes_the_same_requests_again(rule, cloud):
    made = []
    for _ in range(2):
        with Broom(environ={"UNTAG_MAX_PAIRS": "10"}) as broom:
            broom.put(getattr(broom, cloud), {f"r-{n}": {"tmp": str(n % 3)} for n in range(100)})
            broom.sweep(rule)
            made.append(broom.requests())
    key = str
    assert sorted(made[0], key=key) == sorted(made[1], key=key)
    ids = [body["id"] for body in made[0]]
    assert len(set(ids)) == len(ids)
    assert all(id_.startswith(f"sweep-1.{rule['name']}.") for id_ in ids)


# A listing that does not page.


def test_an_answer_that_is_too_large_is_asked_for_value_by_value(monkeypatch):
    limited(monkeypatch, 6_000)
    with Broom() as broom:
        broom.put(broom.jd, {f"r-{n:03d}": {"expires-on": f"2026-01-{n % 10 + 1:02d}"} for n in range(100)})
        notice = broom.sweep({**JD, "match": EXPIRED})
        assert names(broom.jd) == ["describeResources", "describeValues"] + ["describeResources"] * 10
        assert len(broom.asked()) == 100
        assert notice["status"] == "succeeded"


def limited(monkeypatch, size):
    """JD Cloud's module with room for so many bytes."""
    made = JDCloud.__init__

    def small(self, *arguments, **more):
        made(self, *arguments, **{**more, "listing_bytes": size})

    monkeypatch.setattr(JDCloud, "__init__", small)


def test_values_that_cannot_match_are_not_even_listed(monkeypatch):
    limited(monkeypatch, 6_000)
    with Broom() as broom:
        days = ("2026-01-01", "2027-01-01", "never")
        broom.put(broom.jd, {f"r-{n:03d}": {"expires-on": days[n % 3]} for n in range(100)})
        notice = broom.sweep({**JD, "match": EXPIRED})
        assert names(broom.jd) == ["describeResources", "describeValues", "describeResources"]
        assert len(broom.asked()) == 34
        assert notice["counts"]["not_a_date"] == 1  # by value, values are counted


def test_an_answer_that_is_too_large_even_for_one_value_fails_the_rule_and_is_never_taken_for_no_tags(monkeypatch):
    limited(monkeypatch, 3_000)
    with Broom() as broom:
        broom.put(broom.jd, many(100, tmp="x"))
        notice = broom.sweep(JD)
        (detail,) = notice["details"]
        assert (notice["status"], detail["status"], detail["errors"][0]["code"]) == ("failed", "failed", "too_large")
        assert broom.requests() == []


def test_a_sweep_goes_on_behind_the_last_resource_though_that_is_gone_by_then(monkeypatch):
    monkeypatch.setattr(walk, "WINDOW", 10)
    with Broom() as broom:
        broom.put(broom.jd, many(100, tmp="x"))
        calls = iter(range(1000))
        # Time runs out after the second window of each invocation.
        monkeypatch.setattr(walk.Walk, "_in_time", in_time(lambda: next(calls) % 3 == 2))
        broom.sweep(JD, between=broom.remove)
        broom.remove()
        assert broom.invocations > 3
        assert tags_at(broom, "jd") == many(100)


def in_time(ends):
    from untag.sweep.listing import NotNowError

    def check(_):
        if ends():
            raise NotNowError("deadline", "the test says so", counted=False)

    return check


# A listing that pages, while removals shift the pages.


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_pages_are_read_from_the_last_to_the_first(monkeypatch, broom, rule, cloud):
    monkeypatch.setattr(walk, "PAGES", 1)
    small_pages(monkeypatch, 10)
    broom.put(getattr(broom, cloud), many(35, tmp="x"))
    seen = cursors(monkeypatch)
    broom.sweep(rule)
    assert seen == [None, "30", "20", "10", "0"] * 2
    assert len(broom.asked()) == 35
    assert sum(len(body["resources"][0]["ids"]) for body in broom.requests()) == 35  # the second pass asks nothing anew


def small_pages(monkeypatch, rows):
    monkeypatch.setattr(HuaweiTms, "page", rows)
    monkeypatch.setattr(HuaweiConfig, "page", rows)


def cursors(monkeypatch):
    from untag.sweep.listing import Lister

    seen = []
    find = Lister.find

    async def noted(self, key, value, cursor=None):
        seen.append(cursor)
        return await find(self, key, value, cursor)

    monkeypatch.setattr(Lister, "find", noted)
    return seen


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_none_is_missed_whatever_is_removed_and_added_between_the_calls(monkeypatch, rule, cloud, data):
    """Somebody removes tags that match, and tags new resources, between any two pages; what bears the tag from the
    beginning to the end is asked for in any case.
    """
    with monkeypatch.context() as patched, Broom() as broom:
        small_pages(patched, 5)
        patched.setattr(walk, "PAGES", data.draw(st.sampled_from([1, 4])))
        server = getattr(broom, cloud)
        there = many(40, tmp="x")
        broom.put(server, there)
        region, type_ = (PROJECT, "ecs") if cloud == "tms" else ("", CONFIG)
        stays = set(there)
        apply = server.apply
        changes = iter(data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 45)), max_size=12)))

        def meddled(ask, cause, verdict):
            answer = apply(ask, cause, verdict)
            for added, number in [next(changes, (None, None))]:
                if added:
                    server.tags.put(region, type_, f"a-{number:06d}", "tmp", "x")
                elif added is not None:
                    server.tags.remove(region, type_, f"r-{number:06d}", "tmp")
                    stays.discard(f"r-{number:06d}")
            return answer

        patched.setattr(server, "apply", meddled)
        broom.sweep(rule)
        assert {id_ for id_, _, _ in broom.asked()} >= stays


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_paged_sweep_ends_over_many_invocations_while_its_own_removals_run(monkeypatch, rule, cloud):
    small_pages(monkeypatch, 10)
    calls = iter(range(10_000))
    monkeypatch.setattr(walk.Walk, "_in_time", in_time(lambda: next(calls) % 2 == 1))
    with Broom() as broom:
        broom.put(getattr(broom, cloud), {id_: {**tags, "env": "prod"} for id_, tags in many(200, tmp="x").items()})
        notice = broom.sweep(rule, between=broom.remove)
        broom.remove()
        assert broom.invocations > 4
        assert tags_at(broom, cloud) == many(200, env="prod")
        assert notice["status"] == "succeeded"
        assert notice["counts"]["matched"] == 200


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_passes_that_always_find_something_new_come_to_an_end(monkeypatch, broom, rule, cloud):
    small_pages(monkeypatch, 10)
    server = getattr(broom, cloud)
    broom.put(server, many(5, tmp="x"))
    number = iter(range(1000))
    apply = server.apply

    def more(ask, cause, verdict):
        broom.put(server, {f"new-{next(number)}": {"tmp": "x"}})
        return apply(ask, cause, verdict)

    monkeypatch.setattr(server, "apply", more)
    assert broom.sweep(rule)["status"] == "succeeded"
    assert len(names(server)) <= 10 * walk.ROUNDS


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_marker_that_the_cloud_does_not_take_any_more_begins_the_pass_anew(monkeypatch, broom, rule, cloud):
    small_pages(monkeypatch, 10)
    monkeypatch.setattr(walk, "PAGES", 1)
    server = getattr(broom, cloud)
    broom.put(server, many(35, tmp="x"))
    server.faults.add("refuse", operation="filter", skip=2, times=1)
    notice = broom.sweep(rule)
    assert len(broom.asked()) == 35
    assert notice["status"] == "succeeded"


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_marker_that_is_never_taken_fails_the_rule(monkeypatch, broom, rule, cloud):
    small_pages(monkeypatch, 10)
    broom.put(getattr(broom, cloud), many(35, tmp="x"))
    kind = HuaweiTms if cloud == "tms" else HuaweiConfig
    find = kind.find

    async def refused(self, session, scope, tag, cursor):
        if cursor is not None:
            return Answer(Verdict.REFUSED, code="TMS.0017")
        return await find(self, session, scope, tag, cursor)

    monkeypatch.setattr(kind, "find", refused)
    notice = broom.sweep(rule)
    assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "expired_marker")


def test_keys_of_a_type_that_fill_several_pages_are_all_resolved(monkeypatch, broom):
    small_pages(monkeypatch, 5)
    broom.put(broom.config, {f"r-{n}": {f"tmp-{n:02d}": "x"} for n in range(23)})
    broom.sweep({**RMS, "match": {"key": {"glob": "tmp-*"}}})
    assert len(broom.asked()) == 23


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_continuation_that_an_older_version_has_written_goes_on_at_its_offset(monkeypatch, broom, rule, cloud):
    small_pages(monkeypatch, 10)
    broom.put(getattr(broom, cloud), many(35, tmp="x"))
    seen = cursors(monkeypatch)
    broom.sweep(rule, progress=[{"key": "tmp", "offset": 20, "round": 5}], started_at=0.0, invocation=2)
    assert seen == ["20", "10", "0"]
    assert len(broom.asked()) == 30


def test_a_listing_that_goes_on_where_it_began_fails_the_rule(monkeypatch, broom):
    broom.put(broom.tms, many(5, tmp="x"))

    async def endless(self, session, scope, tag, cursor):
        return Listing(Verdict.DONE, tags={}, next="more")

    monkeypatch.setattr(HuaweiTms, "find", endless)
    notice = broom.sweep(TMS)
    assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "endless")


def test_keys_are_listed_anew_where_their_cursor_is_not_taken_any_more(monkeypatch, broom):
    small_pages(monkeypatch, 5)
    broom.put(broom.config, {f"r-{n}": {f"tmp-{n:02d}": "x"} for n in range(23)})
    broom.config.faults.add("refuse", operation="type tags", skip=2, times=1)
    broom.sweep({**RMS, "match": {"key": {"glob": "tmp-*"}}})
    assert len(broom.asked()) == 23
    assert names(broom.config)[:8] == ["type tags"] * 8  # three pages, of which the last is refused, and all five
