"""What a sweep finds and asks for, at the local clouds: everything that its rules mean, and nothing else."""

import pytest
from aws_model import QUEUE
from changed_providers import with_listings_of, with_pages_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweep_support import CONFIG, EXPIRED, JD, PROJECT, RMS, TMS, Broom, asked_of, many, reports

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer
from untag.contracts import parse_requests
from untag.providers import Answer, Listing, Verdict
from untag.sweep.walk import PAGES, ROUNDS, WINDOW

CLOUDS = pytest.mark.parametrize(
    ("rule", "cloud"), [(JD, "jd"), (TMS, "tms"), (RMS, "config")], ids=["jd", "tms", "rms"]
)


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


def test_an_answer_that_is_too_large_is_asked_for_value_by_value():
    with Broom(changed=[with_listings_of(6_000)]) as broom:
        broom.put(broom.jd, {f"r-{n:03d}": {"expires-on": f"2026-01-{n % 10 + 1:02d}"} for n in range(100)})
        notice = broom.sweep({**JD, "match": EXPIRED})
        assert asked_of(broom.jd) == ["describeResources", "describeValues"] + ["describeResources"] * 10
        assert len(broom.asked()) == 100
        assert notice["status"] == "succeeded"


def test_values_that_cannot_match_are_not_even_listed():
    with Broom(changed=[with_listings_of(6_000)]) as broom:
        days = ("2026-01-01", "2027-01-01", "never")
        broom.put(broom.jd, {f"r-{n:03d}": {"expires-on": days[n % 3]} for n in range(100)})
        notice = broom.sweep({**JD, "match": EXPIRED})
        assert asked_of(broom.jd) == ["describeResources", "describeValues", "describeResources"]
        assert len(broom.asked()) == 34
        assert notice["counts"]["not_a_date"] == 1  # by value, values are counted


def test_an_answer_that_is_too_large_even_for_one_value_fails_the_rule_and_is_never_taken_for_no_tags():
    with Broom(changed=[with_listings_of(3_000)]) as broom:
        broom.put(broom.jd, many(100, tmp="x"))
        notice = broom.sweep(JD)
        (detail,) = notice["details"]
        assert (notice["status"], detail["status"], detail["errors"][0]["code"]) == ("failed", "failed", "too_large")
        assert broom.requests() == []


def test_a_sweep_goes_on_behind_the_last_resource_though_that_is_gone_by_then():
    with Broom(seconds=30.0) as broom:
        broom.put(broom.jd, many(3 * WINDOW + 1, tmp="x"))

        def slow(_service, _operation, body):
            broom.clock.seconds += 12.0 * (body.get("QueueUrl") == QUEUE)

        broom.aws.trouble = slow  # so that time runs out after the second window of an invocation
        broom.sweep(JD, between=broom.remove)
        broom.remove()
        assert broom.invocations == 2
        assert tags_at(broom, "jd") == many(3 * WINDOW + 1)


# A listing that pages, while removals shift the pages.


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_pages_are_read_from_the_last_to_the_first(rule, cloud):
    seen = []
    with Broom(changed=with_pages_of(10, seen.append)) as broom:
        broom.put(getattr(broom, cloud), many(35, tmp="x"))
        broom.sweep(rule)
        assert seen == [None, "30", "20", "10", "0"] * 2
        assert len(broom.asked()) == 35
        asked = [id_ for body in broom.requests() for id_ in body["resources"][0]["ids"]]
        assert len(asked) == 35, "the second pass asks nothing anew"


