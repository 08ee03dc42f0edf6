"""Schemas and parsers held against each other: what a schema takes the parser takes, or refuses for a reason that
docs/schemas/README.md names; what a schema refuses the parser refuses.
"""

import base64
import json
import re
from typing import Any

import pytest
from docs_parsers import PARSERS, hold
from docs_support import ROOT, request, validator
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tools.schemas.page import LIMITS

EXAMPLES = 400

# Values that lie on an edge, or just beyond it.

NAMES = st.sampled_from(["i-1", "a", "A:b.c_d-e", ".", "..", "a/b", "a%2f", "", " a", "a\n", "x" * 64, "x" * 65, "é"])
LONG = st.builds(
    lambda size, text: text * size, st.sampled_from([1, 127, 128, 129, 255, 256, 257, 1024, 1025]), st.just("k")
)
IDS = NAMES | st.builds(lambda size: "i" * size, st.sampled_from([512, 513]))
MOMENTS = st.sampled_from(
    [
        "2026-12-01T00:00:00Z",
        "2026-12-01T00:00Z",
        "2026-12-01T00:00:00",
        "2026-12-01",
        "2026-12-01T00:00:00+0800",
        "2026-02-30T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59.5Z",
        "2026-12-01T24:00:00Z",
        "20261201T0000Z",
        "2026-12-01T00:00:00,5-08:00",
        "2026-12-01t00:00:00z",
        "2026-12-01T00:00:00\u221208:00",
        "2026-12-01T00:00:00Z\n",
    ]
)
ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.just(2.0),
    st.just(10**7),
    NAMES,
    MOMENTS,
    LONG,
    st.sampled_from([[], {}, ["i-1"], {"type": "vm", "ids": ["i-1"]}, [None], "\ud800", "remove", "restore"]),
)
TAGS = st.lists(
    st.fixed_dictionaries(
        {"key": LONG | st.sampled_from(["env", "", "a\nb", "部门"])},
        optional={
            "value": LONG | st.sampled_from(["", "prod", None, "\ud800"]),
            "was": LONG | st.sampled_from(["", "prod", None]),
            "more": st.none(),
        },
    ),
    max_size=3,
) | st.sampled_from(["all", "All", ""])
TYPES = st.sampled_from(
    ["vm", "cdn", "ecs", "config:aggregators", "config:other", "9", "a" * 129, "Vm.x-y_z:w", "Vm/x"]
)
GROUPS = st.lists(
    st.fixed_dictionaries({"type": TYPES, "ids": st.lists(IDS, max_size=3)}, optional={"more": ANY}), max_size=2
)
REGIONS = st.sampled_from(["cn-north-1", "cn-all", None, "", "CN", "a--b", "a-", "x" * 33, "cn-north-1\n"])
REQUEST = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["jdcloud", "huaweicloud", "huaweicloud", "nocloud", "JDCloud"]),
        "resources": GROUPS,
        "tags": TAGS,
    },
    optional={
        "id": LONG | st.sampled_from(["", "chg-1", "a\tb", None]),
        "batch": NAMES | st.none(),
        "action": st.sampled_from(["remove", "restore", "Remove", None]),
        "account": NAMES,
        "region": REGIONS,
        "project_id": NAMES | st.none(),
        "dry_run": st.sampled_from([True, False, None, 0, "true"]),
        "expect": st.sampled_from([0, 1, 2, -1, True, 2.0, None]),
        "not_after": MOMENTS | st.none(),
        "overwrite": st.sampled_from([True, False, None, 1]),
        "reason": LONG | st.none(),
        "attempt": st.sampled_from([1, 0, 1_000_000, 1_000_001, 1.0, None]),
        "first_attempt_at": MOMENTS | st.none(),
    },
)
GOOD = st.sampled_from(
    [
        request(),
        request(action="restore"),
        request(action="restore", overwrite=True),
        request(tags="all", batch="cleanup-2026.11_b"),
        request(tags="all", provider="huaweicloud", resources=[{"type": "config:aggregators", "ids": ["a"]}]),
        request(provider="huaweicloud", region=None, resources=[{"type": "config:aggregators", "ids": ["a"]}]),
        request(provider="huaweicloud", project_id="p", resources=[{"type": "ecs", "ids": ["a"]}], tags=[{"key": "k"}]),
        request(region="cn-all", resources=[{"type": "cdn", "ids": ["a.example.com", "*.example.com"]}]),
        request(expect=2, not_after="2026-12-01T00:00:00Z", reason="why", dry_run=True, account="a_b-1"),
        request(attempt=3, first_attempt_at="2026-12-01T00:00:00.123Z"),
        request(attempt=3, tags=[{"key": "env", "value": "prod", "was": "prod"}, {"key": "team", "was": ""}]),
    ]
)


