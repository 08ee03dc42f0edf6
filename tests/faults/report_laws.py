"""Laws that reports keep whatever happened: their counts, their status and their ids follow from what they say."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from pairs import Json

CHANGED = {"removed", "restored", "would_remove", "would_restore"}
MISSING = {"absent", "not_found"}
BAD = {"failed", "unconfirmed"}
_FACTS_OF_A_ROW = ("type", "resource_id", "key", "value", "outcome", "code")


def sums(reports: list[Json]) -> Iterator[str]:
    """A page's counts are those of its own rows, and those of the request are all its pages' together."""
    attempts: dict[tuple[Any, ...], dict[int, Json]] = defaultdict(dict)
    for report in reports:
        if report["kind"] != "removal":
            continue
        yield from _of_page(report)
        whole = json.dumps(report["request_counts"], sort_keys=True)
        times = (report["started_at"], report["finished_at"])
        # Where an attempt has one page, the same request may have been worked at twice at the same moment.
        one = report["report_id"] if report["page"]["of"] == 1 else ""
        attempts[report["id"], report["attempt"], *times, report["page"]["of"], whole, one][
            report["page"]["number"]
        ] = report
    for (id_, *_), pages in attempts.items():
        first = next(iter(pages.values()))
        if len(pages) != first["page"]["of"]:
            continue  # a page that was not taken: its record came again
        together = sum((Counter(page["counts"]) for page in pages.values()), Counter())
        if together != Counter(first["request_counts"]):
            yield f"{id_}: request_counts {first['request_counts']} are not those of its pages {dict(together)}"


def _of_page(report: Json) -> Iterator[str]:
    id_, counts, whole = report["id"], report["counts"], report["request_counts"]
    if "held_back" in report:
        rows = Counter(protected=report["held_back"]["pairs"])
        if report["outcomes"] or report["page"]["of"] != 1:
            yield f"{id_}: held back as a whole, and told pair by pair"
    else:
        rows = Counter(row["outcome"] for row in report["outcomes"])
    if rows != {name: count for name, count in counts.items() if name != "deferred"}:
        yield f"{id_}: the counts {counts} are not those of its rows {dict(rows)}"
    if "deferred" in counts and report["page"]["number"] != 1:
        yield f"{id_}: deferred pairs are counted on page {report['page']['number']}"
    if report["complete"] is (whole.get("deferred", 0) > 0):
        yield f"{id_}: complete is {report['complete']}, and {whole.get('deferred', 0)} pairs are deferred"
    if report["status"] != (status := _status(set(whole))):
        yield f"{id_}: the status is {report['status']}, and {whole} is {status}"


def _status(outcomes: set[str]) -> str:
    """The status that the contract gives to these outcomes."""
    if outcomes == {"deferred"}:
        return "deferred"
    if outcomes & CHANGED:
        return "succeeded" if outcomes <= CHANGED | MISSING else "partial"
    if outcomes & BAD:
        return "failed"
    return "partial" if "deferred" in outcomes else "unchanged"


def identities(reports: list[Json]) -> Iterator[str]:
    """The same facts have the same id, and other facts another."""
    by_facts: dict[str, set[str]] = defaultdict(set)
    by_id: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        facts = json.dumps(
            [
                *(report.get(name) for name in ("kind", "action", "id", "provider", "account", "region")),
                *(report.get(name) for name in ("attempt", "dry_run", "page", "errors")),
                sorted(json.dumps([row.get(name) for name in _FACTS_OF_A_ROW]) for row in report.get("outcomes", ())),
            ]
        )
        by_facts[facts].add(report["report_id"])
        by_id[report["report_id"]].add(facts)
    for facts, ids in by_facts.items():
        if len(ids) > 1:
            yield f"{len(ids)} ids for the same facts: {facts[:200]}"
    for id_, all_facts in by_id.items():
        if len(all_facts) > 1:
            yield f"{id_} stands for {len(all_facts)} different reports"
