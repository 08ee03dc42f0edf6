"""Resources of Google Cloud, as their services show them, and a provider whose calls are answered here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from service_house import House
from support import Wire, run

from local.providers import GcpServer
from local.providers.server import Ask, Route
from local.providers.wire import Request
from untag.contracts import Action, Tag
from untag.providers import Location, Seen, Session
from untag.providers.gcp.credentials import GcpCredentials
from untag.providers.gcp.labels import GcpLabels

TOKEN = "ya29.fake-access-token"
KEY = GcpCredentials.parse({"access_token": TOKEN})
PROJECT = "demo-project"
HOST = "gcp.example.com"
"""Where the local Google Cloud is."""

INSTANCE_TYPE, INSTANCE = (
    "compute.googleapis.com/Instance",
    "//compute.googleapis.com/projects/demo-project/zones/us-east1-b/instances/vm-1",
)
BUCKET_TYPE, BUCKET = "storage.googleapis.com/Bucket", "//storage.googleapis.com/demo-bucket"
TABLE_TYPE, TABLE = (
    "bigquery.googleapis.com/Table",
    "//bigquery.googleapis.com/projects/demo-project/datasets/sales/tables/orders",
)
TOPIC_TYPE, TOPIC = "pubsub.googleapis.com/Topic", "//pubsub.googleapis.com/projects/demo-project/topics/orders"
SQL_TYPE, SQL = "sqladmin.googleapis.com/Instance", "//cloudsql.googleapis.com/projects/demo-project/instances/db-1"
CLUSTER_TYPE, CLUSTER = (
    "container.googleapis.com/Cluster",
    "//container.googleapis.com/projects/demo-project/zones/us-east1-b/clusters/c-1",
)
SECRET_TYPE, SECRET = (
    "secretmanager.googleapis.com/Secret",
    "//secretmanager.googleapis.com/projects/123456789012/secrets/api-key",
)
PROJECT_TYPE, PROJECT_ID = (
    "cloudresourcemanager.googleapis.com/Project",
    "//cloudresourcemanager.googleapis.com/projects/demo-project",
)
IDS = {
    INSTANCE_TYPE: INSTANCE,
    BUCKET_TYPE: BUCKET,
    TABLE_TYPE: TABLE,
    TOPIC_TYPE: TOPIC,
    SQL_TYPE: SQL,
    CLUSTER_TYPE: CLUSTER,
    SECRET_TYPE: SECRET,
    PROJECT_TYPE: PROJECT_ID,
}
"""One resource of each service."""


def shown(type_, labels, changes=None):
    """The resource of a type as its service shows it."""
    if changes is None:
        changes = {}
    path = IDS[type_].split("/", 3)[3]
    link = f"https://www.googleapis.com/x/v1/{path}"
    state = {
        INSTANCE_TYPE: {"id": "700", "name": "vm-1", "selfLink": link, "labels": labels, "labelFingerprint": "fp-1="},
        BUCKET_TYPE: {"name": path, "labels": labels, "metageneration": "3"},
        TABLE_TYPE: {
            "tableReference": {"projectId": PROJECT, "datasetId": "sales", "tableId": "orders"},
            "labels": labels,
            "etag": "e-1==",
        },
        TOPIC_TYPE: {"name": path, "labels": labels},
        SQL_TYPE: {"name": "db-1", "project": PROJECT, "settings": {"userLabels": labels, "settingsVersion": "7"}},
        CLUSTER_TYPE: {"name": "c-1", "selfLink": link, "resourceLabels": labels, "labelFingerprint": "a9"},
        SECRET_TYPE: {"name": path, "labels": labels, "etag": '"16"'},
        PROJECT_TYPE: {"name": "projects/123456789012", "projectId": PROJECT, "labels": labels, "etag": 'W/"2"'},
    }
    return state[type_] | changes


VERSIONS = {
    INSTANCE_TYPE: "fp-1=",
    BUCKET_TYPE: "3",
    TABLE_TYPE: "e-1==",
    TOPIC_TYPE: None,
    SQL_TYPE: "7",
    CLUSTER_TYPE: "a9",
    SECRET_TYPE: '"16"',
    PROJECT_TYPE: 'W/"2"',
}
"""The version that a read of each of them names."""


def answered(
    *answers, kind="write", type_=INSTANCE_TYPE, id_=None, action=Action.REMOVE, tags=None, there=None, provider=None
):
    """The answer as it is judged, and the requests that were sent."""
    wire = Wire(*(one if not isinstance(one, dict) else httpx.Response(200, json=one) for one in answers))
    there = {"env": "prod", "team": "web"} if there is None else there
    tags = (Tag("env", "prod"),) if tags is None else tags
    id_ = id_ or IDS[type_]

    async def ask():
        api = provider or GcpLabels(None, {})
        scope = api.scope(Location("default", None, PROJECT), type_)
        async with wire.client() as client:
            session = Session(client, KEY, api.auth(KEY, scope), 5.0)
            if kind == "read":
                return await api.read(session, scope, (id_,))
            if kind == "names":
                return await api.names(session, scope, tags[0].key or None, None)
            if kind == "find":
                return await api.find(session, scope, tags[0], None)
            seen = {id_: Seen(there, VERSIONS.get(type_))}
            return await api.write(session, action, scope, (id_,), tags, seen)

    return run(ask()), wire.requests


@contextmanager
def house_of(cloud: GcpServer, **environ: str) -> Iterator[House]:
    """The service at a local Google Cloud."""
    variables = {**cloud.environment, "UNTAG_ENDPOINTS": f"gcp=https://{HOST}", "UNTAG_RATE": "100000", **environ}
    with House(environ=variables) as house:
        house.wire.clouds[HOST] = cloud
        yield house


class Shared(GcpServer):
    """A local Google Cloud at which somebody else may act: `before` is called before each call is looked at."""

    before: Callable[[Route], None] = staticmethod(lambda _: None)

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        self.before(route)
        return super().parse(request, route, account)


def before_a_write(cloud: Shared, change: Callable[[], None], times: int = 1) -> list[str]:
    """Somebody else's change between a read and the write after it; gives the operations that were asked for."""
    done: list[str] = []

    def act(route: Route) -> None:
        if route.writing and done.count("changed") < times:
            done.append("changed")
            change()
        done.append(route.operation)

    cloud.before = act
    return done
