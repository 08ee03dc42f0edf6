"""Google Cloud's services as the local cloud knows them: where each is, how it shows a resource, and what a write says.

Written from the discovery documents (google-api-python-client 2.202.0) and apart from the package's own shapes, so that
a mistake there does not find its twin here.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from local.providers.server import Answer, Refusal
from local.providers.wire import Request

MOST_LABELS = 64
_LABEL = re.compile(r"[\w-]{0,63}")
_STATUSES = {
    400: ("INVALID_ARGUMENT", "invalid"),
    401: ("UNAUTHENTICATED", "authError"),
    403: ("PERMISSION_DENIED", "forbidden"),
    404: ("NOT_FOUND", "notFound"),
    409: ("ABORTED", "aborted"),
    412: ("FAILED_PRECONDITION", "conditionNotMet"),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded"),
    500: ("INTERNAL", "backendError"),
    503: ("UNAVAILABLE", "backendError"),
}
_WITHOUT_A_STATUS = frozenset({"storage.googleapis.com", "bigquery.googleapis.com"})


class Service(NamedTuple):
    """A service: its host, the host in its resources' names, and where its resources are."""

    host: str
    of_names: str
    prefix: str
    path: re.Pattern[str]
    write: tuple[str, str]
    """The method of a write, and what stands behind the resource."""
    labels: str = "labels"
    version: str = ""
    operation: str = ""
    """What kind of operation a write answers with; empty: it answers with the resource."""


def _service(host: str, prefix: str, path: str, write: tuple[str, str] = ("PATCH", ""), **more: str) -> Service:
    return Service(host, more.pop("of_names", host), prefix, re.compile(path), write, **more)


SERVICES = (
    _service(
        "compute.googleapis.com",
        "/compute/v1/",
        r"projects/[^/]+/(?:zones/[^/]+|regions/[^/]+|global)/"
        r"(?:instances|disks|images|snapshots|addresses|forwardingRules)/[^/]+",
        ("POST", "/setLabels"),
        version="labelFingerprint",
        operation="compute",
    ),
    _service("storage.googleapis.com", "/storage/v1/b/", r"[^/]+", version="metageneration"),
    _service(
        "bigquery.googleapis.com", "/bigquery/v2/", r"projects/[^/]+/datasets/[^/]+(?:/tables/[^/]+)?", version="etag"
    ),
    _service("pubsub.googleapis.com", "/v1/", r"projects/[^/]+/(?:topics|subscriptions|snapshots)/[^/]+"),
    _service(
        "sqladmin.googleapis.com",
        "/v1/",
        r"projects/[^/]+/instances/[^/]+",
        of_names="cloudsql.googleapis.com",
        version="settingsVersion",
        operation="sql",
    ),
    _service(
        "container.googleapis.com",
        "/v1/",
        r"projects/[^/]+/(?:locations|zones)/[^/]+/clusters/[^/:]+",
        ("POST", ":setResourceLabels"),
        labels="resourceLabels",
        version="labelFingerprint",
        operation="container",
    ),
    _service("secretmanager.googleapis.com", "/v1/", r"projects/[^/]+/secrets/[^/]+", version="etag"),
    _service("cloudresourcemanager.googleapis.com", "/v3/", r"projects/[^/]+", version="etag", operation="long"),
)

_PUBSUB = {"topics": "topic", "subscriptions": "subscription", "snapshots": "snapshot"}


def error(status: int, message: str, reason: str | None = None, service: str = "") -> Answer:
    """An error as the service tells it: Cloud Storage and BigQuery leave out `status`."""
    state, usual = _STATUSES.get(status, ("UNKNOWN", "unknown"))
    told: dict[str, Any] = {"code": status, "message": message}
    told["errors"] = [{"domain": "global", "reason": reason or usual, "message": message}]
    if service not in _WITHOUT_A_STATUS:
        told["status"] = state
    return Answer(status, {"error": told}, reason or usual)


def refuse(status: int, message: str, reason: str | None = None, service: str = "") -> Refusal:
    """A call that ends before it does anything."""
    return Refusal(error(status, message, reason, service))


def find(request: Request) -> tuple[Service, str, str]:
    """The service, the resource's path, and what stands behind it. Refusal where there is none.

    The host stands in front of the path, as the endpoint variable has it; the vendor's own clients leave it out.
    """
    found = re.fullmatch(r"(?:/([a-z]+\.googleapis\.com))?(/.*)", unquote(request.path))
    host, rest = (found[1], found[2]) if found else (None, "")
    for service in SERVICES:
        if host not in (None, service.host) or not rest.startswith(service.prefix):
            continue
        matched = re.match(f"({service.path.pattern})(/setLabels|:setResourceLabels|)$", rest[len(service.prefix) :])
        if matched:
            return service, matched[1], matched[2]
    raise refuse(404, "The requested URL was not found on this server.", "httpMethodNotFound")


def version_of(labels: Mapping[str, str], service: Service) -> str:
    """The version of a set of labels: the same for the same labels, as a fingerprint is."""
    digest = hashlib.sha256(json.dumps(dict(labels), sort_keys=True).encode("utf-8", "replace")).digest()
    if service.version in {"metageneration", "settingsVersion"}:
        return str(int.from_bytes(digest[:4], "big") + 1)
    text = base64.b64encode(digest[:8]).decode()
    return f'"{text}"' if service.host == "secretmanager.googleapis.com" else text


