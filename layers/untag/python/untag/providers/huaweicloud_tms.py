"""Huawei Cloud's Tag Management Service (TMS): tags of most services' resources, several resources in a call.

Facts from huaweicloudsdktms 3.1.219, the API's pages and their table of errors. What they leave open:

- The pages say 50 resources in a call, an older description of the same API says 20: `resources_per_call` is a setting,
  and its default holds under both.
- An answer of success lists the resources that failed, so one without the list says nothing. An entry names a code, and
  which codes stand there is not documented: what is known to pass is retried, anything else is read back.
- Whether a value is compared, and what a delete of a tag that is not there answers, differs by the service behind TMS.
  So with `read_first` the tags are read before, as at Config. The read takes one resource.
- `project_id` is "mandatory for region-specific services", and which types those are only a list of TMS's own says. It
  is sent where it is known. A region without a known project fails by name, since without a project TMS would look
  among global resources; where neither is named, TMS has the last word.
- The pages give keys 36 characters and values 43; the services behind TMS take 128 and 255, and hold such tags.
"""

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from untag import environment
from untag.contracts import Action, RemovalRequest, Tag
from untag.providers.base import Answer, Failure, Limits, Provider, Scope, Session, Verdict
from untag.providers.http import Reply, call, tags_of, unexpected
from untag.providers.huaweicloud import THROTTLES, HuaweiCloud, found, named, request_id, told, wanted, wire

DEFAULT_ENDPOINT = "https://tms.myhuaweicloud.com"

RESOURCES_PER_CALL = 20
MOST_RESOURCES_PER_CALL = 50

_CONFIG_PREFIX = "config:"
_OPERATIONS = {Action.REMOVE: "batch-delete", Action.RESTORE: "batch-create"}

_PASSING = THROTTLES | {"TMS.0001"}  # "System error", a 500 where it is said of a whole call
_PASSING_STATUS = re.compile(r"408|429|5[0-9]{2}")
"""A status of HTTP in a code's place. Not at a code's end: `VPC.0504` is a security group that does not exist."""


