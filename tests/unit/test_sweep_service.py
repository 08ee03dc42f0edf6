"""The sweep function as a whole: failures, continuations, guardrails, delivery."""

import json

import pytest
from aws_model import DEAD_LETTERS, QUEUE, down
from changed_providers import CaselessJDCloud, with_a_bug_in
from sweep_support import EXPIRED, JD, PROJECT, RMS, SWEEP_ARN, SWEEPS, TMS, Broom, many

from local.providers import HuaweicloudTmsServer


def detail(notice, rule="jd"):
    (found,) = [one for one in notice["details"] if one["rule"] == rule]
    return found


# Failures.


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "forbidden"},
        {"do": "refuse"},
        {"do": "status", "status": 404},
    ],
)
def test_a_listing_that_is_refused_fails_its_place_with_why_and_not_the_others(broom, fault):
    broom.put(broom.jd, many(3, tmp="x"), "disk")
    broom.put(broom.tms, many(3, tmp="x"))
    broom.jd.faults.add(operation="describeResources", times=1, **fault)
    notice = broom.sweep({**JD, "types": ["vm", "disk"]}, TMS)
    assert notice["status"] == "partial"
    assert detail(notice)["status"] == "partial"
    (error,) = detail(notice)["errors"]
    assert (error["region"], error["type"], error["key"]) == ("cn-north-1", "vm", "tmp")
    assert error["code"]
    assert error["message"]
    assert detail(notice, "tms")["status"] == "succeeded"
    assert {body["resources"][0]["type"] for body in broom.requests()} == {"disk", "ecs"}


@pytest.mark.parametrize("fault", ["throttle", "unavailable", "reset", "not_json", "empty", "truncate"])
@pytest.mark.parametrize(("rule", "cloud"), [(JD, "jd"), (TMS, "tms"), (RMS, "config")], ids=["jd", "tms", "rms"])
def test_a_listing_that_fails_in_passing_is_made_again_and_nothing_is_missed(rule, cloud, fault):
    with Broom() as broom:
        server = getattr(broom, cloud)
        broom.put(server, many(30, tmp="x"))
        made = server.faults.add(fault, operation="reading", times=4)
        notice = broom.sweep(rule)
        assert made.injected == 4
        assert broom.invocations > 1
        assert notice["status"] == "succeeded"
        assert len(broom.asked()) == 30


@pytest.mark.parametrize(("rule", "cloud"), [(JD, "jd"), (TMS, "tms"), (RMS, "config")], ids=["jd", "tms", "rms"])
def test_a_listing_that_fails_for_ever_fails_the_rule_after_a_bound_and_says_so(rule, cloud):
    with Broom(environ={"UNTAG_MAX_ATTEMPTS": "3"}) as broom:
        server = getattr(broom, cloud)
        broom.put(server, many(30, tmp="x"))
        server.faults.add("unavailable", operation="reading")
        notice = broom.sweep(rule)
        assert notice["status"] == "failed"
        (error,) = notice["details"][0]["errors"]
        assert error["message"].startswith("given up after 3 tries")
        assert broom.requests() == []


def test_a_listing_that_never_answers_is_tried_by_value_before_it_is_given_up(broom):
    broom.put(broom.jd, {f"r-{n}": {"expires-on": f"2026-01-0{n % 3 + 1}"} for n in range(9)})
    broom.jd.faults.add("stall", operation="describeResources", times=3)
    notice = broom.sweep({**JD, "match": EXPIRED})
    assert notice["status"] == "succeeded"
    assert len(broom.asked()) == 9


class WithoutItsServices(HuaweicloudTmsServer):
    """TMS, while the service behind it fails."""

    def apply(self, ask, cause, verdict):
        answer, count = super().apply(ask, cause, verdict)
        error = {"project_id": PROJECT, "resource_type": "ecs", "error_code": "TMS.2030", "error_msg": "no permission"}
        answer.document.update(errors=[error], resources=[], total_count=0)
        return answer, count


def test_a_service_behind_tms_that_fails_inside_an_answer_of_success_is_no_empty_listing():
    with Broom(tms=WithoutItsServices()) as broom:
        broom.put(broom.tms, many(3, tmp="x"))
        notice = broom.sweep(TMS)
        assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "TMS.2030")


class CutShort(HuaweicloudTmsServer):
    """TMS, were its pages shorter than they say."""

    def apply(self, ask, cause, verdict):
        answer, count = super().apply(ask, cause, verdict)
        answer.document["resources"] = answer.document["resources"][:10]
        return answer, count


def test_a_page_that_is_shorter_than_its_listing_says_is_not_believed():
    with Broom(environ={"UNTAG_MAX_ATTEMPTS": "2"}, tms=CutShort()) as broom:
        broom.put(broom.tms, many(30, tmp="x"))
        notice = broom.sweep(TMS)
        assert (notice["status"], notice["details"][0]["errors"][0]["code"]) == ("failed", "short_page")


