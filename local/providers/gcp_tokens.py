"""Google's token service and service accounts on this machine: an AWS role's signed call in, an access token out.

Forms, checks and errors are google-auth's (2.63.0) and the token service's page's.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from local.providers.accounts import Account
from local.providers.aws_signature import AwsVerifier, SignatureError
from local.providers.gcp_services import refuse
from local.providers.server import Answer, Refusal
from local.providers.wire import Request

IAM = "https://www.googleapis.com/auth/iam"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME = 3600.0
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_AWS = "urn:ietf:params:aws:token-type:aws4_request"
_URL = re.compile(r"https://(sts\.[a-z0-9-]+\.amazonaws\.com)(\?Action=GetCallerIdentity&Version=2011-06-15)")
_GENERATE = re.compile(r".*/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")


@dataclass(frozen=True, slots=True)
class Pool:
    """A workload identity provider that trusts AWS keys, and the service account that its tokens may act as."""

    audience: str
    service_account: str
    account: str = "default"


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was given out: whose it is, until when, and what for."""

    account: str
    expires: float
    scope: str


class GcpTokens:
    """Gives out tokens, and says whose one is."""

    def __init__(self, clock: Callable[[], float], pools: tuple[Pool, ...], keys: Mapping[str, Account]) -> None:
        """`keys` are the AWS keys that the pools trust."""
        self.clock = clock
        self.pools = pools
        self.keys = dict(keys)
        self.issued: dict[str, Token] = {}

    def owner(self, token: str, scope: str = CLOUD_PLATFORM) -> str | None:
        """The account of a token; None where it is none, or no more. Refusal where it is for something else."""
        found = self.issued.get(token)
        if found is None or found.expires <= self.clock():
            return None
        if found.scope != scope:
            message = "Request had insufficient authentication scopes."
            raise refuse(403, message, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
        return found.account

    def exchange(self, request: Request) -> Answer:
        """A federated token for a signed call of `GetCallerIdentity`."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != _GRANT or form.get("requested_token_type") != _ACCESS:
            raise _refuse("invalid_request", "Invalid grant_type or requested_token_type")
        pool = next((pool for pool in self.pools if pool.audience == form.get("audience")), None)
        if pool is None:
            raise _refuse("invalid_target", "The target service indicated by the audience is invalid")
        if form.get("subject_token_type") != _AWS:
            raise _refuse("invalid_request", "Invalid subject_token_type")
        self._check_proof(form.get("subject_token", ""), pool.audience)
        token = self.issue(pool.account, form.get("scope", ""))
        told = {
            "access_token": token,
            "issued_token_type": _ACCESS,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME),
        }
        return Answer(200, told)

    def generate(self, request: Request, body: Any) -> Answer:
        """The token of a service account, for a federated one."""
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        account = self.owner(token, IAM)
        if account is None:
            raise refuse(401, "Request had invalid authentication credentials.")
        named = _GENERATE.fullmatch(unquote(request.path))
        allowed = any(
            named is not None and pool.service_account == named[1] and pool.account == account for pool in self.pools
        )
        if not allowed:
            raise refuse(403, "Permission 'iam.serviceAccounts.getAccessToken' denied", "IAM_PERMISSION_DENIED")
        if not isinstance(body, dict) or body.get("scope") != [CLOUD_PLATFORM] or body.get("lifetime") != "3600s":
            raise refuse(400, "Invalid scope or lifetime")
        expires = datetime.fromtimestamp(self.clock() + LIFETIME, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(200, {"accessToken": self.issue(account, CLOUD_PLATFORM), "expireTime": expires})

    def issue(self, account: str, scope: str) -> str:
        """A new token."""
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.issued[token] = Token(account, self.clock() + LIFETIME, scope)
        return token

    def _check_proof(self, text: str, audience: str) -> None:
        """Refusal unless it is a call of `GetCallerIdentity` that a trusted key has signed, for this very audience."""
        try:
            proof = json.loads(unquote(text))
            headers = tuple((str(one["key"]).lower(), str(one["value"])) for one in proof["headers"])
            url = _URL.fullmatch(proof["url"])
        except (ValueError, KeyError, TypeError):
            raise _refuse("invalid_grant", "The subject token is not valid") from None
        call = Request(str(proof.get("method")), f"/{url[2]}" if url else "/", headers)
        if url is None or call.method != "POST" or call.header("host") != url[1]:
            raise _refuse("invalid_grant", "The subject token is not a call of GetCallerIdentity")
        if call.header("x-goog-cloud-target-resource") != audience:
            raise _refuse("invalid_grant", "The subject token is for another audience")
        try:
            AwsVerifier(self.keys, self.clock, "sts").verify(call)
        except SignatureError as error:
            raise _refuse("invalid_grant", f"Received an error from AWS: {error.code}") from None


def _refuse(code: str, description: str) -> Refusal:
    return Refusal(Answer(400, {"error": code, "error_description": description}, code))
