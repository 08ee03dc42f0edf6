"""Azure: which ids and requests are taken, where an id leads, and what is refused before anything is called."""

from urllib.parse import unquote

import httpx
import pytest
from azure_support import GROUP, SUBSCRIPTION, TYPE, VM, AzureWire, asked, problems, request, tags_answer

from untag.contracts import Tag
from untag.core.plan import group, open_job
from untag.core.policy import Policy
from untag.providers import Asked, Location, Options, Registry, stored_key
from untag.providers.azure.ids import parse_id
from untag.providers.azure.tags import AzureTags

SUB = f"/subscriptions/{SUBSCRIPTION}"
NOT_AN_ID = "should be an ARM id, /subscriptions/GUID/resourceGroups/NAME/providers/NAMESPACE/TYPE/NAME"


@pytest.mark.parametrize(
    ("id_", "type_"),
    [
        (SUB, "Microsoft.Resources/subscriptions"),
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups"),
        (f"{SUB}/RESOURCEGROUPS/rg_(1).x", "Microsoft.Resources/subscriptions/resourceGroups"),
        (f"{SUB}/resourceGroups/单位-é", "Microsoft.Resources/subscriptions/resourceGroups"),
        (VM, "Microsoft.Compute/virtualMachines"),
        (VM.lower(), "microsoft.compute/virtualmachines"),
        (VM.upper(), "MICROSOFT.COMPUTE/VIRTUALMACHINES"),
        (f"{GROUP}/providers/Microsoft.Sql/servers/s1/databases/d 1", "Microsoft.Sql/servers/databases"),
        (f"{GROUP}/providers/Microsoft.Insights/metricAlerts/CPU > 90", None),
        (f"{GROUP}/providers/Microsoft.Insights/actionGroups/a,b;c:d=e@f+g~h!i$j'k", "Microsoft.Insights/actionGroups"),
        (f"{SUB}/providers/Microsoft.Portal/consoles/default", "Microsoft.Portal/consoles"),
        (
            f"{VM}/providers/Microsoft.Maintenance/configurationAssignments/c",
            "Microsoft.Maintenance/configurationAssignments",
        ),
        (f"{GROUP}/providers/84codes.CloudAMQP/servers/s", "84codes.CloudAMQP/servers"),
    ],
)
def test_an_id_says_the_type_of_its_resource(id_, type_):
    parsed = parse_id(id_)
    assert (parsed and parsed.type) == type_


FORGED = [
    "vm-1",
    "",
    "/",
    "//",
    SUB.replace("/sub", "sub"),
    f"/{SUB}",
    f"https://evil.example.com{VM}",
    f"//evil.example.com{VM}",
    f"@evil.example.com{VM}",
    "/subscriptions/not-a-guid/resourceGroups/rg",
    f"{SUB}/",
    f"{SUB}/resourceGroups",
    f"{SUB}/resourceGroups/",
    f"{SUB}/resourceGroups//providers/{TYPE}/vm-1",
    f"{GROUP}/..",
    f"{GROUP}/.",
    f"{GROUP}/../../22222222-2222-3333-4444-555555555555",
    f"{GROUP}/providers/{TYPE}/..",
    f"{GROUP}/providers/{TYPE}/../../../x",
    f"{GROUP}/providers/{TYPE}/vm-1/",
    f"{GROUP}/providers/{TYPE}/vm-1.",
    f"{GROUP}/providers/{TYPE}/vm-1 ",
    f"{GROUP}/providers/{TYPE}/...",
    f"{GROUP}/providers/{TYPE}/vm-1#x",
    f"{GROUP}/providers/{TYPE}/vm-1?api-version=1",
    f"{GROUP}/providers/{TYPE}/vm%2f1",
    f"{GROUP}/providers/{TYPE}/%2e%2e",
    f"{GROUP}/providers/{TYPE}/a\\b",
    f"{GROUP}/providers/{TYPE}",
    f"{GROUP}/providers/Microsoft.Compute",
    f"{GROUP}/providers",
    f"{GROUP}/providers/../x/y",
    f"{GROUP}/other/{TYPE}/vm-1",
    f"{GROUP}/providers/{TYPE}/vm-1/extensions",
    f"{GROUP}/providers/{TYPE}/vm-1/" + "/".join(["t/n"] * 5),
    f"{VM}/providers/A/b/c/providers/D/e/f",
    f"{GROUP}/providers/{TYPE}/vm*",
    f"{GROUP}/providers/{TYPE}/" + "x" * 261,
    f"{SUB}/resourceGroups/" + "x" * 91,
    f"{SUB}/resourceGroups/rg@evil",
    f"{SUB}/resourceGroups/\u212aelvin",
    f"/\u017fubscriptions/{SUBSCRIPTION}",
]