def test_a_refused_key_keeps_its_rule_waiting_and_no_other(broom):
    secret = broom.jd.credentials.popitem()
    broom.put(broom.tms, many(3, tmp="x"))
    broom.put(broom.jd, many(3, tmp="x"))

    def mended():
        broom.jd.credentials[secret[0]] = secret[1]

    broom.invoke({"id": "sweep-1", "rules": [JD, TMS]})
    assert {id_ for id_, _, _ in broom.asked()} == set(many(3))
    assert len(broom.jd.calls) == 1
    (message,) = broom.aws.queues[SWEEPS]
    assert 290 <= message["DelaySeconds"] <= 900
    broom.aws.queues[SWEEPS].clear()
    mended()
    broom.clock.seconds += message["DelaySeconds"]
    broom.invoke(message["MessageBody"])
    assert broom.aws.reports[-1]["status"] == "succeeded"
    assert len(broom.requests()) == 2


def test_an_account_without_a_key_fails_its_rule_by_name(broom):
    notice = broom.sweep({**JD, "account": "team-a"})
    assert notice["status"] == "failed"
    assert detail(notice)["errors"][0]["code"] == "no_credentials"
    assert "team-a" in detail(notice)["errors"][0]["message"]


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("UNTAG_ALLOWED_ACCOUNTS", "other", "account_not_allowed"),
        ("UNTAG_ALLOWED_REGIONS", "cn-east-2", "region_not_allowed"),
        ("UNTAG_ALLOWED_TYPES", "disk", "type_not_allowed"),
    ],
)
def test_what_the_stack_does_not_work_at_is_not_even_listed(variable, value, code):
    with Broom(environ={variable: value}) as broom:
        broom.put(broom.jd, many(3, tmp="x"))
        notice = broom.sweep(JD)
        assert (notice["status"], detail(notice)["errors"][0]["code"]) == ("failed", code)
        assert not len(broom.jd.calls)


def test_protected_and_reserved_keys_are_compared_as_the_cloud_compares_keys():
    with Broom(environ={"UNTAG_PROTECTED_KEYS": "Owner,COST-*"}, changed=[CaselessJDCloud]) as broom:
        broom.put(broom.jd, {"r-1": {"tmp": "a", "oWNER": "b", "cost-1": "c", "JRN:x": "d", "old": "e"}})
        broom.sweep({**JD, "remove": [{"regex": ".+"}]})
        assert broom.asked() == {("r-1", "tmp", "a"), ("r-1", "old", "e")}


def test_a_tag_that_no_request_can_name_is_told_and_takes_no_neighbour_down(broom):
    long = "k" * 128
    there = {
        "bad\nid": {"tmp": "x"},
        "r-long": {"tmp": "x", long: "y"},
        "r-empty": {"tmp": ""},
        "*.example.com": {"tmp": "x"},
    }
    broom.put(broom.jd, many(20, tmp="x") | there)
    notice = broom.sweep({**JD, "remove": ["tmp", {"glob": "kkk*"}]})
    assert broom.asked() == {(id_, "tmp", "x") for id_ in [*many(20), "r-long", "*.example.com"]} | {
        ("r-empty", "tmp", None)
    }
    counts = detail(notice)["counts"]
    assert (counts["unremovable"], counts["by_key"], counts["pairs"], counts["matched"]) == (2, 1, 23, 24)
    assert [(error["code"], error["resource_id"], error["key"]) for error in detail(notice)["errors"]] == [
        ("unremovable", "bad id", "tmp"),
        ("unremovable", "r-long", long),
    ]
    assert notice["status"] == "partial"


# Time.


def test_when_time_is_short_the_sweep_goes_on_by_a_message_and_ends_with_one_summary():
    with Broom(seconds=12.0, environ={"UNTAG_RATE": "1"}) as broom:
        places = [f"cn-north-{number}" for number in range(1, 30)]
        for place in places:
            broom.jd.tags.load([{"region": place, "type": "vm", "id": f"i-{place}", "tags": {"tmp": "x"}}])
        notice = broom.sweep({**JD, "regions": places})
        assert broom.invocations > 2
        assert {id_ for id_, _, _ in broom.asked()} == {f"i-{place}" for place in places}
        assert sum(len(body["resources"][0]["ids"]) for body in broom.requests()) == len(places)
        assert notice["counts"]["matched"] == len(places)
        assert len(broom.jd.calls) == len(places)


def test_an_invocation_without_time_for_a_single_call_is_not_repeated_for_ever():
    with Broom(seconds=0.4, environ={"UNTAG_MAX_ATTEMPTS": "2"}) as broom:
        body = {"id": "s", "rules": [JD]}
        for _ in range(60):
            if broom.invoke(body) or not broom.aws.queues[SWEEPS]:
                break
            body = broom.aws.queues[SWEEPS].pop()["MessageBody"]
        assert broom.invocations <= 25


# Delivery.


def test_requests_that_are_not_taken_bring_the_sweep_back_and_nothing_else_is_sent(broom):
    broom.put(broom.jd, many(3, tmp="x"))
    broom.aws.trouble = down("sqs")
    assert broom.invoke({"id": "s", "rules": [JD]}) == ["m-1"]
    assert broom.aws.reports == []
    broom.aws.trouble = lambda *_: None
    assert broom.invoke({"id": "s", "rules": [JD]}) == []
    assert len(broom.requests()) == 1


