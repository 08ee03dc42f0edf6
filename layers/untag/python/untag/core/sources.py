"""Where the accounts' credentials come from on every host: the environment, or a file."""

from collections.abc import Mapping
from pathlib import Path

from untag.contracts import InvalidInputError, parse_json
from untag.core.accounts import CredentialsMissingError
from untag.providers import Provider
from untag.providers.credentials import Credentials


class EnvironmentCredentials:
    """The credentials of the default account, from the variables that each provider names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def get(self, provider: Provider, account: str) -> Credentials:
        """The default account's credentials."""
        if account != "default":
            raise CredentialsMissingError(f"account {account}: the environment holds the default account only")
        try:
            return provider.credentials.from_environment(self._environ)
        except InvalidInputError as error:
            raise CredentialsMissingError(str(error)) from None


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
            if isinstance(accounts, dict) and (own := provider.credentials.without_secret(account)) is not None:
                return own
            raise CredentialsMissingError(f"file {self._path}: holds no {name}")
        try:
            return provider.credentials.parse(accounts[name])
        except InvalidInputError as error:
            raise CredentialsMissingError(f"file {self._path}: {name}: {error}") from None