@pytest.mark.parametrize("id_", FORGED)
def test_what_is_no_arm_id_is_refused_before_anything_is_called(id_):
    assert parse_id(id_) is None
    cloud = AzureWire(tags_answer({}))
    for kind in ("write", "restore", "read"):
        assert asked(cloud, kind, ids=(id_,)).code == "invalid_id"
    assert cloud.requests == []
    if id_:
        assert problems(ids=[id_]) == [("resources.0.ids.0", NOT_AN_ID)]


@pytest.mark.parametrize(
    "id_",
    [
        SUB,
        GROUP,
        VM,
        f"{SUB}/resourceGroups/单位/providers/{TYPE}/vm-1",
        f"{GROUP}/providers/Microsoft.Insights/actionGroups/a,b;c:d=e@f+g~h!i$j'k (l) m",
        f"{VM}/providers/Microsoft.Maintenance/configurationAssignments/c",
    ],
)
def test_a_call_goes_to_the_id_and_to_nothing_else(id_):
    cloud = AzureWire(tags_answer({}, id_=f"{id_}/providers/Microsoft.Resources/tags/default"))
    for kind in ("write", "restore", "read"):
        assert asked(cloud, kind, ids=(id_,)).code is None
    for sent in cloud.requests:
        assert (sent.url.scheme, sent.url.host, sent.url.port) == ("https", "management.azure.com", None)
        path, _, query = sent.url.raw_path.decode().partition("?")
        assert unquote(path) == f"{id_}/providers/Microsoft.Resources/tags/default"
        assert query == "api-version=2021-04-01"
        assert httpx.URL(str(sent.url)).raw_path == sent.url.raw_path


def test_an_id_of_another_type_is_refused_and_a_type_in_other_letters_is_the_same():
    disk = f"{GROUP}/providers/Microsoft.Compute/disks/d1"
    assert problems(ids=[disk]) == [("resources.0.ids.0", "is the id of a resource of type Microsoft.Compute/disks")]
    assert problems("microsoft.compute/VIRTUALmachines") == []
    assert problems("Microsoft.Resources/subscriptions/resourcegroups", ids=[GROUP]) == []


@pytest.mark.parametrize(
    "type_", ["virtualMachines", "Microsoft.Compute", "Microsoft.Compute/", "a/../b", "all", "A:b", "a//b"]
)
def test_a_type_is_a_namespace_and_its_types(type_):
    message = "should be namespace/type, as in Microsoft.Compute/virtualMachines"
    expected = NOT_AN_ID if type_ == "all" else message
    found = problems(type_)
    assert [path for path, _ in found] == ["resources.0.ids.0" if type_ == "all" else "resources.0.type"]
    assert type_ == "all" or found[0][1] == expected


def test_a_region_or_a_project_is_refused_since_an_id_says_where_its_resource_is():
    assert problems(region="westeurope") == [
        ("region", "should be left out: the ids of azure say where their resources are")
    ]
    assert [path for path, _ in problems(project_id="p1")] == ["project_id"]


@pytest.mark.parametrize("key", ["a<b", "a>b", "a%b", "a&b", "a\\b", "a?b", "a/b"])
def test_a_key_that_azure_does_not_take_can_be_removed_and_not_put_back(key):
    tags = [{"key": key, "value": "x"}]
    assert problems(tags=tags) == []
    assert [path for path, _ in problems(tags=tags, action="restore")] == ["tags.0.key"]


def test_a_key_is_not_put_back_with_two_values_in_two_spellings():
    tags = [{"key": "Env", "value": "a"}, {"key": "env", "value": "b"}]
    assert problems(tags=tags, action="restore") == [
        ("tags.1.value", "Env is the same key, and cannot be put back with two values")
    ]


def test_a_type_without_tags_is_a_warning():
    provider = AzureTags(Options(), {})
    subnet = "Microsoft.Network/virtualNetworks/subnets"
    asked_for = request(subnet, ids=[f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"])
    assert list(provider.warnings(Asked.of(asked_for))) == [f"resources of type {subnet} have no tags on Azure"]
    assert list(provider.warnings(Asked.of(request()))) == []


def test_ids_in_other_letters_are_one_resource_and_their_types_share_a_group():
    jobs = [
        open_job(one, Registry(), Policy(), now=0.0)
        for one in (request(), request(TYPE.lower(), ids=[VM.lower()], id="chg-2"))
    ]
    (made,) = group(jobs)
    assert list(made.rows) == [VM]
    assert len(made.rows[VM]) == 2


def test_keys_are_the_same_in_any_case():
    provider = AzureTags(Options(), {})
    assert stored_key(provider, "ENV", {"other": "x", "Env": "prod"}) == "Env"
    assert provider.scope(Location("default", None, None), TYPE).region is None
    assert Tag("Env", None) != Tag("env", None)