def meddled_with(cloud, meddle):
    """One of Huawei Cloud's servers; `meddle` is called with it behind each of its answers."""

    class Meddled({"tms": HuaweicloudTmsServer, "config": HuaweicloudConfigServer}[cloud]):
        def apply(self, ask, cause, verdict):
            answer = super().apply(ask, cause, verdict)
            meddle(self)
            return answer

    return {cloud: Meddled()}


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_none_is_missed_whatever_is_removed_and_added_between_the_calls(rule, cloud, data):
    """Somebody removes tags that match, and tags new resources, between any two pages; what bears the tag from the
    beginning to the end is asked for in any case.
    """
    there = many(40, tmp="x")
    stays = set(there)
    place = (PROJECT, "ecs") if cloud == "tms" else ("", CONFIG)
    changes = iter(data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 45)), max_size=12)))

    def meddle(server):
        added, number = next(changes, (None, None))
        if added:
            server.tags.put(*place, f"a-{number:06d}", "tmp", "x")
        elif added is not None:
            server.tags.remove(*place, f"r-{number:06d}", "tmp")
            stays.discard(f"r-{number:06d}")

    pages = with_pages_of(data.draw(st.sampled_from([2, 5])))
    with Broom(changed=pages, **meddled_with(cloud, meddle)) as broom:
        broom.put(getattr(broom, cloud), there)
        broom.sweep(rule)
        assert {id_ for id_, _, _ in broom.asked()} >= stays


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_paged_sweep_ends_over_many_invocations_while_its_own_removals_run(rule, cloud):
    with Broom(seconds=14.0, changed=with_pages_of(10)) as broom:
        getattr(broom, cloud).latency = 2.5
        broom.put(getattr(broom, cloud), {id_: {**tags, "env": "prod"} for id_, tags in many(200, tmp="x").items()})
        notice = broom.sweep(rule, between=broom.remove)
        broom.remove()
        assert broom.invocations > 4
        assert tags_at(broom, cloud) == many(200, env="prod")
        assert notice["status"] == "succeeded"
        assert notice["counts"]["matched"] == 200


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_passes_that_always_find_something_new_come_to_an_end(rule, cloud):
    number = iter(range(1000))

    def more(server):
        broom.put(server, {f"new-{next(number)}": {"tmp": "x"}})

    with Broom(changed=with_pages_of(10), **meddled_with(cloud, more)) as broom:
        broom.put(getattr(broom, cloud), many(5, tmp="x"))
        assert broom.sweep(rule)["status"] == "succeeded"
        assert len(asked_of(getattr(broom, cloud))) <= 10 * ROUNDS


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_marker_that_the_cloud_does_not_take_any_more_begins_the_pass_anew(rule, cloud):
    seen = []
    with Broom(changed=with_pages_of(10, seen.append)) as broom:
        server = getattr(broom, cloud)
        broom.put(server, many(35, tmp="x"))
        # The page at which the pass would go on: those before it are sent by then.
        server.faults.add("refuse", operation="filter", skip=PAGES, times=1)
        notice = broom.sweep(rule)
        whole = [None, "30", "20", "10", "0"]
        assert seen == [*whole, *whole, *whole], "the pass that is refused at its end, the same anew, and the next one"
        assert sorted(id_ for body in broom.requests() for id_ in body["resources"][0]["ids"]) == sorted(many(35))
        assert notice["status"] == "succeeded"


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_marker_that_is_never_taken_fails_the_rule(rule, cloud):
    refused = Answer(Verdict.REFUSED, code="TMS.0017")
    with Broom(changed=with_pages_of(10, lambda cursor: None if cursor is None else refused)) as broom:
        broom.put(getattr(broom, cloud), many(35, tmp="x"))
        notice = broom.sweep(rule)
        assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "expired_marker")


def test_keys_of_a_type_that_fill_several_pages_are_all_resolved():
    with Broom(changed=with_pages_of(5)) as broom:
        broom.put(broom.config, {f"r-{n}": {f"tmp-{n:02d}": "x"} for n in range(23)})
        broom.sweep({**RMS, "match": {"key": {"glob": "tmp-*"}}})
        assert len(broom.asked()) == 23


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_continuation_that_an_older_version_has_written_goes_on_at_its_offset(rule, cloud):
    seen = []
    with Broom(changed=with_pages_of(10, seen.append)) as broom:
        broom.put(getattr(broom, cloud), many(35, tmp="x"))
        broom.sweep(rule, progress=[{"key": "tmp", "offset": 20, "round": 5}], started_at=0.0, invocation=2)
        assert seen == ["20", "10", "0"]
        assert len(broom.asked()) == 30


def test_a_listing_that_goes_on_where_it_began_fails_the_rule():
    endless = Listing(Verdict.DONE, tags={}, next="more")
    with Broom(changed=with_pages_of(10, lambda _: endless)) as broom:
        broom.put(broom.tms, many(5, tmp="x"))
        notice = broom.sweep(TMS)
        assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "endless")


def test_keys_are_listed_anew_where_their_cursor_is_not_taken_any_more():
    with Broom(changed=with_pages_of(5)) as broom:
        broom.put(broom.config, {f"r-{n}": {f"tmp-{n:02d}": "x"} for n in range(23)})
        broom.config.faults.add("refuse", operation="type tags", skip=2, times=1)
        broom.sweep({**RMS, "match": {"key": {"glob": "tmp-*"}}})
        assert len(broom.asked()) == 23
        # Three pages, of which the last is refused, and all five.
        assert asked_of(broom.config)[:8] == ["type tags"] * 8
