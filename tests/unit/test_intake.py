"""From a body to jobs: all of its requests or none, each named, checked and not at odds with another."""

import json
from pathlib import Path

import pytest
from support import body, problems_of

from untag.contracts import InvalidInputError
from untag.core import Policy
from untag.providers import Registry
from untag.removal.intake import Intake

EVENTS = Path(__file__).parents[2] / "events"
NOW = 1_790_000_000.0


@pytest.fixture
def intake():
    return Intake(Registry(), Policy())


def refused(intake, payload):
    with pytest.raises(InvalidInputError) as error:
        intake.open(payload, "m-1", NOW)
    return problems_of(error)


def event(name):
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")


def test_a_body_makes_a_job_for_each_request(intake):
    jobs = intake.open(json.dumps([body(id=None), body(id="mine", region="cn-east-1")]), "m-1", NOW)
    assert [job.request.id for job in jobs] == ["m-1-1", "mine"]
    assert [(job.open, job.started_at) for job in jobs] == [(2, NOW), (2, NOW)]


def test_requests_in_an_event_are_named_by_it(intake):
    envelope = {"detail-type": "Tag Removal Requested", "id": "event-1", "detail": [body(id=None)]}
    assert [job.request.id for job in intake.open(json.dumps(envelope), "m-1", NOW)] == ["event-1-1"]


@pytest.mark.parametrize(
    "name",
    [
        f"{provider}_{kind}"
        for provider in ("jdcloud", "huaweicloud")
        for kind in ("manual", "eventbridge", "partial_failure", "dry_run", "restore")
    ],
)
def test_every_event_file_is_a_valid_payload(intake, name):
    jobs = intake.open(event(name), "m-1", NOW)
    assert [job.request.pairs() for job in jobs]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("jdcloud_invalid", {"region", "tags.1.value"}),
        ("huaweicloud_invalid", {"region", "tags.0.key"}),
    ],
)
def test_the_invalid_event_files_are_refused_for_what_is_wrong_with_them(intake, name, paths):
    assert set(refused(intake, event(name))) == paths


def test_a_clouds_own_rules_are_told_with_the_place_in_a_list(intake):
    assert set(refused(intake, [body(), body(tags=[{"key": "k", "value": ""}])])) == {"1.tags.0.value"}
    assert set(refused(intake, [body(tags=[{"key": "k", "value": ""}])])) == {"0.tags.0.value"}
    assert set(refused(intake, body(tags=[{"key": "k", "value": ""}]))) == {"tags.0.value"}


def test_an_unknown_provider_is_refused(intake):
    assert set(refused(intake, body(provider="nimbus"))) == {"provider"}


def test_one_invalid_request_opens_no_job_of_its_neighbours(intake):
    assert set(refused(intake, [body(), body(provider="nimbus"), body()])) == {"1.provider"}


def test_requests_of_one_body_that_contradict_each_other_are_refused(intake):
    problems = refused(intake, [body(id="a"), body(id="b", action="restore")])
    assert problems == {"1": "contradicts an earlier request of the list"}


def test_requests_that_ask_for_the_same_do_not_contradict_each_other(intake):
    assert len(intake.open([body(), body()], "m-1", NOW)) == 2


def test_what_looks_like_a_mistake_is_a_warning(intake):
    (job,) = intake.open(body(resources=[{"type": "VM", "ids": ["i-1"]}, {"type": "vm", "ids": ["i-1"]}]), "m-1", NOW)
    (warning,) = intake.warnings(job)
    assert "VM" in warning
    (fine,) = intake.open(body(), "m-1", NOW)
    assert intake.warnings(fine) == []
