"""Where the clouds' keys come from: the environment, or Secrets Manager."""

from collections.abc import Mapping
from typing import Any

from untag.aws import Aws, AwsError
from untag.contracts import InvalidInputError, parse_json
from untag.core import CredentialsMissingError, CredentialSource, CredentialsUnavailableError, Timing
from untag.providers import Provider
from untag.signing import Credentials

TTL_SECONDS = 300.0
"""How long a secret is used before it is read again; a refused key is read again at once."""

_TEXTS = ("access_key", "secret_key", "security_token", "domain_id")
_FIELDS = (*_TEXTS, "projects", "rate")
_MOST_CALLS = 100_000
_DENIED = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"}
)


def source_of(settings: str, environ: Mapping[str, str], aws: Aws, timing: Timing) -> CredentialSource:
    """The source that `UNTAG_CREDENTIALS` names: `env`, or `secretsmanager:PREFIX`."""
    kind, _, prefix = settings.partition(":")
    return EnvironmentKeys(environ) if kind == "env" else SecretKeys(aws, prefix.rstrip("/"), timing)


class EnvironmentKeys:
    """The keys of the default account, from the variables that each provider names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def get(self, provider: Provider, account: str, *, fresh: bool = False) -> Credentials:  # noqa: ARG002
        """The default account's key; the environment does not change, so a fresh one is the same."""
        if account != "default":
            raise CredentialsMissingError(f"account {account}: the environment holds the default account only")
        found: dict[str, Any] = {
            name: value
            for name, variable in provider.credential_variables.items()
            if (value := self._environ.get(variable))
        }
        if missing := [provider.credential_variables[n] for n in provider.required_credentials if n not in found]:
            raise CredentialsMissingError(f"not set: {', '.join(missing)}")
        if odd := [provider.credential_variables[name] for name, value in found.items() if not _fits_a_header(value)]:
            raise CredentialsMissingError(f"should be a printable ASCII text: {', '.join(odd)}")
        return Credentials(**found)


class SecretKeys:
    """One JSON secret for each provider and account: `PREFIX/jdcloud/default`."""

    def __init__(self, aws: Aws, prefix: str, timing: Timing) -> None:
        self._aws = aws
        self._prefix = prefix
        self._timing = timing
        self._kept: dict[str, tuple[float, Credentials]] = {}

    async def get(self, provider: Provider, account: str, *, fresh: bool = False) -> Credentials:
        """The account's key out of its secret, kept for `TTL_SECONDS`."""
        name = f"{self._prefix}/{provider.name}/{account}"
        read_at, kept = self._kept.get(name, (0.0, None))
        if kept is not None and not fresh and self._timing.monotonic() < read_at + TTL_SECONDS:
            return kept
        try:
            answer = await self._aws.json("secretsmanager", "GetSecretValue", {"SecretId": name})
        except AwsError as error:
            if error.code in _DENIED:
                raise CredentialsMissingError(f"secret {name}: {error.code}") from None
            raise CredentialsUnavailableError(f"secret {name}: {error.code}") from None
        try:
            found = _credentials(parse_json(answer.get("SecretString") or ""), provider.required_credentials)
        except InvalidInputError as error:
            raise CredentialsMissingError(f"secret {name}: {error}") from None
        self._kept[name] = (self._timing.monotonic(), found)
        return found


def _credentials(secret: Any, required: tuple[str, ...]) -> Credentials:
    """A secret's JSON as a key. Raises InvalidInputError that names the field, never its value."""
    if not isinstance(secret, dict):
        raise InvalidInputError.of("should be a JSON object")
    if set(secret) - set(_FIELDS):  # not named: whoever puts a key where a name belongs should not read it in a log
        raise InvalidInputError.of(f"holds an unknown field; known are {', '.join(_FIELDS)}")
    for name in _TEXTS:
        value = secret.get(name)
        if value is None and name in required:
            raise InvalidInputError.of("is required", name)
        if value is not None and not _fits_a_header(value):
            raise InvalidInputError.of("should be a printable ASCII text", name)
    projects, rate = secret.get("projects"), secret.get("rate")
    if projects is not None and not (
        isinstance(projects, dict) and all(isinstance(value, str) for value in projects.values())
    ):
        raise InvalidInputError.of("should map regions to project ids", "projects")
    if rate is not None and not (type(rate) in (int, float) and 0 < rate <= _MOST_CALLS):
        raise InvalidInputError.of(f"should be a number above 0, up to {_MOST_CALLS}", "rate")
    texts: dict[str, Any] = {name: secret.get(name) for name in _TEXTS}
    return Credentials(**texts, projects=projects or {}, rate=rate)


def _fits_a_header(value: object) -> bool:
    """Whether a part of a key can travel in a header: what cannot is a mistake of whoever wrote it down."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()
