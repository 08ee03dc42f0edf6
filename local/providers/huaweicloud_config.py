"""Huawei Cloud Config's resource tags on this machine.

Paths, models and codes are the documents' (Config API reference, API-Explorer) and the SDK's
(huaweicloudsdkconfig 3.1.219). What no source states is an option, and its default is a guess that says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from local.providers import huaweicloud_config_input as given
from local.providers.accounts import Account, Resource
from local.providers.faults import KINDS, Verdict
from local.providers.huaweicloud import HuaweicloudServer
from local.providers.server import Answer, Ask, Refusal, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.wire import Request

TYPES = ("config:policyAssignments", "config:aggregators", "config:aggregationAuthorizations")
MAX_TAGS_PER_RESOURCE = 20
REGION = ""  # a global service: its resources stand in no region

_ROUTES = (
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags/delete"), "tags/delete", True),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags/create"), "tags/create", True),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/resource-instances/filter()"), "filter", False),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/resource-instances/count()"), "count", False),
    ("GET", re.compile(r"/v1/resource-manager/([^/]+)/tags()"), "type tags", False),
    ("GET", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags"), "tags", False),
)


@dataclass(frozen=True, slots=True)
class HuaweicloudConfigOptions:
    """How the local Config behaves where no document says it.

    compare_values     delete a tag only if the value sent is the stored one; by default the key decides.
                       A tag without a value is deleted by key either way
    not_found_code     the code of a 404 for a resource; no source names the real one
    """

    compare_values: bool = False
    not_found_code: str = "RMS.00010404"


class HuaweicloudConfigServer(HuaweicloudServer):
    """Tags of Config's own resources."""

    name: ClassVar[str] = "huaweicloud-config"
    api: ClassVar[str] = "huaweicloud.config"
    fault_kinds: ClassVar[frozenset[str]] = KINDS - {"partial", "count", "other_ids"}

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: HuaweicloudConfigOptions = HuaweicloudConfigOptions(),
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """Config has no regions."""
        return "", resource.type, resource.id

    def match(self, request: Request) -> Route:
        """The colon of a type comes as `%3A` from the SDK and raw from Terraform's provider."""
        path = unquote(request.path)
        for method, pattern, operation, writing in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                return Route(operation, writing, REGION, match[1], match[2])
        raise Refusal(self.failure(404, None, None))

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The type, the id, the body and the page that a call names."""
        if len(request.body) > self.max_body:
            raise Refusal(self.failure(413, None, None))
        if route.type not in TYPES:
            raise given.invalid("resource type invalid", "RMS.00010002")
        if route.id:
            given.check_id(route.id)
        ids = (route.id,) if route.id else ()
        if request.method == "GET":
            return Ask(route, account, route.type, ids, body=given.page(request.query))
        document = given.document(request.body)
        if route.writing:
            return Ask(route, account, route.type, ids, given.tags(document, creating="create" in route.operation))
        query = given.search(document) | given.page(request.query)
        return Ask(route, account, route.type, body=query)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Delete, create or read."""
        del verdict  # its rules have nothing to say inside an answer that is empty, or names no resource
        match cause.operation:
            case "tags":
                tags = self._resource(ask)
                return Answer(200, {"tags": [{"key": key, "value": value} for key, value in tags.items()]}), 0
            case "tags/delete":
                return self._delete(ask, cause)
            case "tags/create":
                return self._create(ask, cause)
            case "type tags":
                return self._type_tags(ask), 0
            case _:
                return self._search(ask), 0

    def _resource(self, ask: Ask) -> dict[str, str]:
        """The tags of the one resource that the path names; 404 where there is none."""
        tags = self.tags.get(*_scope(ask))
        if tags is None:
            document = {"error_code": self.options.not_found_code, "error_msg": "The resource does not exist"}
            raise Refusal(Answer(404, document, self.options.not_found_code))
        return tags

    def _delete(self, ask: Ask, cause: Cause) -> tuple[Answer, int]:
        """Idempotent: a key that is not there is 204 as well."""
        present = self._resource(ask)
        applied = 0
        for key, value in ask.tags:
            other_value = value is not None and present.get(key) != value
            if key in present and not (self.options.compare_values and other_value):
                self.tags.change(cause, Pair(*_scope(ask), key, present[key]), None)
                applied += 1
        return Answer(204), applied

    def _create(self, ask: Ask, cause: Cause) -> tuple[Answer, int]:
        """All or nothing; a key that is there gets the new value."""
        present = self._resource(ask)
        added = {key: value or "" for key, value in ask.tags}
        if len(present | added) > MAX_TAGS_PER_RESOURCE:
            raise given.invalid(f"a resource has at most {MAX_TAGS_PER_RESOURCE} tags")
        applied = 0
        for key, value in added.items():
            applied += present.get(key) != value
            self.tags.change(cause, Pair(*_scope(ask), key, value), value)
        return Answer(204), applied

    def _type_tags(self, ask: Ask) -> Answer:
        """Each key of a type, with all the values it has."""
        values: dict[str, set[str]] = {}
        for holding in self.tags.select(ask.account, REGION, [ask.type]):
            for key, value in holding.tags.items():
                values.setdefault(key, set()).add(value)
        rows = [{"key": key, "values": sorted(values[key])} for key in sorted(values)]
        return Answer(200, {"tags": _cut(rows, ask.body), "total_count": len(rows)})

    def _search(self, ask: Ask) -> Answer:
        """Resources that bear every key named, each with one of the values named."""
        matching = [
            holding
            for holding in self.tags.select(ask.account, REGION, [ask.type])
            if given.matches(ask.body, holding.id, holding.tags)
        ]
        if ask.route.operation == "count":
            return Answer(200, {"total_count": len(matching)})
        rows = [_resource_row(holding) for holding in matching]
        return Answer(200, {"resources": _cut(rows, ask.body), "total_count": len(rows)})


def _scope(ask: Ask) -> tuple[str, str, str, str]:
    return (ask.account, REGION, ask.type, ask.ids[0])


def _resource_row(holding: Holding) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in holding.tags.items()]
    return {"resource_id": holding.id, "resource_name": holding.id, "resource_detail": None, "tags": tags}


def _cut(rows: list[dict[str, Any]], page: dict[str, Any]) -> list[dict[str, Any]]:
    return rows[page["offset"] : page["offset"] + page["limit"]]
