"""Google Cloud's writes and reads: what each service is sent, and what each answer means."""

import json

import httpx
import pytest
from gcp_support import (
    BUCKET_TYPE,
    CLUSTER_TYPE,
    IDS,
    INSTANCE,
    INSTANCE_TYPE,
    PROJECT_TYPE,
    SECRET_TYPE,
    SQL_TYPE,
    TABLE_TYPE,
    TOKEN,
    TOPIC_TYPE,
    VERSIONS,
    answered,
    shown,
)

from untag.contracts import Action
from untag.providers import Verdict

LINK = "https://www.googleapis.com/compute/v1/projects/demo-project/zones/us-east1-b/instances/vm-1"
CLUSTER_LINK = "https://container.googleapis.com/v1/projects/123456789012/locations/us-east1-b/clusters/c-1"
COMPUTE = "https://compute.googleapis.com/compute/v1/projects/demo-project/zones/us-east1-b/instances/vm-1"
LEFT = {"team": "web"}
DONE = {"kind": "compute#operation", "name": "operation-1", "status": "DONE", "targetLink": LINK}
SUCCESSES = {
    INSTANCE_TYPE: [DONE],
    BUCKET_TYPE: [shown(BUCKET_TYPE, LEFT)],
    TABLE_TYPE: [shown(TABLE_TYPE, LEFT)],
    TOPIC_TYPE: [shown(TOPIC_TYPE, {"env": "prod", "team": "web"}), shown(TOPIC_TYPE, LEFT)],
    SQL_TYPE: [
        shown(SQL_TYPE, {"env": "prod", "team": "web"}),
        {"name": "op-1", "status": "DONE", "targetProject": "demo-project", "targetId": "db-1"},
    ],
    CLUSTER_TYPE: [{"name": "operation-2", "status": "DONE", "targetLink": CLUSTER_LINK}],
    SECRET_TYPE: [shown(SECRET_TYPE, LEFT)],
    PROJECT_TYPE: [{"name": "operations/cp.1", "done": True, "response": shown(PROJECT_TYPE, LEFT)}],
}


def error(status, *, reason=None, state=None, detail=None, message="no"):
    """An error in the envelope that the services share."""
    found = {"code": status, "message": message}
    if state is not None:
        found["status"] = state
    if reason is not None:
        found["errors"] = [{"domain": "global", "reason": reason, "message": message}]
    if detail is not None:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        found["details"] = [{"@type": kind, "reason": detail, "domain": "googleapis.com"}]
    return httpx.Response(status, json={"error": found})


def body(request):
    return json.loads(request.content)


@pytest.mark.parametrize("type_", IDS)
def test_a_read_gives_labels_and_their_version(type_):
    answer, (request,) = answered(shown(type_, {"env": "prod"}), kind="read", type_=type_)
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {IDS[type_]: {"env": "prod"}})
    assert answer.versions == ({IDS[type_]: VERSIONS[type_]} if VERSIONS[type_] else {})
    assert (request.method, request.headers["authorization"]) == ("GET", f"Bearer {TOKEN}")
    assert "x-goog-user-project" not in request.headers


@pytest.mark.parametrize("type_", IDS)
def test_a_resource_without_labels_has_none_whether_the_field_is_there_or_not(type_):
    field = {CLUSTER_TYPE: "resourceLabels"}.get(type_, "labels")
    without = shown(type_, {})
    if type_ == SQL_TYPE:
        del without["settings"]["userLabels"]
    else:
        del without[field]
    for resource in (shown(type_, {}), without):
        answer, _ = answered(resource, kind="read", type_=type_)
        assert answer.tags == {IDS[type_]: {}}


