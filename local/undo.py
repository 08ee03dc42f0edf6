"""From a report to the requests that put back what it says was removed."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from local.errors import LocalError


def reports_of(text: str) -> list[dict[str, Any]]:
    """The reports in a file: one page, a list of pages, or the answer of a function that was invoked by hand."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise LocalError(
            f"a report has to be JSON: {error}", "it is what untag publishes, or what the function answered"
        ) from None
    found = found.get("reports", [found]) if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(report, dict) and "outcomes" in report for report in found):
        raise LocalError("this is no report", "a report is what untag publishes: it has outcomes")
    return found


def restore_requests(reports: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Requests that put back every tag reported as removed, with the value that stood there; and the rows left out.

    Left out are rows whose value nobody knows, and those of a dry run. The ids follow from the report's: to undo twice
    makes duplicates, and no new work.
    """
    wanted: dict[tuple[str, str, str, str | None, str | None], dict[tuple[str, str], list[tuple[str, str]]]] = {}
    skipped = 0
    for report in reports:
        place = (
            report["id"],
            report["provider"],
            report["account"],
            report.get("region"),
            report.get("project_id"),
        )
        for row in report["outcomes"]:
            if row["outcome"] != "removed":
                continue
            value = row["was"] if "was" in row else row["value"]
            if value is None:
                skipped += 1
                continue
            resource = (row["type"], row["resource_id"])
            wanted.setdefault(place, {}).setdefault(resource, []).append((row["key"], value))
    return [request for place, resources in wanted.items() for request in _requests(place, resources)], skipped


def _requests(
    place: tuple[str, str, str, str | None, str | None],
    resources: Mapping[tuple[str, str], list[tuple[str, str]]],
) -> list[dict[str, Any]]:
    id_, provider, account, region, project_id = place
    alike: dict[tuple[tuple[str, str], ...], dict[str, list[str]]] = {}
    for (type_, resource_id), tags in resources.items():
        alike.setdefault(tuple(sorted(set(tags))), {}).setdefault(type_, []).append(resource_id)
    where = {"account": account, "region": region, "project_id": project_id}
    return [
        {
            "id": f"{id_}-undo" if len(alike) == 1 else f"{id_}-undo-{number}",
            "action": "restore",
            "provider": provider,
            **{name: value for name, value in where.items() if value is not None},
            "resources": [{"type": type_, "ids": ids} for type_, ids in by_type.items()],
            "tags": [{"key": key, "value": value} for key, value in tags],
            "reason": f"undo of {id_}"[:1024],
        }
        for number, (tags, by_type) in enumerate(alike.items(), 1)
    ]