def show(service: Service, path: str, labels: Mapping[str, str], number: str) -> dict[str, Any]:
    """A resource as its service shows it; `number` is its project's. Without labels the field is left out."""
    last = path.rpartition("/")[2]
    link = f"https://www.googleapis.com{service.prefix}{path}"
    version: dict[str, Any] = {service.version: version_of(labels, service)} if service.version else {}
    found: dict[str, Any] = {service.labels: dict(labels)} if labels else {}
    match service.host:
        case "bigquery.googleapis.com":
            parts = path.split("/")
            reference = {"projectId": parts[1], "datasetId": parts[3]}
            if len(parts) > 4:  # noqa: PLR2004 - projects/P/datasets/D/tables/T
                return {"tableReference": {**reference, "tableId": parts[5]}, **version, **found}
            return {"datasetReference": reference, **version, **found}
        case "sqladmin.googleapis.com":
            settings = {**version, **({"userLabels": dict(labels)} if labels else {})}
            return {"name": last, "project": path.split("/")[1], "settings": settings}
        case "compute.googleapis.com" | "container.googleapis.com":
            return {"name": last, "selfLink": link, **version, **found}
        case "cloudresourcemanager.googleapis.com":
            return {"name": f"projects/{number}", "projectId": last, **version, **found}
        case _:
            return {"name": path, **version, **found}


class Written(NamedTuple):
    """What a write asks for: the whole new labels, and the version that it is for (None: any)."""

    labels: dict[str, str]
    version: str | None


def written(service: Service, path: str, request: Request, body: Any, there: Mapping[str, str]) -> Written:
    """What a write makes of the labels that stand there. Refusal where it is no valid write."""
    query = {name: values[0] for name, values in parse_qs(request.query).items()}
    version: Any = body.get(service.version) if service.version else None
    told: Any = body.get(service.labels, {})
    merges = False
    match service.host:
        case "storage.googleapis.com":
            merges, version = True, query.get("ifMetagenerationMatch")
        case "bigquery.googleapis.com":
            merges, version = True, request.header("if-match")
        case "sqladmin.googleapis.com":
            settings = body.get("settings", {})
            merges, told, version = True, settings.get("userLabels", {}), settings.get("settingsVersion")
        case "pubsub.googleapis.com":
            part = body.get(_PUBSUB[path.split("/")[2]], {})
            if part.get("name") != path or body.get("updateMask") != "labels":
                raise refuse(400, "The update mask or the name is not valid.", service=service.host)
            told = part.get("labels", {})
        case "secretmanager.googleapis.com" | "cloudresourcemanager.googleapis.com":
            if query.get("updateMask") != "labels":
                raise refuse(400, "updateMask is required.", service=service.host)
        case _:
            if not isinstance(version, str):
                raise refuse(412, "Labels fingerprint either invalid or resource labels have changed")
    labels = _labels(told, service)
    after = {**there, **labels} if merges else labels
    return Written({key: value for key, value in after.items() if value is not None}, version)


def _labels(told: Any, service: Service) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise refuse(400, "labels should be a map", service=service.host)
    for key, value in told.items():
        for text in (key, "" if value is None else value):
            if not isinstance(text, str) or not _LABEL.fullmatch(text) or text != text.lower():
                raise refuse(400, f"Invalid label {key}", service=service.host)
    if len(told) > MOST_LABELS:
        raise refuse(400, f"There are at most {MOST_LABELS} labels", service=service.host)
    return told


def stale(service: Service) -> Answer:
    """What a service answers to a write of an older version."""
    if service.host == "container.googleapis.com":
        message = "Labels could not be set due to fingerprint mismatch. Please try again after fetching the labels."
        return Answer(400, {"error": {"code": 400, "message": message, "status": "FAILED_PRECONDITION"}}, "stale")
    if service.host in {"secretmanager.googleapis.com", "cloudresourcemanager.googleapis.com"}:
        return error(409, "The etag does not match the current one.")
    message = "Labels fingerprint either invalid or resource labels have changed"
    return error(412, message, service=service.host)


def operation(
    service: Service, path: str, resource: dict[str, Any], failed: Answer | None, *, done: bool
) -> dict[str, Any]:
    """The operation that a write answers with. Its name is the call's id, which is put in later."""
    told = (failed.document or {})["error"] if failed is not None else None
    if service.operation == "long":
        if told is not None:
            return {"name": None, "done": True, "error": {"code": 9, "message": told["message"]}}
        whole = {"@type": "type.googleapis.com/google.cloud.resourcemanager.v3.Project", **resource}
        return {"name": None, "done": True, "response": whole} if done else {"name": None, "done": False}
    state: dict[str, Any] = {"name": None, "status": "DONE" if done or told else "RUNNING"}
    if service.operation == "sql":
        state |= {"targetProject": path.split("/")[1], "targetId": path.rpartition("/")[2]}
    else:
        state |= {"operationType": "setLabels", "targetLink": f"https://www.googleapis.com{service.prefix}{path}"}
    if told is not None:
        entry = {"code": failed.code if failed else "", "message": told["message"]}
        state["error"] = {"code": 9, "message": told["message"]} if service.operation == "container" else {}
        state["error"] = state["error"] or {"errors": [entry]}
    return state
