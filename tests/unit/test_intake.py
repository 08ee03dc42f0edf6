"""From a body to jobs: all of its requests or none, each named, checked and not at odds with another."""

import json
from pathlib import Path

import pytest
from support import body, problems_of

from untag.contracts import InvalidInputError
from untag.core import Policy, warnings_of
from untag.providers import Registry
from untag.removal.intake import open_jobs

EVENTS = Path(__file__).parents[2] / "events"
NOW = 1_790_000_000.0


def opened(payload):
    return open_jobs(payload, "m-1", Registry(), Policy(), now=NOW)


def refused(payload):
    with pytest.raises(InvalidInputError) as error:
        opened(payload)
    return problems_of(error)


def event(name):
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")


def test_a_body_makes_a_job_for_each_request():
    jobs = opened(json.dumps([body(id=None), body(id="mine", region="cn-east-1")]))
    assert [job.request.id for job in jobs] == ["m-1-1", "mine"]
    assert [(job.open, job.started_at) for job in jobs] == [(2, NOW), (2, NOW)]


def test_requests_in_an_event_are_named_by_it():
    envelope = {"detail-type": "Tag Removal Requested", "id": "event-1", "detail": [body(id=None)]}
    assert [job.request.id for job in opened(json.dumps(envelope))] == ["event-1-1"]


@pytest.mark.parametrize(
    "name",
    [
        f"{provider}_{kind}"
        for provider in ("jdcloud", "huaweicloud")
        for kind in ("manual", "eventbridge", "partial_failure", "dry_run", "restore")
    ],
)
def test_every_event_file_is_a_valid_payload(name):
    jobs = opened(event(name))
    assert [job.request.pairs() for job in jobs]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("jdcloud_invalid", {"region", "tags.1.value"}),
        ("huaweicloud_invalid", {"region", "tags.0.key"}),
    ],
)
def test_the_invalid_event_files_are_refused_for_what_is_wrong_with_them(name, paths):
    assert set(refused(event(name))) == paths


def test_a_clouds_own_rules_are_told_with_the_place_in_a_list():
    assert set(refused([body(), body(tags=[{"key": "k", "value": ""}])])) == {"1.tags.0.value"}
    assert set(refused([body(tags=[{"key": "k", "value": ""}])])) == {"0.tags.0.value"}
    assert set(refused(body(tags=[{"key": "k", "value": ""}]))) == {"tags.0.value"}


def test_an_unknown_provider_is_refused():
    assert set(refused(body(provider="nimbus"))) == {"provider"}


def test_one_invalid_request_opens_no_job_of_its_neighbours():
    assert set(refused([body(), body(provider="nimbus"), body()])) == {"1.provider"}


def test_requests_of_one_body_that_contradict_each_other_are_refused():
    problems = refused([body(id="a"), body(id="b", action="restore")])
    assert problems == {"1": "contradicts an earlier request of the list"}


def test_requests_that_ask_for_the_same_do_not_contradict_each_other():
    assert len(opened([body(), body()])) == 2


def test_what_looks_like_a_mistake_is_a_warning():
    (job,) = opened(body(resources=[{"type": "VM", "ids": ["i-1"]}, {"type": "vm", "ids": ["i-1"]}]))
    (warning,) = warnings_of(job)
    assert "VM" in warning
    (fine,) = opened(body())
    assert warnings_of(fine) == []
