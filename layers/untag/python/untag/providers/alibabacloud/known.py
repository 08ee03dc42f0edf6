"""What answers have shown while the process lives: each account's number, and how ARNs are written."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from untag.providers.alibabacloud.answers import judged, request_id
from untag.providers.alibabacloud.arns import DOCUMENTED, Arn, Template, parse_arn, plain_template, template_of
from untag.providers.alibabacloud.credentials import AlibabaSession
from untag.providers.alibabacloud.endpoints import host_of
from untag.providers.alibabacloud.listings import listed, rows
from untag.providers.base import AGAIN, Answer, Scope, Verdict
from untag.providers.http import Reply, call, unexpected

VERSION = "2018-08-28"

_STOP = AGAIN | {Verdict.UNAUTHORIZED}
"""Answers that say nothing of a type, and that the next call would get, too."""
_ANSWER_SECONDS = 300.0
"""How long it is remembered that there is no template. A right that is given, or a type that is new, shows then."""


def end_of(session: AlibabaSession) -> float:
    """The moment at which all calls of one step have to be over."""
    return asyncio.get_running_loop().time() + session.timeout


def within(session: AlibabaSession, until: float) -> AlibabaSession:
    """The session for what time is left."""
    return session._replace(timeout=max(until - asyncio.get_running_loop().time(), 0.001))


class Api:
    """The Tag API, called: parameters travel in the query."""

    def __init__(self, endpoint: str | None) -> None:
        """`endpoint` stands in place of the regions' own."""
        self._endpoint = endpoint

    async def call(
        self, session: AlibabaSession, scope: Scope, operation: str, parameters: Iterable[tuple[str, str]]
    ) -> Reply | Answer:
        """The reply if it is a success, else what it means."""
        region = scope.region or ""
        sent = sorted([("RegionId", region), *parameters])
        query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in sent)
        url = f"{self._endpoint or f'https://{host_of(region)}'}/?{query}"
        headers = {"x-acs-action": operation, "x-acs-version": VERSION}
        return judged(await call(session, "POST", url, headers=headers), session)


class Known:
    """The number of each account, and the template of each type at an account and region."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._clock = clock
        self._owners: dict[tuple[str, str], str] = {}
        self._templates: dict[tuple[str, str | None, str], Template] = {}
        self._without: dict[tuple[str, str | None, str], tuple[Answer, float]] = {}

    def owner(self, session: AlibabaSession, scope: Scope) -> str | None:
        """The number of the account that the credentials are of, if it has shown."""
        return self._owners.get((scope.account, session.credentials.access_key))

    def learn(self, session: AlibabaSession, scope: Scope, arn: Arn) -> None:
        """A resource is listed: the API lists only the account's own."""
        if arn.account.isdigit():
            self._owners.setdefault((scope.account, session.credentials.access_key), arn.account)

    async def arns(self, session: AlibabaSession, scope: Scope, ids: tuple[str, ...]) -> dict[str, Arn] | Answer:
        """Each resource's ARN. An Answer where one cannot be built, or is another account's.

        Ids of an unknown type refuse the call where ARNs stand among them, so that the ARNs are asked for without them.
        """
        named: dict[str, Arn] = {}
        for id_ in ids:
            arn = parse_arn(id_)
            if arn is None:
                template = await self._template(session, scope)
                if isinstance(template, Answer) and template.verdict in _STOP:
                    return template
                if isinstance(template, Answer) and template.code == "unknown_type":
                    mixed = any(map(parse_arn, ids))
                    return replace(template, verdict=Verdict.REFUSED) if mixed else template
                built = plain_template(scope.type) if isinstance(template, Answer) else template
                arn = parse_arn(built.arn(id_, scope.region or ""))
            if arn is None:
                return Answer(Verdict.REFUSED, "invalid_id", f"no ARN can be built of {id_}")
            owner = self.owner(session, scope)
            if arn.account.isdigit() and owner not in (None, arn.account):
                message = f"{arn} is in another account than the credentials, which are of {owner}"
                return Answer(Verdict.REFUSED, "account_mismatch", message)
            named[id_] = arn
        return named

    async def is_bare(self, session: AlibabaSession, scope: Scope, arn: Arn) -> bool | Answer:
        """Whether a resource that ListTagResources leaves out has no tags. An Answer where that cannot be said now."""
        until = end_of(session)
        template = await self._template(session, scope)
        if isinstance(template, Answer):
            return template if template.verdict in AGAIN else False
        if not template.matches(arn):
            # The API may take it for no resource's ARN: that it is left out says nothing.
            return False
        if not arn.account.isdigit():
            return True
        if self.owner(session, scope) is None:
            # Any tagged resource of the region says whose account this is.
            rest = within(session, until)
            reply = await self._api.call(rest, scope, "ListTagResources", [("PageSize", "1")])
            if isinstance(reply, Answer):
                return reply if reply.verdict in AGAIN else False
            for told, _ in listed(reply) or ():
                self.learn(session, scope, told)
        return self.owner(session, scope) == arn.account

    async def _template(self, session: AlibabaSession, scope: Scope) -> Template | Answer:
        """How ARNs of the scope's type are written. An Answer where the API does not know the type, or does not say."""
        if scope.type in DOCUMENTED:
            return plain_template(scope.type)
        place = (scope.account, scope.region, scope.type)
        if place in self._templates:
            return self._templates[place]
        without, until = self._without.get(place, (None, 0.0))
        if without is not None and self._clock() < until:
            return without
        answer = await self._ask(session, scope)
        if isinstance(answer, Template):
            self._templates[place] = answer
        elif answer.verdict not in _STOP:
            self._without[place] = answer, self._clock() + _ANSWER_SECONDS
        return answer

    async def _ask(self, session: AlibabaSession, scope: Scope) -> Template | Answer:
        product, _, kind = scope.type.partition(":")
        parameters = [("ProductCode", product), ("ResourceTye", kind)]  # so the API writes it
        reply = await self._api.call(session, scope, "ListSupportResourceTypes", parameters)
        if isinstance(reply, Answer):
            return reply
        found = rows(reply.json(), "SupportResourceTypes")
        if found is None or not all(isinstance(row, Mapping) for row in found):
            return unexpected(reply, request_id(reply))
        for row in found:
            template = template_of(row.get("ArnTemplate"))
            same = f"{row.get('ProductCode')}:{row.get('ResourceType')}".lower() == scope.type.lower()
            if same and template is not None:
                return template
        message = f"the tag API has no ARN template for type {scope.type}: name the resource by its ARN"
        return Answer(Verdict.FAILED, "unknown_type", message, request_id(reply))