@pytest.mark.parametrize(
    ("type_", "method", "url", "sent"),
    [
        (INSTANCE_TYPE, "POST", f"{COMPUTE}/setLabels", {"labels": LEFT, "labelFingerprint": "fp-1="}),
        (
            BUCKET_TYPE,
            "PATCH",
            (
                "https://storage.googleapis.com/storage/v1/b/demo-bucket?ifMetagenerationMatch=3"
                "&fields=name%2Clabels%2Cmetageneration"
            ),
            {"labels": {"env": None}},
        ),
        (
            TABLE_TYPE,
            "PATCH",
            "https://bigquery.googleapis.com/bigquery/v2/projects/demo-project/datasets/sales/tables/orders",
            {"labels": {"env": None}},
        ),
        (
            TOPIC_TYPE,
            "PATCH",
            "https://pubsub.googleapis.com/v1/projects/demo-project/topics/orders",
            {"topic": {"name": "projects/demo-project/topics/orders", "labels": LEFT}, "updateMask": "labels"},
        ),
        (
            SQL_TYPE,
            "PATCH",
            "https://sqladmin.googleapis.com/v1/projects/demo-project/instances/db-1",
            {"settings": {"userLabels": {"env": None}, "settingsVersion": "7"}},
        ),
        (
            CLUSTER_TYPE,
            "POST",
            (
                "https://container.googleapis.com/v1/projects/demo-project/locations/us-east1-b/clusters/c-1"
                ":setResourceLabels"
            ),
            {"resourceLabels": LEFT, "labelFingerprint": "a9"},
        ),
        (
            SECRET_TYPE,
            "PATCH",
            "https://secretmanager.googleapis.com/v1/projects/123456789012/secrets/api-key?updateMask=labels",
            {"labels": LEFT, "etag": '"16"'},
        ),
        (
            PROJECT_TYPE,
            "PATCH",
            "https://cloudresourcemanager.googleapis.com/v3/projects/demo-project?updateMask=labels",
            {"labels": LEFT, "etag": 'W/"2"'},
        ),
    ],
)
def test_a_removal_is_sent_as_its_service_takes_it(type_, method, url, sent):
    answer, requests = answered(*SUCCESSES[type_], type_=type_)
    assert (answer.verdict, answer.failures) == (Verdict.DONE, {})
    request = requests[-1]
    assert (request.method, str(request.url), body(request)) == (method, url, sent)
    assert request.headers.get("if-match") == ("e-1==" if type_ == TABLE_TYPE else None)
    assert len(requests) == len(SUCCESSES[type_])


@pytest.mark.parametrize(
    ("type_", "labels"),
    [(INSTANCE_TYPE, {"team": "web", "env": "prod"}), (BUCKET_TYPE, {"env": "prod"})],
)
def test_a_restore_is_the_same_write_with_the_key(type_, labels):
    done = DONE if type_ == INSTANCE_TYPE else shown(type_, {"env": "prod", "team": "web"})
    answer, (request,) = answered(done, type_=type_, action=Action.RESTORE, there=LEFT)
    assert answer.verdict is Verdict.DONE
    assert body(request)["labels"] == labels


def test_the_last_label_goes_with_an_empty_set_and_not_with_a_field_that_is_left_out():
    _, (request,) = answered(DONE, there={"env": "prod"})
    assert body(request) == {"labels": {}, "labelFingerprint": "fp-1="}


@pytest.mark.parametrize("type_", [TOPIC_TYPE, SQL_TYPE])
def test_without_a_version_the_write_itself_reads_and_compares(type_):
    changed = shown(type_, {"env": "test", "team": "web"})
    answer, requests = answered(changed, type_=type_)
    assert (answer.verdict, answer.unsent) == (Verdict.STALE, True)
    assert [request.method for request in requests] == ["GET"]


def test_what_somebody_has_added_to_a_topic_meanwhile_is_kept():
    there = {"env": "prod", "team": "web", "new": "1"}
    answer, (_, request) = answered(
        shown(TOPIC_TYPE, there), shown(TOPIC_TYPE, {"team": "web", "new": "1"}), type_=TOPIC_TYPE
    )
    assert answer.verdict is Verdict.DONE
    assert body(request)["topic"]["labels"] == {"team": "web", "new": "1"}


