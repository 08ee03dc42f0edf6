"""What AWS's services on this machine have in common: whose key it is, and the two protocols' envelopes."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from local import package
from local.errors import LocalError
from local.providers.accounts import Account, Resource, made_up_number
from local.providers.aws_signature import AwsVerifier, SignatureError
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.wire import Request, Response

NUMBER = "123456789012"
DEFAULT_CREDENTIALS: Mapping[str, Account] = {
    # The role that functions have on the local stack.
    "ASIALOCALSTACK": Account("local-secret", "local-token", NUMBER),
}
_QUERY_CODES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
}

# The code in the Query protocol by HTTP status where none is named.
_QUERY_USUAL = {
    400: ("ValidationError", "not valid"),
    401: ("InvalidClientTokenId", "The security token included in the request is invalid."),
    403: ("AccessDenied", "not authorized"),
    429: ("Throttling", "Rate exceeded"),
    500: ("InternalFailure", "the request processing failed because of an unknown error"),
    503: ("ServiceUnavailable", "the service is not available"),
}


class AwsService(ProviderServer):
    """A service whose calls bear Signature Version 4, and the session token of temporary keys."""

    provider: ClassVar[str] = "aws"
    number_field: ClassVar[str] = ""
    service: ClassVar[str]
    """The service that calls are signed for."""
    default_credentials: ClassVar[Mapping[str, Account]] = DEFAULT_CREDENTIALS

    def __init__(self, credentials: Mapping[str, Account] | None = None, **common: Any) -> None:
        super().__init__(credentials, **common)
        self.verifier = AwsVerifier(self.credentials, self.clock, self.service)

    @property
    def environment(self) -> dict[str, str]:
        """The key of the account "default", as the host's own role, and the accounts by their numbers."""
        own = self.secrets.get("default", {})
        names = {
            "AWS_ACCESS_KEY_ID": "access_key",
            "AWS_SECRET_ACCESS_KEY": "secret_key",
            "AWS_SESSION_TOKEN": "security_token",
        }
        return {variable: own.get(field, "") for variable, field in names.items()} | self.numbers()

    def number_of(self, resource: Resource) -> str | None:
        """The one that the resource's ARN names, else one of its own."""
        named = resource.id.split(":")[4] if resource.id.startswith("arn:") and resource.id.count(":") > 4 else ""  # noqa: PLR2004
        return named or made_up_number(12, self.provider, resource.account)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its ARN, which is built as the functions build it where a bare id is given."""
        package.find()
        from untag.providers.aws.arns import TEMPLATES, arn_of, parse_arn  # noqa: PLC0415

        number = self.number(resource.account) or NUMBER
        if resource.id.startswith("arn:") or resource.type in TEMPLATES:
            arn = arn_of(resource.type, resource.id, resource.region, number)
        else:
            kind = resource.type.partition(":")[2]
            arn = f"arn:aws:iam::{number}:{kind}/{resource.id}"
        parsed = parse_arn(arn)
        if parsed is not None and parsed.account not in ("", number):
            raise LocalError(
                f"{arn} is of another account: {resource.account} has the number {number} here",
                "write this number in the ARN, or name an account that is not here yet: it gets the ARN's number",
            )
        return resource.region, parsed.type if parsed else resource.type, arn

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def verify(self, request: Request) -> str:
        """The account's name; else 400 with AWS's code."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(400, error.code, str(error))) from None


class AwsQueryService(AwsService):
    """A service of the Query protocol: the operation and its parameters stand in a form, the answer is XML."""

    namespace: ClassVar[str]
    operations: ClassVar[Mapping[str, bool]]
    """Its operations, and whether they write."""
    max_body: ClassVar[int] = 64 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count", "partial", "other_ids"}

    def match(self, request: Request) -> Route:
        """The operation stands in the form."""
        operation = _form(request).get("Action", "")
        if request.method != "POST" or request.path != "/" or operation not in self.operations:
            raise Refusal(self.failure(400, "InvalidAction", "Could not find operation"))
        return Route(operation, self.operations[operation], region=self.verifier.region(request))

    def verify(self, request: Request) -> str:
        """The account's name; else 403 with the protocol's code."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            code = _QUERY_CODES.get(error.code, error.code.removesuffix("Exception"))
            raise Refusal(self.failure(403, code, str(error))) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """An ErrorResponse."""
        usual_code, usual_message = _QUERY_USUAL.get(status, (f"Status{status}", f"status {status}"))
        code = code or usual_code
        error = {"Type": "Sender", "Code": code, "Message": message or usual_message}
        return Answer({401: 403, 429: 400}.get(status, status), {"ErrorResponse": {"Error": error}}, code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """XML; the request id stands in it and in a header."""
        ((name, document),) = (answer.document or {}).items()
        told = document | (
            {"RequestId": request_id} if name == "ErrorResponse" else {"ResponseMetadata": {"RequestId": request_id}}
        )
        body = f'<{name} xmlns="{self.namespace}">{_xml(told)}</{name}>'.encode("utf-8", "replace")
        return Response(answer.status, body, (("x-amzn-requestid", request_id),), "text/xml")

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The form's fields."""
        return Ask(route, account, body=_form(request))


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _xml(document: Any) -> str:
    """Elements by name; those of a list are called `member`."""
    if isinstance(document, Mapping):
        return "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in document.items())
    if isinstance(document, list):
        return "".join(f"<member>{_xml(value)}</member>" for value in document)
    return escape(document)
