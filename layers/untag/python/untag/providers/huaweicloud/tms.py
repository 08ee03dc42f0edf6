"""Huawei Cloud's Tag Management Service (TMS): tags of most services' resources, several resources in a call.

Facts from huaweicloudsdktms 3.1.219, the API's pages and their table of errors. What they leave open:

- The pages say 50 resources in a call, an older description of the same API says 20: `resources_per_call` is a setting,
  and its default holds under both.
- An answer of success lists the resources that failed. A list that is null or left out is empty, as in the models of
  the SDKs; a list in an object that says something else instead is not. An entry names a code, and which codes stand
  there is not documented: what is known is given its verdict, anything else is read back.
- TMS passes on the errors of the services behind it, a 404 of ECS (`Ecs.0114`) for one. A 404 of a service that names
  itself speaks of the resource. A 404 of the gateway, or one without a code, speaks of the address: no service was
  reached that could know the resource.
- A read may answer 404 for a resource that exists and has no tags left: Terraform's provider waits for just that after
  a delete, and skips it in a refresh. So a 404 at a read says "no such resource, or no tags". The core takes it for
  `absent` where the last tag has been taken away by us, and for `not_found` elsewhere; either way nothing is left.
- Whether a value is compared, and what a delete of a tag that is not there answers, differs by the service behind TMS.
  So with `read_first` the tags are read before, as at Config. The read takes one resource.
- `project_id` is "mandatory for region-specific services", and which types those are only a list of TMS's own says. It
  is sent where it is known. A region without a known project fails by name, since without a project TMS would look
  among global resources; where neither is named, TMS has the last word. A region beside a project is not sent: TMS
  looks in the project, so the two must not contradict each other.
- The pages give keys 36 characters and values 43; the services behind TMS take 128 and 255, and hold such tags.
"""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from untag.contracts import Action, Tag
from untag.providers.base import READ_BEFORE, Answer, Facts, Failure, Limits, Location, Options, Scope, Seen, Verdict
from untag.providers.http import Reply, call
from untag.providers.huaweicloud.common import (
    HuaweiCloud,
    Page,
    is_of_another_type,
    name_page,
    resource_page,
    resource_tags,
    rows_of,
    search_tags,
    tag_bodies,
)
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials, HuaweiSession
from untag.providers.huaweicloud.deletions import CONFIG_TYPES
from untag.providers.huaweicloud.errors import error_texts, names_service, request_id, unbelieved, verdict_of_code

DEFAULT_ENDPOINT = "https://tms.myhuaweicloud.com"

RESOURCES_PER_CALL = 20
MOST_RESOURCES_PER_CALL = 50

_CONFIG_PREFIX = "config:"
_OPERATIONS = {Action.REMOVE: "batch-delete", Action.RESTORE: "batch-create"}

_URGENCY = (Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.FAILED, Verdict.FORBIDDEN, Verdict.NOT_FOUND)
"""Of several errors the first of these counts: what may pass is asked again, what does not exist comes last."""


