"""What a sweep is asked with: bodies, payloads by hand, envelopes, batches; and what is none."""

import json
import re

import pytest
from aws_model import down
from changed_providers import with_a_bug_in
from support import errors_of
from sweep_support import JD, Broom, many

from untag.contracts import InvalidInputError, parse_requests
from untag.contracts.rejections import InvocationError
from untag.hosts.aws import LambdaFunction
from untag.sweep.service import Sweeper

# Input.


def test_a_body_that_is_no_sweep_is_a_dead_letter_verbatim_and_calls_nothing(broom):
    body = json.dumps({"rules": [{**JD, "match": {"key": {"regex": "("}}}]})
    assert broom.invoke(body) == []
    ((letter, attributes),) = broom.aws.letters()
    assert letter == body
    assert attributes["code"] == "invalid"
    assert "rules.0.match.key" in attributes["reason"]
    assert not len(broom.jd.calls)
    (report,) = broom.aws.reports
    assert (report["kind"], report["id"], report["status"]) == ("rejected", "m-1", "failed")
    assert [error["path"] for error in report["errors"]] == ["rules.0.match.key"]


def test_a_rejected_sweep_is_told_by_its_own_names(broom):
    assert broom.invoke({"id": "nightly", "batch": "b-1", "rules": [7]}) == []
    ((_, attributes),) = broom.aws.letters()
    (report,) = broom.aws.reports
    assert (attributes["request_id"], attributes["batch"]) == (report["id"], report["batch"]) == ("nightly", "b-1")


@pytest.mark.parametrize(
    "payload", [7, None, [], "text", {"rules": 7}, {"rules": [7]}, {"rules": [JD], "progress": [7]}]
)
def test_what_is_wrong_with_a_sweep_names_no_class_of_ours(broom, payload):
    with pytest.raises(InvocationError) as caught:
        broom.sweeper.payload(payload, "own", broom.clock.left(60.0))
    assert errors_of(caught)
    assert not {"Sweep", "Rule", "Progress", "instance"} & set(str(caught.value).split())


@pytest.mark.parametrize("service", ["sns", "sqs"])
def test_a_sweep_by_hand_whose_results_are_not_delivered_fails_the_invocation(broom, service):
    broom.put(broom.jd, many(3, tmp="x"))
    broom.aws.trouble = down(service)
    with pytest.raises(InvocationError) as caught:
        broom.sweeper.payload({"rules": [JD]}, "own", broom.clock.left(60.0))
    assert "not delivered (InternalError)" in errors_of(caught)[0]["message"]


def test_a_bug_in_a_sweep_by_hand_fails_without_its_own_words():
    with Broom(changed=[with_a_bug_in("scope")]) as broom, pytest.raises(InvocationError) as caught:
        broom.sweeper.payload({"rules": [JD]}, "own", broom.clock.left(60.0))
    assert errors_of(caught) == [{"path": "", "message": "internal error: ZeroDivisionError"}]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda sweep: {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(sweep)},
        lambda sweep: {"detail-type": "Sweep", "id": "e-1", "source": "x", "detail": sweep},
        lambda sweep: {"specversion": "1.0", "id": "c-1", "type": "x", "data": json.dumps(sweep)},
        lambda sweep: f"\ufeff{json.dumps(sweep)}",
    ],
)
def test_a_sweep_may_come_in_an_envelope(broom, wrap):
    broom.put(broom.jd, many(3, tmp="x"))
    assert broom.invoke(wrap({"rules": [JD]})) == []
    assert len(broom.asked()) == 3


# Batches.


def test_all_requests_of_a_sweep_and_its_summary_bear_its_batch():
    with Broom(seconds=12.0, environ={"UNTAG_RATE": "1"}) as broom:
        places = [f"cn-north-{number}" for number in range(1, 30)]
        for place in places:
            broom.jd.tags.load([{"region": place, "type": "vm", "id": f"i-{place}", "tags": {"tmp": "x"}}])
        notice = broom.sweep({**JD, "regions": places}, batch="autumn")
        assert broom.invocations > 2
        assert {body["batch"] for body in broom.requests()} == {"autumn"}
        assert notice["batch"] == broom.aws.attributes[-1]["batch"] == "autumn"


