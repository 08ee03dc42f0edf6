"""Credential sources that every host has: the environment, or a file.

With its first argument bound, each of these is a `CredentialSource`.
"""

from collections.abc import Mapping
from pathlib import Path

from untag.contracts import InvalidInputError, parse_json
from untag.core.accounts import CredentialsMissingError
from untag.providers import Provider
from untag.providers.credentials import Credentials


async def environment_credentials(environ: Mapping[str, str], provider: Provider, account: str) -> Credentials:
    """The credentials of the default account, from the variables that each provider names."""
    if account != "default":
        raise CredentialsMissingError(f"account {account}: the environment holds the default account only")
    try:
        return provider.credentials.from_environment(environ)
    except InvalidInputError as error:
        raise CredentialsMissingError(str(error)) from None


async def file_credentials(path: Path, provider: Provider, account: str) -> Credentials:
    """The account's credentials out of a file, as it is now: JSON, `{"jdcloud/default": {"access_key": …}}`."""
    name = f"{provider.name}/{account}"
    try:
        accounts = parse_json(path.read_text(encoding="utf-8-sig"))  # noqa: ASYNC240 - a small file, every five minutes
    except OSError as error:
        raise CredentialsMissingError(f"file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CredentialsMissingError(f"file {path}: should be UTF-8") from None
    except InvalidInputError as error:
        raise CredentialsMissingError(f"file {path}: {error}") from None
    if not isinstance(accounts, dict) or name not in accounts:
        if isinstance(accounts, dict) and (own := provider.credentials.without_secret(account)) is not None:
            return own
        raise CredentialsMissingError(f"file {path}: holds no {name}")
    try:
        return provider.credentials.parse(accounts[name])
    except InvalidInputError as error:
        raise CredentialsMissingError(f"file {path}: {name}: {error}") from None