@st.composite
def spoilt(draw: Any, good: Any) -> Any:
    """A right body with one thing in it put out of order, taken away, or put in."""
    whole = json.loads(json.dumps(draw(good)))
    place: Any = whole
    while isinstance(place, dict | list) and place:
        at = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
        if isinstance(place[at], dict | list) and place[at] and draw(st.integers(0, 3)):
            place = place[at]
            continue
        match draw(st.integers(0, 3)):
            case 0:
                del place[at]
            case 1 if isinstance(place, dict):
                place[draw(st.sampled_from(["more", "attempt", "expect", "region", "value", "detail"]))] = draw(ANY)
            case _:
                place[at] = draw(ANY)
        break
    return whole


@st.composite
def enveloped(draw: Any, inner: Any, detail_types: list[str]) -> Any:
    """A body in envelopes, as text or as an object."""
    body = draw(inner)
    for _ in range(draw(st.integers(0, 7))):
        content = json.dumps(body) if draw(st.booleans()) else body
        event = {"detail-type": draw(st.sampled_from(detail_types)), "id": draw(ANY), "detail": content}
        notification = {"Type": "Notification", "MessageId": draw(ANY), "Message": content}
        carried = draw(st.sampled_from([{"data": content}, {"data_base64": encoded(content)}, {}, {"data": None}]))
        cloud_event = {"specversion": "1.0", "type": draw(st.sampled_from(["any", *detail_types])), **carried}
        both = {**event, **notification}
        odd = [both, {"Type": 1, **event}, {**event, **cloud_event}, {**cloud_event, "data": 1, "data_base64": "e30="}]
        body = draw(st.sampled_from([event, notification, cloud_event, cloud_event, *odd, body, [body]]))
    return body


def encoded(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.b64encode(text.encode(errors="surrogatepass")).decode()


CAREFULLY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@CAREFULLY
@given(body=REQUEST | spoilt(GOOD) | GOOD)
@example(body=request(expect=3))
@example(body=request(action="restore", tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]))
@example(body=request(action="restore", tags=[{"key": "a"}]))
@example(body=request(resources=[{"type": "vm", "ids": ["i\n"]}]))
@example(body=request(resources=[{"type": "vm", "ids": [f"i-{n}" for n in range(100_001)]}]))
@example(body=request(region="cn-north-1\n"))
@example(body=request(region=None))
@example(body=request(attempt=2.0))
@example(body=request(tags=[{"key": "env", "value": None}]))
@example(body=request(tags="all", expect=2))
@example(body=request(tags="all", action="restore"))
@example(body=request(overwrite=True))
def test_the_schema_of_a_request_and_its_parser_agree(body: Any) -> None:
    hold("removal-request", body)


REMOVALS = enveloped(
    st.one_of(REQUEST, spoilt(GOOD), GOOD, st.lists(GOOD | spoilt(GOOD), max_size=2), ANY),
    ["Tag Removal Requested", "Tag Removal Requested", "Another"],
)


@CAREFULLY
@given(body=REMOVALS)
@example(body=[request(), request(action="restore", tags=[{"key": "env", "value": "x"}])])
@example(body=[])
@example(body="{")
@example(body='{"a": 1, "a": 2}')
def test_the_schema_of_a_body_on_the_work_queue_and_its_parser_agree(body: Any) -> None:
    hold("removal-message", body)


DETAIL = {name: value for name, value in request().items() if name != "id"}
EVENT = st.fixed_dictionaries(
    {
        "detail-type": st.just("Resource Decommissioned"),
        "detail": spoilt(st.sampled_from([DETAIL, {**DETAIL, "provider": "huaweicloud", "tags": None}])) | ANY,
    },
    optional={"id": ANY, "source": ANY},
)
SAMPLES = [
    *sorted((ROOT / "events").glob("decommission_*.json")),
    *sorted((ROOT / "tests/vectors/events").glob("*.json")),
]
VENDORS = st.sampled_from([json.loads(path.read_text(encoding="utf-8")) for path in SAMPLES])


@CAREFULLY
@given(body=enveloped(EVENT | spoilt(VENDORS) | VENDORS | ANY, ["Resource Decommissioned", "Forwarded"]))
@example(body={"record": []})
@example(body={"record": [{"smn": {}}]})
@example(body={"cts": {"trace_name": "deleteServer"}})
@example(body={"specversion": "1.0", "type": "gone", "data": DETAIL})
@example(body={"specversion": "1.0", "type": "gone", "data": {"provider": "jdcloud"}})
@example(body={"specversion": "1.0", "type": "Resource Decommissioned", "data": {"notification_type": "x"}})
@example(body={"specversion": "1.0", "type": "Resource Decommissioned"})
@example(body={"specversion": "1.0", "type": "Resource Decommissioned", "data_base64": encoded({"another": 1})})
@example(body={"detail-type": "Forwarded", "detail": {"another": 1}, "specversion": "1.0"})
@example(body={"specversion": "1.0", "type": "gone"})
@example(body={"topic_urn": "t", "message": json.dumps({"trace_name": "deleteServer", "trace_id": "t"})})
@example(body={"record": [{"smn": {"message": "{}"}}, {"smn": {"message": '{"notification_type": "x"}'}}]})
def test_the_schema_of_a_body_on_the_decommission_queue_and_its_parser_agree(body: Any) -> None:
    hold("decommission-message", body)


