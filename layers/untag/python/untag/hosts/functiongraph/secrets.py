"""The accounts' credentials in CSMS: one JSON secret for each provider and account, `PREFIX-jdcloud-default`.

Source: CSMS API Reference, "Querying the Version and Value of a Secret": `latest` in place of a version's id. A name
has no slash. For a secret that is not there the operation's page has status 404, the page of error codes 400.
"""

import re
from collections.abc import Mapping
from functools import partial

import httpx

from untag.contracts import InvalidInputError, parse_json
from untag.core import CredentialsMissingError, CredentialSource, CredentialsUnavailableError
from untag.core.credential_sources import environment_credentials
from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.providers import Provider
from untag.providers.credentials import Credentials

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OWN = ("huaweicloud", "default")
_ABSENT = "CSMS.0106"


def credential_source(huawei: Huawei, environ: Mapping[str, str], source: str) -> CredentialSource:
    """From `env` or `csms:PREFIX`. Raises InvalidInputError for any other source."""
    kind, _, place = source.partition(":")
    if kind == "csms":
        return partial(_secret_credentials, huawei, place)
    if kind == "env":
        return partial(_environment_credentials, huawei, environ)
    raise InvalidInputError.of("should be csms:PREFIX or env on FunctionGraph", "UNTAG_CREDENTIALS")


async def _environment_credentials(
    huawei: Huawei, environ: Mapping[str, str], provider: Provider, account: str
) -> Credentials:
    """The default account's, from the names of the variable `UNTAG`; else the agency's own."""
    try:
        return await environment_credentials(environ, provider, account)
    except CredentialsMissingError:
        if (own := _own(huawei, provider, account)) is None:
            raise
        return own


async def _secret_credentials(huawei: Huawei, prefix: str, provider: Provider, account: str) -> Credentials:
    """The account's, out of its secret; else the agency's own."""
    name = f"{prefix}-{provider.name}-{account}"
    if not _NAME.fullmatch(name):
        raise CredentialsMissingError(f"secret {name}: a name has at most 64 letters, digits, _ and -")
    path = f"/v1/{huawei.places.project}/secrets/{name}/versions/latest"
    try:
        answer = await huawei.json("csms", "GET", path)
    except HuaweiError as error:
        absent = error.status == httpx.codes.NOT_FOUND or error.code == _ABSENT
        if absent and (own := _own(huawei, provider, account)) is not None:
            return own
        # A 401 speaks of the agency's own keys, which are replaced in the next invocation.
        if absent or error.status == httpx.codes.FORBIDDEN:
            raise CredentialsMissingError(f"secret {name}: {error.code}") from None
        raise CredentialsUnavailableError(f"secret {name}: {error.code}") from None
    version = answer.get("version")
    text = version.get("secret_string") if isinstance(version, dict) else None
    try:
        return provider.credentials.parse(parse_json(text if isinstance(text, str) else ""))
    except InvalidInputError as error:
        raise CredentialsMissingError(f"secret {name}: {error}") from None


def _own(huawei: Huawei, provider: Provider, account: str) -> Credentials | None:
    """The agency's keys as an account: the one that `UNTAG_DOMAIN_ID` says the function runs in, and no other.

    No other name may stand for it by a slip.
    """
    places = huawei.places
    if (provider.name, account) != _OWN or not places.domain_id:
        return None
    key = huawei.key()
    return provider.credentials.parse(
        {
            "access_key": key.access_key,
            "secret_key": key.secret_key,
            "security_token": key.security_token,
            "domain_id": places.domain_id,
            "projects": {places.region: places.project},
        }
    )
