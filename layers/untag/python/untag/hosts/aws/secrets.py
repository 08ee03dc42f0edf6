"""The accounts' credentials in Secrets Manager."""

from untag.contracts import InvalidInputError, parse_json
from untag.core import CredentialsMissingError, CredentialsUnavailableError
from untag.hosts.aws.client import Aws, AwsError
from untag.providers import Provider
from untag.providers.credentials import Credentials

_DENIED = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"}
)


_ABSENT = "ResourceNotFoundException"


class SecretCredentials:
    """One JSON secret for each provider and account: `PREFIX/jdcloud/default`."""

    def __init__(self, aws: Aws, prefix: str) -> None:
        self._aws = aws
        self._prefix = prefix

    async def get(self, provider: Provider, account: str) -> Credentials:
        """The account's credentials out of its secret."""
        name = f"{self._prefix}/{provider.name}/{account}"
        try:
            answer = await self._aws.json("secretsmanager", "GetSecretValue", {"SecretId": name})
        except AwsError as error:
            if error.code == _ABSENT and (own := provider.credentials.without_secret(account)) is not None:
                return own
            if error.code in _DENIED:
                raise CredentialsMissingError(f"secret {name}: {error.code}") from None
            raise CredentialsUnavailableError(f"secret {name}: {error.code}") from None
        try:
            return provider.credentials.parse(parse_json(answer.get("SecretString") or ""))
        except InvalidInputError as error:
            raise CredentialsMissingError(f"secret {name}: {error}") from None
