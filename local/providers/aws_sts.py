"""AWS's Security Token Service on this machine: `AssumeRole` and `GetCallerIdentity`, in the Query protocol.

Envelopes and codes are the model's (botocore 1.44.8, sts 2011-06-15). The keys that it gives out are good at the local
tagging API: all that is to be known of them stands in their token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from local.providers.accounts import Account
from local.providers.aws import DEFAULT_CREDENTIALS, USUAL, host_environment, secrets_of
from local.providers.aws_signature import AwsVerifier, SignatureError, issue
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.truth import Cause
from local.providers.wire import Request, Response

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
OPERATIONS = frozenset({"AssumeRole", "GetCallerIdentity"})
ROLE_LIFETIME = (900, 3600)  # documents: a role that a role assumes lasts an hour at most
_CODES = {"UnrecognizedClientException": "InvalidClientTokenId", "InvalidSignatureException": "SignatureDoesNotMatch"}


@dataclass(frozen=True, slots=True)
class Role:
    """A role that may be assumed: the account that its keys see, and the external id that its trust policy wants."""

    account: str
    external_id: str | None = None


class AwsStsServer(ProviderServer):
    """Gives out the keys of `roles`, by their ARNs, and says whose a key is."""

    name: ClassVar[str] = "aws-sts"
    provider: ClassVar[str] = "aws"
    api: ClassVar[str] = "aws.sts"
    max_body: ClassVar[int] = 64 * 1024
    default_credentials: ClassVar[Mapping[str, Account]] = DEFAULT_CREDENTIALS
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count", "partial", "other_ids"}

    def __init__(
        self, credentials: Mapping[str, Account] | None = None, *, roles: Mapping[str, Role] = {}, **common: Any
    ) -> None:
        super().__init__(credentials, **common)
        self.roles = dict(roles)
        self.verifier = AwsVerifier(self.credentials, self.clock, "sts")
        self._callers: dict[str, Account] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The key of the account "default", as the host's own role."""
        return host_environment(self.secrets)

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """For each account, what its secret holds."""
        return secrets_of(self.credentials)

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """The operation stands in the form."""
        operation = _form(request).get("Action", "")
        if request.method != "POST" or request.path != "/" or operation not in OPERATIONS:
            raise Refusal(self.failure(400, "InvalidAction", "Could not find operation"))
        return Route(operation, writing=False, region=self.verifier.region(request))

    def verify(self, request: Request) -> str:
        """The account's name; else 403 with STS's code."""
        try:
            account = self.verifier.verify(request)
        except SignatureError as error:
            code = _CODES.get(error.code, error.code.removesuffix("Exception"))
            raise Refusal(self.failure(403, code, str(error))) from None
        self._callers[account.name] = account
        return account.name

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """An ErrorResponse."""
        usual = {401: ("InvalidClientTokenId", USUAL[401][1]), 403: ("AccessDenied", "not authorized")}
        usual |= {400: ("ValidationError", "not valid"), 429: ("Throttling", "Rate exceeded")}
        usual_code, usual_message = usual.get(status, USUAL.get(status, (f"Status{status}", f"status {status}")))
        code = code or usual_code
        error = {"Type": "Sender", "Code": code, "Message": message or usual_message}
        return Answer({401: 403, 429: 400}.get(status, status), {"ErrorResponse": {"Error": error}}, code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """XML; the request id stands in it and in a header."""
        ((name, document),) = (answer.document or {}).items()
        told = document | (
            {"RequestId": request_id} if name == "ErrorResponse" else {"ResponseMetadata": {"RequestId": request_id}}
        )
        body = f'<{name} xmlns="{NAMESPACE}">{_xml(told)}</{name}>'.encode()
        return Response(answer.status, body, (("x-amzn-requestid", request_id),), "text/xml")

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The form's fields."""
        return Ask(route, account, body=_form(request))

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """Whose key it is, or a role's keys."""
        caller = self._callers[ask.account]
        if ask.route.operation == "GetCallerIdentity":
            arn = f"arn:aws:sts::{caller.domain_id}:assumed-role/{caller.name}/session"
            result = {"Arn": arn, "UserId": f"AROALOCAL:{caller.name}", "Account": caller.domain_id or ""}
            return Answer(200, {"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}), 0
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


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _xml(document: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(value) if isinstance(value, Mapping) else escape(value)}</{name}>"
        for name, value in document.items()
    )