@pytest.mark.parametrize(
    ("id_", "batch"),
    [
        ("sweep-1", "sweep-1"),
        ("a" * 64, "a" * 64),
        ("every night: 清理", "every-night-58717f5227fe"),
        ("a" * 65, f"{'a' * 51}-635361c48bb9"),
        ("清理", "9d2998cca517"),
    ],
)
def test_a_sweep_without_a_batch_names_it_after_itself(broom, id_, batch):
    broom.put(broom.jd, many(1, tmp="x"))
    notice = broom.sweep(JD, id=id_)
    (body,) = broom.requests()
    assert notice["batch"] == body["batch"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", body["batch"])
    assert body["batch"] == batch


def test_a_batch_that_can_be_none_is_refused(broom):
    with pytest.raises(InvocationError) as caught:
        broom.sweeper.payload({"batch": "a batch", "rules": [JD]}, "own", broom.clock.left(60.0))
    assert [error["path"] for error in errors_of(caught)] == ["batch"]


def test_a_sweep_named_by_a_long_event_makes_ids_that_are_accepted(broom):
    broom.put(broom.jd, many(3, tmp="x"))
    rule = {**JD, "name": "r" * 64}
    event = {"detail-type": "x", "id": "e" * 240, "detail": {"rules": [rule]}}
    assert broom.invoke(event) == []
    (body,) = broom.requests()
    assert parse_requests(body, "none")
    assert len(body["id"]) <= 256


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"provider": "nocloud"}, "rules.0.provider"),
        ({"regions": []}, "rules.0.region"),
        ({"types": ["vm", "cdn"]}, "rules.0.resources.0.type"),
    ],
)
def test_a_rule_keeps_its_clouds_own_rules(broom, changes, path):
    with pytest.raises(InvocationError) as caught:
        broom.sweeper.payload({"rules": [{**JD, **changes}]}, "own", broom.clock.left(60.0))
    assert path in {error["path"] for error in errors_of(caught)}


def test_a_payload_sent_by_hand_is_answered_with_the_summary(broom):
    broom.put(broom.jd, many(3, tmp="x"))
    answer = broom.sweeper.payload({"rules": [JD]}, "manual-1", broom.clock.left(60.0))
    assert answer["summary"]["id"] == "manual-1"
    assert answer["summary"]["counts"]["pairs"] == 3
    assert broom.aws.reports == [answer["summary"]]


def test_the_queue_of_the_sweeps_is_needed(broom):
    with pytest.raises(InvalidInputError, match="UNTAG_SWEEP_QUEUE_URL"):
        LambdaFunction(Sweeper, {**broom.environ, "UNTAG_SWEEP_QUEUE_URL": ""})


def test_a_sweep_without_a_rule_has_nothing_to_do_and_says_so(broom):
    assert broom.invoke(json.dumps({"id": "nightly", "dry_run": False, "rules": []})) == []
    assert broom.aws.letters() == []
    (notice,) = broom.aws.reports
    assert (notice["kind"], notice["id"], notice["status"], notice["code"]) == (
        "sweep",
        "nightly",
        "skipped",
        "no_rules",
    )
    assert notice["reason"] == "the list of rules is empty: nothing is looked for"
    assert notice["summary"] == "sweep: 0 rules, 0 tags on 0 resources are asked to be removed"
    assert not len(broom.jd.calls)


def test_a_summary_counts_one_as_one(broom):
    broom.put(broom.jd, many(1, tmp="x"))
    answer = broom.sweeper.payload({"rules": [JD]}, "manual-1", broom.clock.left(60.0))
    assert answer["summary"]["summary"] == "sweep: 1 rule, 1 tag on 1 resource is asked to be removed"