class HuaweiTms(HuaweiCloud):
    """TMS's resource tags, version 1.0, and 2.0 to read. A call is within one project, or within none."""

    api = "tms"
    documented_types = frozenset(CONFIG_TYPES.values())
    facts = Facts(READ_BEFORE, failures="the resource, not the tag")
    page = 200

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        read_first: bool = True,
        resources_per_call: int = RESOURCES_PER_CALL,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self.reads_first = read_first
        self.limits = Limits(resources=resources_per_call, keys=10, read_resources=1)

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoint and the number of resources that go into one call."""
        api = f"{cls.name}.{cls.api}"
        return cls(
            options.endpoints.get(api, DEFAULT_ENDPOINT),
            read_first=options.read_first,
            resources_per_call=min(options.resources_per_call.get(api, RESOURCES_PER_CALL), MOST_RESOURCES_PER_CALL),
        )

    def accepts(self, type_: str) -> bool:
        """Every type but Config's: which ones there are is TMS's to say, and it says so by service and region."""
        return not type_.startswith(_CONFIG_PREFIX)

    def speaks_of_resource(self, code: str) -> bool:
        """The codes of TMS and of the services behind it."""
        return names_service(code)

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region, project and type. The region is checked against the project, and finds it if none is
        named.
        """
        return Scope(self.name, self.api, location.account, location.region, location.project_id, type_)

    def refusal(self, credentials: HuaweiCloudCredentials, scope: Scope) -> Failure | None:
        """A region whose project is not known, or one that by the credentials has not the project that is named."""
        region, project = scope.region, scope.project_id
        if region is None:
            return None
        known = credentials.projects.get(region) or None
        if project is None and known is None:
            message = f"no project is known for {region}: name project_id, or add {region} to projects in the secret"
            return Failure("no_project", message)
        if project in (None, known):
            return None
        others = [other for other, its in credentials.projects.items() if its == project]
        if known is None and not others:
            return None
        whose = f"that of {others[0]}" if others else f"not that of {region}"
        message = (
            f"the region is {region}, but by projects in the secret project_id is {whose}: "
            "leave the region out, or correct projects in the secret"
        )
        return Failure("region_project_mismatch", message)

    def region_of(self, credentials: HuaweiCloudCredentials, scope: Scope) -> str | None:
        """The region whose project is named, by the credentials; where none is named, the request's region."""
        if scope.project_id is None:
            return scope.region
        regions = [region for region, project in credentials.projects.items() if project == scope.project_id]
        return scope.region if scope.region in regions else next(iter(regions), None)

    async def write(
        self,
        session: HuaweiSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - this API has no versions
    ) -> Answer:
        """Batch delete or batch create. Nothing is counted; a failure names a resource, not a tag."""
        project = self._project(session, scope)
        if isinstance(project, Answer):
            return project
        resources = [{"resource_id": id_, "resource_type": scope.type} for id_ in ids]
        body = {**project, "resources": resources, "tags": tag_bodies(tags)}
        reply = await call(session, "POST", f"{self._endpoint}/v1.0/resource-tags/{_OPERATIONS[action]}", body)
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return self.judged(reply, session)
        try:
            failures = _failures(rows_of(reply.json(), "failed_resources"), scope, ids, session.credentials)
        except (LookupError, TypeError):
            return unbelieved(reply, session.credentials)
        return Answer(Verdict.DONE, request_id=request_id(reply), failures=failures)

    async def read(self, session: HuaweiSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """The tags of one resource."""
        project = self._project(session, scope)
        if isinstance(project, Answer):
            return project
        query = urlencode({**project, "resource_type": scope.type}, quote_via=quote)
        reply = await call(session, "GET", f"{self._endpoint}/v2.0/resources/{quote(ids[0], safe='')}/tags?{query}")
        if isinstance(reply, Answer):
            return reply
        ok = reply.status == httpx.codes.OK
        return resource_tags(reply, session, scope, ids[0]) if ok else self.judged(reply, session)

    async def names(self, session: HuaweiSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:  # noqa: ARG002
        """The tags of a type's resources in the project, all in one answer."""
        project = self._project(session, scope)
        if isinstance(project, Answer):
            return project
        query = urlencode({**project, "resource_types": scope.type}, quote_via=quote)
        reply = await call(session, "GET", f"{self._endpoint}/v1.0/tags?{query}")
        return reply if isinstance(reply, Answer) else self._unlisted(reply, session) or name_page(reply, session, key)

    async def find(self, session: HuaweiSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """A page of resources."""
        project = self._project(session, scope)
        if isinstance(project, Answer):
            return project
        page = Page.of(cursor, self.page)
        body = {
            **project,
            "resource_types": [scope.type],
            "tags": search_tags(tag),
            "limit": page.size,
            "offset": page.offset,
        }
        reply = await call(session, "POST", f"{self._endpoint}/v1.0/resource-instances/filter", body)
        if isinstance(reply, Answer):
            return reply
        return self._unlisted(reply, session) or resource_page(reply, session, scope, page)

    def _unlisted(self, reply: Reply, session: HuaweiSession) -> Answer | None:
        """Why a listing is none: an error, or a service behind TMS that failed inside an answer of success."""
        if reply.status != httpx.codes.OK:
            return self.judged(reply, session)
        payload = reply.json()
        errors = payload.get("errors") if isinstance(payload, dict) else None
        if not errors:
            return None
        failures = [
            _failure(error, session.credentials) for error in (errors if isinstance(errors, list) else [errors])
        ]
        code, message, verdict = min(failures, key=_urgency)
        if code == _NO_CODE:
            verdict = Verdict.UNAVAILABLE
        if verdict is Verdict.NOT_FOUND:
            verdict = Verdict.FAILED  # a listing asks for no resource by its id
        return Answer(verdict, code, message, request_id(reply))

    def _project(self, session: HuaweiSession, scope: Scope) -> dict[str, str] | Answer:
        """The project as a parameter, none where the scope knows of none; or why no call can be made.

        The refusal was asked for before. Since then the credentials may have been read anew.
        """
        refused = self.refusal(session.credentials, scope)
        if refused is not None:
            return Answer(refused.verdict, refused.code, refused.message)
        project = scope.project_id or (scope.region and session.credentials.projects.get(scope.region))
        return {"project_id": project} if project else {}


_NO_CODE = "resource_failed"


def _failure(entry: Any, credentials: HuaweiCloudCredentials) -> Failure:
    """An error that stands in an answer of success."""
    code, message = error_texts(entry, credentials)
    return Failure(code or _NO_CODE, message or "no reason was given", verdict_of_code(code))


def _urgency(failure: Failure) -> int:
    return _URGENCY.index(failure.verdict)


def _failures(
    entries: list[Any], scope: Scope, ids: tuple[str, ...], credentials: HuaweiCloudCredentials
) -> dict[str, Failure]:
    """The resources that failed. LookupError or TypeError if an entry is none, or names a resource that is not in the
    call.
    """
    failures: dict[str, Failure] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise TypeError("an entry should be an object")
        id_ = entry.get("resource_id")
        if id_ not in ids or is_of_another_type(entry, scope):
            raise LookupError("the call names no such resource")
        failure = _failure(entry, credentials)
        failures[id_] = min(failures.get(id_, failure), failure, key=_urgency)
    return failures
