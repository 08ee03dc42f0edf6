"""Where decommission events go, and whether the account outside the program would notice a lie about them."""

import json

import pytest

from local.audit import Audit
from local.audit.decommissioned import gone
from local.aws import routing
from local.providers import JdcloudServer
from local.providers.tag_table import Cause, Pair
from local.stack import ROOT

SAMPLES = ROOT / "tests" / "vectors" / "events"
AZURE = ROOT / "tests" / "vectors" / "azure_events"
GOOGLE = [
    path for path in (ROOT / "tests" / "vectors" / "gcp_events").glob("*.json") if "binary" not in path.stem
]  # one is a request's headers and body
EVENT = {
    "detail-type": "Resource Decommissioned",
    "detail": {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-1"]}]},
}


@pytest.mark.parametrize(
    "path", sorted([*SAMPLES.glob("*.json"), *AZURE.glob("*.json"), *GOOGLE]), ids=lambda path: path.stem
)
def test_every_vendors_event_goes_to_the_decommission_queue_as_it_is(path):
    text = path.read_text(encoding="utf-8")
    (item,) = routing.route(text)
    assert (item.body, item.queue) == (text, "DecommissionQueue")
    (item,) = routing.route(json.loads(text))
    assert item.queue == "DecommissionQueue"
    assert routing.decommissions(item)


@pytest.mark.parametrize(
    "event", ["{", "[]", {"id": "a", "provider": "jdcloud"}, {"detail-type": "x", "source": "y", "detail": {}}]
)
def test_nothing_else_does(event):
    (item,) = routing.route(event)
    assert not routing.decommissions(item)


def test_the_account_reads_the_samples_by_itself():
    assert [found.id for path in sorted(SAMPLES.glob("*.json")) for found in gone(path.read_text())] == [
        "bc661a99-3088-4e86-899f-fb4f46c2bb71"
    ]


@pytest.fixture
def cloud():
    server = JdcloudServer()
    server.tags.load(
        [{"region": "cn-north-1", "type": "vm", "id": "i-1", "tags": {"env": "prod", "jrn:made-by": "autoscaling"}}]
    )
    return server


def remove(cloud, key="env", value="prod"):
    cloud.tags.change(
        Cause(1, "r", "unTagResources"), Pair("default", "cn-north-1", "vm", "i-1", key, value), after=None
    )


def report(id_="ev-1", outcome="removed", key="env", value="prod"):
    row = {"type": "vm", "resource_id": "i-1", "key": key, "value": value, "outcome": outcome}
    return {"id": id_, "provider": "jdcloud", "account": "default", "outcomes": [row]}


def findings(cloud, *reports, event=EVENT, keys=("env",)):
    audit = Audit()
    audit.decommission(event, [cloud])
    for key in keys:
        remove(cloud, key)
    return audit.findings(reports, [cloud])


def test_what_an_event_led_to_agrees_under_whatever_id(cloud):
    assert findings(cloud, report("anything")) == []


def test_a_notice_has_no_outcomes_and_is_none(cloud):
    assert findings(cloud, report(), {"kind": "decommission", "id": "x"}) == []


@pytest.mark.parametrize(
    ("reports", "keys", "said"),
    [
        ([], (), "has no outcome"),
        ([], ("env",), "no report says so"),
        ([report()], (), "nothing was changed"),
        ([report("a"), report("b")], ("env",), "has 2 outcomes"),
        ([report(), report(key="owner", outcome="absent")], ("env",), "nobody asked for it"),
        ([report()], ("env", "jrn:made-by"), "nobody asked for it"),
    ],
)
def test_what_does_not_agree_is_found(cloud, reports, keys, said):
    assert said in " ".join(findings(cloud, *reports, keys=keys))


def test_tags_that_an_event_names_are_asked_for_whether_they_stand_there_or_not(cloud):
    event = {**EVENT, "detail": {**EVENT["detail"], "tags": [{"key": "owner", "value": "x"}]}}
    assert findings(cloud, report(outcome="absent", key="owner", value="x"), event=event, keys=()) == []
