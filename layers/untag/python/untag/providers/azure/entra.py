"""Tokens of Entra ID: by an application's secret, or by a web identity token of the host's own AWS role.

Facts from azure-identity 1.27.0 and msal 1.39.0 (the form and its fields), botocore 1.44.8 (`GetWebIdentityToken`) and
the pages "Microsoft Entra authentication and authorization error codes" and "Workload identity federation". What they
leave open, and what follows:

- A refusal has status 400 or 401 without a system in it: `error` and the numbers in `error_codes` decide. Its text
  names tenant and application, and is not passed on.
- `70021`, that no federated credential matches, is lasting, but also said for minutes after one was made: it passes.
- Whether STS's codes end in `Exception` is told in two ways: both are understood.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from untag.providers.azure.answers import refuses_token
from untag.providers.azure.credentials import CLOUDS, AzureCredentials
from untag.providers.base import Answer, Failure, Session, Verdict
from untag.providers.host_role import HostRole
from untag.providers.http import Reply, call, end_of, name_of, unexpected, within
from untag.providers.tokens import FORM, Bearer, Issued, TokenAuth, TokenStore, ask_for_token, form

AUDIENCE = "api://AzureADTokenExchange"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_PASSING = frozenset({50033, 70021, 90006, 90012, 90024, 90033, 90055, 90090})
"""Numbers of refusals that pass: trouble of Entra's own, its throttles, and a federated credential that is new."""

_NO_MATCH = 70021
_NO_CREDENTIAL = "no federated credential fits this AWS role, or it is new"

_LIFETIMES = (300, 60)
"""Seconds that a web identity token is asked for: the default, and the least where the role's session ends before."""
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
_TOKEN = re.compile(rb"<WebIdentityToken>\s*([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\s*</WebIdentityToken>")
_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9._-]{1,128})\s*</Code>")
_MAX_BYTES = 64 * 1024
_TOO_LONG = "SessionDurationEscalation"
_BAD_KEY = frozenset({"ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken"})
_THROTTLES = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded"})
_UNAVAILABLE_STATUS = frozenset({408, 500, 502, 503, 504})


class Entra:
    """Gives out what calls to the Resource Manager bear. `environ` has the host's AWS role, or says where it is."""

    def __init__(
        self, environ: Mapping[str, str], login: str | None, sts: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._environ = environ
        self._login = login
        self._sts = sts
        self._clock = clock
        self._role = HostRole(environ, clock)
        self._tokens: TokenStore[str] = TokenStore(clock)

    def auth(self, credentials: AzureCredentials) -> TokenAuth[str]:
        """The account's token, renewed when it has to be."""
        own = credentials
        key = (own.cloud, own.tenant_id, own.client_id, own.client_secret)
        return TokenAuth(self._tokens.of(key, partial(self._issue, credentials)), Bearer, refuses_token)

    def refusal(self, credentials: AzureCredentials) -> Failure | None:
        """Why no token can ever be had here."""
        if credentials.client_secret is not None or (why := self._role.lacking()) is None:
            return None
        message = f"there is no client_secret, and {why}: a token of an AWS role could stand for it"
        return Failure("no_aws_role", message)

    async def _issue(self, credentials: AzureCredentials, session: Session) -> Issued[str] | Answer:
        until = end_of(session)
        cloud = CLOUDS[credentials.cloud]
        fields = {
            "client_id": credentials.client_id,
            "grant_type": "client_credentials",
            "scope": f"{cloud.management}/.default",
        }
        if credentials.client_secret is not None:
            fields["client_secret"] = credentials.client_secret
        else:
            assertion = await self._assertion(session)
            if isinstance(assertion, Answer):
                return assertion
            fields |= {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
        numbers: list[int] = []

        def passes(error: Mapping[str, Any]) -> bool:
            told = error.get("error_codes")
            numbers.extend(one for one in (told if isinstance(told, list) else ()) if isinstance(one, int))
            return not _PASSING.isdisjoint(numbers)

        url = f"{self._login or cloud.login}/{credentials.tenant_id}/oauth2/v2.0/token"
        answer = await ask_for_token(within(session, until), url, fields, passes=passes, clock=self._clock)
        if isinstance(answer, Answer) and numbers:
            code = f"AADSTS{numbers[0]}"
            why = f"{code}, {_NO_CREDENTIAL}" if numbers[0] == _NO_MATCH else code
            return replace(answer, code=code, message=f"no token was issued: {why}")
        return answer

    async def _assertion(self, session: Session) -> str | Answer:
        """A token of the host's AWS role, which Entra takes in the place of a secret."""
        region = self._environ.get("AWS_REGION", "")
        if not _REGION.fullmatch(region):
            return Answer(Verdict.FAILED, "no_region", "the host does not say its AWS region")
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        url = f"{self._sts or f'https://sts.{region}.{suffix}'}/"
        signed = session._replace(auth=self._role.auth("sts", region, lambda reply: _code(reply) in _BAD_KEY))
        answer: str | Answer = Answer(Verdict.UNAVAILABLE)
        until = end_of(session)
        for seconds in _LIFETIMES:
            fields = {
                "Action": "GetWebIdentityToken",
                "Version": "2011-06-15",
                "Audience.member.1": AUDIENCE,
                "SigningAlgorithm": "RS256",
                "DurationSeconds": str(seconds),
            }
            left = within(signed, until)
            headers = {"accept": "text/xml"}
            reply = await call(left, "POST", url, form(fields), content_type=FORM, headers=headers, limit=_MAX_BYTES)
            answer = reply if isinstance(reply, Answer) else _told(reply)
            if isinstance(answer, str) or answer.code != _TOO_LONG:
                break
        return answer


def _told(reply: Reply) -> str | Answer:
    """The token in an answer of STS, or what the answer means."""
    request_id = name_of(reply.headers.get("x-amzn-requestid"))
    if reply.status == httpx.codes.OK:
        found = _TOKEN.search(reply.body)
        return found[1].decode() if found else unexpected(reply, request_id)
    code = _code(reply)
    verdict = Verdict.FAILED  # a right that is missing, or the federation that is not enabled
    if reply.status == httpx.codes.TOO_MANY_REQUESTS or code in _THROTTLES:
        verdict = Verdict.THROTTLED
    elif reply.status in _UNAVAILABLE_STATUS or code == _TOO_LONG:
        verdict = Verdict.UNAVAILABLE
    elif code in _BAD_KEY:
        verdict = Verdict.UNAUTHORIZED
    return Answer(verdict, code, f"sts GetWebIdentityToken: {code}", request_id, reply.retry_after())


def _code(reply: Reply) -> str:
    found = _CODE.search(reply.body) if reply.status != httpx.codes.OK else None
    code = found[1].decode() if found else f"HTTP_{reply.status}"
    return code if code in _THROTTLES else code.removesuffix("Exception")
