"""The environment, read once. A mistake names the variable, never its value."""

from collections.abc import Mapping
from typing import NamedTuple

from untag import environment
from untag.contracts import InvalidInputError
from untag.core import Policy, Rate
from untag.providers import NAMES, Options, apis_of


class Settings(NamedTuple):
    """What the environment says to a stack, on every host; each variable has a default.

    `providers` has the endpoints and sizes of single tag APIs.
    """

    credentials: str
    """`env`, `file:PATH`, or where the host keeps secrets: `secretsmanager:PREFIX`, `csms:PREFIX`."""
    providers: Options
    policy: Policy
    rate: Rate
    concurrency: int
    """Provider calls in flight."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every variable. Raises InvalidInputError for the first that is wrong."""
        rate = environment.number(environ, "UNTAG_RATE", high=100_000.0)
        return cls(
            credentials=environment.text(
                environ,
                "UNTAG_CREDENTIALS",
                "env",
                pattern=r"env|file:.+|secretsmanager:[A-Za-z0-9_+=.@-][A-Za-z0-9/_+=.@-]*|csms:[A-Za-z0-9_-]{1,50}",
            ),
            providers=provider_options(environ),
            policy=Policy(
                dry_run=environment.switch(environ, "UNTAG_DRY_RUN", default=False),
                protected_keys=environment.words(environ, "UNTAG_PROTECTED_KEYS"),
                max_pairs=environment.whole(environ, "UNTAG_MAX_PAIRS", 1000, low=1, high=100_000),
                allowed_accounts=frozenset(environment.words(environ, "UNTAG_ALLOWED_ACCOUNTS")),
                allowed_regions=frozenset(environment.words(environ, "UNTAG_ALLOWED_REGIONS")),
                allowed_types=frozenset(environment.words(environ, "UNTAG_ALLOWED_TYPES")),
                max_attempts=environment.whole(environ, "UNTAG_MAX_ATTEMPTS", 10, low=1, high=1000),
                max_age=environment.duration(environ, "UNTAG_MAX_AGE", 86400.0),
            ),
            rate=Rate(rate, environment.whole(environ, "UNTAG_ENVIRONMENTS", 1, low=1, high=1000)),
            concurrency=environment.whole(environ, "UNTAG_CONCURRENCY", 32, low=1, high=1000),
        )


def provider_options(environ: Mapping[str, str]) -> Options:
    """What is set for every provider, and for single tag APIs by name (`jdcloud.resourcetag=…`).

    Raises InvalidInputError that names the variable.
    """
    endpoints = environment.mapping(environ, "UNTAG_ENDPOINTS")
    sizes = environment.mapping(environ, "UNTAG_RESOURCES_PER_CALL")
    for variable, given in (("UNTAG_ENDPOINTS", endpoints), ("UNTAG_RESOURCES_PER_CALL", sizes)):
        for api in given:
            provider = api.partition(".")[0]
            apis = apis_of(provider) if provider in NAMES else ()
            known = [f"{one.name}.{one.api}" for one in apis]
            if given is endpoints:
                known += [f"{one.name}.{further}".rstrip(".") for one in apis for further in one.endpoints]
            if api not in known:
                # Only the names of known providers are worth a list: importing all of them would cost a cold start.
                there = ", ".join(known or NAMES)
                raise InvalidInputError.of(f"names an API that there is not: known are {there}", variable)
    return Options(
        read_first=environment.switch(environ, "UNTAG_READ_FIRST", default=True),
        endpoints={api: environment.as_endpoint(url, "UNTAG_ENDPOINTS") for api, url in endpoints.items()},
        resources_per_call={
            api: environment.as_whole(size, "UNTAG_RESOURCES_PER_CALL", low=1, high=1000) for api, size in sizes.items()
        },
    )
