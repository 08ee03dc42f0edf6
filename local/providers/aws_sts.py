"""AWS's Security Token Service on this machine: `AssumeRole`, `GetCallerIdentity`, `GetWebIdentityToken`.

The Query protocol. Other clouds' local token endpoints take the web identity tokens.

Envelopes and codes are the model's (botocore 1.44.8, sts 2011-06-15). The keys that it gives out are good at the local
tagging API: all that is to be known of them stands in their token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from local.providers.accounts import Account
from local.providers.aws_service import AwsQueryService
from local.providers.aws_signature import issue
from local.providers.azure_tokens import ISSUER, web_identity_token
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, Refusal
from local.providers.tag_table import Cause
from local.providers.wire import Request

WEB_IDENTITY_LIFETIME = (60, 3600)  # documents: GetWebIdentityToken, DurationSeconds
ROLE_LIFETIME = (900, 3600)  # documents: a role that a role assumes lasts an hour at most


@dataclass(frozen=True, slots=True)
class Role:
    """A role that may be assumed: the account that its keys see, and the external id that its trust policy wants."""

    account: str
    external_id: str | None = None


class AwsStsServer(AwsQueryService):
    """Gives out the keys of `roles`, by their ARNs, and says whose a key is."""

    name: ClassVar[str] = "aws-sts"
    api: ClassVar[str] = "aws.sts"
    service: ClassVar[str] = "sts"
    namespace: ClassVar[str] = "https://sts.amazonaws.com/doc/2011-06-15/"
    operations: ClassVar[Mapping[str, bool]] = {
        "AssumeRole": False,
        "GetCallerIdentity": False,
        "GetWebIdentityToken": False,
    }

    def __init__(
        self, credentials: Mapping[str, Account] | None = None, *, roles: Mapping[str, Role] = {}, **common: Any
    ) -> None:
        super().__init__(credentials, **common)
        self.roles = dict(roles)
        self._callers: dict[str, Account] = {}

    def verify(self, request: Request) -> str:
        """The account's name; whose key it is is kept for the answer."""
        name = super().verify(request)
        self._callers[name] = self.verifier.verify(request)
        return name

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """Whose key it is, or a role's keys."""
        caller = self._callers[ask.account]
        if ask.route.operation == "GetCallerIdentity":
            arn = f"arn:aws:sts::{caller.domain_id}:assumed-role/{caller.name}/session"
            result = {"Arn": arn, "UserId": f"AROALOCAL:{caller.name}", "Account": caller.domain_id or ""}
            return Answer(200, {"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}), 0
        if ask.route.operation == "GetWebIdentityToken":
            return self._web_identity(caller, ask.body), 0
        arn, form = ask.body.get("RoleArn", ""), ask.body
        role = self.roles.get(arn)
        seconds = int(form.get("DurationSeconds", "3600"))
        if not ROLE_LIFETIME[0] <= seconds <= ROLE_LIFETIME[1] or not form.get("RoleSessionName"):
            raise Refusal(self.failure(400, "ValidationError", "DurationSeconds or RoleSessionName is not valid"))
        if role is None or role.external_id != form.get("ExternalId"):
            message = f"User: {caller.name} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise Refusal(self.failure(403, "AccessDenied", message))
        expires = self.clock() + seconds
        access_key, issued = issue(Account("", None, arn.split(":")[4], role.account), expires)
        keys = {
            "AccessKeyId": access_key,
            "SecretAccessKey": issued.secret_key,
            "SessionToken": issued.security_token or "",
            "Expiration": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Answer(200, {"AssumeRoleResponse": {"AssumeRoleResult": {"Credentials": keys}}}), 0

    def _web_identity(self, caller: Account, form: Mapping[str, str]) -> Answer:
        """A token that says to others which role this is; its subject is the role, never the session."""
        seconds, audience = int(form.get("DurationSeconds", "300")), form.get("Audience.member.1")
        if audience is None or form.get("SigningAlgorithm") != "RS256" or not _allowed(seconds):
            raise Refusal(
                self.failure(400, "ValidationError", "Audience, SigningAlgorithm or DurationSeconds is wrong")
            )
        expires = int(self.clock()) + seconds
        subject = f"arn:aws:iam::{caller.domain_id}:role/{caller.name}"
        token = web_identity_token({"iss": ISSUER, "aud": audience, "sub": subject, "exp": expires})
        until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        result = {"WebIdentityToken": token, "Expiration": until}
        return Answer(200, {"GetWebIdentityTokenResponse": {"GetWebIdentityTokenResult": result}})


def _allowed(seconds: int) -> bool:
    return WEB_IDENTITY_LIFETIME[0] <= seconds <= WEB_IDENTITY_LIFETIME[1]
