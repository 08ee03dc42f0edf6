"""Where the accounts' credentials come from: the environment, a file, or Secrets Manager."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from untag.aws import Aws, AwsError
from untag.contracts import InvalidInputError, parse_json
from untag.core import CredentialsMissingError, CredentialSource, CredentialsUnavailableError
from untag.providers import Provider
from untag.signing import Credentials

_TEXTS = ("access_key", "secret_key", "security_token", "domain_id")
_FIELDS = (*_TEXTS, "projects", "rate")
_MOST_CALLS = 100_000
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_DENIED = frozenset(
    {"AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"}
)


def source_of(settings: str, environ: Mapping[str, str], aws: Aws) -> CredentialSource:
    """The source that `UNTAG_CREDENTIALS` names: `env`, `file:PATH` or `secretsmanager:PREFIX`."""
    kind, _, place = settings.partition(":")
    if kind == "env":
        return EnvironmentCredentials(environ)
    return FileCredentials(Path(place)) if kind == "file" else SecretCredentials(aws, place.rstrip("/"))


class EnvironmentCredentials:
    """The credentials of the default account, from the variables that each provider names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def get(self, provider: Provider, account: str) -> Credentials:
        """The default account's credentials."""
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
            if error.code in _DENIED:
                raise CredentialsMissingError(f"secret {name}: {error.code}") from None
            raise CredentialsUnavailableError(f"secret {name}: {error.code}") from None
        try:
            return _credentials(parse_json(answer.get("SecretString") or ""), provider.required_credentials)
        except InvalidInputError as error:
            raise CredentialsMissingError(f"secret {name}: {error}") from None


class FileCredentials:
    """One JSON file with every account's credentials by name: `{"jdcloud/default": {"access_key": …}}`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def get(self, provider: Provider, account: str) -> Credentials:
        """The account's credentials out of the file, as it is now."""
        name = f"{provider.name}/{account}"
        try:
            accounts = parse_json(self._path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise CredentialsMissingError(f"file {self._path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CredentialsMissingError(f"file {self._path}: should be UTF-8") from None
        except InvalidInputError as error:
            raise CredentialsMissingError(f"file {self._path}: {error}") from None
        if not isinstance(accounts, dict) or name not in accounts:
            raise CredentialsMissingError(f"file {self._path}: holds no {name}")
        try:
            return _credentials(accounts[name], provider.required_credentials)
        except InvalidInputError as error:
            raise CredentialsMissingError(f"file {self._path}: {name}: {error}") from None


def _credentials(secret: Any, required: tuple[str, ...]) -> Credentials:
    """A secret's JSON as credentials. Raises InvalidInputError that names the field, never its value."""
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
    if isinstance(rate, str) and _NUMBER.fullmatch(rate.strip()):
        rate = float(rate)  # the console of Secrets Manager writes every field as a text
    if rate is not None and not (type(rate) in (int, float) and 0 < rate <= _MOST_CALLS):
        raise InvalidInputError.of(f"should be a number above 0, up to {_MOST_CALLS}", "rate")
    texts: dict[str, Any] = {name: secret.get(name) for name in _TEXTS}
    return Credentials(**texts, projects=projects or {}, rate=rate)


def _fits_a_header(value: object) -> bool:
    """Whether a part of a key can travel in a header: what cannot is a mistake of whoever wrote it down."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()