def test_a_summary_that_is_not_taken_brings_the_sweep_back_and_its_requests_are_the_same_again(broom):
    broom.put(broom.jd, many(3, tmp="x"))
    broom.aws.trouble = down("sns")
    assert broom.invoke({"id": "s", "rules": [JD]}) == ["m-1"]
    broom.aws.trouble = lambda *_: None
    assert broom.invoke({"id": "s", "rules": [JD]}) == []
    first, second = broom.requests()
    assert first == second


def test_requests_are_sent_before_the_continuation_that_says_so(broom):
    broom.put(broom.jd, many(3, tmp="x"))
    broom.tms.faults.add("unavailable")
    assert broom.invoke({"id": "s", "rules": [JD, TMS]}) == []
    sent = [body["QueueUrl"] for body in broom.aws.made("SendMessageBatch")]
    assert sent == [QUEUE, SWEEPS]


def test_a_continuation_that_is_not_taken_brings_the_record_back(broom):
    broom.tms.faults.add("unavailable")
    broom.aws.trouble = lambda _service, _operation, body: 500 if body.get("QueueUrl") == SWEEPS else None
    assert broom.invoke({"id": "s", "rules": [TMS]}) == ["m-1"]
    assert broom.aws.queues[DEAD_LETTERS] == []


def test_a_summary_with_many_errors_and_examples_still_fits_a_message(broom):
    regions = [f"cn-{number}" for number in range(100)]
    rules = [
        {
            "name": f"r{number}",
            "provider": "jdcloud",
            "account": "team-a",
            "regions": regions,
            "types": ["vm"],
            "match": {"key": "x" * 250},
        }
        for number in range(20)
    ]
    notice = broom.sweep(*rules, dry_run=True)
    assert notice["counts"]["errors"] == 2000
    assert len(json.dumps(notice)) < 256 * 1024


def test_the_summary_is_told_apart_by_its_attributes(broom):
    broom.sweep(JD, TMS)
    assert broom.aws.attributes[-1]["kind"] == "sweep"
    assert broom.aws.attributes[-1]["status"] == "succeeded"
    assert broom.aws.attributes[-1]["id"] == "sweep-1"
    assert broom.aws.attributes[-1]["Subject"].startswith("sweep: 2 rules, 0 tags")


def test_a_bug_brings_the_record_back_and_is_told(caplog):
    with Broom(changed=[with_a_bug_in("scope")]) as broom:
        assert broom.invoke({"id": "s", "rules": [JD]}) == ["m-1"]
        assert broom.aws.queues[DEAD_LETTERS] == []
    assert "internal error" in caplog.text


def test_a_continuation_that_is_too_large_goes_without_what_it_can_do_without(broom):
    broom.put(broom.tms, many(30, tmp="x"))
    broom.jd.faults.add("unavailable", times=4)
    others = [f"{number:0256d}" for number in range(1000)]
    lists = [{"literals": others[first : first + 100]} for first in range(0, 1000, 100)]
    rules = [TMS, *({**JD, "name": f"jd-{number}", "remove": lists} for number in range(4))]
    # So much that a message has room for the rules and for how far they are, and not for examples as well.
    rules.append({**JD, "remove": [{"literals": others[:38]}]})
    assert 1_048_576 - 2_000 < len(json.dumps(rules, separators=(",", ":"))) < 1_048_576 - 1_000
    notice = broom.sweep(*rules, dry_run=True)
    assert notice["status"] == "succeeded"
    assert len(broom.asked()) == 30
    assert notice["details"][0]["sample"] == [], "all were seen before the message that has them no more"


def test_a_suspect_sweep_runs_alone_and_is_deleted_at_once(broom):
    from service_house import record

    broom.put(broom.jd, many(3, tmp="x"))
    answer = broom.sweeper.batch(
        [record({"id": "s", "rules": [JD]}, receives=3, source=SWEEP_ARN)], broom.clock.left(900.0)
    )
    assert answer == {"batchItemFailures": []}
    assert broom.aws.made("ChangeMessageVisibility")[0]["QueueUrl"] == SWEEPS
    assert broom.aws.made("DeleteMessage")


def test_at_a_cloud_that_ignores_the_case_of_keys_a_rule_means_every_spelling():
    there = {"r-1": {"Tmp": "a", "Owner": "x"}, "r-2": {"tmp": "b"}, "r-3": {"tmp-2": "c", "owner": "y"}}
    with Broom(changed=[CaselessJDCloud]) as broom:
        broom.put(broom.jd, there)
        notice = broom.sweep({**JD, "remove": ["TMP", {"regex": "own.+"}]})
        assert broom.asked() == {("r-1", "Tmp", "a"), ("r-1", "Owner", "x"), ("r-2", "tmp", "b")}
        assert notice["counts"]["matched"] == 2
