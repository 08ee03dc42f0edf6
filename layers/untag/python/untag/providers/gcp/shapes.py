"""How each service reads and writes the labels of its resources: four shapes of one read, compare and write.

Facts from the discovery documents (google-api-python-client 2.202.0) and recorded exchanges.

| shape | write | version |
|---|---|---|
| Compute Engine, GKE | POST of the whole new labels | `labelFingerprint` |
| Cloud Storage, BigQuery, Cloud SQL | PATCH of the keys that change, null to remove | metageneration, etag, settings |
| projects, secrets | PATCH of the whole new labels | etag in the body |
| Pub/Sub | PATCH of the whole new labels | none |

An empty set of labels is sent as `{}`: what it means to leave the field out is not documented everywhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from untag.providers.base import Seen
from untag.providers.gcp.names import BUCKET, PROJECT_TYPE, TYPES, path_in_link, path_of, same_path

Changes = Mapping[str, str | None]
"""Labels by key: the new value, None for one that goes."""


class Sent(NamedTuple):
    """A write: its method, what stands behind the resource's URL, its body and its headers."""

    method: str
    behind: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}


class Shape(ABC):
    """How one type's labels are read and written."""

    host: ClassVar[str]
    prefix: ClassVar[str] = "/v1/"
    labels_field: ClassVar[str] = "labels"
    version_field: ClassVar[str] = ""
    """The field of the version; empty where there is none."""
    reads_again: ClassVar[bool] = False
    """Whether a write reads once more just before: where nothing says that the service itself compares versions."""
    by_operation: ClassVar[bool] = False
    """Whether a write answers with an operation, and not with the resource."""
    fields: ClassVar[str] = ""
    """Which fields of the resource are asked for; empty: all."""

    def url(self, endpoint: str | None, path: str) -> str:
        """Where the resource is read."""
        root = f"https://{self.host}" if endpoint is None else f"{endpoint}/{self.host}"
        return f"{root}{self.prefix}{quote(path, safe='/:~')}"

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """Whether an answer is of the resource that was asked for. It may name the project by its other name."""
        return isinstance(name := payload.get("name"), str) and same_path(name, path)

    def is_target(self, operation: Mapping[str, Any], path: str) -> bool:
        """Whether an operation is one of the resource."""
        return same_path(path_in_link(operation.get("targetLink")), path)

    def state(self, payload: Mapping[str, Any]) -> Seen | None:
        """The labels and their version in an answer that is a resource; None where it is not as documented."""
        labels = payload.get(self.labels_field)
        version = payload.get(self.version_field) if self.version_field else None
        if isinstance(version, int):
            version = str(version)
        if self.version_field and not (isinstance(version, str) and version):
            return None
        return _seen({} if labels is None else labels, version)

    @abstractmethod
    def write(self, path: str, there: Seen, changes: Changes) -> Sent:
        """The call that changes labels, if what stands there is still what was read."""


def _seen(labels: object, version: str | None) -> Seen | None:
    if not isinstance(labels, dict):
        return None
    for key, value in labels.items():
        # What cannot be written back as it was read must not be taken for the labels.
        if not isinstance(value, str) or not f"{key}{value}".isprintable():
            return None
    return Seen(labels, version)


def _after(there: Seen, changes: Changes) -> dict[str, str]:
    """The whole new set of labels."""
    kept = {key: value for key, value in there.tags.items() if key not in changes}
    return kept | {key: value for key, value in changes.items() if value is not None}


class Compute(Shape):
    """Compute Engine: the whole new labels with a fingerprint."""

    host = "compute.googleapis.com"
    prefix = "/compute/v1/"
    version_field = "labelFingerprint"
    by_operation = True

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its link. A resource may be asked for by its number."""
        return self._is_link(payload.get("selfLink"), payload.get("id"), path)

    def is_target(self, operation: Mapping[str, Any], path: str) -> bool:
        """By its link, or its number."""
        return self._is_link(operation.get("targetLink"), operation.get("targetId"), path)

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """`setLabels`."""
        return Sent("POST", "/setLabels", {"labels": _after(there, changes), "labelFingerprint": there.version})

    def _is_link(self, link: object, number: object, path: str) -> bool:
        answered, (head, _, last) = path_in_link(link), path.rpartition("/")
        if last.isdigit():
            return str(number) == last and same_path(answered.rpartition("/")[0], head)
        return same_path(answered, path)


class Cluster(Shape):
    """Google Kubernetes Engine: the whole new labels with a fingerprint."""

    host = "container.googleapis.com"
    labels_field = "resourceLabels"
    version_field = "labelFingerprint"
    by_operation = True

    def url(self, endpoint: str | None, path: str) -> str:
        """A zone is a location."""
        return super().url(endpoint, path.replace("/zones/", "/locations/", 1))

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its link: its name is only the last part."""
        return same_path(path_in_link(payload.get("selfLink")), path)

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """`setResourceLabels`."""
        body = {"resourceLabels": _after(there, changes), "labelFingerprint": there.version}
        return Sent("POST", ":setResourceLabels", body)