KEYS = st.one_of(
    LONG,
    st.dictionaries(
        st.sampled_from(["literal", "glob", "regex", "ignore_case", "expired", "timezone", "more"]),
        st.sampled_from(["a", "a*", "*", "(a+", "%Y-%m-%d", "UTC", "+08:00", None, True, "x" * 65]),
        max_size=3,
    ),
)
SWEEP = st.sampled_from(
    [
        json.loads((ROOT / "events" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("sweep_jdcloud", "sweep_huaweicloud", "sweep_dry_run")
    ]
)


@st.composite
def swept(draw: Any) -> Any:
    """A sweep of which a rule is made anew in part."""
    sweep = json.loads(json.dumps(draw(SWEEP)))
    rule = draw(st.sampled_from(sweep["rules"]))
    changes = {
        "regions": st.lists(REGIONS.filter(bool), max_size=2),
        "types": st.lists(TYPES, max_size=2),
        "project_id": NAMES | st.none(),
        "remove": st.lists(KEYS, max_size=2) | st.none(),
        "match": st.fixed_dictionaries({"key": KEYS}, optional={"value": KEYS | st.none()}),
        "limit": st.sampled_from([1, 0, None, 1.0]),
        "name": st.sampled_from(["retired", "retired-policies", "a b", ""]),
        "provider": st.sampled_from(["jdcloud", "huaweicloud", "nocloud"]),
    }
    rule.update(draw(st.fixed_dictionaries({}, optional=changes)))
    more = {"id": LONG, "batch": NAMES, "progress": st.sampled_from([None, [], [{}]])}
    sweep.update(draw(st.fixed_dictionaries({}, optional=more)))
    return sweep


@CAREFULLY
@given(body=swept() | spoilt(SWEEP) | SWEEP | ANY)
def test_the_schema_of_a_sweep_and_its_parser_agree(body: Any) -> None:
    hold("sweep", body)


@CAREFULLY
@given(body=enveloped(swept() | spoilt(SWEEP) | SWEEP | ANY, ["Scheduled Event", "Sweep"]))
def test_the_schema_of_a_body_on_the_sweep_queue_and_its_parser_agree(body: Any) -> None:
    hold("sweep-message", body)


def rule(**changes: Any) -> dict[str, Any]:
    """A sweep of one rule."""
    base = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "a"}}
    return {"rules": [{**base, **changes}]}


def wrapped(body: Any, times: int) -> Any:
    for _ in range(times):
        body = {"detail-type": "Tag Removal Requested", "detail": body}
    return body


BACK = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
REFUSED_ALL_THE_SAME: list[tuple[str, Any]] = [
    ("removal-request", request(attempt=2.0)),
    ("removal-request", request(reason="\ud800")),
    ("removal-request", request(not_after="2026-02-30T00:00:00Z")),
    ("removal-message", wrapped("{", 1)),
    ("removal-message", {"specversion": "1.0", "data_base64": "e30"}),
    ("removal-message", wrapped(request(), 5)),
    ("decommission-message", {"topic_urn": "t", "message": {"trace_name": "deleteServer", "trace_id": "t"}}),
    ("removal-request", request(tags=[{"key": "a", "value": "v" * 256}])),
    ("removal-request", request(expect=3)),
    ("removal-request", request(resources=[{"type": "vm", "ids": [f"i-{n}" for n in range(100_001)]}])),
    ("removal-request", request(not_before="2026-12-02T00:00:00Z", not_after="2026-12-01T00:00:00Z")),
    ("removal-request", request(action="restore", tags=BACK)),
    ("removal-message", [request(), request(action="restore", tags=[{"key": "env", "value": "x"}])]),
    ("sweep", rule(match={"key": {"regex": "(?=a)b"}})),
    ("sweep", rule(match={"key": "a", "value": {"expired": "%Y-%m"}})),
    ("sweep", rule(match={"key": "a", "value": {"expired": "%Y-%m-%d", "timezone": "Nowhere/Here"}})),
    ("sweep", rule(match={"key": {"glob": "*"}})),
    ("sweep", {"rules": [*rule()["rules"], *rule()["rules"]]}),
    ("sweep", rule(account="a", accounts=["b"])),
    ("sweep", rule(types=["vm", "all"])),
    ("sweep", rule(remove={"except": ["a"]})),
    ("sweep", {**rule(), "progress": []}),
]
"""One for each limit that the page names, in its order."""


@pytest.mark.parametrize(
    ("limit", "name", "body"),
    [
        pytest.param(limit, *given, id=limit.told[:40])
        for limit, given in zip(LIMITS, REFUSED_ALL_THE_SAME, strict=True)
    ],
)
def test_every_limit_that_the_page_names_is_one(limit: Any, name: str, body: Any) -> None:
    assert validator(name).is_valid(body)
    assert [message for message in PARSERS[name](body) if re.search(limit.message, message)]
    assert f"- {limit.told}\n" in (ROOT / "docs" / "schemas" / "README.md").read_text(encoding="utf-8")
