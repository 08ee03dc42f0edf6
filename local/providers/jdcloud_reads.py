"""The reading operations of JD Cloud resourcetag: the answers' models are those of the SDK."""

from collections.abc import Callable, Mapping
from typing import Any

from local.providers.faults import Verdict
from local.providers.jdcloud_input import names, tag_filters
from local.providers.server import Ask
from local.providers.tag_table import Holding, TagTable

ALL_REGIONS = "all-region"  # describeTags accepts it: no region limit
SYSTEM_PREFIX = "jrn:"

Read = Callable[[TagTable, Ask, Verdict, bool], dict[str, Any]]


def _holdings(table: TagTable, ask: Ask) -> list[Holding]:
    """The resources that a read speaks of, with the tags it may show."""
    body: dict[str, Any] = ask.body
    one = body.get("serviceCode")  # queryResource names one, the others a list
    codes = [one] if isinstance(one, str) else names(body, "serviceCodes") or None
    region = None if ask.route.region == ALL_REGIONS else ask.route.region
    filters = tag_filters(body)
    together = any if body.get("operator") == "or" else all
    system = body.get("showTagStatus") == 1

    def matches(tags: Mapping[str, str]) -> bool:
        return together([key in tags and (not values or tags[key] in values) for key, values in filters])

    matching = []
    for holding in table.select(ask.account, region, codes, ask.ids or None, matches if filters else None):
        tags = {key: value for key, value in holding.tags.items() if system or not key.startswith(SYSTEM_PREFIX)}
        matching.append(holding._replace(tags=tags))
    return matching


def _data(ask: Ask, **fields: Any) -> dict[str, Any]:
    return {"data": {"pin": ask.account, "region": ask.route.region, **fields}}


def _describe_resources(table: TagTable, ask: Ask, verdict: Verdict, list_untagged: bool) -> dict[str, Any]:
    listed = [holding for holding in _holdings(table, ask) if holding.tags or list_untagged]
    # A rule that names a resource by another id does so where the resource would be left out, too.
    left_out = set(verdict.mistaken) - {holding.id for holding in listed}
    code = (*names(ask.body, "serviceCodes"), "")[0]
    listed += [Holding(ask.route.region, code, name, {}) for name in ask.ids if name in left_out]
    mappings = [
        {
            "jrn": None,
            "serviceCode": holding.type,
            "resourceId": verdict.name_of(holding.id),
            "tags": [{"key": key, "value": value} for key, value in holding.tags.items()],
        }
        for holding in listed
    ]
    return _data(ask, resourceTagMappingList=mappings)


def _describe_tags(table: TagTable, ask: Ask, _: Verdict, __: bool) -> dict[str, Any]:
    pairs = sorted({pair for holding in _holdings(table, ask) for pair in holding.tags.items()})
    return _data(ask, tags=[{"key": key, "value": value} for key, value in pairs])


def _describe_keys(table: TagTable, ask: Ask, _: Verdict, __: bool) -> dict[str, Any]:
    return _data(ask, tagKeys=sorted({key for holding in _holdings(table, ask) for key in holding.tags}))


def _describe_values(table: TagTable, ask: Ask, _: Verdict, __: bool) -> dict[str, Any]:
    keys = {key for key, _ in tag_filters(ask.body)}
    values = {
        value for holding in _holdings(table, ask) for key, value in holding.tags.items() if not keys or key in keys
    }
    return _data(ask, tagValues=sorted(values))


def _query_resource(table: TagTable, ask: Ask, verdict: Verdict, _: bool) -> dict[str, Any]:
    # The one answer without a data wrapper.
    return {"resourceIds": [verdict.name_of(holding.id) for holding in _holdings(table, ask)]}


READS: dict[str, Read] = {
    "describeResources": _describe_resources,
    "describeTags": _describe_tags,
    "describeKeys": _describe_keys,
    "describeValues": _describe_values,
    "queryResource": _query_resource,
}
