"""What Google Cloud's audit log says, as Pub/Sub pushes it and as Eventarc brings it: deletions that went well.

Facts from recorded entries and the service catalog of google-cloudevents. What follows from them:

- A long operation writes two entries: the first says that it begins, the last that it ended. Only the last counts.
- An entry of a failure has a status with a code, or the severity ERROR.
- An instance that a service agent deletes belongs to a managed group, which may make it anew under the same name at
  once. Its labels went with it: nothing is asked for, so that the new one keeps its own.
- What is made anew under a deleted name by anybody else is the same to untag: only the name is known of it.
- The account is chosen by the project's id, as `UNTAG_ACCOUNTS` maps it: `gcp/PROJECT=account`.
- Both ways of delivery are signed for whoever receives them first, with a token that says nothing here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.providers.events import Events, Gone, Ignored, Message, shown_in, text_in
from untag.providers.gcp.names import BUCKET, INSTANCE, PROJECT_TYPE, host_of, path_of

_GCP = "gcp"
_AUDIT_LOG = "google.cloud.audit.AuditLog"
_WRITTEN = "google.cloud.audit.log.v1.written"
_COMPUTE = re.compile(r"(?:v1|beta|alpha)\.compute\.([A-Za-z]+)\.delete")
_COMPUTE_TYPES = {
    "instances": INSTANCE,
    "disks": "compute.googleapis.com/Disk",
    "snapshots": "compute.googleapis.com/Snapshot",
    "images": "compute.googleapis.com/Image",
    "addresses": "compute.googleapis.com/Address",
    "globalAddresses": "compute.googleapis.com/GlobalAddress",
    "forwardingRules": "compute.googleapis.com/ForwardingRule",
    "globalForwardingRules": "compute.googleapis.com/GlobalForwardingRule",
}
_DATASET, _TABLE = "bigquery.googleapis.com/Dataset", "bigquery.googleapis.com/Table"
_TYPES = {
    "storage.buckets.delete": BUCKET,
    "google.cloud.bigquery.v2.DatasetService.DeleteDataset": _DATASET,
    "google.cloud.bigquery.v2.TableService.DeleteTable": _TABLE,
    "datasetservice.delete": _DATASET,
    "tableservice.delete": _TABLE,
    "google.pubsub.v1.Publisher.DeleteTopic": "pubsub.googleapis.com/Topic",
    "google.pubsub.v1.Subscriber.DeleteSubscription": "pubsub.googleapis.com/Subscription",
    "cloudsql.instances.delete": "sqladmin.googleapis.com/Instance",
    "google.cloud.secretmanager.v1.SecretManagerService.DeleteSecret": "secretmanager.googleapis.com/Secret",
    "google.container.v1.ClusterManager.DeleteCluster": "container.googleapis.com/Cluster",
    "google.cloud.resourcemanager.v3.Projects.DeleteProject": PROJECT_TYPE,
}
_GROUPS = ("@cloudservices.gserviceaccount.com", "@compute-system.iam.gserviceaccount.com")


def audit_log(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """An entry of the audit log."""
    payload = event.get("protoPayload")
    if not isinstance(payload, Mapping) or not (text_in(payload, "@type") or "").endswith(_AUDIT_LOG):
        return None
    event_id = _id_of(event, own_id)
    method = _required(payload, "methodName")
    shown = f"audit log {shown_in(payload, 'methodName')}"
    type_ = _type_of(method)
    if type_ is None:
        return Ignored(event_id, _GCP, "no_deletion", f"{shown}: it deletes nothing that is known")
    if (why := _why_not(event, payload, type_)) is not None:
        return Ignored(event_id, _GCP, "not_done", f"{shown}: {why}")
    name = _required(payload, "resourceName").removeprefix("projects/_/buckets/")
    id_ = f"//{host_of(type_)}/{name}"
    try:
        path_of(type_, id_)
    except ValueError:
        return Ignored(event_id, _GCP, "no_resource", f"{shown}: the entry names no resource whose name can be told")
    return Gone(
        event_id=event_id, provider=_GCP, domain_id=_project_of(event, name), resources={type_: [id_]}, reason=shown
    )


def in_binary_mode(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A CloudEvent of an audit log in HTTP's binary mode, as a forwarder hands it on: headers and a body."""
    headers, body = event.get("headers"), event.get("body")
    if not isinstance(headers, Mapping):
        return None
    found = {str(name).lower(): value for name, value in headers.items()}
    if found.get("ce-type") != _WRITTEN:
        return None
    if not isinstance(body, Mapping):
        raise InvalidInputError.of("Input should be an object", "body")
    try:
        return audit_log(body, id_of(found, "ce-id", own_id))
    except InvalidInputError as error:
        raise error.under("body") from None


def pushed(event: Mapping[str, Any], own_id: str) -> list[Message] | None:
    """The message that Pub/Sub pushes: a log entry in Base64."""
    message = event.get("message")
    if not isinstance(message, Mapping) or not isinstance(event.get("subscription"), str) or "data" not in message:
        return None
    data = message["data"]
    try:
        text = base64.b64decode(data, validate=True).decode() if isinstance(data, str) else None
    except (binascii.Error, ValueError):
        text = None
    if text is None:
        raise InvalidInputError.of("should be JSON, as UTF-8 in Base64", "message.data")
    return [Message(id_of(message, "messageId", own_id), text, event)]


def _type_of(method: str) -> str | None:
    compute = _COMPUTE.fullmatch(method)
    return _COMPUTE_TYPES.get(compute[1]) if compute else _TYPES.get(method)


def _why_not(event: Mapping[str, Any], payload: Mapping[str, Any], type_: str) -> str | None:
    """Why an entry does not mean that the resource is gone, None where it does."""
    status = payload.get("status")
    if not isinstance(status, Mapping | None):
        raise InvalidInputError.of("Input should be an object", "protoPayload.status")
    if (status or {}).get("code") or event.get("severity") == "ERROR":
        return "the call failed"
    operation = event.get("operation")
    if isinstance(operation, Mapping) and operation.get("last") is not True:
        return "the deletion only begins"
    who = payload.get("authenticationInfo")
    caller = text_in(who, "principalEmail") if isinstance(who, Mapping) else None
    if type_ == INSTANCE and (caller or "").endswith(_GROUPS):
        return "the instance's group deletes it, and may make it anew under its name"
    return None


def _project_of(event: Mapping[str, Any], name: str) -> str | None:
    """The project's id: what the entry's resource says, else what stands in the name."""
    resource = event.get("resource")
    labels = resource.get("labels") if isinstance(resource, Mapping) else None
    said = text_in(labels, "project_id") if isinstance(labels, Mapping) else None
    return said or (name.split("/")[1] if name.startswith("projects/") else None)


def _id_of(event: Mapping[str, Any], own_id: str) -> str:
    """One entry's id, by whatever way it comes: it is one of its kind in its log."""
    entry, log = text_in(event, "insertId"), text_in(event, "logName")
    return id_of({"id": f"{log}/{entry}"}, "id", own_id) if entry and log else own_id


def _required(payload: Mapping[str, Any], name: str) -> str:
    if (found := text_in(payload, name)) is None:
        raise InvalidInputError.of("Input should be a text", f"protoPayload.{name}")
    return found


EVENTS = Events((audit_log, in_binary_mode), pushed, ("//cloudaudit.googleapis.com/",))
