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


async def secret_credentials(aws: Aws, prefix: str, provider: Provider, account: str) -> Credentials:
    """The account's credentials, out of a JSON secret for each provider and account: `PREFIX/jdcloud/default`."""
    name = f"{prefix}/{provider.name}/{account}"
    try:
        answer = await aws.json("secretsmanager", "GetSecretValue", {"SecretId": name})
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