def test_a_read_inside_a_write_that_gets_no_answer_has_written_nothing():
    answer, _ = answered(httpx.Response(503), type_=TOPIC_TYPE)
    assert (answer.verdict, answer.unsent) == (Verdict.UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("type_", "operation", "verdict"),
    [
        (INSTANCE_TYPE, {**DONE, "status": "RUNNING"}, Verdict.ACCEPTED),
        (INSTANCE_TYPE, {**DONE, "status": "PENDING"}, Verdict.ACCEPTED),
        (INSTANCE_TYPE, {**DONE, "targetLink": LINK.replace("vm-1", "vm-2")}, Verdict.UNAVAILABLE),
        (INSTANCE_TYPE, {**DONE, "targetLink": LINK.replace("demo-project", "other-project")}, Verdict.UNAVAILABLE),
        (INSTANCE_TYPE, {**DONE, "targetLink": LINK.replace("demo-project", "123456789012")}, Verdict.DONE),
        (CLUSTER_TYPE, {"name": "operation-2", "status": "RUNNING", "targetLink": CLUSTER_LINK}, Verdict.ACCEPTED),
        (PROJECT_TYPE, {"name": "operations/cp.1"}, Verdict.ACCEPTED),
        (PROJECT_TYPE, {"name": "operations/cp.1", "done": False}, Verdict.ACCEPTED),
        (PROJECT_TYPE, {"done": True, "response": {}}, Verdict.ACCEPTED),
        (PROJECT_TYPE, {"done": True, "response": {"name": "projects/9", "projectId": "other"}}, Verdict.ACCEPTED),
        (PROJECT_TYPE, {}, Verdict.UNAVAILABLE),
        (INSTANCE_TYPE, {}, Verdict.UNAVAILABLE),
        (INSTANCE_TYPE, {"status": "DONE"}, Verdict.UNAVAILABLE),
    ],
)
def test_an_operation_settles_what_it_has_done_and_of_this_resource_alone(type_, operation, verdict):
    answer, _ = answered(operation, type_=type_)
    assert (answer.verdict, answer.failures) == (verdict, {})


@pytest.mark.parametrize(
    ("type_", "failed", "code", "verdict"),
    [
        (INSTANCE_TYPE, {"errors": [{"code": "RESOURCE_IN_USE", "message": "m"}]}, "RESOURCE_IN_USE", Verdict.FAILED),
        (
            INSTANCE_TYPE,
            {"errors": [{"code": "RESOURCE_NOT_READY", "message": "m"}]},
            "RESOURCE_NOT_READY",
            Verdict.UNAVAILABLE,
        ),
        (INSTANCE_TYPE, {"errors": [{"code": "CONDITION_NOT_MET"}]}, "CONDITION_NOT_MET", Verdict.STALE),
        (INSTANCE_TYPE, {"errors": [{"code": "RATE_LIMIT_EXCEEDED"}]}, "RATE_LIMIT_EXCEEDED", Verdict.THROTTLED),
        (INSTANCE_TYPE, {"errors": []}, "operation_failed", Verdict.FAILED),
        (INSTANCE_TYPE, "broken", "operation_failed", Verdict.FAILED),
        (PROJECT_TYPE, {"code": 10, "message": "m"}, "code_10", Verdict.STALE),
        (PROJECT_TYPE, {"code": 7, "message": "m"}, "code_7", Verdict.FAILED),
    ],
)
def test_an_error_inside_a_success_is_the_resources_failure_with_a_verdict_of_its_own(type_, failed, code, verdict):
    whole = DONE if type_ == INSTANCE_TYPE else {"name": "operations/cp.1", "done": True, "response": {}}
    answer, _ = answered({**whole, "error": failed}, type_=type_)
    assert answer.verdict is Verdict.DONE
    (failure,) = answer.failures.values()
    assert (failure.code, failure.verdict) == (code, verdict)


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("type_", IDS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(204),
        httpx.Response(202, json={}),
    ],
)
def test_a_success_without_the_documented_body_is_not_believed(kind, type_, answer):
    judged, _ = answered(answer, kind=kind, type_=type_)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize(
    ("type_", "changes"),
    [
        (INSTANCE_TYPE, {"selfLink": LINK.replace("vm-1", "vm-2")}),
        (INSTANCE_TYPE, {"selfLink": LINK.replace("demo-project", "other-project")}),
        (INSTANCE_TYPE, {"labelFingerprint": None}),
        (INSTANCE_TYPE, {"labels": {"env": 1}}),
        (INSTANCE_TYPE, {"labels": {"env": "\ud800"}}),
        (INSTANCE_TYPE, {"labels": ["env"]}),
        (BUCKET_TYPE, {"name": "DEMO-BUCKET"}),
        (TABLE_TYPE, {"tableReference": {"projectId": "demo-project", "datasetId": "sales", "tableId": "other"}}),
        (TABLE_TYPE, {"tableReference": "x"}),
        (SQL_TYPE, {"name": "db-2"}),
        (SQL_TYPE, {"project": "other-project"}),
        (SQL_TYPE, {"settings": {}}),
        (CLUSTER_TYPE, {"selfLink": None}),
        (SECRET_TYPE, {"name": "projects/123456789012/secrets/other"}),
        (PROJECT_TYPE, {"projectId": "other-project"}),
    ],
)
def test_a_read_that_speaks_of_another_resource_or_is_misshapen_says_nothing(type_, changes):
    payload = shown(type_, {"env": "prod"}, changes)
    answer, _ = answered(httpx.Response(200, text=json.dumps(payload)), kind="read", type_=type_)
    assert (answer.verdict, answer.tags) == (Verdict.UNAVAILABLE, None)