class Bucket(Shape):
    """Cloud Storage: the keys that change, if the metageneration is the one that was read."""

    host = "storage.googleapis.com"
    prefix = "/storage/v1/b/"
    version_field = "metageneration"
    fields = "name,labels,metageneration"

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its name."""
        return payload.get("name") == path

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """A patch. Null takes a key away; without any key nothing would change."""
        behind = f"?ifMetagenerationMatch={quote(there.version or '', safe='')}&fields={quote(self.fields)}"
        return Sent("PATCH", behind, {"labels": dict(changes)})


class BigQuery(Shape):
    """BigQuery: the keys that change, if the etag is the one that was read."""

    host = "bigquery.googleapis.com"
    prefix = "/bigquery/v2/"
    version_field = "etag"

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its reference."""
        reference = payload.get("tableReference") or payload.get("datasetReference")
        if not isinstance(reference, Mapping):
            return False
        answered = f"projects/{reference.get('projectId')}/datasets/{reference.get('datasetId')}"
        table = reference.get("tableId")
        return same_path(answered if table is None else f"{answered}/tables/{table}", path)

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """A patch. The etag goes back as it was given."""
        return Sent("PATCH", "", {"labels": dict(changes)}, {"if-match": there.version or ""})


class Sql(Shape):
    """Cloud SQL: the keys that change, with the version of the settings. That a patch compares it is not documented."""

    host = "sqladmin.googleapis.com"
    reads_again = True
    by_operation = True

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its project and its name."""
        return same_path(f"projects/{payload.get('project')}/instances/{payload.get('name')}", path)

    def is_target(self, operation: Mapping[str, Any], path: str) -> bool:
        """By its project and its name."""
        return same_path(f"projects/{operation.get('targetProject')}/instances/{operation.get('targetId')}", path)

    def state(self, payload: Mapping[str, Any]) -> Seen | None:
        """Both stand in the settings."""
        settings = payload.get("settings")
        version = settings.get("settingsVersion") if isinstance(settings, Mapping) else None
        if not isinstance(settings, Mapping) or not isinstance(version, str | int):
            return None
        return _seen(settings.get("userLabels") or {}, str(version))

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """A patch. Null takes a key away."""
        return Sent("PATCH", "", {"settings": {"userLabels": dict(changes), "settingsVersion": there.version}})


class Masked(Shape):
    """The whole new labels, with an etag in the body."""

    version_field = "etag"

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:  # noqa: ARG002 - the same for all
        """A patch of the labels alone."""
        return Sent("PATCH", "?updateMask=labels", {"labels": _after(there, changes), "etag": there.version})


class Secret(Masked):
    """Secret Manager's secrets; those of one region are at hosts of their own, and not offered."""

    host = "secretmanager.googleapis.com"


class Project(Masked):
    """Projects."""

    host = "cloudresourcemanager.googleapis.com"
    prefix = "/v3/"
    by_operation = True

    def is_of(self, payload: Mapping[str, Any], path: str) -> bool:
        """By its number, or by its name."""
        return path in (payload.get("name"), f"projects/{payload.get('projectId')}")


class PubSub(Shape):
    """Pub/Sub: the whole new labels, without a version."""

    host = "pubsub.googleapis.com"
    reads_again = True

    def __init__(self, body: str) -> None:
        """`body` is the field in which the resource is sent."""
        self._body = body

    def write(self, path: str, there: Seen, changes: Changes) -> Sent:
        """A patch of the labels alone; the mask stands in the body."""
        return Sent("PATCH", "", {self._body: {"name": path, "labels": _after(there, changes)}, "updateMask": "labels"})


_SHAPES: Mapping[str, Shape] = {
    **{type_: Compute() for type_ in TYPES if type_.startswith("compute.")},
    BUCKET: Bucket(),
    "bigquery.googleapis.com/Dataset": BigQuery(),
    "bigquery.googleapis.com/Table": BigQuery(),
    "pubsub.googleapis.com/Topic": PubSub("topic"),
    "pubsub.googleapis.com/Subscription": PubSub("subscription"),
    "pubsub.googleapis.com/Snapshot": PubSub("snapshot"),
    "sqladmin.googleapis.com/Instance": Sql(),
    "container.googleapis.com/Cluster": Cluster(),
    "secretmanager.googleapis.com/Secret": Secret(),
    PROJECT_TYPE: Project(),
}


class Resource(NamedTuple):
    """A resource by its id: how it is called, and its path."""

    id: str
    shape: Shape
    path: str

    def url(self, endpoint: str | None) -> str:
        """Where it is read."""
        return self.shape.url(endpoint, self.path)


def resource_of(type_: str, id_: str) -> Resource:
    """The resource that an id names. ValueError where it names none of the type."""
    return Resource(id_, _SHAPES[type_], path_of(type_, id_))
