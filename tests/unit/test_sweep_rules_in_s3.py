"""A sweep's rules in an object of S3: read, checked and named in the summary."""

import json

import pytest
from sweep_support import JD, SWEEPS, Broom

RULES = "s3://sweep-rules/team-a/rules.json"
PATH = "/sweep-rules/team-a/rules.json"


@pytest.fixture
def broom(broom):
    """With resources that the rules mean."""
    broom.put(broom.jd, {f"i-{number}": {"tmp": "x"} for number in range(3)})
    return broom


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ({"x-amz-version-id": "3sL4kqtJ", "etag": '"9b2"'}, f"{RULES}?versionId=3sL4kqtJ"),
        ({"etag": '"9b2"'}, f'{RULES}?etag="9b2"'),
    ],
    ids=["with versions", "without versions"],
)
def test_the_summary_names_the_version_of_the_object_that_was_read(broom, headers, read):
    broom.aws.objects[PATH] = (json.dumps([JD], indent=2), headers)
    assert broom.invoke({"id": "s-1", "rules": RULES}) == []
    (notice,) = broom.aws.reports
    assert (notice["status"], notice["counts"]["pairs"]) == ("succeeded", 3)
    assert [detail["source"] for detail in notice["details"]] == [read]


def test_a_sweep_goes_on_by_the_rules_that_it_began_with():
    with Broom(seconds=60.0) as broom:
        broom.put(broom.jd, {f"i-{number}": {"tmp": "x"} for number in range(30)})
        broom.aws.objects[PATH] = (json.dumps([JD]), {"x-amz-version-id": "v1"})
        broom.jd.faults.add("unavailable", operation="reading", times=4)
        assert broom.invoke({"id": "s-1", "rules": RULES}) == []
        broom.aws.objects[PATH] = ("[]", {"x-amz-version-id": "v2"})
        while broom.aws.queues[SWEEPS]:
            message = broom.aws.queues[SWEEPS].pop()
            broom.clock.seconds += message.get("DelaySeconds", 0)
            assert broom.invoke(message["MessageBody"]) == []
        (notice,) = broom.aws.reports
        assert broom.invocations > 1
        assert notice["counts"]["pairs"] == 30
        assert notice["details"][0]["source"] == f"{RULES}?versionId=v1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            (404, "NoSuchKey"),
            {"path": "rules", "message": f"{RULES}: there is none, or the function may not read it (NoSuchKey)"},
        ),
        (
            (403, "AccessDenied"),
            {"path": "rules", "message": f"{RULES}: there is none, or the function may not read it (AccessDenied)"},
        ),
        (
            (301, "PermanentRedirect"),
            {
                "path": "rules",
                "message": f"{RULES}: the bucket is in another region than the function (PermanentRedirect)",
            },
        ),
        (
            (400, "AuthorizationHeaderMalformed"),
            {
                "path": "rules",
                "message": f"{RULES}: the bucket is in another region than the function (AuthorizationHeaderMalformed)",
            },
        ),
        (
            ("[{]", {}),
            {"path": "rules", "message": "not JSON: Expecting property name enclosed in double quotes at character 2"},
        ),
        (("x" * 200_001, {}), {"path": "rules", "message": f"{RULES}: has more than 200000 bytes"}),
        (
            (json.dumps([{**JD, "types": []}]), {}),
            {"path": "rules.0.types", "message": "List should have at least 1 item after validation, not 0"},
        ),
        ((json.dumps({"rules": [JD]}), {}), {"path": "rules", "message": "Input should be a valid list"}),
    ],
)
def test_what_is_wrong_with_the_object_is_told_as_what_is_wrong_with_the_parameter_is(broom, answer, error):
    broom.aws.objects[PATH] = answer
    assert broom.invoke({"id": "s-1", "rules": RULES}) == []
    (rejected,) = broom.aws.reports
    assert (rejected["kind"], rejected["errors"]) == ("rejected", [error])
    assert broom.requests() == []


@pytest.mark.parametrize("answer", [(503, "SlowDown"), (500, "InternalError")])
def test_an_object_that_cannot_be_read_now_brings_the_sweep_again(broom, answer):
    broom.aws.objects[PATH] = answer
    assert broom.invoke({"id": "s-1", "rules": RULES}) == ["m-1"]
    assert broom.aws.reports == []


@pytest.mark.parametrize(
    "place", ["s3://b/k", "s3://sweep-rules", "s3://sweep-rules/../k", "s3://sweep-rules/a?b", "http://sweep-rules/k"]
)
def test_no_place_of_rules_changes_what_is_called(broom, place):
    assert broom.invoke({"id": "s-1", "rules": place}) == []
    (rejected,) = broom.aws.reports
    assert rejected["errors"][0]["path"] == "rules"
    assert {service for service, *_ in broom.aws.calls} == {"sns", "sqs"}