@pytest.mark.parametrize("type_", [BUCKET_TYPE, TABLE_TYPE, SECRET_TYPE])
def test_a_success_in_which_the_label_still_stands_is_not_believed(type_):
    answer, _ = answered(shown(type_, {"env": "prod", "team": "web"}), type_=type_)
    assert answer.verdict is Verdict.UNAVAILABLE


CHANGED = "Labels fingerprint either invalid or resource labels have changed"
MISMATCH = "Labels could not be set due to fingerprint mismatch. Please try again after fetching the labels."
VERDICTS = [
    (error(401, state="UNAUTHENTICATED"), Verdict.UNAUTHORIZED),
    (error(401, reason="authError"), Verdict.UNAUTHORIZED),
    (httpx.Response(401, text="x"), Verdict.UNAUTHORIZED),
    (error(429, state="RESOURCE_EXHAUSTED"), Verdict.THROTTLED),
    (httpx.Response(429), Verdict.THROTTLED),
    (error(403, reason="rateLimitExceeded"), Verdict.THROTTLED),
    (error(403, reason="userRateLimitExceeded"), Verdict.THROTTLED),
    (error(403, reason="quotaExceeded"), Verdict.THROTTLED),
    (error(403, state="PERMISSION_DENIED", detail="RATE_LIMIT_EXCEEDED"), Verdict.THROTTLED),
    (error(403, detail="CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"), Verdict.THROTTLED),
    (error(403, reason="accessNotConfigured"), Verdict.FAILED),
    (error(403, state="PERMISSION_DENIED", detail="SERVICE_DISABLED"), Verdict.FAILED),
    (error(403, detail="BILLING_DISABLED"), Verdict.FAILED),
    (error(403, reason="forbidden"), Verdict.FORBIDDEN),
    (error(403, state="PERMISSION_DENIED", detail="IAM_PERMISSION_DENIED"), Verdict.FORBIDDEN),
    (httpx.Response(403, text="<html>"), Verdict.FORBIDDEN),
    (error(412, reason="conditionNotMet", message=CHANGED), Verdict.STALE),
    (error(412, reason="staleData"), Verdict.STALE),
    (error(409, state="ABORTED"), Verdict.STALE),
    (error(400, state="FAILED_PRECONDITION", message=MISMATCH), Verdict.STALE),
    (error(400, state="FAILED_PRECONDITION", message="The etag does not match"), Verdict.STALE),
    (error(400, state="FAILED_PRECONDITION", message="disabled"), Verdict.REFUSED),
    (error(400, reason="resourceNotReady"), Verdict.UNAVAILABLE),
    (error(409, reason="operationInProgress"), Verdict.UNAVAILABLE),
    (
        error(400, state="FAILED_PRECONDITION", message="Cluster is running incompatible operation operation-1."),
        Verdict.UNAVAILABLE,
    ),
    (error(409, message="Another operation is in progress"), Verdict.UNAVAILABLE),
    (error(409, reason="conflict", message="The bucket was edited. Please try again."), Verdict.UNAVAILABLE),
    (error(400, state="FAILED_PRECONDITION", message="The operation is not allowed"), Verdict.REFUSED),
    (error(409, reason="alreadyExists"), Verdict.FAILED),
    (error(400, reason="invalid", message="operation"), Verdict.REFUSED),
    (error(408), Verdict.UNAVAILABLE),
    (error(500, reason="internalError"), Verdict.UNAVAILABLE),
    (httpx.Response(502, text="<html>"), Verdict.UNAVAILABLE),
    (error(503, state="UNAVAILABLE"), Verdict.UNAVAILABLE),
    (error(405), Verdict.FAILED),
    (httpx.Response(302, headers={"location": "https://elsewhere.example.com"}), Verdict.FAILED),
    (httpx.Response(400, json={"error": "invalid"}), Verdict.REFUSED),
    (httpx.Response(400, json={"error": {"message": {"a": 1}, "errors": {}, "details": ["x"]}}), Verdict.REFUSED),
    (httpx.ReadError("reset"), Verdict.UNAVAILABLE),
]


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize(("answer", "verdict"), VERDICTS)
def test_every_error_means_what_it_should(kind, answer, verdict):
    judged, requests = answered(answer, kind=kind)
    assert judged.verdict is verdict
    assert all(request.url.host == "compute.googleapis.com" for request in requests)


