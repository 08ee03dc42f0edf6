"""Huawei Cloud's Tag Management Service on this machine.

Paths, models and codes are the documents' (TMS API reference and its table of errors) and the SDK's
(huaweicloudsdktms 3.1.219). What no source states is an option, and its default is a guess that says so.

In the table of tags a project stands where other clouds have the region; a global service's resources are in "".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal
from urllib.parse import unquote

from local.errors import LocalError
from local.providers import huaweicloud_shapes as shapes
from local.providers import huaweicloud_tms_input as given
from local.providers.accounts import Account, Resource, made_up
from local.providers.faults import KINDS, Verdict
from local.providers.huaweicloud import HuaweicloudServer
from local.providers.huaweicloud_tms_reads import GLOBAL, READS, TYPES, place
from local.providers.server import Answer, Ask, Refusal, Route
from local.providers.tag_table import Cause, Pair
from local.providers.wire import Request

MAX_TAGS_PER_RESOURCE = 20

SAMPLE_REGION, SAMPLE = "cn-north-4", "5f0c2a9d8e7b46310f00c0de00000001"
"""The region of the files in events/, and its project in the account "default"."""

_ROUTES = (
    ("POST", re.compile(r"/v1\.0/resource-tags/(batch-delete)"), "batch-delete", True),
    ("POST", re.compile(r"/v1\.0/resource-tags/(batch-create)"), "batch-create", True),
    ("POST", re.compile(r"/v1\.0/resource-instances/(filter)"), "filter", False),
    ("GET", re.compile(r"/v2\.0/resources/([^/]+)/tags"), "tags", False),
    ("GET", re.compile(r"/v1\.0/(tag-keys)"), "tag-keys", False),
    ("GET", re.compile(r"/v1\.0/(tag-values)"), "tag-values", False),
    ("GET", re.compile(r"/v1\.0/(tags)"), "project tags", False),
    ("GET", re.compile(r"/v1\.0/tms/(providers)"), "providers", False),
)


@dataclass(frozen=True, slots=True)
class HuaweicloudTmsOptions:
    """How the local TMS behaves where no document says it, or where documents disagree.

    max_resources      in one call: 50 in the API's pages, 20 in an older description of it
    max_key, max_value    lengths: the services behind TMS take 128 and 255, its pages say 36 and 43
    compare_values     delete a tag only if the value sent is the stored one; by default the key decides.
                       A tag without a value is deleted by key either way
    unbound            a delete of a tag that is not there: a success ("ignored"), or the resource "failed"
    unknown_id         an id that is no resource: "failed" entry, or the whole call "refused" with 404
    read_unknown       the same in a read: "refused" with 404, or a resource that has no tags ("empty")
    read_untagged      a read of a resource that has no tags: a list without elements ("empty"), or "refused" with 404
    not_found_code     the code of an id that is no resource: TMS's own, or that of the service behind it (`Ecs.0114`)
    """

    max_resources: int = 50
    max_key: int = 128
    max_value: int = 255
    compare_values: bool = False
    unbound: Literal["ignored", "failed"] = "ignored"
    unknown_id: Literal["failed", "refused"] = "failed"
    read_unknown: Literal["refused", "empty"] = "refused"
    read_untagged: Literal["empty", "refused"] = "empty"
    not_found_code: str = "TMS.0005"


class HuaweicloudTmsServer(HuaweicloudServer):
    """Tags of several services' resources, in batches within one project."""

    name: ClassVar[str] = "huaweicloud-tms"
    api: ClassVar[str] = "huaweicloud.tms"
    fault_kinds: ClassVar[frozenset[str]] = KINDS - {"count"}

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: HuaweicloudTmsOptions = HuaweicloudTmsOptions(),
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """In its project, by the account's projects where it names a region only; a new region gets a project."""
        if resource.type not in TYPES:
            raise LocalError(f"TMS knows no type {resource.type}", f"it knows {', '.join(sorted(TYPES))}")
        if not TYPES[resource.type].regions:
            return GLOBAL, resource.type, resource.id
        project = resource.project_id or self._project_of(resource)
        if not project:
            raise LocalError(
                f"{resource.type} {resource.id} stands in a project, and none is named", "name its project_id or region"
            )
        return project, resource.type, resource.id

    def _project_of(self, resource: Resource) -> str:
        (access_key, account), *_ = [one for one in self.credentials.items() if one[1].name == resource.account]
        if resource.region and resource.region not in account.projects:
            made = made_up("project", resource.account, resource.region)[:32]
            project = SAMPLE if (resource.account, resource.region) == ("default", SAMPLE_REGION) else made
            account = replace(account, projects={**account.projects, resource.region: project})
            self.credentials[access_key] = account
        return account.projects.get(resource.region, "")

    def match(self, request: Request) -> Route:
        """The route by method and path; a resource's id is the only thing that a path names."""
        path = unquote(request.path)
        for method, pattern, operation, writing in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                return Route(operation, writing, id=match[1] if operation == "tags" else "")
        raise Refusal(self.failure(404, None, None))

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """TMS's own words nested, the gateway's flat and with a `request_id`."""
        if code is None or code.startswith("APIGW."):
            return super().failure(status, code, message)
        return Answer(status, given.envelope(code, message), code)

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """What a call asks for. Its project becomes the region of its route."""
        if len(request.body) > self.max_body:
            raise Refusal(self.failure(413, None, None))
        if route.writing:
            return self._parse_write(given.document(request.body), route, account)
        if request.method == "POST":
            return self._parse_filter(given.document(request.body), route, account)
        return self._parse_get(given.query(request.query), route, account)

    def _parse_get(self, fields: dict[str, str], route: Route, account: str) -> Ask:
        project = fields.get("project_id")
        match route.operation:
            case "tags":
                type_ = fields.get("resource_type", "")
                return Ask(replace(route, region=place(type_, project)), account, type_, (route.id,))
            case "project tags":
                places = {type_: place(type_, project) for type_ in fields.get("resource_types", "").split(",")}
                return Ask(replace(route, region=project or ""), account, ",".join(places), body={"places": places})
            case "providers":
                page = given.page(fields, default=10)
                return Ask(route, account, body={"page": page, "provider": fields.get("provider")})
        if route.operation == "tag-values" and not fields.get("key"):
            raise given.invalid("TMS.0009")
        return Ask(route, account, body={"page": given.marker(fields), "key": fields.get("key")})

    def _parse_write(self, body: dict[str, Any], route: Route, account: str) -> Ask:
        lengths = given.Lengths(self.options.max_key, self.options.max_value, self.options.max_resources)
        resources = given.resources(body, lengths.resources)
        project = _project(body)
        places = {type_: place(type_, project) for type_, _ in resources}
        return Ask(
            replace(route, region=project or ""),
            account,
            ",".join(places),
            tuple(id_ for _, id_ in resources),
            given.tags(body, lengths, creating=route.operation == "batch-create"),
            [(places[type_], type_, id_) for type_, id_ in resources],
        )

    def _parse_filter(self, body: dict[str, Any], route: Route, account: str) -> Ask:
        types, project = body.get("resource_types"), _project(body)
        if not isinstance(types, list) or not types or not all(isinstance(type_, str) for type_ in types):
            raise given.invalid("TMS.5027")
        places = {type_: place(type_, project) for type_ in types}
        query = {
            "places": places,
            "filters": given.conditions(body),
            "untagged": bool(body.get("without_any_tag")),
            "page": given.page(body),
        }
        return Ask(replace(route, region=project or ""), account, ",".join(places), body=query)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Delete, create or read."""
        if (read := READS.get(cause.operation)) is not None:
            return Answer(200, read(self.tags, ask)), 0
        if not ask.route.writing:
            tags = self.tags.get(ask.account, ask.route.region, ask.type, ask.ids[0])
            case = self.options.read_unknown if tags is None else self.options.read_untagged
            if not tags and case == "refused":
                raise self._not_found(ask.ids[0])
            return Answer(200, _tags(ask.ids[0], tags or {}, verdict)), 0
        return self._write(ask, cause, verdict)

    def _write(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """One resource after the other; 200 whatever failed, and an entry for each resource that did."""
        unknown = [at[-1] for at in ask.body if self.tags.get(ask.account, *at) is None]
        if unknown and self.options.unknown_id == "refused":
            raise self._not_found(unknown[0])
        applied = 0
        failed: list[dict[str, Any]] = []
        for project, type_, id_ in ask.body:
            present = self.tags.get(ask.account, project, type_, id_)
            code, message = self._objection(present, ask, id_)
            rules = {key: rule for key, _ in ask.tags if (rule := verdict.fails(id_, key)) is not None}
            if present is not None and not code:
                effective = [(key, value) for key, value in ask.tags if key not in rules or rules[key].takes_effect]
                applied += self._change(cause, Pair(ask.account, project, type_, id_, "", ""), present, effective)
            for rule in rules.values():  # TMS speaks of the resource, whichever of its tags the rule was made for
                code, message = rule.code or "TMS.0002", rule.message
            if code:
                error = shapes.document(self.next_shape() or "flat", code, message or given.WORDS.get(code, code))
                failed.append({"resource_id": verdict.name_of(id_), "resource_type": type_} | error)
        return Answer(200, {"failed_resources": failed}), applied

    def _not_found(self, id_: str) -> Refusal:
        """404 for an id that is no resource."""
        code = self.options.not_found_code
        return given.invalid(code, given.not_found(code, id_), status=404)

    def _objection(self, present: dict[str, str] | None, ask: Ask, id_: str) -> tuple[str, str | None]:
        """Why a resource fails by itself, if it does. Which code stands there no document says."""
        if present is None:
            return self.options.not_found_code, given.not_found(self.options.not_found_code, id_)
        if ask.route.operation == "batch-create":
            crowded = len(present | dict(ask.tags)) > MAX_TAGS_PER_RESOURCE
            return ("TMS.0002", f"a resource has at most {MAX_TAGS_PER_RESOURCE} tags") if crowded else ("", None)
        missing = any(not self._names(present, key, value) for key, value in ask.tags)
        return ("TMS.0002", "a tag is not there") if missing and self.options.unbound == "failed" else ("", None)

    def _names(self, present: Mapping[str, str], key: str, value: str | None) -> bool:
        """Whether a tag in a delete is one that stands there."""
        return key in present and (value is None or not self.options.compare_values or present[key] == value)

    def _change(self, cause: Cause, at: Pair, present: Mapping[str, str], tags: list[tuple[str, str | None]]) -> int:
        """Take away or set the tags of one resource; how many changed."""
        applied = 0
        for key, value in tags:
            if cause.operation == "batch-create":
                applied += present.get(key) != value
                self.tags.change(cause, at._replace(key=key, value=value or ""), value)
            elif self._names(present, key, value):
                applied += 1
                self.tags.change(cause, at._replace(key=key, value=present[key]), None)
        return applied


def _project(body: dict[str, Any]) -> str | None:
    project = body.get("project_id")
    if not isinstance(project, str | None):
        raise given.invalid("TMS.2011")
    return project


def _tags(id_: str, tags: Mapping[str, str], verdict: Verdict) -> dict[str, Any]:
    """The tags of one resource. Documented is the list alone; a rule puts another resource's id beside it."""
    document: dict[str, Any] = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
    name = verdict.name_of(id_)
    return document if name == id_ else document | {"resource_id": name}
