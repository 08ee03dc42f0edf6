"""How a token of a service account is had: the host's AWS role proves itself to Google, without any key of Google's.

Facts from google-auth 2.63.0 (`aws.Credentials`) and its exchanges. Three steps:

1. A signed call of `GetCallerIdentity` is written down, and not made: Google's token service makes it. The audience is
   signed with it, as Google's guide does and google-auth does not, so that it is good for this pool alone. A signature
   is good for 15 minutes: each token has a new one.
2. Google's token service gives a federated token for it.
3. The federated token may act as the service account, and so gets its token, for an hour.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from urllib.parse import quote

import httpx

from untag.providers.base import Answer, Session, Verdict
from untag.providers.gcp.answers import judged
from untag.providers.gcp.credentials import GcpCredentials
from untag.providers.host_role import HostRole
from untag.providers.http import call, unexpected
from untag.providers.signing import AWS4, DerivedKeyAuth
from untag.providers.tokens import Bearer, Issued, TokenAuth, TokenStore, ask_for_token

LIFETIME = "3600s"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_IAM = "https://www.googleapis.com/auth/iam"
_QUERY = "Action=GetCallerIdentity&Version=2011-06-15"
_REGION = re.compile(r"[a-z]{2}(?:-[a-z0-9]+)+")
_HERE = "; on your own machine set GOOGLE_OAUTH_ACCESS_TOKEN to what `gcloud auth print-access-token` prints"


class GcpTokens:
    """Gives what authenticates an account's calls. `environ` holds the host's own AWS keys, or says where they are."""

    def __init__(
        self, environ: Mapping[str, str], endpoint: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._environ = environ
        self._endpoint = endpoint
        self._clock = clock
        self._host = HostRole(environ, clock)
        self._tokens: TokenStore[str] = TokenStore(clock)

    def auth(self, credentials: GcpCredentials) -> httpx.Auth:
        """A token that is there, or one that is issued and renewed."""
        if credentials.access_token is not None:
            return Bearer(credentials.access_token)
        key = (credentials.audience, credentials.service_account)
        return TokenAuth(self._tokens.of(key, partial(self._issue, credentials)), Bearer)

    async def _issue(self, credentials: GcpCredentials, session: Session) -> Issued[str] | Answer:
        proof = await self._proof(session, credentials.audience or "")
        if isinstance(proof, Answer):
            return proof
        fields = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": credentials.audience or "",
            "scope": _IAM,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token": proof,
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        }
        federated = await ask_for_token(session, self._url("sts.googleapis.com/v1/token"), fields, clock=self._clock)
        if isinstance(federated, Answer):
            return federated
        path = f"v1/projects/-/serviceAccounts/{credentials.service_account}:generateAccessToken"
        own = session._replace(auth=Bearer(federated.value))
        body = {"delegates": None, "scope": [CLOUD_PLATFORM], "lifetime": LIFETIME}
        reply = judged(await call(own, "POST", self._url(f"iamcredentials.googleapis.com/{path}"), body), own)
        if isinstance(reply, Answer):
            return _no_service_account(reply)
        payload = reply.json()
        try:
            token, expires = payload["accessToken"], datetime.fromisoformat(payload["expireTime"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return unexpected(reply, None)
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            return unexpected(reply, None)
        return Issued(token, expires)

    async def _proof(self, session: Session, audience: str) -> str | Answer:
        """A signed call of `GetCallerIdentity` in the form in which Google's token service takes it."""
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or ""
        host_auth = self._host.auth("sts", region)
        ready = await host_auth.current(session)
        if isinstance(ready, Answer):
            if ready.code != "no_credentials":
                return ready
            message = f"a service account needs the AWS role of the host: {ready.message}{_HERE}"
            return Answer(ready.verdict, ready.code, message)
        key = host_auth.token
        if key is None or not _REGION.fullmatch(region):
            return Answer(Verdict.FAILED, "no_region", "AWS_REGION is not set: the call that proves the role needs it")
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        headers = {"host": f"sts.{region}.amazonaws.com", "x-amz-date": stamp}
        if key.security_token is not None:
            headers["x-amz-security-token"] = key.security_token
        headers["x-goog-cloud-target-resource"] = audience
        signer = DerivedKeyAuth(AWS4, key, region=region, service="sts", clock=self._clock)
        body_hash = hashlib.sha256(b"").hexdigest()
        signed = {"Authorization": signer.authorization("POST", f"/?{_QUERY}", headers, body_hash, stamp), **headers}
        proof = {
            "headers": [{"key": name, "value": value} for name, value in signed.items()],
            "method": "POST",
            "url": f"https://{headers['host']}?{_QUERY}",
        }
        return quote(json.dumps(proof, separators=(",", ":")))

    def _url(self, rest: str) -> str:
        return f"{self._endpoint or 'https:/'}/{rest}"


def _no_service_account(answer: Answer) -> Answer:
    """What it means that a service account's token is not given out for a federated one."""
    verdict = answer.verdict
    if verdict in (Verdict.FORBIDDEN, Verdict.NOT_FOUND, Verdict.REFUSED, Verdict.STALE):
        verdict = Verdict.FAILED
    said = answer.message or "no reason was given"
    message = f"generateAccessToken (roles/iam.workloadIdentityUser, which takes minutes to take effect): {said}"
    return Answer(verdict, answer.code, message, answer.request_id, answer.retry_after)
