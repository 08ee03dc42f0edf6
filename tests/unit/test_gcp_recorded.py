"""Our writes beside those that were recorded of Google's own clients."""

import json
from pathlib import Path

import pytest
from gcp_support import INSTANCE_TYPE, PROJECT_TYPE

from untag.providers import Seen
from untag.providers.gcp.shapes import resource_of

CALLS = json.loads((Path(__file__).parents[1] / "vectors" / "gcp_calls.json").read_text(encoding="utf-8"))


def recorded(name, method):
    """A call that the vendor's client made, as its path and its body."""
    for one in CALLS:
        if one["name"].startswith(name) and one["method"] == method and "labels" in one["body"]:
            target = one["target"].partition("&%24alt")[0].partition("&prettyPrint")[0]
            return target, json.loads(one["body"])
    raise KeyError(name)


@pytest.mark.parametrize(
    ("name", "method", "type_", "id_", "there"),
    [
        (
            "compute instances.setLabels",
            "POST",
            INSTANCE_TYPE,
            "//compute.googleapis.com/projects/p/zones/us-central1-a/instances/vm-1",
            Seen({"env": "prod", "team": "web"}, "42WmSpB8rSM="),
        ),
        (
            "resourcemanager projects.patch",
            "PATCH",
            PROJECT_TYPE,
            "//cloudresourcemanager.googleapis.com/projects/123",
            Seen({"env": "prod", "team": "web"}, "e"),
        ),
    ],
)
def test_a_write_is_the_one_that_was_recorded_of_the_vendors_client(name, method, type_, id_, there):
    resource = resource_of(type_, id_)
    sent = resource.shape.write(resource.path, there, {"env": None})
    target = f"{resource.url('https://x')}{sent.behind}".removeprefix(f"https://x/{resource.shape.host}")
    assert (sent.method, target, sent.body) == (method, *recorded(name, method))