class HuaweiTms(HuaweiCloud):
    """TMS's resource tags, version 1.0, and 2.0 to read. A call is within one project, or within none."""

    api = "tms"
    speaker = "TMS."
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
    def from_environment(cls, environ: Mapping[str, str], *, read_first: bool) -> Self:
        """With its endpoint and the number of resources that go into one call."""
        return cls(
            environment.endpoint(environ, "UNTAG_HUAWEICLOUD_TMS_ENDPOINT", DEFAULT_ENDPOINT),
            read_first=read_first,
            resources_per_call=environment.whole(
                environ,
                "UNTAG_HUAWEICLOUD_TMS_RESOURCES_PER_CALL",
                RESOURCES_PER_CALL,
                low=1,
                high=MOST_RESOURCES_PER_CALL,
            ),
        )

    def accepts(self, type_: str) -> bool:
        """Every type but Config's: which ones there are is TMS's to say, and it says so by service and region."""
        return not type_.startswith(_CONFIG_PREFIX)

    def scope(self, request: RemovalRequest, type_: str) -> Scope:
        """One account, project and type; a region serves to find the project, and counts only where none is named."""
        region = request.region if request.project_id is None else None
        return Scope(self.name, self.api, request.account, region, request.project_id, type_)

    async def write(
        self, session: Session, action: Action, scope: Scope, ids: tuple[str, ...], tags: tuple[Tag, ...]
    ) -> Answer:
        """Batch delete or batch create. Nothing is counted; a failure is told for a resource, not for a tag."""
        project = _project(session, scope)
        if isinstance(project, Answer):
            return project
        resources = [{"resource_id": id_, "resource_type": scope.type} for id_ in ids]
        body = {**project, "resources": resources, "tags": wire(tags)}
        reply = await call(session, "POST", f"{self._endpoint}/v1.0/resource-tags/{_OPERATIONS[action]}", body)
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return self.judged(reply, session)
        payload = reply.json()
        failures = _failures(payload.get("failed_resources") if isinstance(payload, dict) else None, ids, session)
        if failures is None:
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply), failures=failures)

    async def read(self, session: Session, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """The tags of one resource."""
        project = _project(session, scope)
        if isinstance(project, Answer):
            return project
        query = urlencode({**project, "resource_type": scope.type}, quote_via=quote)
        reply = await call(session, "GET", f"{self._endpoint}/v2.0/resources/{quote(ids[0], safe='')}/tags?{query}")
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return self.judged(reply, session)
        try:
            tags = tags_of(reply.json()["tags"])
        except (KeyError, TypeError, AttributeError):
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply), tags={ids[0]: tags})

    async def names(self, session: Session, scope: Scope, key: str | None, offset: int) -> Answer:  # noqa: ARG002
        """The tags of a type's resources in the project, all in one answer."""
        project = _project(session, scope)
        if isinstance(project, Answer):
            return project
        query = urlencode({**project, "resource_types": scope.type}, quote_via=quote)
        reply = await call(session, "GET", f"{self._endpoint}/v1.0/tags?{query}")
        return reply if isinstance(reply, Answer) else self._listed(reply, session) or named(reply, key)

    async def find(self, session: Session, scope: Scope, tag: Tag, offset: int) -> Answer:
        """A page of resources."""
        project = _project(session, scope)
        if isinstance(project, Answer):
            return project
        body = {**project, "resource_types": [scope.type], "tags": wanted(tag), "limit": self.page, "offset": offset}
        reply = await call(session, "POST", f"{self._endpoint}/v1.0/resource-instances/filter", body)
        return reply if isinstance(reply, Answer) else self._listed(reply, session) or found(reply)

    def _listed(self, reply: Reply, session: Session) -> Answer | None:
        """Why a listing is none: an error, or a service behind TMS that failed inside an answer of success."""
        if reply.status != httpx.codes.OK:
            return self.judged(reply, session)
        payload = reply.json()
        errors = payload.get("errors") if isinstance(payload, dict) else None
        if not errors:
            return None
        code, message = told(errors[0] if isinstance(errors, list) else None, session.credentials)
        passing = code is None or code in _PASSING or _PASSING_STATUS.fullmatch(code) is not None
        return Answer(
            Verdict.UNAVAILABLE if passing else Verdict.FAILED,
            code=code or "resource_failed",
            message=message or "a service behind TMS did not answer",
            request_id=request_id(reply),
        )


PROVIDER: type[Provider] = HuaweiTms


def _project(session: Session, scope: Scope) -> dict[str, str] | Answer:
    """The project as a parameter, none where the scope knows of none; or why no call can be made."""
    if scope.project_id is not None:
        return {"project_id": scope.project_id}
    if scope.region is None:
        return {}
    if found := session.credentials.projects.get(scope.region):
        return {"project_id": found}
    message = f"no project is known for {scope.region}: name project_id, or add the region to projects in the secret"
    return Answer(Verdict.FAILED, code="no_project", message=message)


def _failures(listed: Any, ids: tuple[str, ...], session: Session) -> dict[str, Failure] | None:
    """The resources that failed; None if this is no such list, or speaks of a resource that is not in the call."""
    if not isinstance(listed, list):
        return None
    failures: dict[str, Failure] = {}
    for entry in listed:
        id_ = entry.get("resource_id") if isinstance(entry, dict) else None
        if id_ not in ids:
            return None
        code, message = told(entry, session.credentials)
        code = code or "resource_failed"
        retryable = code in _PASSING or _PASSING_STATUS.fullmatch(code) is not None
        if id_ not in failures or retryable:  # named twice, it is asked for again if any of it may pass
            failures[id_] = Failure(
                code, message or "no reason was given", Verdict.UNAVAILABLE if retryable else Verdict.FAILED
            )
    return failures
