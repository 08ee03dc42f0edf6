"""What a call to AWS is signed with: an access key, a role to assume, or the host's own role."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from untag.contracts import InvalidInputError
from untag.providers.base import Session
from untag.providers.credentials import AccessKey, Credentials, HeaderText
from untag.providers.host_role import CONTAINER_URI

_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

# The grammar of the API's model: AssumeRole, RoleArn and ExternalId.
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]{1,512}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")


class AwsCredentials(Credentials):
    """An access key with its secret, or a role with its external id. Neither of them: the host's own role."""

    variables: ClassVar[Mapping[str, str]] = {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "security_token": "AWS_SESSION_TOKEN",
    }
    of_host: ClassVar[bool] = True
    secrets: ClassVar[frozenset[str]] = frozenset({"access_key", "secret_key", "security_token"})

    access_key: HeaderText | None = None
    secret_key: HeaderText | None = None
    security_token: HeaderText | None = None
    role_arn: HeaderText | None = None
    external_id: HeaderText | None = None

    @classmethod
    def parse(cls, fields: Any) -> Self:
        """The credentials in a JSON object: one way to sign, and all that it needs. Raises InvalidInputError."""
        parsed = super().parse(fields)
        has_key = parsed.access_key is not None and parsed.secret_key is not None
        names_key = any((parsed.access_key, parsed.secret_key, parsed.security_token))
        if has_key is (parsed.role_arn is not None) or (names_key and not has_key):
            raise InvalidInputError.of("needs either access_key and secret_key, or role_arn")
        if parsed.external_id is not None and parsed.role_arn is None:
            raise InvalidInputError.of("belongs to role_arn", "external_id")
        if parsed.role_arn is not None and not _ROLE_ARN.fullmatch(parsed.role_arn):
            raise InvalidInputError.of("should be arn:aws:iam::NUMBER:role/NAME", "role_arn")
        if parsed.external_id is not None and not _EXTERNAL_ID.fullmatch(parsed.external_id):
            raise InvalidInputError.of("should have 2 to 1224 letters, digits or _+=,.@:/-", "external_id")
        return parsed

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The host's own role: its keys in the environment, or the endpoint that gives them out."""
        if cls.missing(environ) or environ.get("AWS_ACCESS_KEY_ID"):
            return super().from_environment(environ)
        return cls()

    @classmethod
    def missing(cls, environ: Mapping[str, str]) -> list[str]:
        """The variables of a key, unless there is the endpoint that gives one out."""
        missing = [name for name in _KEY if not environ.get(name)]
        return [] if len(missing) == len(_KEY) and environ.get(CONTAINER_URI) else missing

    @classmethod
    def without_secret(cls, account: str) -> Self | None:
        """The host's own role, for the default account only: no other name may stand for it by a slip."""
        return cls() if account == "default" else None

    def key(self) -> AccessKey | None:
        """The access key, None for a role."""
        if self.access_key is None or self.secret_key is None:
            return None
        fields = {"access_key": self.access_key, "secret_key": self.secret_key, "security_token": self.security_token}
        return AccessKey.model_validate(fields)


AwsSession = Session[AwsCredentials]
