"""Full resource names: which resource an id says, and which types there are.

Facts from the discovery documents (google-api-python-client 2.202.0) and Cloud Asset Inventory's names. An id decides
the host and the path of a call, so that each type has a pattern of its own: no segment can be "." or "..", and none has
"%", "#", "?", "@" or a backslash.
"""

import re
from collections.abc import Mapping

_PROJECT = r"(?:[-a-z0-9.]{1,63}:)?(?:[0-9]{1,19}|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)"
_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAME_OR_NUMBER = rf"(?:{_NAME}|[1-9][0-9]{{0,19}})"
_DATASET = r"[A-Za-z0-9_]{1,1024}"
_TABLE = r"[\w -]{1,1024}"
_PUBSUB = r"[A-Za-z][A-Za-z0-9._~+-]{2,254}"

_COMPUTE = "compute.googleapis.com"
_COLLECTIONS: Mapping[str, tuple[str, str]] = {
    "Instance": ("zones/X", "instances"),
    "Disk": ("zones/X|regions/X", "disks"),
    "RegionDisk": ("regions/X", "disks"),
    "Image": ("global", "images"),
    "Snapshot": ("global|regions/X", "snapshots"),
    "Address": ("regions/X|global", "addresses"),
    "GlobalAddress": ("global", "addresses"),
    "ForwardingRule": ("regions/X|global", "forwardingRules"),
    "GlobalForwardingRule": ("global", "forwardingRules"),
}
"""Types of Compute Engine: where their resources are, and the collection."""

_OTHERS: Mapping[str, tuple[str, str]] = {
    "storage.googleapis.com/Bucket": ("storage.googleapis.com", r"(?!.*\.\.)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    "bigquery.googleapis.com/Dataset": ("bigquery.googleapis.com", rf"projects/{_PROJECT}/datasets/{_DATASET}"),
    "bigquery.googleapis.com/Table": (
        "bigquery.googleapis.com",
        rf"projects/{_PROJECT}/datasets/{_DATASET}/tables/{_TABLE}",
    ),
    "pubsub.googleapis.com/Topic": ("pubsub.googleapis.com", rf"projects/{_PROJECT}/topics/{_PUBSUB}"),
    "pubsub.googleapis.com/Subscription": ("pubsub.googleapis.com", rf"projects/{_PROJECT}/subscriptions/{_PUBSUB}"),
    "pubsub.googleapis.com/Snapshot": ("pubsub.googleapis.com", rf"projects/{_PROJECT}/snapshots/{_PUBSUB}"),
    "sqladmin.googleapis.com/Instance": ("cloudsql.googleapis.com", rf"projects/{_PROJECT}/instances/[a-z][-a-z0-9]*"),
    "container.googleapis.com/Cluster": (
        "container.googleapis.com",
        rf"projects/{_PROJECT}/(?:locations|zones)/{_NAME}/clusters/{_NAME}",
    ),
    "secretmanager.googleapis.com/Secret": (
        "secretmanager.googleapis.com",
        rf"projects/{_PROJECT}/secrets/[A-Za-z0-9_-]{{1,255}}",
    ),
    "cloudresourcemanager.googleapis.com/Project": ("cloudresourcemanager.googleapis.com", rf"projects/{_PROJECT}"),
}
"""Every other type: the host in its names, and what stands behind it."""


def _compute_path(places: str, collection: str) -> str:
    return rf"projects/{_PROJECT}/(?:{places.replace('X', _NAME)})/{collection}/{_NAME_OR_NUMBER}"


_PATTERNS = {
    type_: (re.compile(rf"//{re.escape(host)}/({path})"), host)
    for type_, (host, path) in {
        **{f"{_COMPUTE}/{name}": (_COMPUTE, _compute_path(*where)) for name, where in _COLLECTIONS.items()},
        **_OTHERS,
    }.items()
}

TYPES = frozenset(_PATTERNS)
"""The types whose labels are changed here, by their names in Cloud Asset Inventory."""

INSTANCE = "compute.googleapis.com/Instance"
BUCKET = "storage.googleapis.com/Bucket"
PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"


def host_of(type_: str) -> str:
    """The host in the names of a type's resources."""
    return _PATTERNS[type_][1]


def path_of(type_: str, id_: str) -> str:
    """What stands behind the host in a name that is one of the type's. ValueError where it is not."""
    pattern, host = _PATTERNS[type_]
    found = pattern.fullmatch(id_)
    if found is None:
        raise ValueError(f"should be the full name of a {type_}, //{host}/…")
    return found[1]


def problem_of(type_: str, id_: str, project: str | None) -> str | None:
    """Why an id is no resource of the type, in the project where one is named; None where it is."""
    try:
        path = path_of(type_, id_)
    except ValueError as error:
        return str(error)
    own = path.split("/")[1] if type_ != BUCKET else None
    if project is not None and own is not None and not same_project(own, project):
        return f"is in project {own}, and the request names {project}"
    return None


def comparable(id_: str) -> str:
    """One cluster's name may be written with its zone or with its location. All else is compared as it is."""
    if id_.startswith("//container.googleapis.com/"):
        return id_.replace("/zones/", "/locations/", 1)
    return id_


def same_project(one: str, other: str) -> bool:
    """Whether two texts may name the same project: a project has a number and a name, and answers give either."""
    return one == other or one.isdigit() is not other.isdigit()


def same_path(one: str, other: str) -> bool:
    """Whether two paths name the same resource."""
    if not one.startswith("projects/") or not other.startswith("projects/"):
        return one == other
    _, project, *rest = one.replace("/zones/", "/locations/").split("/")
    _, its_project, *its_rest = other.replace("/zones/", "/locations/").split("/")
    return same_project(project, its_project) and rest == its_rest


def path_in_link(link: object) -> str:
    """The path of the resource that a link in an answer leads to; empty where there is none."""
    return f"projects/{link.partition('/projects/')[2]}" if isinstance(link, str) and "/projects/" in link else ""
