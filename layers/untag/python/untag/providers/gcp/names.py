"""Full resource names: which resource an id says, and which types there are.

Facts from the discovery documents (google-api-python-client 2.202.0) and Cloud Asset Inventory's names. An id decides
the host and the path of a call, so that each type has a pattern of its own: no segment can be "." or "..", and none has
"%", "#", "?", "@" or a backslash.
"""

import re
from collections.abc import Mapping

_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_PUBSUB = r"[A-Za-z][A-Za-z0-9._~+-]{2,254}"
_PARTS: Mapping[str, str] = {
    "PROJECT": r"(?:[-a-z0-9.]{1,63}:)?(?:[0-9]{1,19}|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)",
    "ZONE": _NAME,
    "REGION": _NAME,
    "LOCATION": _NAME,
    "NAME": rf"(?:{_NAME}|[1-9][0-9]{{0,19}})",
    "BUCKET": r"(?!.*\.\.)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
    "DATASET": r"[A-Za-z0-9_]{1,1024}",
    "TABLE": r"[\w -]{1,1024}",
    "TOPIC": _PUBSUB,
    "SUBSCRIPTION": _PUBSUB,
    "SNAPSHOT": _PUBSUB,
    "INSTANCE": r"[a-z][-a-z0-9]*",
    "CLUSTER": _NAME,
    "SECRET": r"[A-Za-z0-9_-]{1,255}",
}
"""What the words in capitals below may be."""

_COMPUTE = "compute.googleapis.com"
_COLLECTIONS: Mapping[str, tuple[str, ...]] = {
    "Instance": ("zones/ZONE/instances",),
    "Disk": ("zones/ZONE/disks", "regions/REGION/disks"),
    "RegionDisk": ("regions/REGION/disks",),
    "Image": ("global/images",),
    "Snapshot": ("global/snapshots", "regions/REGION/snapshots"),
    "Address": ("regions/REGION/addresses", "global/addresses"),
    "GlobalAddress": ("global/addresses",),
    "ForwardingRule": ("regions/REGION/forwardingRules", "global/forwardingRules"),
    "GlobalForwardingRule": ("global/forwardingRules",),
}
"""Types of Compute Engine: the collections of a project that their resources are in."""

_FORMS: Mapping[str, tuple[str, ...]] = {
    **{
        f"{_COMPUTE}/{name}": tuple(f"{_COMPUTE}/projects/PROJECT/{where}/NAME" for where in collections)
        for name, collections in _COLLECTIONS.items()
    },
    "storage.googleapis.com/Bucket": ("storage.googleapis.com/BUCKET",),
    "bigquery.googleapis.com/Dataset": ("bigquery.googleapis.com/projects/PROJECT/datasets/DATASET",),
    "bigquery.googleapis.com/Table": ("bigquery.googleapis.com/projects/PROJECT/datasets/DATASET/tables/TABLE",),
    "pubsub.googleapis.com/Topic": ("pubsub.googleapis.com/projects/PROJECT/topics/TOPIC",),
    "pubsub.googleapis.com/Subscription": ("pubsub.googleapis.com/projects/PROJECT/subscriptions/SUBSCRIPTION",),
    "pubsub.googleapis.com/Snapshot": ("pubsub.googleapis.com/projects/PROJECT/snapshots/SNAPSHOT",),
    "sqladmin.googleapis.com/Instance": ("cloudsql.googleapis.com/projects/PROJECT/instances/INSTANCE",),
    "container.googleapis.com/Cluster": (
        "container.googleapis.com/projects/PROJECT/locations/LOCATION/clusters/CLUSTER",
        "container.googleapis.com/projects/PROJECT/zones/ZONE/clusters/CLUSTER",
    ),
    "secretmanager.googleapis.com/Secret": ("secretmanager.googleapis.com/projects/PROJECT/secrets/SECRET",),
    "cloudresourcemanager.googleapis.com/Project": ("cloudresourcemanager.googleapis.com/projects/PROJECT",),
}
"""The names of each type's resources, without the slashes in front: a host, and a path."""


def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    paths = (re.sub(r"\b[A-Z]+\b", lambda word: _PARTS[word[0]], form.partition("/")[2]) for form in forms)
    return re.compile(f"//{re.escape(_host(forms))}/({'|'.join(paths)})")


def _host(forms: tuple[str, ...]) -> str:
    return forms[0].partition("/")[0]


_PATTERNS = {type_: _pattern(forms) for type_, forms in _FORMS.items()}

TYPES = frozenset(_PATTERNS)
"""The types whose labels are changed here, by their names in Cloud Asset Inventory."""

INSTANCE = "compute.googleapis.com/Instance"
BUCKET = "storage.googleapis.com/Bucket"
PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"


def host_of(type_: str) -> str:
    """The host in the names of a type's resources."""
    return _host(_FORMS[type_])


def path_of(type_: str, id_: str) -> str:
    """What stands behind the host in a name that is one of the type's. ValueError where it is not."""
    found = _PATTERNS[type_].fullmatch(id_)
    if found is None:
        raise ValueError(f"should be the full name of a {type_}, {' or '.join(f'//{form}' for form in _FORMS[type_])}")
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
