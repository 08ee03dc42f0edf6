"""Events that say a resource is gone: the vendors' samples, their variants, and what they are taken to say."""

import json
from pathlib import Path
from typing import Any

from bookkeeping import Json
from event_support import VECTORS, recorded_event
from hypothesis import strategies as st

from untag.decommission.events import Gone, Ignored, read

ROOT = Path(__file__).parents[2]
SAMPLES = VECTORS / "events"
VOLUME = "bc661a99-3088-4e86-899f-fb4f46c2bb71"
TRACE_ID = "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb"
DOMAIN = "7e0d78c85***d0b9b7cba"


def sample(name: str) -> Json:
    found: Json = recorded_event("events", name)
    return found


def changed(event: Json, **changes: Any) -> Json:
    """An event with other fields; `...` takes one away."""
    return {name: value for name, value in (event | changes).items() if value is not ...}


def trace(**changes: Any) -> Json:
    """The documents' sample of a trace, with other fields."""
    return changed(sample("cts_trace_deleteVolume"), **changes)


def notification(*, detail: Json | None = None, resource: Json | None = None, **changes: Any) -> Json:
    """Config's ResourceChanged, as its user guide describes it."""
    whole = {
        "id": "vol-1",
        "provider": "evs",
        "type": "volumes",
        "region_id": "cn-north-4",
        "project_id": "p-1",
        "tags": {"env": "prod"},
    }
    change = {
        "resource": changed(whole, **(resource or {})),
        "resource_id": "vol-1",
        "resource_type": "evs.volumes",
        "event_type": "DELETE",
        "capture_time": "2018-11-14T08:59:14Z",
    }
    return changed(
        {
            "detail": changed(change, **(detail or {})),
            "notification_type": "ResourceChanged",
            "notification_creation_time": "2018-11-14T08:59:14Z",
            "domain_id": "d-1",
        },
        **changes,
    )


def smn(*messages: Any) -> Json:
    """A FunctionGraph trigger of SMN with these messages."""
    event = sample("functiongraph_smn_trigger")
    (record,) = event["record"]
    records = [{**record, "smn": {**record["smn"], "message": message}} for message in messages]
    return {**event, "record": records}


def ours(**detail: Any) -> Json:
    """Our own event."""
    return {
        "source": "cmdb",
        "detail-type": "Resource Decommissioned",
        "id": "ev-1",
        "detail": changed(
            {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-1"]}]}, **detail
        ),
    }


def only(event: Any) -> Gone | Ignored:
    (said,) = read(event if isinstance(event, str) else json.dumps(event), "m-1")
    return said


def gone(event: Any) -> Gone:
    said = only(event)
    assert isinstance(said, Gone), said
    return said


def why(event: Any) -> tuple[str, str]:
    """The code and the reason for which an event leads to nothing."""
    said = only(event)
    assert isinstance(said, Ignored), said
    return said.code, said.reason


MARKS = st.sampled_from(
    [
        *("detail-type", "detail", "id", "Type", "Message", "cts", "trace_id", "trace_name", "service_type", "code"),
        *("trace_rating", "resource_id", "request", "notification_type", "record", "smn", "message", "specversion"),
        *(
            "data",
            "data_base64",
            "provider",
            "resources",
            "tags",
            "domain_id",
            "user",
            "topic_urn",
            "event_type",
            "resource_type",
        ),
    ]
)
WORDS = st.sampled_from(
    ["Resource Decommissioned", "deleteVolume", "bulkDeleteVolume", "EVS", "normal", "ResourceChanged", "DELETE", "{}"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MARKS | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


def spoilt(event: Json) -> st.SearchStrategy[Json]:
    """An event with some of its fields replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(event)), JSON, max_size=3).map(lambda changes: event | changes)


NEARLY = st.one_of(
    spoilt(trace()),
    spoilt(notification()),
    spoilt(ours()["detail"]).map(lambda detail: {**ours(), "detail": detail}),
    spoilt(notification()["detail"]).map(lambda detail: notification() | {"detail": detail}),
    spoilt(sample("eventgrid_cloudevent_obs") | {"data": trace()}),
    JSON.map(lambda inner: smn(json.dumps(inner))),
    JSON,
)
