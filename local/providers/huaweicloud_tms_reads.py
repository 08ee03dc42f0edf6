"""The reading operations of TMS, and the types of resources that it knows here."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from local.providers import huaweicloud_tms_input as given
from local.providers.server import Ask
from local.providers.tag_table import Holding, TagTable

GLOBAL = ""  # a global service's resources stand in no project


class Service(NamedTuple):
    """A service as TMS's list has it: its types, and the regions where they are (none: it is global)."""

    name: str
    types: tuple[str, ...]
    regions: tuple[str, ...]


_REGIONS = ("cn-north-4", "cn-east-3", "cn-south-1")

# The types that the API's pages name; the list of the real service is longer.
SERVICES = (
    Service("ecs", ("ecs",), _REGIONS),
    Service("as", ("scaling_group",), _REGIONS),
    Service("ims", ("images",), _REGIONS),
    Service("evs", ("disk",), _REGIONS),
    Service("vpc", ("vpcs", "security-groups", "shared_bandwidth", "eip"), _REGIONS),
    Service("cdn", ("cdn",), ()),
)
TYPES = {type_: service for service in SERVICES for type_ in service.types}


def place(type_: str, project: str | None) -> str:
    """Where resources of a type stand: a regional one needs its project, a global one has none."""
    if type_ not in TYPES:
        raise given.invalid("TMS.5027")
    if not TYPES[type_].regions:
        return GLOBAL
    if not project:
        raise given.invalid("TMS.2011")
    return project


def matches(query: dict[str, Any], tags: dict[str, str]) -> bool:
    """Whether tags meet a search: every key named, each with one of its values; or none at all."""
    if query["untagged"]:
        return not tags
    return all(key in tags and (not values or tags[key] in values) for key, values in query["filters"].items())


def _filter(table: TagTable, ask: Ask) -> dict[str, Any]:
    query = ask.body
    matching = [
        holding
        for type_, project in query["places"].items()
        for holding in table.select(ask.account, project, [type_])
        if matches(query, holding.tags)
    ]
    rows = [_row(holding) for holding in query["page"].cut(matching)]
    return {"resources": rows, "errors": [], "total_count": len(matching)}


def _row(holding: Holding) -> dict[str, Any]:
    return {
        "project_id": holding.region,
        "project_name": "",
        "resource_detail": None,
        "resource_id": holding.id,
        "resource_name": holding.id,
        "resource_type": holding.type,
        "tags": _tags(holding.tags.items()),
    }


def _tags(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs]


def _keys(table: TagTable, ask: Ask) -> dict[str, Any]:
    return _marked("keys", {key for holding in table.select(ask.account) for key in holding.tags}, ask)


def _values(table: TagTable, ask: Ask) -> dict[str, Any]:
    key = ask.body["key"]
    return _marked("values", {held.tags[key] for held in table.select(ask.account) if key in held.tags}, ask)


def _marked(name: str, names: Iterable[str], ask: Ask) -> dict[str, Any]:
    rows = sorted(names)
    page: given.Page = ask.body["page"]
    end = page.offset + page.limit
    cut = page.cut(rows)
    info = {"next_marker": str(end) if end < len(rows) else "", "current_count": len(cut)}
    return {name: cut, "page_info": info}


def _project_tags(table: TagTable, ask: Ask) -> dict[str, Any]:
    values: dict[str, set[str]] = {}
    for type_, project in ask.body["places"].items():
        for holding in table.select(ask.account, project, [type_]):
            for key, value in holding.tags.items():
                values.setdefault(key, set()).add(value)
    return {"tags": [{"key": key, "values": sorted(values[key])} for key in sorted(values)], "errors": []}


def _providers(_: TagTable, ask: Ask) -> dict[str, Any]:
    provider = ask.body["provider"]
    services = [service for service in SERVICES if provider in (None, service.name)]
    rows = [
        {
            "provider": service.name,
            "provider_i18n_display_name": service.name.upper(),
            "resource_types": [
                {
                    "resource_type": type_,
                    "resource_type_i18n_display_name": type_,
                    "regions": list(service.regions),
                    "global": not service.regions,
                }
                for type_ in service.types
            ],
        }
        for service in ask.body["page"].cut(services)
    ]
    return {"providers": rows, "total_count": len(services)}


READS: dict[str, Callable[[TagTable, Ask], dict[str, Any]]] = {
    "filter": _filter,
    "tag-keys": _keys,
    "tag-values": _values,
    "project tags": _project_tags,
    "providers": _providers,
}
