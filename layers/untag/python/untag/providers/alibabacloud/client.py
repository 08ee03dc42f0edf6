"""Calls Alibaba Cloud's Tag API and STS, and remembers how each type's ARNs are written, as answers show."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from untag.providers.alibabacloud.answers import judged, request_id
from untag.providers.alibabacloud.arns import DOCUMENTED, Arn, Template, parse_arn, plain_template, template_of
from untag.providers.alibabacloud.credentials import AlibabaSession
from untag.providers.alibabacloud.endpoints import host_of
from untag.providers.alibabacloud.listings import rows
from untag.providers.base import AGAIN, Answer, Scope, Verdict
from untag.providers.http import Reply, call, unexpected
from untag.providers.owners import Owner, another_account, number_in

VERSION = "2018-08-28"
STS_VERSION = "2015-04-01"
STS_ENDPOINT = "https://sts.aliyuncs.com"

_STOP = AGAIN | {Verdict.UNAUTHORIZED}
"""Answers that say nothing of a type, and that the next call would get, too."""
_ANSWER_SECONDS = 300.0
"""How long it is remembered that there is no template. A right that is given, or a type that is new, shows then."""


class Api:
    """The Tag API, called: parameters travel in the query. And STS."""

    def __init__(self, endpoint: str | None, sts_endpoint: str = STS_ENDPOINT) -> None:
        """`endpoint` stands in place of the regions' own."""
        self._endpoint = endpoint
        self._sts = sts_endpoint.rstrip("/")

    async def identify(self, session: AlibabaSession, _: str) -> str | Answer:
        """The number of the account that the key belongs to. No permission is needed for it."""
        headers = {"x-acs-action": "GetCallerIdentity", "x-acs-version": STS_VERSION}
        reply = judged(await call(session, "POST", f"{self._sts}/", headers=headers), session)
        if isinstance(reply, Answer):
            return reply
        return number_in(reply.json().get("AccountId")) or unexpected(reply, request_id(reply))

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
    """The template of each type at an account and region."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._clock = clock
        self._templates: dict[tuple[str, str | None, str], Template] = {}
        self._without: dict[tuple[str, str | None, str], tuple[Answer, float]] = {}

    async def arns(
        self, session: AlibabaSession, scope: Scope, ids: tuple[str, ...], owner: Owner
    ) -> dict[str, Arn] | Answer:
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
            if arn.account.isdigit() and owner.number is not None and owner.number != arn.account:
                return another_account(str(arn), owner.number)
            named[id_] = arn
        return named

    async def is_bare(self, session: AlibabaSession, scope: Scope, arn: Arn, owner: Owner) -> bool | Answer:
        """Whether a resource that ListTagResources leaves out has no tags. An Answer where that cannot be said now.

        `*` is the account of the call, whatever its number is.
        """
        template = await self._template(session, scope)
        if isinstance(template, Answer):
            return template if template.verdict in AGAIN else False
        # What is in another form may be no resource's ARN to the API: that it is left out says nothing.
        return template.matches(arn) and (not arn.account.isdigit() or owner.is_account(arn.account))

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