@pytest.mark.parametrize(
    ("type_", "message", "verdict"),
    [
        (INSTANCE_TYPE, f"The resource '{INSTANCE[25:]}' was not found", Verdict.NOT_FOUND),
        (INSTANCE_TYPE, "The resource 'projects/demo-project' was not found", Verdict.FAILED),
        (INSTANCE_TYPE, "The resource 'projects/demo-project/zones/us-east1-b' was not found", Verdict.FAILED),
        (INSTANCE_TYPE, f"The resource '{INSTANCE[25:]}2' was not found", Verdict.FAILED),
        (BUCKET_TYPE, "The specified bucket does not exist.", Verdict.NOT_FOUND),
        (TABLE_TYPE, "Not found: Table demo-project:sales.orders", Verdict.NOT_FOUND),
        (TABLE_TYPE, "Not found: Project demo-project", Verdict.FAILED),
        (TOPIC_TYPE, "Resource not found (resource=orders).", Verdict.NOT_FOUND),
        (TOPIC_TYPE, "Requested project not found or user does not have access to it (project=x).", Verdict.FAILED),
        (CLUSTER_TYPE, "Not found: projects/demo-project/zones/us-east1-b/clusters/c-1.", Verdict.NOT_FOUND),
        (SECRET_TYPE, "Secret [projects/123456789012/secrets/api-key] not found.", Verdict.NOT_FOUND),
        (SECRET_TYPE, "Secret [projects/123456789012/secrets/api-key2] not found.", Verdict.FAILED),
        (SQL_TYPE, "The Cloud SQL instance does not exist.", Verdict.NOT_FOUND),
        (PROJECT_TYPE, "Project not found.", Verdict.NOT_FOUND),
    ],
)
def test_a_404_is_the_resources_only_if_it_does_not_speak_of_something_else(type_, message, verdict):
    for answer in (error(404, reason="notFound", message=message), error(404, state="NOT_FOUND", message=message)):
        assert answered(answer, kind="read", type_=type_)[0].verdict is verdict


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(404, text="Not Found"), error(404)])
def test_a_404_without_googles_words_is_a_wrong_address(answer):
    assert answered(answer, kind="read")[0].verdict is Verdict.FAILED


def test_no_token_is_shown_and_what_a_401_says_is_not_passed_on():
    for status in (400, 401, 403, 500):
        answer, _ = answered(error(status, message=f"token {TOKEN} is no good"))
        assert TOKEN not in f"{answer}"
    answer, _ = answered(error(401, message="Request had invalid credentials"))
    assert answer.message == "the token was not accepted"


def test_code_and_request_id_are_kept():
    answer, _ = answered(error(403, state="PERMISSION_DENIED", detail="IAM_PERMISSION_DENIED", message="Denied"))
    assert (answer.code, answer.message) == ("IAM_PERMISSION_DENIED", "Denied")
    upload = httpx.Response(200, json=shown(BUCKET_TYPE, LEFT), headers={"x-guploader-uploadid": "up-1"})
    assert answered(upload, type_=BUCKET_TYPE)[0].request_id == "up-1"
    assert answered(DONE)[0].request_id == "operation-1"


def test_an_instance_may_be_asked_for_by_its_number():
    number = INSTANCE.replace("vm-1", "700")
    answer, _ = answered(shown(INSTANCE_TYPE, {"env": "prod"}), kind="read", id_=number)
    assert answer.tags == {number: {"env": "prod"}}
    other = INSTANCE.replace("vm-1", "701")
    assert answered(shown(INSTANCE_TYPE, {}), kind="read", id_=other)[0].verdict is Verdict.UNAVAILABLE
