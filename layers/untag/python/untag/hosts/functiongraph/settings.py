"""What a function is told on FunctionGraph: one user variable `UNTAG`, a JSON object with a text for each name.

A function may have 20 variables of 4096 characters together, and reads them from its context. Nothing of it stands in
the process's own environment.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from untag import environment
from untag.contracts import InvalidInputError, parse_json

VARIABLE = "UNTAG"

SERVICES = ("obs", "smn", "csms", "functiongraph")
"""The host's own services, by the names that `UNTAG_ENDPOINTS` gives them."""

QUEUES = ("work", "decommission", "sweep")
"""A queue for each function; its name begins its objects' keys."""

_FUNCTIONS = {
    "work": "UNTAG_REMOVE_FUNCTION",
    "decommission": "UNTAG_DECOMMISSION_FUNCTION",
    "sweep": "UNTAG_SWEEP_FUNCTION",
}
_ENDPOINTS = "UNTAG_ENDPOINTS"
# A dot in a bucket's name would not match the certificate of its host.
BUCKET = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
_TOPIC_URN = r"urn:smn:[a-z0-9-]{1,32}:[0-9a-zA-Z]{1,64}:[A-Za-z0-9_-]{1,255}"
_FUNCTION = r"[A-Za-z][A-Za-z0-9_-]{0,59}"
_FUNCTION_URN = r"urn:fss:[a-z0-9-]{1,32}:[0-9a-zA-Z]{1,64}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+(:[A-Za-z0-9._!-]+)?"
_DOMAIN_ID = r"[0-9a-zA-Z]{1,64}"


class Variables(Protocol):
    """What a context is asked for here."""

    def getUserData(self, key: str) -> str | None:  # noqa: N802 - FunctionGraph's own name
        """The value of a user variable."""


class Places(NamedTuple):
    """Where the host's services are, and which of them are ours.

    `functions` has the URN of each queue's function, where it is known. `endpoints` has what replaces the public ones.
    `domain_id` is the account that the function itself runs in, where it may use the agency's keys as a provider.
    `keeps_reports` says whether reports are kept in the bucket, too.
    """

    region: str
    project: str
    bucket: str
    topic_urn: str
    functions: Mapping[str, str]
    endpoints: Mapping[str, str]
    domain_id: str
    keeps_reports: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Places":
        """Read the variables. Raises InvalidInputError for the first that is wrong."""
        topic_urn = environment.text(environ, "UNTAG_TOPIC_URN", pattern=_TOPIC_URN)
        region, project = topic_urn.split(":")[2:4]
        functions = {}
        for queue, variable in _FUNCTIONS.items():
            default = None if queue == "work" else ""
            name = environment.text(environ, variable, default, pattern=f"{_FUNCTION}|{_FUNCTION_URN}")
            if name:
                functions[queue] = name if ":" in name else f"urn:fss:{region}:{project}:function:default:{name}"
        given = environment.mapping(environ, _ENDPOINTS)
        return cls(
            region=region,
            project=project,
            bucket=environment.text(environ, "UNTAG_BUCKET", pattern=BUCKET),
            topic_urn=topic_urn,
            functions=functions,
            endpoints={
                service: environment.as_endpoint(given[service], _ENDPOINTS) for service in SERVICES if service in given
            },
            domain_id=environment.text(environ, "UNTAG_DOMAIN_ID", "", pattern=_DOMAIN_ID),
            keeps_reports=environment.switch(environ, "UNTAG_KEEP_REPORTS", default=False),
        )


def read_variables(context: Variables) -> dict[str, str]:
    """The names and texts of the user variable. Raises InvalidInputError that names what is wrong, never a value."""
    text = context.getUserData(VARIABLE)
    if not text:
        raise InvalidInputError.of("is required: a JSON object with a text for each name", VARIABLE)
    try:
        variables = parse_json(text)
    except InvalidInputError as error:
        raise error.under(VARIABLE) from None
    if not isinstance(variables, dict):
        raise InvalidInputError.of("should be a JSON object", VARIABLE)
    for name, value in variables.items():
        if not isinstance(value, str):
            shown = name if re.fullmatch(r"[A-Z0-9_]{1,64}", name) else ""
            raise InvalidInputError.of("should be a text", f"{VARIABLE}.{shown}")
    return variables


def of_the_package(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without the endpoints of the host's own services, which the package does not know."""
    given = environment.mapping(environ, _ENDPOINTS)
    others = ",".join(f"{api}={url}" for api, url in given.items() if api not in SERVICES)
    return {**environ, _ENDPOINTS: others}
