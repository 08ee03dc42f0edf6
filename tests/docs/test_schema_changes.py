"""The comparison of schemas, with changes planted that could break somebody and others that could not."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from docs_support import DOCUMENTS, ROOT

from tools.schemas.changes import breaking
from tools.schemas.documents import documents
from tools.schemas.page import CHANGES
from tools.schemas.writing import broken, released
from untag.providers import NAMES

Json = dict[str, Any]
Change = Callable[[Json], object]


def put(*path: Any, value: Any) -> Change:
    """A change that puts a value at a place."""

    def change(schema: Json) -> None:
        place = schema
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


def take(*path: Any) -> Change:
    """A change that takes away what stands at a place."""

    def change(schema: Json) -> None:
        place = schema
        for part in path[:-1]:
            place = place[part]
        del place[path[-1]]

    return change


def changed(name: str, change: Change) -> Json:
    schema = copy.deepcopy(DOCUMENTS[name].whole())
    change(schema)
    assert schema != DOCUMENTS[name].whole(), "a change changes something"
    return schema


FIELDS = ("properties",)
TAGS = ("properties", "tags", "oneOf", 0)
GROUP = ("$defs", "ResourceGroup", "properties")
TAG = ("$defs", "TagInput", "properties")
ROW = ("$defs", "Row", "properties")
NEW = {"type": "string"}

IN_BREAKING = {
    "a new required field": lambda s: (s["properties"].update(team=NEW), s["required"].append("team")),
    "an optional field that becomes required": lambda s: s["required"].append("account"),
    "a field that is gone": take(*FIELDS, "reason"),
    "a narrower pattern": put(*FIELDS, "account", "pattern", value="^[a-z]{1,64}$"),
    "a pattern that takes a character less": put(*GROUP, "type", "pattern", value="^[A-Za-z][A-Za-z0-9_:.-]*$"),
    "a pattern that demands a character more": put(*GROUP, "type", "pattern", value="^[A-Za-z][A-Za-z0-9_:./-]$"),
    "a pattern that cannot be compared": put(*GROUP, "type", "pattern", value="^[A-Za-z][^%]*$"),
    "a pattern where none was": put(*TAG, "key", "pattern", value="^[a-z]+$"),
    "a narrower enum": lambda s: s["properties"]["provider"]["enum"].remove("jdcloud"),
    "an enum of one less in a definition": lambda s: s["$defs"]["Action"]["enum"].remove("restore"),
    "a shorter text": put(*TAG, "key", "maxLength", value=127),
    "a longer least length": put(*TAG, "key", "minLength", value=2),
    "a shorter list": put(*TAGS, "maxItems", value=10),
    "a longer least list": put(*TAGS, "minItems", value=2),
    "a smaller number": put(*FIELDS, "attempt", "maximum", value=10),
    "a larger least number": put(*FIELDS, "attempt", "minimum", value=2),
    "null no more": lambda s: s["properties"]["region"]["anyOf"].pop(),
    "another type": put(*FIELDS, "dry_run", "type", value="string"),
    "another default": put(*FIELDS, "dry_run", "default", value=True),
    "a default of a definition": put(*FIELDS, "action", "default", value="restore"),
    "a new condition": lambda s: s["allOf"].append({"if": {"required": ["reason"]}, "then": {"required": ["id"]}}),
    "a stricter condition": put("allOf", 1, "then", "required", value=["region", "account"]),
    "a narrower element of a list": put(*GROUP, "ids", "items", "maxLength", value=64),
    "a choice less": lambda s: s["properties"]["tags"]["oneOf"].pop(),
    "something excluded": put("not", value={"required": ["project_id"]}),
}
IN_HARMLESS = {
    "a new optional field": put(*FIELDS, "team", value=NEW),
    "a required field that becomes optional": lambda s: s["required"].remove("tags"),
    "a wider enum": lambda s: s["properties"]["provider"]["enum"].append("anothercloud"),
    "a longer text": put(*TAG, "key", "maxLength", value=1000),
    "a shorter least length": take(*TAG, "key", "minLength"),
    "no pattern any more": take(*FIELDS, "account", "pattern"),
    "a pattern that takes a character more": put(*GROUP, "type", "pattern", value="^[A-Za-z_][A-Za-z0-9_:./~-]*$"),
    "a choice more": lambda s: s["properties"]["tags"]["oneOf"].append({"type": "integer"}),
    "a choice of any where it was of one": lambda s: s["properties"]["tags"].update(
        anyOf=s["properties"]["tags"].pop("oneOf")
    ),
    "a shorter least list": take(*TAGS, "minItems"),
    "a larger number": put(*FIELDS, "attempt", "maximum", value=10_000_000),
    "null too": put(*FIELDS, "account", value={"anyOf": [{"type": "string"}, {"type": "null"}], "default": "default"}),
    "another description": put(*FIELDS, "reason", "description", value="Why."),
    "another title": put("title", value="A request"),
    "a condition less": lambda s: s["allOf"].pop(0),
    "a condition on a value that was refused": lambda s: (
        s["properties"]["provider"]["enum"].append("anothercloud"),
        s["allOf"].append(
            {
                "if": {"properties": {"provider": {"const": "anothercloud"}}, "required": ["provider"]},
                "then": {"required": ["region"]},
            }
        ),
    ),
    "a definition of another name": lambda s: (
        s["$defs"].update(Group=s["$defs"].pop("ResourceGroup")),
        s["properties"]["resources"].update(items={"$ref": "#/$defs/Group"}),
    ),
    "any field at all": put("additionalProperties", value=True),
}
OUT_BREAKING = {
    "a field that is gone": lambda s: (s["properties"].pop("summary"), s["required"].remove("summary")),
    "an optional field that is gone": take(*ROW, "was"),
    "a required field that becomes optional": lambda s: s["required"].remove("reason"),
    "a wider enum": lambda s: s["$defs"]["Row"]["properties"]["outcome"]["enum"].append("ignored"),
    "a wider enum of names": lambda s: s["properties"]["counts"]["propertyNames"]["enum"].append("ignored"),
    "null too": put(*FIELDS, "account", value={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    "another type": put(*FIELDS, "attempt", "type", value="number"),
    "a longer text": put(*ROW, "message", "maxLength", value=1000),
    "no bound any more": take(*ROW, "code", "maxLength"),
    "another pattern": put(*FIELDS, "report_id", "pattern", value="^[0-9a-f]{40}$"),
    "no pattern any more": take(*FIELDS, "started_at", "pattern"),
    "a smaller least number": put(*FIELDS, "attempt", "minimum", value=0),
    "a status that was none": lambda s: s["properties"]["status"]["enum"].append("ignored"),
    "another constant": put(*FIELDS, "kind", "const", value="removal-report"),
}
OUT_HARMLESS = {
    "a new field": put(*FIELDS, "traceparent", value=NEW),
    "a new required field": lambda s: (s["properties"].update(traceparent=NEW), s["required"].append("traceparent")),
    "an optional field that is always there": lambda s: s["$defs"]["Row"]["required"].append("code"),
    "a narrower enum": lambda s: s["properties"]["status"]["enum"].remove("deferred"),
    "a shorter text": put(*ROW, "message", "maxLength", value=100),
    "null no more": lambda s: s["properties"]["region"]["anyOf"].pop(),
    "another description": put("description", value="What became of it."),
}
CASES = [
    pytest.param(document, direction, change, breaks, id=f"{direction}: {told}")
    for document, direction, breaks, changes in (
        ("removal-request", "in", True, IN_BREAKING),
        ("removal-request", "in", False, IN_HARMLESS),
        ("removal-report", "out", True, OUT_BREAKING),
        ("removal-report", "out", False, OUT_HARMLESS),
    )
    for told, change in changes.items()
]


@pytest.mark.parametrize(("name", "direction", "change", "breaks"), CASES)
def test_a_planted_change_is_told_from_a_harmless_one(name: str, direction: Any, change: Change, breaks: bool) -> None:
    found = breaking(DOCUMENTS[name].whole(), changed(name, change), direction)
    assert bool(found) is breaks, found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_schema_breaks_nothing_of_its_own(name: str) -> None:
    schema = DOCUMENTS[name].whole()
    for direction in ("in", "out"):
        assert breaking(schema, copy.deepcopy(schema), direction) == []


def test_a_change_deep_in_envelopes_and_choices_is_found() -> None:
    narrower = changed("removal-message", put("$defs", "TagInput", "properties", "key", "maxLength", value=100))
    assert breaking(DOCUMENTS["removal-message"].whole(), narrower, "in")
    no_lists = changed("removal-message", lambda s: s["$defs"]["RemovalMessage"]["anyOf"].pop(1))
    assert breaking(DOCUMENTS["removal-message"].whole(), no_lists, "in")
    no_text = changed("removal-message", lambda s: s["$defs"]["Content"]["anyOf"].pop())
    assert breaking(DOCUMENTS["removal-message"].whole(), no_text, "in")
    wider = changed("removal-answer", lambda s: s["$defs"]["Row"]["properties"]["outcome"]["enum"].append("ignored"))
    assert breaking(DOCUMENTS["removal-answer"].whole(), wider, "out")


def test_envelopes_around_a_change_neither_hide_it_nor_make_it_one_that_breaks() -> None:
    message = DOCUMENTS["decommission-message"].whole()
    clouds = ("$defs", "Decommissioned", "properties", "provider", "enum")
    wider = changed("decommission-message", put(*clouds, value=["anothercloud", *NAMES]))
    assert breaking(message, wider, "in") == []
    narrower = changed("decommission-message", put(*clouds, value=["jdcloud"]))
    assert [reason for reason in breaking(message, narrower, "in") if reason.endswith("value huaweicloud")]
    carried = changed("decommission-message", take("$defs", "DecommissionMessageInCloudEvent", "anyOf", 0))
    assert breaking(message, carried, "in")


def test_a_keyword_that_the_comparison_does_not_know_is_no_silent_pass() -> None:
    odd = changed("removal-request", put("properties", "tags", "uniqueItems", value=True))
    with pytest.raises(ValueError, match="uniqueItems"):
        breaking(DOCUMENTS["removal-request"].whole(), odd, "in")
    alike = changed("removal-request", lambda s: s["properties"]["tags"]["oneOf"].append({"type": "string"}))
    with pytest.raises(ValueError, match="share no type"):
        breaking(DOCUMENTS["removal-request"].whole(), alike, "in")


def test_a_breaking_change_needs_a_step_of_the_version_and_a_schema_does_not_go_away() -> None:
    (document,) = [one for one in documents() if one.name == "removal-request"]
    narrower = copy.deepcopy(document.schema)
    narrower["required"].append("account")
    others = tuple(one for one in documents() if one is not document and one.name != "removal-request")
    assert broken(released(), (*others, replace(document, schema=narrower))) == [
        "removal-request.account: may be missing"
    ]
    assert broken(released(), (*others, replace(document, schema=narrower, version=3))) == []
    assert broken(released(), (*others, replace(document, version=1))) == ["removal-request: version 2 has become 1"]
    assert broken(released(), others) == ["removal-request: is gone"]


def test_every_step_of_a_version_says_what_has_changed_and_what_to_do() -> None:
    steps = {(name, version) for name, one in DOCUMENTS.items() for version in range(2, one.version + 1)}
    assert {(name, change.version) for change in CHANGES for name in change.schemas} == steps
    page = (ROOT / "docs" / "schemas" / "README.md").read_text(encoding="utf-8")
    for change in CHANGES:
        assert f"| {change.what} | {change.to_do} |" in page
